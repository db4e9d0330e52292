//! Which flags hold secrets, and how they are shown; whether the file of one is open to
//! everybody. It must not know their values.

use super::Console;
use clap::error::{ContextKind, ContextValue};
use std::fs::Metadata;
use std::path::Path;

/// What is shown instead.
const MASK: &str = "***";

/// The values of a flag, without what must not be seen.
#[must_use]
pub fn masked(flag: &str, values: &[String]) -> Vec<String> {
    match (flag, values) {
        ("pw", _) => vec![MASK.to_owned()],
        ("url" | "proxy", [url]) => vec![url_masked(url)],
        // `Authorization: Bearer …`
        ("ws-header", [header]) => vec![match header.split_once([':', '=']) {
            Some((name, _)) => format!("{name}: {MASK}"),
            None => MASK.to_owned(),
        }],
        ("property", [packet, name, _]) if name.eq_ignore_ascii_case("authentication-data") => {
            vec![packet.clone(), name.clone(), MASK.to_owned()]
        }
        _ => values.to_vec(),
    }
}

/// The password is between the first colon behind `://` and the last `@`.
fn url_masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return match url.contains('@') {
            true => MASK.to_owned(),
            false => url.to_owned(),
        };
    };
    let Some((user, host)) = rest.rsplit_once('@') else {
        return url.to_owned();
    };
    match user.split_once(':') {
        Some((name, _)) => format!("{scheme}://{name}:{MASK}@{host}"),
        None => url.to_owned(),
    }
}

/// Notes that every user of this computer can read a file with a password.
pub fn warn_if_open(path: &Path, console: &Console) {
    use std::os::unix::fs::PermissionsExt;
    let open = |metadata: Metadata| metadata.is_file() && metadata.permissions().mode() & 0o004 != 0;
    if std::fs::metadata(path).is_ok_and(open) {
        let path = path.display();
        console.note(format_args!(
            "every user can read the password in {path}; chmod 600 keeps it to yourself"
        ));
    }
}

/// Takes the value out of the parser's complaint, when it may hold a secret.
pub fn mask_error(error: &mut clap::Error) {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let (Some(arg), Some(value)) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue)) else {
        return;
    };
    // `--url <URL>`
    let flag = arg
        .split(' ')
        .next()
        .unwrap_or_default()
        .trim_start_matches('-')
        .to_owned();
    let shown = masked(&flag, std::slice::from_ref(&value)).concat();
    if shown != value {
        error.insert(ContextKind::InvalidValue, ContextValue::String(shown));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, Command};

    #[test]
    fn secrets_are_masked_and_nothing_else() {
        for (flag, values, shown) in [
            ("pw", &["s3"][..], &["***"][..]),
            ("url", &["mqtt://u:s3@h:1/t"], &["mqtt://u:***@h:1/t"]),
            ("url", &["mqtt://u:s3@x@h"], &["mqtt://u:***@h"]),
            ("url", &["mqtt://u@h"], &["mqtt://u@h"]),
            ("url", &["u:s3@h"], &["***"]),
            ("proxy", &["socks5h://u:s3@h"], &["socks5h://u:***@h"]),
            ("ws-header", &["Authorization: s3"], &["Authorization: ***"]),
            (
                "property",
                &["connect", "authentication-data", "s3"],
                &["connect", "authentication-data", "***"],
            ),
            (
                "property",
                &["connect", "receive-maximum", "3"],
                &["connect", "receive-maximum", "3"],
            ),
            ("username", &["u"], &["u"]),
        ] {
            let values: Vec<_> = values.iter().map(ToString::to_string).collect();
            assert_eq!(masked(flag, &values), shown, "{flag} {values:?}");
        }
    }

    #[test]
    fn the_parser_does_not_repeat_a_secret() {
        let never = |_: &str| Err::<String, _>("is wrong");
        let command = Command::new("x").arg(Arg::new("proxy").long("proxy").value_name("URL").value_parser(never));
        let mut error = command
            .try_get_matches_from(["x", "--proxy", "socks5://u:s3@h"])
            .unwrap_err();
        assert!(error.to_string().contains("s3"));
        mask_error(&mut error);
        let text = error.to_string();
        assert!(
            text.contains("invalid value 'socks5://u:***@h' for '--proxy <URL>'"),
            "{text}"
        );
        assert!(!text.contains("s3"), "{text}");
    }
}
