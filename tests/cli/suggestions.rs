//! Words that other tools would take: what to type instead.

use crate::support::mqkit;
use predicates::str::contains;

#[test]
fn other_names_and_bare_words_are_answered_with_what_to_type() {
    for (words, tip) in [
        (
            &["pub", "-t", "a", "--payload", "x"][..],
            "tip: it is called --message here",
        ),
        (&["rr", "-t", "a", "--payload=x"], "tip: it is called --message here"),
        (
            &["sub", "-t", "a", "--tls"],
            "tip: TLS comes with mqtts://, or -p 8883, or --cafile",
        ),
        (
            &["bench", "--ssl"],
            "tip: TLS comes with mqtts://, or -p 8883, or --cafile",
        ),
        (&["sub", "--client-id", "x"], "tip: it is called --id here"),
        (&["sub", "--clientid", "x"], "tip: it is called --id here"),
        (
            &["sub", "--clean-session"],
            "tip: a clean session is the default; -c keeps the session",
        ),
        (
            &["sub", "-t", "a", "--file", "x"],
            "tip: messages go to standard output: > FILE",
        ),
        (
            &["decode", "--file", "x"],
            "tip: the name of the file stands alone: mqkit decode FILE",
        ),
        (&["broker", "--file", "x"], "tip: there is no configuration file"),
        (&["sub", "a/b"], "tip: did you mean -t a/b\n"),
        (&["sub", "-h", "h", "$SYS/#"], "tip: did you mean -t '$SYS/#'\n"),
        (&["pub", "a/b", "hello"], "tip: did you mean -t a/b -m hello\n"),
        (&["pub", "a/b", "it's"], "tip: did you mean -t a/b -m 'it'\\''s'\n"),
        (&["pub", "a/b", "-r"], "tip: did you mean -t a/b\n"),
        (&["rr", "a/b", "x"], "tip: did you mean -t a/b -m x\n"),
        (&["broker", "./x.sh", "1 2"], "tip: did you mean -- ./x.sh '1 2'\n"),
        // What the parser finds itself.
        (&["pub", "--mesage", "x"], "tip: a similar argument exists: '--message'"),
    ] {
        mqkit().args(words).assert().code(2).stdout("").stderr(contains(tip));
    }
}

#[test]
fn one_message_is_sent_at_once() {
    for (command, part) in [
        ("pub", "--stdin-line and --json take several"),
        ("rr", "only one --message"),
    ] {
        let words = [command, "-h", "127.0.0.1", "-p", "1", "-t", "a", "-m", "a", "-m", "b"];
        mqkit().args(words).assert().code(2).stderr(contains(part));
    }
    mqkit()
        .args(["rr", "-h", "127.0.0.1", "-p", "1", "-t", "a"])
        .assert()
        .code(2)
        .stderr(contains("no request: give one with --message"));
}
