//! Configuration file, profiles, environment and options files: what reaches the wire, and what is said.

use super::{CONNACK_311, DISCONNECT, expect, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use mqkit::cli::flags::{can_be_set, takes_values};
use predicates::prelude::*;
use predicates::str::contains;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// A directory with `mqkit/config.toml`.
fn home(config: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("mqkit")).unwrap();
    fs::write(file(&directory), config).unwrap();
    directory
}

fn file(home: &TempDir) -> PathBuf {
    home.path().join("mqkit/config.toml")
}

fn configured(home: &TempDir, words: &[&str]) -> assert_cmd::Command {
    let mut command = mqkit();
    command.env("XDG_CONFIG_HOME", home.path()).args(words);
    command
}

/// CONNECT of 3.1.1 with this keep alive and identifier.
fn connect(keep_alive: u8, id: &str) -> Vec<u8> {
    let length = u8::try_from(12 + id.len()).unwrap();
    let id_length = u8::try_from(id.len()).unwrap();
    let head = [
        0x10, length, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, keep_alive, 0, id_length,
    ];
    [&head[..], id.as_bytes()].concat()
}

/// A peer that expects exactly this CONNECT.
fn expecting(connect: &[u8]) -> Peer {
    Peer::new(vec![vec![
        expect(connect),
        send(CONNACK_311),
        Step::ExpectType(0x30),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]])
}

#[test]
fn precedence_is_flag_environment_profile_file_built_in() {
    // (flags, environment, keep alive and identifier on the wire)
    type Case = (
        &'static [&'static str],
        &'static [(&'static str, &'static str)],
        u8,
        &'static str,
    );
    let cases: [Case; 7] = [
        (&[], &[], 11, "top"),
        (&["--profile", "p"], &[], 12, "top"),
        (&[], &[("MQTT_PROFILE", "p")], 12, "top"),
        (&["--profile", "q"], &[("MQTT_PROFILE", "p")], 11, "q"),
        (
            &["--profile", "p"],
            &[("MQTT_KEEPALIVE", "13"), ("MQTT_CLIENT_ID", "env")],
            13,
            "env",
        ),
        (&["--profile", "p", "-k", "14"], &[("MQTT_KEEPALIVE", "13")], 14, "top"),
        (&["-i", "flag"], &[("MQTT_ID_PREFIX", "never")], 11, "flag"),
    ];
    for (flags, environment, keep_alive, id) in cases {
        let peer = expecting(&connect(keep_alive, id));
        let config = format!(
            "host = \"127.0.0.1\"\nport = {}\nprotocol-version = 311\nkeepalive = 11\nid = 'top'\n\
             [profile.p]\nkeepalive = 12\n[profile.q]\nid = 'q'\n",
            peer.port
        );
        let home = home(&config);
        configured(&home, &["pub", "-t", "a", "-m", "x"])
            .args(flags)
            .envs(environment.iter().copied())
            .assert()
            .success()
            .stderr("");
        peer.finish();
    }
}

#[test]
fn a_flag_replaces_what_contradicts_it_elsewhere() {
    // `-h` replaces the URL of the environment, and that replaces host and port of the file.
    let peer = expecting(&connect(60, "c"));
    let home = home("host = 'nobody.invalid'\nport = 1\nid-prefix = 'x'\nno-reconnect = true\nquiet = true\n");
    configured(
        &home,
        &[
            "pub", "-t", "a", "-m", "x", "-V", "311", "-i", "c", "--retry", "1s", "-d",
        ],
    )
    .env("MQTT_URL", format!("mqtt://127.0.0.1:{}", peer.port))
    .assert()
    .success();
    peer.finish();
    let peer = expecting(&connect(60, "c"));
    configured(&home, &["pub", "-t", "a", "-m", "x", "-V", "311"])
        .args(["-h", &format!("127.0.0.1:{}", peer.port)])
        .env("MQTT_URL", "mqtts://nobody.invalid")
        .env("MQTT_CLIENT_ID", "c")
        .assert()
        .success();
    peer.finish();
}

#[test]
fn a_subcommand_has_a_table_of_its_own() {
    let home =
        home("keepalive = 11\n[sub]\nkeepalive = 12\nqos = 1\n[pub]\nkeepalive = 13\n[profile.p]\nkeepalive = 14\n");
    let shown = |words: &[&str], expected: &str| {
        let line = format!("keepalive = {expected} ");
        configured(&home, words)
            .arg("--print-config")
            .assert()
            .success()
            .stdout(contains(line));
    };
    shown(&["sub"], "12");
    shown(&["pub"], "13");
    shown(&["pub", "--profile", "p"], "14");
    // What else `sub` takes, too: QoS 1 is in the packet.
    let peer = Peer::new(vec![vec![
        Step::ExpectType(0x10),
        send(CONNACK_311),
        expect(b"\x82\x06\x00\x01\x00\x01a\x01"),
        Step::Silence,
    ]]);
    configured(
        &home,
        &[
            "sub",
            "-h",
            "127.0.0.1",
            "-p",
            &peer.port.to_string(),
            "-t",
            "a",
            "-V",
            "311",
        ],
    )
    .args(["-W", "200ms"])
    .assert()
    .code(27);
    peer.finish();
}

#[test]
fn print_config_says_what_holds_and_where_it_was_set() {
    let home = home(
        "username = 'm\"e'\npassword = 's3cret'\n[profile.p]\nhost = 'b'\ninsecure = true\n\
         property = [['connect', 'user-property', 'k', 'v']]\n",
    );
    let options = home.path().join("options");
    fs::write(&options, "-k 7\n").unwrap();
    let output = configured(
        &home,
        &[
            "pub",
            "--print-config",
            "--profile",
            "p",
            "-o",
            options.to_str().unwrap(),
        ],
    )
    .args(["--will-topic", "w"])
    .env("MQTT_CONNECT_TIMEOUT", "5s")
    .assert()
    .success()
    .stderr(contains("every user can read").not());
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let place = file(&home).display().to_string();
    let remarks: Vec<_> = text.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(remarks, ["# transport: TCP", "# TLS: yes"]);
    let lines: Vec<_> = text.lines().filter_map(|line| line.split_once("  # ")).collect();
    let line = |key: &str| {
        let (value, origin) = lines
            .iter()
            .find(|(text, _)| text.starts_with(&format!("{key} =")))
            .unwrap();
        format!("{} # {}", value.trim_end(), origin.trim_start())
    };
    assert_eq!(line("host"), format!("host = \"b\" # {place}, line 4"));
    assert_eq!(line("port"), "port = 8883 # built-in");
    assert_eq!(line("insecure"), format!("insecure = true # {place}, line 5"));
    assert_eq!(line("username"), format!("username = \"m\\\"e\" # {place}, line 1"));
    assert_eq!(line("pw"), format!("pw = \"***\" # {place}, line 2"));
    assert_eq!(
        line("property"),
        format!("property = [[\"connect\", \"user-property\", \"k\", \"v\"]] # {place}, line 6")
    );
    let options = options.display();
    assert_eq!(line("keepalive"), format!("keepalive = 7 # {options}, line 1"));
    assert_eq!(line("will-topic"), "will-topic = \"w\" # command line");
    assert_eq!(
        line("connect-timeout"),
        "connect-timeout = \"5s\" # MQTT_CONNECT_TIMEOUT"
    );
    assert_eq!(line("protocol-version"), "protocol-version = \"auto\" # built-in");
    assert!(!text.contains("s3cret"));
    // It is a configuration again, but for the secrets.
    let again = self::home(&text);
    configured(&again, &["pub", "--print-config"])
        .assert()
        .success()
        .stdout(contains("username = \"m\\\"e\" ").and(contains("keepalive = 7 ")));
}

#[test]
fn mistakes_in_the_file_are_named_with_their_line() {
    for (config, words, part) in [
        (
            "\nhots = 'x'",
            &["pub"][..],
            ":2: unknown key `hots`; did you mean `host`?",
        ),
        ("host = ", &["sub"], ":1: "),
        ("[profile.a]\n", &["sub", "--profile", "b"], "no profile \"b\""),
        ("debug = 'maybe'", &["sub"], "line 1: debug is true or false"),
        ("port = 99999", &["sub", "-t", "a"], "--port was set by "),
    ] {
        let home = home(config);
        configured(&home, words)
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(part));
    }
    mqkit()
        .args(["pub", "--profile", "b"])
        .assert()
        .code(2)
        .stderr(contains("no profile \"b\": there is no /nonexistent/mqkit/config.toml"));
    mqkit()
        .args(["sub", "-t", "a"])
        .env("MQTT_KEEPALIVE", "often")
        .assert()
        .code(2)
        .stderr(contains("--keepalive was set by MQTT_KEEPALIVE"));
    // A subcommand that does not connect does not care.
    configured(&home("hots = 'x'"), &["decode", "c0 00"]).assert().success();
}

#[test]
fn home_counts_when_nothing_else_is_said() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(directory.path().join(".config/mqkit")).unwrap();
    fs::write(directory.path().join(".config/mqkit/config.toml"), "keepalive = 9").unwrap();
    mqkit()
        .env_remove("XDG_CONFIG_HOME")
        .env("HOME", directory.path())
        .args(["sub", "--print-config"])
        .assert()
        .success()
        .stdout(contains("keepalive = 9 "));
}

#[test]
fn every_connection_flag_can_be_set_by_the_environment() {
    let value = |flag: &str| match flag {
        "port" | "keepalive" | "max-inflight" | "session-expiry-interval" => "77",
        "bind" => "127.0.0.7",
        "protocol-version" => "5",
        "will-qos" => "1",
        "tls-version" => "tlsv1.3",
        "tls-pin" => "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "property" => "connect receive-maximum 5\nconnect user-property k v",
        "url" => "mqtt://word",
        "ws-header" => "a: word",
        "proxy" => "socks5h://word",
        flag if flag.ends_with("timeout") || ["retry", "deadline", "resend-interval"].contains(&flag) => "3s",
        _ => "word",
    };
    let connection = mqkit::cli::settings::environment::connection();
    for arg in connection.get_arguments().filter(|arg| can_be_set(arg)) {
        let flag = arg.get_long().unwrap();
        let (value, shown) = match takes_values(arg) {
            true => (value(flag), value(flag)),
            false => ("1", "true"),
        };
        let shown = match flag {
            "pw" | "ws-header" => "***",
            "property" => "[[\"connect\", \"receive-maximum\", \"5\"], [\"connect\", \"user-property\", \"k\", \"v\"]]",
            _ => shown,
        };
        let variable = mqkit::cli::settings::environment::variable_of(flag);
        let output = mqkit()
            .args(["pub", "--print-config"])
            .env(&variable, value)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.starts_with(&format!("{flag} = ")));
        let line = line.unwrap_or_else(|| panic!("{variable}: {text}{}", String::from_utf8_lossy(&output.stderr)));
        assert!(line.ends_with(&format!("# {variable}")), "{line}");
        assert!(line.contains(shown), "{line}");
    }
}

#[test]
fn help_and_manual_page_name_the_variables() {
    mqkit()
        .args(["pub", "--help"])
        .assert()
        .success()
        .stdout(contains("MQTT_WILL_TOPIC]").and(contains("MQTT_PROFILE]")));
    let files = crate::generated::pages::files(&mqkit::commands::definition(), mqkit::exit::TABLE).unwrap();
    let (_, page) = files.iter().find(|(path, _)| path == "man/mqkit-sub.1").unwrap();
    let page = String::from_utf8(page.clone()).unwrap();
    let environment = page.split(".SH ENVIRONMENT").nth(1).unwrap();
    for part in [
        "MQTT_URL",
        "MQTT_WILL_TOPIC",
        "MQTT_PROFILE",
        "CREDENTIALS_DIRECTORY",
        ".SH FILES",
        "config.toml",
    ] {
        assert!(environment.contains(part), "{part}");
    }
}

#[test]
fn an_options_file_stands_in_front_of_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let options = directory.path().join("options");
    let peer = expecting(&connect(9, "two words"));
    let text = format!(
        "# mine\n-h 127.0.0.1\n-p {}\n-V 311\n-i two words\n-k 8\n-m x\n",
        peer.port
    );
    fs::write(&options, text).unwrap();
    mqkit()
        .args(["pub", "-t", "a", "-k", "9", "-o"])
        .arg(&options)
        .env("MQTT_KEEPALIVE", "10")
        .assert()
        .success();
    peer.finish();
    fs::write(&options, "-k 8\n--nonsense\n").unwrap();
    mqkit()
        .args(["sub", "-t", "a", "-o"])
        .arg(&options)
        .assert()
        .code(2)
        .stderr(contains("options:2: unknown option --nonsense"));
    mqkit()
        .args(["sub", "-t", "a", "--options", "/nonexistent/options"])
        .assert()
        .code(2)
        .stderr(contains("cannot read the options file /nonexistent/options"));
}

#[test]
fn each_flag_holds_by_itself() {
    let shown = |config: &str, environment: &[(&str, &str)], words: &[&str]| {
        let home = home(config);
        let mut command = configured(&home, &["sub", "--print-config"]);
        let output = command.args(words).envs(environment.iter().copied()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let value = |key: &str| {
            let line = text.lines().find(|line| line.starts_with(&format!("{key} = ")));
            line.map_or("-", |line| {
                line[key.len() + 3..].split("  #").next().unwrap().trim_end()
            })
            .to_owned()
        };
        let remarks: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# ")).collect();
        format!("{} {} {}", value("host"), value("port"), remarks.join(", "))
    };
    let plain = "transport: TCP, TLS: no";
    for (config, environment, words, expected) in [
        ("", &[][..], &[][..], format!("\"localhost\" 1883 {plain}")),
        // `-h` leaves a port as it is, unless it has one.
        ("port = 1884", &[], &["-h", "b"], format!("\"b\" 1884 {plain}")),
        (
            "host = 'a'\nport = 1884",
            &[],
            &["-h", "b"],
            format!("\"b\" 1884 {plain}"),
        ),
        ("port = 1884", &[], &["-h", "b:1885"], format!("\"b\" 1885 {plain}")),
        (
            "host = 'a:1884'",
            &[("MQTT_PORT", "1886")],
            &[],
            format!("\"a\" 1886 {plain}"),
        ),
        (
            "host = 'a'",
            &[("MQTT_PORT", "1886")],
            &["-h", "b"],
            format!("\"b\" 1886 {plain}"),
        ),
        // A URL is all of it.
        (
            "host = 'a'\nport = 1884",
            &[("MQTT_URL", "mqtt://u")],
            &[],
            format!("\"u\" 1883 {plain}"),
        ),
        (
            "",
            &[("MQTT_URL", "mqtt://u:9/t")],
            &["-h", "b"],
            format!("\"b\" 1883 {plain}"),
        ),
        (
            "",
            &[("MQTT_URL", "mqtt://u:9/t")],
            &["-p", "8"],
            format!("\"u\" 8 {plain}"),
        ),
        (
            "",
            &[],
            &["-p", "8883"],
            "\"localhost\" 8883 transport: TCP, TLS: yes".to_owned(),
        ),
        (
            "insecure = true",
            &[],
            &[],
            "\"localhost\" 8883 transport: TCP, TLS: yes".to_owned(),
        ),
        (
            "insecure = true",
            &[],
            &["--no-tls"],
            format!("\"localhost\" 1883 {plain}"),
        ),
        (
            "url = 'wss://u/x'",
            &[],
            &[],
            "\"u\" 443 transport: WebSocket, path \"/x\", TLS: yes".to_owned(),
        ),
        (
            "unix = '/s'",
            &[],
            &[],
            "- - transport: MQTT, Unix socket \"/s\", TLS: no".to_owned(),
        ),
        (
            "",
            &[("ALL_PROXY", "http://p:1")],
            &["-h", "b"],
            "\"b\" 1883 transport: TCP, through a proxy, TLS: no".to_owned(),
        ),
    ] {
        assert_eq!(
            shown(config, environment, words),
            expected,
            "{config} {environment:?} {words:?}"
        );
    }
}

#[test]
fn a_table_sets_what_the_command_line_leaves_open() {
    // The payload is of the table, the topic of the command line.
    let message = [
        Step::ExpectType(0x10),
        send(CONNACK_311),
        expect(b"\x32\x06\x00\x01a\x00\x01x"),
        send(&[0x40, 2, 0, 1]),
    ];
    let peer = Peer::new(vec![[&message[..], &[expect(DISCONNECT)]].concat()]);
    let home = home("[pub]\nmessage = ['x']\nqos = 1\ntopic = 'b'\n");
    configured(&home, &["pub", "-t", "a", "-V", "311"])
        .args(["-h", &format!("127.0.0.1:{}", peer.port)])
        .assert()
        .success();
    peer.finish();
    // What is typed replaces what it excludes.
    let peer = expecting(&connect(60, "c"));
    configured(&home, &["pub", "-n", "-q", "0", "-V", "311", "-i", "c"])
        .args(["-h", &format!("127.0.0.1:{}", peer.port)])
        .assert()
        .success();
    peer.finish();
}
