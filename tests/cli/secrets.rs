//! Passwords: where they come from, that they are never shown, and who is warned.

use super::send;
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::prelude::*;
use predicates::str::contains;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const SECRET: &str = "s3cr3t-word";

/// A password file with this mode.
fn password_file(directory: &Path, name: &str, mode: u32) -> String {
    let path = directory.join(name);
    fs::write(&path, format!("{SECRET}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// CONNECT of 3.1.1 by the user `u` with the secret.
fn connect() -> Vec<u8> {
    let mut packet = b"\x10\x00\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01c\x00\x01u\x00\x0b".to_vec();
    packet.extend_from_slice(SECRET.as_bytes());
    packet[1] = u8::try_from(packet.len() - 2).unwrap();
    packet
}

#[test]
fn a_password_comes_from_everywhere_and_is_never_shown() {
    let directory = tempfile::tempdir().unwrap();
    let file = password_file(directory.path(), "mqtt-password", 0o600);
    let in_url = format!("mqtt://u:{SECRET}@127.0.0.1");
    let place = directory.path().to_str().unwrap();
    let by_host = ["-h", "127.0.0.1", "-u", "u"];
    for (flags, environment) in [
        ([&by_host[..], &["-P", SECRET]].concat(), vec![]),
        ([&by_host[..], &["--password-file", &file]].concat(), vec![]),
        (vec!["-L", &in_url], vec![]),
        (by_host.to_vec(), vec![("MQTT_PASSWORD", SECRET)]),
        (by_host.to_vec(), vec![("MQTT_PASSWORD_FILE", &*file)]),
        (vec![], vec![("MQTT_URL", &*in_url)]),
        (by_host.to_vec(), vec![("CREDENTIALS_DIRECTORY", place)]),
        // The first of the list holds.
        (
            by_host.to_vec(),
            vec![("MQTT_PASSWORD", SECRET), ("MQTT_PASSWORD_FILE", "/nonexistent")],
        ),
        (
            by_host.to_vec(),
            vec![("MQTT_PASSWORD", SECRET), ("CREDENTIALS_DIRECTORY", "/nonexistent")],
        ),
        (
            [&by_host[..], &["--password-file", &file]].concat(),
            vec![("MQTT_PASSWORD", "other")],
        ),
    ] {
        // Refused: not authorized.
        let peer = Peer::new(vec![vec![Step::Expect(connect()), send(&[0x20, 2, 0, 5])]]);
        mqkit()
            .args([
                "pub",
                "-V",
                "311",
                "-i",
                "c",
                "-t",
                "a",
                "-m",
                "x",
                "-d",
                "-p",
                &peer.port.to_string(),
            ])
            .args(&flags)
            .envs(environment.iter().copied())
            .assert()
            .code(4)
            .stdout("")
            .stderr(contains(SECRET).not().and(contains("others can see").not()));
        peer.finish();
    }
}

#[test]
fn errors_do_not_repeat_a_secret() {
    let url = format!("mqtt://u:{SECRET}@nobody.invalid");
    let bad_url = format!("mqtt://u:{SECRET}@host:99999");
    let no_url = format!("u:{SECRET}@host");
    let bad_proxy = format!("socks5h://u:{SECRET}@host:99999");
    let proxy = format!("socks5h://u:{SECRET}@nobody.invalid");
    let header = format!("Authorization: {SECRET}");
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("mqkit")).unwrap();
    let config = directory.path().join("mqkit/config.toml");
    for (flags, config_text) in [
        (vec!["-L", &url], String::new()),
        (vec!["-L", &bad_url], String::new()),
        (vec!["-L", &no_url], String::new()),
        (vec!["-u", "u", "-P", SECRET, "-h", "nobody.invalid"], String::new()),
        (vec!["-P", SECRET, "-V", "311"], String::new()),
        (vec!["-P", SECRET, "-V", "4"], String::new()),
        (vec!["-P", SECRET, "--password-file", "x"], String::new()),
        (vec!["-P", SECRET, "--nonsense"], String::new()),
        (vec!["--proxy", &bad_proxy], String::new()),
        (vec!["--proxy", &proxy, "-h", "other.invalid"], String::new()),
        (
            vec!["--ws", "--ws-header", &header, "-h", "nobody.invalid"],
            String::new(),
        ),
        (
            vec!["--ws", "--ws-header", SECRET, "-h", "nobody.invalid"],
            String::new(),
        ),
        (
            vec![
                "-V",
                "5",
                "-D",
                "connect",
                "authentication-data",
                SECRET,
                "-D",
                "connect",
            ],
            String::new(),
        ),
        (vec![], format!("pw = \"{SECRET}\"\nport = 'x'")),
        (vec![], format!("pw = \"{SECRET}")),
        (vec![], format!("pw = {SECRET}")),
        (vec![], format!("url = \"{bad_url}\"")),
        (vec![], format!("url = \"{no_url}\"")),
    ] {
        fs::write(&config, config_text).unwrap();
        for command in ["pub", "sub"] {
            let assert = mqkit()
                .env("XDG_CONFIG_HOME", directory.path())
                .args([command, "-d", "-t", "a"])
                .args(if command == "pub" { &["-m", "x"][..] } else { &[] })
                .args(&flags)
                .assert()
                .failure()
                .stdout("")
                .stderr(contains(SECRET).not());
            assert!(!assert.get_output().stderr.is_empty());
        }
        let printed = mqkit()
            .env("XDG_CONFIG_HOME", directory.path())
            .args(["sub", "--print-config"])
            .args(&flags)
            .output()
            .unwrap();
        let text = [printed.stdout, printed.stderr].concat();
        assert!(!String::from_utf8_lossy(&text).contains(SECRET), "{flags:?}");
    }
}

#[test]
fn a_file_that_everybody_can_read_is_noted() {
    let directory = tempfile::tempdir().unwrap();
    let open = password_file(directory.path(), "open", 0o644);
    let closed = password_file(directory.path(), "closed", 0o640);
    let note = contains("every user can read the password in ");
    let publish = |words: &[&str]| {
        let mut command = mqkit();
        command
            .args(["pub", "-h", "nobody.invalid", "-t", "a", "-m", "x", "-u", "u"])
            .args(words);
        command.assert().code(3)
    };
    publish(&["--password-file", &open]).stderr(note.clone());
    publish(&["--password-file", &open, "--quiet"]).stderr(note.clone().not());
    publish(&["--password-file", &closed]).stderr(note.not());
    // The configuration file, when the password is in it.
    fs::create_dir(directory.path().join("mqkit")).unwrap();
    let config = directory.path().join("mqkit/config.toml");
    for (text, mode, noted) in [
        ("pw = 'x'\nusername = 'u'", 0o644, true),
        ("pw = 'x'\nusername = 'u'", 0o600, false),
        ("username = 'u'", 0o644, false),
    ] {
        fs::write(&config, text).unwrap();
        fs::set_permissions(&config, fs::Permissions::from_mode(mode)).unwrap();
        let assert = mqkit()
            .env("XDG_CONFIG_HOME", directory.path())
            .args(["pub", "-h", "nobody.invalid", "-t", "a", "-m", "x"])
            .assert()
            .code(3);
        let said = String::from_utf8_lossy(&assert.get_output().stderr).contains("every user can read");
        assert_eq!(said, noted, "{text} {mode:o}");
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "says why a test checks less")]
fn a_password_typed_on_a_terminal_is_warned_of_once() {
    // util-linux's, which gives its command a terminal.
    let Ok(version) = Command::new("script").arg("--version").output() else {
        return eprintln!("script is not installed: the warning about -P is not checked");
    };
    if !String::from_utf8_lossy(&version.stdout).contains("util-linux") {
        return eprintln!("script is not that of util-linux: the warning about -P is not checked");
    }
    let said = |words: &str, environment: &[(&str, &str)]| {
        let line = format!(
            "{} pub -h nobody.invalid -t a -m x -u u {words}",
            env!("CARGO_BIN_EXE_mqkit")
        );
        let output = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("cannot connect to nobody.invalid"), "{text}");
        text.matches("others can see -P").count()
    };
    assert_eq!(said("-P x", &[]), 1);
    assert_eq!(said("-P x --quiet", &[]), 0);
    assert_eq!(said("", &[("MQTT_PASSWORD", "x")]), 0);
    assert_eq!(said("-P x", &[("MQTT_KEEPALIVE", "9")]), 1);
}

#[test]
fn a_secret_is_not_sent_to_another_host() {
    let anonymous = b"\x10\x10\x00\x04MQTT\x04\x82\x00\x3c\x00\x01c\x00\x01u";
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("mqkit")).unwrap();
    let config = directory.path().join("mqkit/config.toml");
    let run = |text: &str, connect: &[u8]| {
        fs::write(&config, text).unwrap();
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
        let peer = Peer::new(vec![vec![Step::Expect(connect.to_vec()), send(&[0x20, 2, 0, 5])]]);
        let mut command = mqkit();
        command
            .env("XDG_CONFIG_HOME", directory.path())
            .env("MQTT_HOST", format!("127.0.0.1:{}", peer.port))
            .args(["pub", "-V", "311", "-i", "c", "-t", "a", "-m", "x"]);
        let assert = command.assert().code(4);
        peer.finish();
        String::from_utf8(assert.get_output().stderr.clone()).unwrap()
    };
    let said = run(&format!("host = 'a.lan'\nusername = 'u'\npw = '{SECRET}'\n"), anonymous);
    let note = format!(
        "mqkit: --pw of {}, line 3 is left out: it is meant for a.lan, not for 127.0.0.1\n",
        config.display()
    );
    assert!(said.starts_with(&note), "{said}");
    // Without a host beside it, and beside the same one, it is.
    for host in ["", "host = '127.0.0.1'\n"] {
        let said = run(&format!("{host}username = 'u'\npw = '{SECRET}'\n"), &connect());
        assert!(!said.contains("left out"), "{said}");
    }
}
