//! What the definition of a command says of its flags. It must not know what they are set to.

use clap::{Arg, ArgAction, Command};

/// Flags that say what is read and shown, so that they can stand on the command line only.
const CONTROL: &[&str] = &["options", "profile", "print_config", "scenario"];

/// Whether a flag can be set elsewhere than on the command line.
#[must_use]
pub fn can_be_set(arg: &Arg) -> bool {
    !arg.is_hide_set() && arg.get_id() != "help" && !CONTROL.contains(&arg.get_id().as_str())
}

/// Whether a flag is followed by values.
#[must_use]
pub fn takes_values(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// How many values belong to one use of a flag at least.
#[must_use]
pub fn least_values(arg: &Arg) -> usize {
    arg.get_num_args().map_or(1, |range| range.min_values())
}

/// The flag with this long name, or another name that stands for it.
#[must_use]
pub fn by_long<'a>(command: &'a Command, long: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| {
        arg.get_long() == Some(long) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&long))
    })
}

/// `--flag <VALUE>`, as the parser shows it; the parser's own way panics for definitions that nothing has parsed.
#[must_use]
pub fn shown(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default().iter();
    let values = names.filter(|_| takes_values(arg)).map(|name| format!(" <{name}>"));
    match (arg.get_long(), arg.get_short()) {
        (Some(long), _) => format!("--{long}{}", values.collect::<String>()),
        (None, Some(short)) => format!("-{short}{}", values.collect::<String>()),
        (None, None) => values.collect::<String>().trim_start().to_owned(),
    }
}

/// The flag with this identity.
#[must_use]
pub fn by_id<'a>(command: &'a Command, flag: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| arg.get_id() == flag)
}
