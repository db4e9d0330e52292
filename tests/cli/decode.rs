//! `mqkit decode` from outside: inputs, filters, statuses, what goes to stdout and what to stderr.

use crate::support::mqkit;
use serde_json::Value;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Standard output, standard error, status.
fn run(words: &[&str], input: &[u8]) -> (String, String, i32) {
    let output = mqkit().arg("decode").args(words).write_stdin(input).output().unwrap();
    (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
        output.status.code().unwrap(),
    )
}

fn capture(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name);
    path.to_str().unwrap().to_owned()
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn types(text: &str) -> Vec<String> {
    let types = objects(text)
        .into_iter()
        .map(|object| object["type"].as_str().unwrap().to_owned());
    types.collect()
}

#[test]
fn every_packet_of_a_capture_is_told_with_version_and_place() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let truth = path.with_extension("truth.jsonl");
        if path.extension().is_none_or(|e| e != "pcap" && e != "pcapng") || !truth.exists() {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // The truth stops at the first hole.
        if name.starts_with("snaplen") {
            continue;
        }
        let (text, errors, _) = run(&["--json", path.to_str().unwrap()], b"");
        let mut found: Vec<String> = objects(&text)
            .iter()
            .map(|o| {
                format!(
                    "{} {} {} {} {}",
                    o["connection"], o["direction"], o["type"], o["version"], o["frame"]
                )
            })
            .collect();
        let text = std::fs::read_to_string(truth).unwrap();
        let mut wanted: Vec<String> = objects(&text)
            .iter()
            .map(|o| {
                let version = match o["version"].as_u64() {
                    Some(3) => "3.1",
                    Some(4) => "3.1.1",
                    _ => "5.0",
                };
                format!("{} {} {} {version:?} {}", o["conn"], o["dir"], o["type"], o["frame"])
            })
            .collect();
        found.sort();
        wanted.sort();
        // Where no CONNECT says so, 3.1 cannot be told from 3.1.1, and acknowledgements not from those of version 5.
        if name.contains("noconnect") {
            let bare = |line: &mut String| {
                for version in ["\"3.1.1\"", "\"5.0\""] {
                    if line.contains("PUBLISH") || line.contains("SUBACK") {
                        break;
                    }
                    *line = line.replace(version, "-");
                }
            };
            found.iter_mut().for_each(bare);
            wanted.iter_mut().for_each(bare);
        }
        assert_eq!(found, wanted, "{name}: {errors}");
        count += 1;
    }
    assert!(count > 30, "{count} captures");
}

#[test]
fn forms_are_recognised_and_can_be_forced() {
    let pingreq = b"\xc0\x00";
    for (words, input) in [
        (&[][..], &b"c0 00"[..]),
        (&[], b"wAA="),
        (&[], pingreq),
        (&["--input", "raw"], pingreq),
        (&["--input", "hex"], b"c000"),
        (&["--input", "base64"], b"wAA"),
        (&["-"], b"0xc0, 0x00"),
        (&["c0", "00"], b""),
        (&["c000"], b""),
    ] {
        let (out, errors, status) = run(words, input);
        assert_eq!((&*out, status), ("PINGREQ\n", 0), "{words:?} {input:?}: {errors}");
    }
    // Printable bytes are text unless they are forced to be packets: `00` here.
    let (out, _, status) = run(&["--input", "raw"], b"00");
    assert_eq!(status, 1);
    assert!(out.starts_with("PUBLISH"), "{out}");
    let (out, _, status) = run(&[&capture("base-v31.pcap"), "--input", "raw"], b"");
    assert_eq!(status, 1, "{out}");
}

#[test]
fn captures_come_from_files_pipes_and_gzip() {
    let bytes = std::fs::read(capture("base-v31.pcap")).unwrap();
    let (whole, _, status) = run(&[&capture("base-v31.pcap")], b"");
    assert_eq!(status, 0);
    assert_eq!(whole.lines().count(), 21, "20 packets and the end:\n{whole}");
    assert_eq!(run(&[], &bytes).0, whole);
    assert_eq!(run(&["-", "--input", "pcap"], &bytes).0, whole);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    assert_eq!(run(&[], &gzip.finish().unwrap()).0, whole);
}

#[test]
fn a_live_capture_is_shown_as_it_comes() {
    let bytes = std::fs::read(capture("base-v31.pcap")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_mqkit"))
        .arg("decode")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    // The pipe stays open: what is printed now is printed before the end of the input.
    input.write_all(&bytes[..600]).unwrap();
    input.flush().unwrap();
    let mut first = [0; 40];
    output.read_exact(&mut first).unwrap();
    assert!(String::from_utf8_lossy(&first).contains("CONNECT"), "{first:?}");
    input.write_all(&bytes[600..]).unwrap();
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("DISCONNECT"), "{rest}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_output_that_cannot_be_written_is_not_the_end_of_the_input() {
    let bytes = std::fs::read(capture("sv-mqtt-connect-rules.pcap")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_mqkit"))
        .args(["decode", "-"])
        .stdin(Stdio::piped())
        .stdout(std::fs::File::create("/dev/full").unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The input stays open. It ends inside a record, which would be damage if nothing followed.
    let mut input = child.stdin.take().unwrap();
    input.write_all(&bytes[..bytes.len() / 2]).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(input);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "mqkit: cannot write to standard output\ncaused by: No space left on device (os error 28)\n"
    );
}

#[test]
fn filters_choose_packets_and_connections() {
    let base = capture("base-v31.pcap");
    let (out, ..) = run(&["--json", "--type", "CONNECT,puback", &base], b"");
    assert_eq!(types(&out), ["CONNECT", "PUBACK", "PUBACK"]);
    let (out, ..) = run(&["--json", "--type", "CONNECT", "--type", "CONNACK", &base], b"");
    assert_eq!(types(&out), ["CONNECT", "CONNACK"]);
    // A message and its acknowledgements.
    let (out, ..) = run(&["--json", "--topic", "b/q2", &base], b"");
    assert_eq!(types(&out), ["PUBLISH", "PUBREC", "PUBREL", "PUBCOMP"]);
    let (out, ..) = run(&["--json", "--topic", "+/q2", "--type", "PUBREL", &base], b"");
    assert_eq!(types(&out), ["PUBREL"]);

    let reuse = capture("tcp-port-reuse.pcap");
    let (out, ..) = run(&["--json", "--connection", "1", &reuse], b"");
    let objects = objects(&out);
    assert_eq!(objects.len(), 20);
    assert!(objects.iter().all(|object| object["connection"] == 1));
    let two = capture("ng-two-ifaces.pcapng");
    let ids: Vec<Value> = {
        let (out, ..) = run(&["--json", "--type", "CONNECT", &two], b"");
        self::objects(&out)
            .iter()
            .map(|object| object["client_id"].clone())
            .collect()
    };
    let (out, ..) = run(&["--json", "--client", ids[0].as_str().unwrap(), &two], b"");
    assert!(self::objects(&out).len() >= 20);
    let (out, ..) = run(&["--json", "--client", "nobody", &two], b"");
    assert_eq!(out, "");
    let (_, errors, status) = run(&["--type", "PUBLSH", &base], b"");
    assert_eq!(status, 2);
    assert!(errors.contains("PUBLSH"), "{errors}");
}

#[test]
fn a_violation_gives_status_1_and_only_when_it_is_shown() {
    let qos3 = capture("sv-mqtt-events-invalid-qos.pcap");
    let (out, _, status) = run(&[&qos3], b"");
    assert_eq!(status, 1);
    assert!(out.contains("! flags: QoS is 3 [MQTT-3.3.1-4]"), "{out}");
    assert_eq!(run(&["--type", "CONNECT", &qos3], b"").2, 0);
    // What is missing from a capture is nobody's fault.
    let (out, _, status) = run(&[&capture("snaplen-96.pcap")], b"");
    assert_eq!(status, 0, "{out}");
    assert!(out.contains("cut: 10 bytes are missing"), "{out}");
    // A packet that is cut in a hex dump is one.
    assert_eq!(run(&["300500"], b"").2, 1);
}

#[test]
fn what_is_no_packet_data_is_a_usage_error_with_its_place() {
    for (words, input, text) in [
        (&["10 13 00 0g"][..], &b""[..], "line 1, column 11"),
        (&[], b"hello world, this is a letter", "line 1"),
        (&[], b"", "standard input is empty: no packet data"),
        (&[], b" \n", "no hex digits"),
        (&["nosuch.pcap"], b"", "there is no file \"nosuch.pcap\""),
        (&["--json", "--flow", "c000"], b"", "--json"),
        (&["--offsets", "c000"], b"", "--json"),
        (&["--offsets", "--json", "--stats", "c000"], b"", "--offsets"),
        (&["--collapse", "c000"], b"", "--collapse are for captures"),
        (&["--encode", "--type", "PUBLISH"], b"", "--type"),
    ] {
        let (out, errors, status) = run(words, input);
        assert_eq!((&*out, status), ("", 2), "{words:?}: {errors}");
        assert!(errors.contains(text), "{words:?}: {errors}");
    }
    for shape in ["--json", "--flow", "--stats", "--verbose"] {
        let (out, errors, status) = run(&[&capture("http-on-1883.pcap"), shape], b"");
        assert_eq!((&*out, status), ("", 2), "{shape}");
        assert!(
            errors.contains("no MQTT in 5 packet(s) and 1 TCP connection(s)"),
            "{errors}"
        );
    }
}

#[test]
fn an_input_is_read_as_what_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    for (words, text) in [
        (&["/dev/null"][..], "\"/dev/null\" is empty: no packet data"),
        (&["--input", "raw", "/dev/null"], "is empty: no packet data"),
        (&["--input", "pcap", "/dev/null"], "is empty: no packet data"),
        (&[&path(".")], "is a directory"),
        (&["/tmp"], "\"/tmp\" is a directory"),
        (&["--encode", &path(".")], "is a directory"),
        (&["--keylog", &path("."), &capture("base-v31.pcap")], "is a directory"),
    ] {
        let (out, errors, status) = run(words, b"");
        assert_eq!((&*out, status), ("", 2), "{words:?}: {errors}");
        assert!(
            errors.to_lowercase().contains(&text.to_lowercase()),
            "{words:?}: {errors}"
        );
    }
    // Pipes under a name: what `<(command)` of a shell is.
    for (words, input) in [
        (&["/dev/stdin"][..], &b"c0 00"[..]),
        (&["/dev/fd/0"], b"\xc0\x00"),
        (&["--encode", "/dev/stdin"], br#"{"type":"PINGREQ"}"#),
    ] {
        let (out, errors, status) = run(words, input);
        assert!(out == "PINGREQ\n" || out == "c000\n", "{words:?}: {errors}");
        assert_eq!(status, 0);
    }
    let fifo = path("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let writer = std::thread::spawn({
        let fifo = fifo.clone();
        move || std::fs::write(fifo, "c0 00").unwrap()
    });
    assert_eq!(run(&[&fifo], b"").0, "PINGREQ\n");
    writer.join().unwrap();
}

#[test]
fn what_an_input_is_instead_is_said() {
    let gzipped = |bytes: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    };
    let garbage = [0x5a, 0xff, 0x13, 0x00].repeat(500);
    let section = |order: &[u8]| [b"\x0a\x0d\x0d\x0a\xff\xff\xff\xff", order, &garbage].concat();
    for (words, input, text) in [
        (&[][..], gzipped(&garbage), "neither a pcap nor a pcapng file"),
        (
            &["--input", "pcap"],
            garbage.clone(),
            "neither a pcap nor a pcapng file",
        ),
        (&["--input", "pcap"], b"c0".to_vec(), "the file ends inside the header"),
        (
            &[],
            section(b"\x1a\x2b\x3c\x4d"),
            "the block at byte 0 has a length that cannot be",
        ),
        (
            &[],
            section(b"\x4d\x3c\x2b\x1a"),
            "the block at byte 0 has a length that cannot be",
        ),
        (&[], b"PK\x03\x04\x14\x00\x00\x00\x08\x00".to_vec(), "a zip archive"),
        (&[], b"\xfd7zXZ\x00\x00\x04\xe6\xd6".to_vec(), "xz"),
        (&[], b"\x28\xb5\x2f\xfd\x04\x58".to_vec(), "zstd"),
        (&[], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), "TLS"),
        (&[], b"GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), "HTTP"),
        (
            &[],
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x82\x02\xd0\x00".to_vec(),
            "HTTP",
        ),
    ] {
        let (out, errors, status) = run(words, &input);
        assert_eq!((&*out, status), ("", 2), "{words:?} {text}: {errors}");
        assert!(errors.contains(text), "{words:?}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
    // A PUBREC, and a TLS record whose form is forced.
    assert_eq!(run(&["-V", "311"], b"\x50\x02\x03\x04").2, 0);
    assert_eq!(run(&["--input", "raw"], b"\x16\x03\x01\x02\x00\x01").2, 1);
    // A name that promises a capture.
    let directory = tempfile::tempdir().unwrap();
    for name in ["x.pcap", "x.pcapng", "X.CAP"] {
        let path = directory.path().join(name);
        std::fs::write(&path, &garbage).unwrap();
        let path = path.to_str().unwrap();
        let (out, errors, status) = run(&[path], b"");
        assert_eq!((&*out, status), ("", 2), "{errors}");
        assert!(errors.contains("neither a pcap nor a pcapng file"), "{errors}");
        assert_eq!(run(&["--input", "raw", path], b"").2, 1);
    }
}

#[test]
fn a_damaged_capture_gives_status_1() {
    let bytes = std::fs::read(capture("base-v31.pcap")).unwrap();
    let (out, errors, status) = run(&[], &bytes[..bytes.len() - 5]);
    assert_eq!(status, 1, "{errors}");
    assert!(out.contains("CONNECT"), "{out}");
    assert!(
        errors.contains("the capture is damaged: the file ends inside the packet record"),
        "{errors}"
    );
    // Also when nothing of it is shown.
    assert_eq!(run(&["--type", "AUTH"], &bytes[..bytes.len() - 5]).2, 1);
    assert_eq!(run(&["--type", "AUTH"], &bytes).2, 0);
}

#[test]
fn a_key_log_is_read_within_bounds() {
    let base = capture("base-v31.pcap");
    let (out, errors, status) = run(&["--keylog", "/dev/zero", &base], b"");
    assert_eq!((&*out, status), ("", 2), "{errors}");
    assert!(errors.contains("is no key log: a line has more than"), "{errors}");
    // More connections than are kept; the last one counts.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.log");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let secret = "ab".repeat(48);
    for number in 0..65_536 + 2 {
        writeln!(file, "CLIENT_RANDOM {number:064x} {secret}").unwrap();
    }
    drop(file);
    let (out, errors, status) = run(&["--keylog", path.to_str().unwrap(), &base], b"");
    assert!(out.contains("CONNECT"), "{errors}");
    assert_eq!(status, 0);
    assert!(errors.contains("the first 2 connections"), "{errors}");
}

#[test]
fn a_missing_key_log_is_an_error() {
    let (_, errors, status) = run(&["--keylog", "/nosuch/keys", &capture("base-v31.pcap")], b"");
    assert_eq!(status, 2);
    assert!(errors.contains("cannot read the key log \"/nosuch/keys\""), "{errors}");
}

#[test]
fn ambiguity_is_told_on_stderr() {
    let (out, errors, _) = run(&["30 07 00 03 61 2f 62 00 6d"], b"");
    assert!(out.contains("a/b"), "{out}");
    assert!(errors.contains("MQTT 5 is assumed"), "{errors}");
    let (out, errors, _) = run(&["-V", "311", "--json", "30 07 00 03 61 2f 62 00 6d"], b"");
    assert_eq!(errors, "");
    assert_eq!(objects(&out)[0]["payload"], "\u{0}m");
    let (out, ..) = run(&["--json", "30 07 00 03 61 2f 62 00 6d"], b"");
    assert_eq!(objects(&out)[0]["version_assumed"], true);
}

#[test]
fn offsets_and_secrets_are_there_when_asked_for() {
    let base = capture("base-v31.pcap");
    let (out, ..) = run(&["--json", "--type", "CONNECT", &base], b"");
    let connect = &objects(&out)[0];
    assert_eq!(connect["password"], "********");
    assert!(connect["fields"].is_null());
    let (out, ..) = run(
        &["--json", "--offsets", "--show-secrets", "--type", "CONNECT", &base],
        b"",
    );
    let connect = &objects(&out)[0];
    assert_eq!(connect["password"], "pass");
    assert_eq!(connect["fields"][2]["name"], "protocol name");
    assert_eq!(connect["fields"][2]["offset"], 2);
}

#[test]
fn json_is_encoded_back_to_the_same_bytes() {
    let (json, ..) = run(&["--json", "--show-secrets", &capture("live-lo-v5.pcapng")], b"");
    let (hex, errors, status) = run(&["--encode"], json.as_bytes());
    assert_eq!(status, 0, "{errors}");
    assert_eq!(hex.lines().count(), json.lines().count());
    let output = mqkit()
        .args(["decode", "--encode=raw"])
        .write_stdin(json)
        .output()
        .unwrap();
    let digits: String = output.stdout.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digits, hex.replace('\n', ""));
    // The bytes of one packet by hand.
    let (hex, ..) = run(
        &["--encode", "-V", "311"],
        br#"{"type":"PUBLISH","topic":"a/b","payload":"hi"}"#,
    );
    assert_eq!(hex, "30070003612f626869\n");
    let (_, errors, status) = run(&["--encode"], br#"{"type":"PUBLISH","topic":"a/b","paylod":"x"}"#);
    assert_eq!(status, 2);
    assert!(errors.contains("line 1") && errors.contains("paylod"), "{errors}");
}

#[test]
fn the_ladder_and_the_numbers_are_of_whole_connections() {
    let base = capture("base-v31.pcap");
    let (out, ..) = run(&["--flow", &base], b"");
    assert!(
        out.contains("── CONNECT") && out.contains("end: the client disconnected"),
        "{out}"
    );
    let (out, ..) = run(&["--stats", "--json", &base], b"");
    let stats: Value = serde_json::from_str(&out).unwrap();
    assert!(stats.is_object(), "{out}");
    // No colours where there is no terminal.
    assert!(!out.contains('\u{1b}'));
}

#[test]
fn one_connection_under_two_addresses_is_shown_once_on_request() {
    // The same frames again from another address, as behind a network address translation.
    let bytes = std::fs::read(capture("base-v31.pcap")).unwrap();
    let (header, records) = bytes.split_at(24);
    let mut doubled = header.to_vec();
    let mut rest = records;
    while rest.len() >= 16 {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let (record, tail) = rest.split_at(16 + length);
        rest = tail;
        doubled.extend_from_slice(record);
        let mut other = record.to_vec();
        for at in 16 + 14..other.len().saturating_sub(4) {
            if other[at..at + 4] == [10, 0, 0, 1] && at < 16 + 34 {
                other[at + 3] = 9;
            }
        }
        doubled.extend_from_slice(&other);
    }
    let (out, ..) = run(&["--json"], &doubled);
    assert_eq!(out.lines().count(), 40);
    let (out, errors, _) = run(&["--json", "--collapse"], &doubled);
    assert_eq!(out.lines().count(), 20, "{errors}");
    assert!(errors.contains("1 connection(s) repeat another one"), "{errors}");
}
