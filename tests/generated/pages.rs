//! Completions and manual pages from the one definition of the command line.

use clap::{Arg, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use mqkit::commands::completions;
use std::io;

/// Sections that only the manual has: page, title, text.
const SECTIONS: &[(&str, &str, &str)] = &[
    (
        "mqkit-bench",
        "JSON SCHEMA",
        include_str!("../../src/output/report.schema.json"),
    ),
    (
        "mqkit-sub",
        "JSON SCHEMA",
        include_str!("../../src/output/message.schema.json"),
    ),
];

/// What the manual page tells about the names of Mosquitto's tools.
const TOOLS: &[(&str, &str)] = &[
    (
        "mosquitto_pub, mosquitto_sub, mosquitto_rr",
        "Under such a name, for example as a symlink, the program behaves as that tool of Mosquitto 2.1: its flags, each \
         a word of its own; numbers read as atoi does; version 3.1.1 (mosquitto_rr: 5) unless -V, -D or -x say \
         otherwise; payloads as output; its options files. Neither config.toml nor MQTT_ variables are looked at, so that \
         scripts run unchanged.",
    ),
    (
        "Exit status",
        "0 done, and sub after SIGINT or SIGTERM; 1 usage, --help, --version, no first connection; 1 to 5 or 128 and \
         more the code of CONNACK, or of the first SUBACK, PUBACK or PUBREC that refused; 2 the peer broke the protocol; \
         4 pub and rr: the broker disconnected; 7 the connection was lost; 19 no answer to a ping; 27 -W",
    ),
    (
        "Where it differs on purpose",
        "A refused message or subscription is not status 0. rr ignores retained messages, and ends with \
         DISCONNECT. A file named with -o must be there. -d writes to standard error, so that payloads stay alone. \
         A terminal gets the control bytes of topics and payloads escaped. --psk, --psk-identity, --tls-engine and -S \
         are not there.",
    ),
];

/// Every generated file: its path from the project's root, and its contents.
pub(crate) fn files(command: &Command, exit_table: &[(u8, &str)]) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for (shell, name) in [
        (Shell::Bash, "mqkit.bash"),
        (Shell::Zsh, "_mqkit"),
        (Shell::Fish, "mqkit.fish"),
        (Shell::PowerShell, "_mqkit.ps1"),
        (Shell::Elvish, "mqkit.elv"),
    ] {
        files.push((
            format!("completions/{name}"),
            completions::script(command.clone(), shell),
        ));
    }
    let mut command = command.clone();
    command.build();
    let subcommands: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    files.push((
        "man/mqkit.1".to_owned(),
        page(&command, "mqkit", exit_table, &subcommands)?,
    ));
    for sub in command.get_subcommands() {
        let name = format!("mqkit-{}", sub.get_name());
        let others: Vec<_> = subcommands
            .iter()
            .filter(|other| *other != sub.get_name())
            .cloned()
            .collect();
        files.push((format!("man/{name}.1"), page(sub, &name, exit_table, &others)?));
    }
    Ok(files)
}

fn page(command: &Command, name: &str, exit_table: &[(u8, &str)], others: &[String]) -> io::Result<Vec<u8>> {
    let version = command.get_version().unwrap_or(env!("CARGO_PKG_VERSION"));
    let examples = command.get_after_help().map(ToString::to_string);
    // The name of the page; `bin_name` is how the command is called.
    let called = command.clone().display_name(name).after_help("");
    let man = Man::new(called)
        .title(name.to_uppercase())
        .source(format!("mqkit {version}"))
        .manual("mqkit");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if command.has_subcommands() {
        section(
            &mut out,
            "COMMANDS",
            command.get_subcommands().map(|sub| {
                let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
                (format!("mqkit-{}(1)", sub.get_name()), about)
            }),
        )?;
    }
    if let Some(examples) = examples {
        verbatim(&mut out, &examples)?;
    }
    for (_, title, text) in SECTIONS.iter().filter(|(page, ..)| *page == name) {
        verbatim(&mut out, &format!("{title}\n{text}"))?;
    }
    section(
        &mut out,
        "EXIT STATUS",
        exit_table
            .iter()
            .map(|(status, text)| (status.to_string(), (*text).to_owned())),
    )?;
    if name == "mqkit" {
        let rows = TOOLS.iter();
        let rows = rows.map(|(term, text)| ((*term).to_owned(), (*text).to_owned()));
        section(&mut out, "NAMES OF MOSQUITTO'S TOOLS", rows)?;
    }
    let variables: Vec<_> = command.get_arguments().filter_map(environment).collect();
    if !variables.is_empty() {
        let credentials = (CREDENTIALS.0.to_owned(), CREDENTIALS.1.to_owned());
        section(&mut out, "ENVIRONMENT", variables.into_iter().chain([credentials]))?;
        let files = FILES
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        section(&mut out, "FILES", files)?;
    }
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    let own = (name != "mqkit").then(|| "mqkit(1)".to_owned());
    let others = own
        .into_iter()
        .chain(others.iter().map(|other| format!("mqkit-{other}(1)")));
    roff.text([roman(others.collect::<Vec<_>>().join(", "))]);
    roff.to_writer(&mut out)?;
    Ok(out)
}

/// What commands that connect find in the environment beside flags.
const CREDENTIALS: (&str, &str) = (
    "CREDENTIALS_DIRECTORY",
    "directory of systemd's credentials; a credential named mqtt-password (LoadCredential=mqtt-password:FILE) is the \
     password when neither a flag nor MQTT_PASSWORD nor MQTT_PASSWORD_FILE gives one",
);

/// The files that they read.
const FILES: &[(&str, &str)] = &[(
    "$XDG_CONFIG_HOME/mqkit/config.toml, else ~/.config/mqkit/config.toml",
    "TOML. Keys are the long names of the connection's flags (host = \"broker.lan\", insecure = true). Those at the top \
     always hold; those in a table [profile.NAME] hold with --profile NAME; a table named like a subcommand, such as \
     [sub], takes all of its flags. A flag goes before the environment, then comes the profile, the subcommand's table, \
     and the top. --print-config shows what holds, and where it was set. Started under the name mosquitto_pub, \
     mosquitto_sub or mosquitto_rr, the program reads neither this file nor the environment, but the options file of that \
     tool.",
)];

/// A list of terms and what they mean.
fn section(out: &mut Vec<u8>, title: &str, rows: impl Iterator<Item = (String, String)>) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (term, text) in rows {
        roff.control("TP", []);
        roff.text([bold(term)]);
        roff.text([roman(text)]);
    }
    roff.to_writer(out)
}

/// Text whose lines stay as they are. Its first line is the title, as in `--help`.
fn verbatim(out: &mut Vec<u8>, text: &str) -> io::Result<()> {
    for part in text.split("\n\n") {
        let (title, lines) = part.split_once('\n').unwrap_or((part, ""));
        let mut roff = Roff::new();
        roff.control("SH", [title.trim_end_matches(':').to_uppercase().as_str()]);
        roff.control("nf", []);
        for line in lines.lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
        roff.to_writer(out)?;
    }
    Ok(())
}

/// The environment variable of a flag.
fn environment(arg: &Arg) -> Option<(String, String)> {
    let name = arg.get_env()?.to_string_lossy().into_owned();
    let long = arg.get_long().unwrap_or_default();
    Some((name, format!("stands for --{long}, which goes before it")))
}
