//! The layer rules of the project, as data, proved on every source file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A set of files and what they may use.
struct Layer {
    name: &'static str,
    /// Paths below `src`, without `.rs`; a directory stands for everything in it. The longest match counts.
    files: &'static [&'static str],
    /// Modules of this crate, as they stand behind `crate::`.
    crates: &'static [&'static str],
    external: &'static [&'static str],
    /// Words that must not be there.
    forbidden: &'static [&'static str],
}

const PURE: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "async ",
];

const LAYERS: &[Layer] = &[
    Layer {
        name: "protocol",
        files: &["protocol"],
        crates: &["protocol"],
        external: &["bytes", "memchr", "thiserror"],
        forbidden: &[
            "std::io",
            "std::net",
            "std::fs",
            "std::env",
            "std::time",
            "std::process",
            "async ",
            "tokio",
            "clap",
            "serde",
            "tracing",
        ],
    },
    Layer {
        name: "session",
        files: &["session"],
        crates: &["protocol", "session"],
        external: &["bytes", "thiserror"],
        forbidden: PURE,
    },
    Layer {
        name: "broker",
        files: &["broker"],
        crates: &["protocol", "session", "broker"],
        external: &["bytes", "thiserror"],
        forbidden: PURE,
    },
    Layer {
        name: "net",
        files: &["net"],
        crates: &["net", "base64"],
        external: &[
            "bytes",
            "memchr",
            "pkcs8",
            "ring",
            "tokio",
            "rustls",
            "tokio_rustls",
            "rustls_native_certs",
            "thiserror",
        ],
        forbidden: &["clap", "println"],
    },
    Layer {
        name: "client",
        files: &["client"],
        crates: &["client", "net", "session", "protocol"],
        external: &["tokio", "fastrand", "bytes", "thiserror"],
        forbidden: &["clap", "stdout", "std::env"],
    },
    Layer {
        name: "broker/serve",
        files: &["broker/serve"],
        crates: &["broker", "net", "session", "protocol"],
        external: &["tokio", "fastrand", "bytes", "thiserror"],
        forbidden: &["clap", "stdout", "std::env"],
    },
    Layer {
        name: "base64",
        files: &["base64"],
        crates: &[],
        external: &["base64"],
        forbidden: PURE,
    },
    Layer {
        name: "nearest",
        files: &["nearest"],
        crates: &[],
        external: &["strsim"],
        forbidden: PURE,
    },
    Layer {
        name: "bench",
        files: &["bench"],
        crates: &["base64", "bench", "client", "nearest", "net", "protocol", "session"],
        external: &[
            "bytes",
            "fastrand",
            "flate2",
            "hdrhistogram",
            "rustix",
            "serde",
            "thiserror",
            "tokio",
        ],
        forbidden: &["clap", "stdout", "std::env"],
    },
    Layer {
        name: "analysis",
        files: &["analysis"],
        crates: &["analysis", "protocol"],
        external: &["bytes", "thiserror"],
        // Addresses are data; sockets are not.
        forbidden: &[
            "Instant::now",
            "SystemTime",
            "TcpStream",
            "std::fs",
            "std::env",
            "std::process",
            "async ",
        ],
    },
    Layer {
        name: "json",
        files: &["json"],
        crates: &["base64", "json", "protocol"],
        external: &["bytes", "itoa", "serde_json", "thiserror"],
        forbidden: PURE,
    },
    Layer {
        name: "input",
        files: &["input"],
        crates: &["input", "protocol", "base64"],
        external: &["bytes", "memchr", "thiserror"],
        forbidden: &["clap", "client"],
    },
    Layer {
        name: "input/packets",
        files: &["input/packets"],
        crates: &["input", "json", "protocol"],
        external: &["bytes", "jiff", "thiserror"],
        forbidden: &["clap", "client::"],
    },
    Layer {
        name: "input/messages",
        files: &["input/messages"],
        crates: &["input", "protocol"],
        external: &["bytes", "memchr", "thiserror", "tokio"],
        forbidden: &["clap", "client", "tokio::net", "tokio::spawn"],
    },
    Layer {
        name: "capture",
        files: &["capture"],
        crates: &["capture", "protocol"],
        external: &["bytes", "memchr", "etherparse", "flate2", "ring", "thiserror"],
        forbidden: &["tokio", "clap", "std::fs", "std::env", "async "],
    },
    Layer {
        name: "output",
        files: &["output"],
        crates: &["analysis", "bench", "json", "output", "protocol"],
        external: &["bytes", "memchr", "thiserror", "serde", "serde_json", "jiff"],
        forbidden: &["tokio", "clap", "client::"],
    },
    Layer {
        name: "cli",
        files: &["cli"],
        crates: &["cli", "client", "input", "nearest", "session", "net", "protocol"],
        external: &[
            "clap",
            "humantime",
            "fastrand",
            "bytes",
            "anyhow",
            "serde",
            "thiserror",
            "toml",
        ],
        forbidden: &["commands::", "TcpStream", "async "],
    },
    Layer {
        name: "commands",
        files: &["commands"],
        crates: &[
            "analysis", "bench", "capture", "commands", "cli", "client", "broker", "session", "net", "protocol",
            "input", "output", "exit", "base64",
        ],
        external: &[
            "clap",
            "clap_complete",
            "tokio",
            "anyhow",
            "bytes",
            "jiff",
            "fastrand",
            "indicatif",
            "rustix",
            "serde",
            "serde_json",
            "thiserror",
        ],
        forbidden: &["process::exit", "ExitCode"],
    },
    Layer {
        name: "exit",
        files: &["exit"],
        crates: &["bench", "cli", "client", "session", "net", "protocol"],
        external: &["anyhow", "thiserror"],
        forbidden: &["tokio", "clap", "async "],
    },
    Layer {
        name: "main and lib",
        files: &["main", "lib"],
        crates: &[],
        external: &["mqkit"],
        forbidden: &["protocol::", "session::"],
    },
];

/// What every file may use.
const EVERYWHERE: &[&str] = &["std", "core", "crate", "super", "self", "Self"];
const NOWHERE: &[&str] = &["todo!", "unimplemented!", "dbg!", "FIXME", "XXX"];
/// Crates whose names are looked for.
const CRATES: &[&str] = &[
    "anyhow",
    "bytes",
    "clap",
    "clap_complete",
    "clap_mangen",
    "etherparse",
    "fastrand",
    "flate2",
    "hdrhistogram",
    "humantime",
    "indicatif",
    "jiff",
    "memchr",
    "mqkit",
    "pkcs8",
    "rustix",
    "rustls",
    "rustls_native_certs",
    "serde",
    "serde_json",
    "strsim",
    "thiserror",
    "tokio",
    "tokio_rustls",
    "toml",
    "rcgen",
    "proptest",
    "ring",
    "tempfile",
];

/// Files that use each other in a circle and are still to be taken apart. There shall be no new ones.
const CYCLES: &[&[&str]] = &[
    &["net/ciphers", "net/pem", "net/tls"],
    &["net/error", "net/http", "net/proxy", "net/websocket"],
    &["net/explain", "net/trust"],
    &[
        "protocol/error",
        "protocol/field",
        "protocol/frame",
        "protocol/packet",
        "protocol/property",
        "protocol/property/list",
        "protocol/reason",
        "protocol/wire",
    ],
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn layer(module: &str) -> Option<&'static Layer> {
    let length = |file: &str| (module == file || module.starts_with(&format!("{file}/"))).then_some(file.len());
    LAYERS
        .iter()
        .filter_map(|layer| Some((layer.files.iter().filter_map(|file| length(file)).max()?, layer)))
        .max_by_key(|(length, _)| *length)
        .map(|(_, layer)| layer)
}

/// Code without comments and without the tests at a file's bottom.
fn code(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<_> = text.lines().collect();
    // A declaration of a file of tests may stand before other code.
    let is_block = |at: usize| {
        lines
            .get(at + 1)
            .is_some_and(|line| line.contains("mod ") && line.ends_with('{'))
    };
    let tests = (0..lines.len()).find(|at| lines[*at].starts_with("#[cfg(test)]") && is_block(*at));
    lines[..tests.unwrap_or(lines.len())]
        .iter()
        .enumerate()
        .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default().to_owned()))
        .collect()
}

/// Identifiers before `::`, with the one after it.
fn paths(line: &str) -> Vec<(String, String)> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in line.match_indices("::") {
        let before: String = line[..at].chars().rev().take_while(|c| is_name(*c)).collect();
        let start = at - before.len();
        // Only the head of a path counts.
        if line[..start].ends_with("::") || before.is_empty() {
            continue;
        }
        let after: String = line[at + 2..].chars().take_while(|c| is_name(*c)).collect();
        found.push((before.chars().rev().collect(), after));
    }
    found
}

#[test]
fn arrows_point_down() {
    let source = root().join("src");
    let mut faults = Vec::new();
    for path in rust_files(&source) {
        let module = path
            .strip_prefix(&source)
            .unwrap()
            .with_extension("")
            .to_string_lossy()
            .replace('\\', "/");
        let Some(layer) = layer(&module) else {
            faults.push(format!("src/{module}.rs: belongs to no layer"));
            continue;
        };
        let text = fs::read_to_string(&path).unwrap();
        if !text.starts_with("//! ") {
            faults.push(format!("src/{module}.rs:1: does not say what it is"));
        }
        for (number, line) in code(&text) {
            let place = format!("src/{module}.rs:{number}: {}", layer.name);
            for word in layer.forbidden.iter().chain(NOWHERE) {
                if line.contains(word) {
                    faults.push(format!("{place} must not contain `{}`", word.trim()));
                }
            }
            for (head, next) in paths(&line) {
                if head == "crate" && !layer.crates.contains(&next.as_str()) {
                    faults.push(format!("{place} must not use crate::{next}"));
                }
                let known = CRATES.contains(&head.as_str()) && !EVERYWHERE.contains(&head.as_str());
                if known && !layer.external.contains(&head.as_str()) && !layer.crates.contains(&head.as_str()) {
                    faults.push(format!("{place} must not use the crate {head}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What one `use` brings into a file.
#[derive(Debug, PartialEq, Eq)]
struct Import {
    path: Vec<String>,
    name: String,
}

/// All that the `use` declarations of a file bring into it.
fn imports(text: &str) -> Vec<Import> {
    let code: Vec<_> = code(text).into_iter().map(|(_, line)| line).collect();
    let code = code.join(" ");
    let mut found = Vec::new();
    for statement in code.split(';') {
        let words: Vec<_> = statement.split_whitespace().collect();
        let Some(at) = words.iter().rposition(|word| *word == "use") else {
            continue;
        };
        branches("", &words[at + 1..].join(" "), &mut found);
    }
    found
}

/// Takes `a::{b, c::{d}}` apart; `before` is what stands before it.
fn branches(before: &str, tree: &str, found: &mut Vec<Import>) {
    if let Some((start, rest)) = tree.split_once('{') {
        let rest = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
        let mut depth = 0;
        let parts = rest.split(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && depth == 0
        });
        for part in parts.map(str::trim).filter(|part| !part.is_empty()) {
            branches(&format!("{before}{start}"), part, found);
        }
        return;
    }
    let whole = format!("{before}{tree}");
    let (path, alias) = whole.split_once(" as ").unwrap_or((&whole, ""));
    let mut path: Vec<_> = path.split("::").map(|part| part.trim().to_owned()).collect();
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = if alias.is_empty() {
        path[path.len() - 1].clone()
    } else {
        alias.to_owned()
    };
    found.push(Import { path, name });
}

/// The files of the crate by their paths below `src`, without `.rs`, with what they import.
type Modules = BTreeMap<String, Vec<Import>>;

/// The file of this crate in which what is imported stands, when it is one: names that a file only passes on are followed.
fn target(module: &str, path: &[String], files: &Modules, seen: &mut BTreeSet<String>) -> Option<String> {
    let own: Vec<_> = module.split('/').filter(|part| *part != "lib").collect();
    let has = |at: &[&str], child: &str| files.contains_key(&[at, &[child]].concat().join("/"));
    let supers = path.iter().take_while(|part| *part == "super").count();
    let (mut at, mut rest) = match path.first()?.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "self" => (own, &path[1..]),
        "super" => (own[..own.len() - supers].to_vec(), &path[supers..]),
        head if has(&own, head) => (own, path),
        _ => return None,
    };
    while let [next, after @ ..] = rest {
        if !has(&at, next) {
            break;
        }
        at.push(next);
        rest = after;
    }
    let file = at.join("/");
    let passed_on = rest.first().and_then(|name| {
        let import = files.get(&file)?.iter().find(|import| import.name == *name)?;
        let further = [&import.path, &rest[1..]].concat();
        seen.insert(format!("{file}::{name}"))
            .then(|| target(&file, &further, files, seen))?
    });
    passed_on.or_else(|| files.contains_key(&file).then_some(file))
}

/// The circles of files that use each other. A module and those below it are one thing here, seen from one another.
fn cycles(files: &Modules) -> Vec<Vec<&str>> {
    let below = |file: &str, module: &str| file.strip_prefix(module).is_some_and(|rest| rest.starts_with('/'));
    let uses: BTreeMap<&str, BTreeSet<&str>> = files
        .iter()
        .map(|(file, imports)| {
            let used = imports
                .iter()
                .filter_map(|import| target(file, &import.path, files, &mut BTreeSet::new()))
                .filter(|used| used != file && !below(used, file) && !below(file, used))
                .filter_map(|used| files.get_key_value(&used))
                .map(|(used, _)| used.as_str());
            (file.as_str(), used.collect())
        })
        .collect();
    let mut reached = BTreeMap::new();
    for file in uses.keys() {
        let (mut others, mut open) = (BTreeSet::new(), vec![*file]);
        while let Some(file) = open.pop() {
            open.extend(uses[file].iter().filter(|used| others.insert(**used)));
        }
        reached.insert(*file, others);
    }
    let circles: BTreeSet<Vec<_>> = reached
        .iter()
        .filter(|(file, others)| others.contains(*file))
        .map(|(file, others)| {
            others
                .iter()
                .copied()
                .filter(|other| reached[other].contains(file))
                .collect()
        })
        .collect();
    circles.into_iter().collect()
}

/// Rust 1.85 refuses it (E0716), and no lint of a newer compiler says so.
#[test]
fn nothing_of_format_args_is_kept() {
    for path in rust_files(&root().join("src")) {
        for (index, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let kept = line.trim_start().starts_with("let ") && line.contains("= format_args!(");
            assert!(!kept, "{}:{}: {line}", path.display(), index + 1);
        }
    }
}

#[test]
fn files_use_each_other_in_one_direction() {
    let source = root().join("src");
    let module = |path: &Path| {
        let module = path.strip_prefix(&source).unwrap().with_extension("");
        module.to_string_lossy().replace('\\', "/")
    };
    let files = rust_files(&source)
        .iter()
        .map(|path| (module(path), imports(&fs::read_to_string(path).unwrap())))
        .collect();
    let found = cycles(&files);
    let new: Vec<_> = found
        .iter()
        .filter(|cycle| !CYCLES.contains(&cycle.as_slice()))
        .collect();
    let gone: Vec<_> = CYCLES.iter().filter(|cycle| !found.contains(&cycle.to_vec())).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "files that use each other: {new:#?}\nlisted, but not found: {gone:#?}"
    );
}

#[test]
fn cycles_between_files_are_found() {
    let files = |texts: &[(&str, &str)]| -> Modules {
        let entries = texts.iter().map(|(name, text)| ((*name).to_owned(), imports(text)));
        entries.collect()
    };
    let parent = ("a", "mod b;\nmod c;\npub use b::B;\nuse self::c::{C as D, self};\n");
    for (b, c, circle) in [
        ("use super::c::{self, C};", "use crate::{a::b::{B, X}, e};", true),
        ("use super::{\n    D, // nested\n};", "use super::B as Other;", true),
        ("use super::c;", "use std::b; use super::E;", false),
        (
            "use super::c;",
            "// use super::b;\n#[cfg(test)]\nmod tests {\n    use super::super::b;\n}\n",
            false,
        ),
        (
            "#[cfg(test)]\nmod tests;\npub(super) use super::c::C;",
            "fn f() { use super::b; }",
            true,
        ),
    ] {
        let files = files(&[
            parent,
            ("a/b", b),
            ("a/c", c),
            ("a/b/tests", "use super::*;\nuse crate::a::b;"),
        ]);
        let expected: &[Vec<&str>] = if circle { &[vec!["a/b", "a/c"]] } else { &[] };
        assert_eq!(cycles(&files), expected, "{b} | {c}");
    }
}

/// Layers whose texts are for whoever knows the command line to complete: they give hints as values.
const KNOW_NO_FLAGS: &[&str] = &["net", "client", "session", "protocol", "broker"];

#[test]
fn lower_layers_name_no_flags() {
    let source = root().join("src");
    let mut faults = Vec::new();
    for path in rust_files(&source) {
        let module = path.strip_prefix(&source).unwrap().with_extension("");
        let layer = KNOW_NO_FLAGS.iter().any(|layer| module.starts_with(layer));
        if !layer || module.ends_with("tests") {
            continue;
        }
        for (number, text) in texts(&fs::read_to_string(&path).unwrap()) {
            if let Some(flag) = flag(&text) {
                faults.push(format!("{}:{number}: a text names the flag {flag}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The texts of a file's code, each with the number of its line; one that goes over several lines is taken apart.
fn texts(file: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open = false;
    let lines = file.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
    for (index, line) in lines.enumerate() {
        if !open && line.trim_start().starts_with("//") {
            continue;
        }
        // `\"` does not end a text, and `'"'` does not begin one.
        let line = line.replace("\\\\", "").replace("\\\"", "").replace("'\"'", "");
        for part in line.split_inclusive('"') {
            let ends = part.ends_with('"');
            let text = part.trim_end_matches('"');
            if open && !text.is_empty() {
                found.push((index + 1, text.to_owned()));
            }
            open ^= ends;
        }
    }
    found
}

/// The first word of a text that looks like a flag: `--name` or `-x`.
fn flag(text: &str) -> Option<&str> {
    let words = text.split(|c: char| c.is_whitespace() || "()`'[]=,;:.".contains(c));
    words.into_iter().find(|word| {
        let long = word
            .strip_prefix("--")
            .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
        let short = word
            .strip_prefix('-')
            .is_some_and(|name| name.len() == 1 && name.starts_with(|c: char| c.is_ascii_alphabetic()));
        long || short
    })
}

#[test]
fn flags_in_texts_are_found() {
    let file = concat!(
        "//! Not \"--here\".\n",
        "let a = \"try --proxy=none\";\n",
        "    // nor \"-h\"\n",
        "let b = '\"'; let c = \"with \\\"-V 311\\\" \\\n",
        "    and (-p)\"; -x; \"a-b - --- d-e\"\n",
        "#[cfg(test)]\n",
        "\"--nor-here\"\n",
    );
    let found: Vec<_> = texts(file)
        .iter()
        .map(|(line, text)| (*line, flag(text).map(str::to_owned)))
        .collect();
    let named = |flag: &str| Some(flag.to_owned());
    assert_eq!(
        found,
        [(2, named("--proxy")), (4, named("-V")), (5, named("-p")), (5, None)]
    );
}

#[test]
fn one_file_names_the_crypto_provider() {
    let source = root().join("src");
    let naming: Vec<_> = rust_files(&source)
        .into_iter()
        .filter(|path| !path.ends_with("tests.rs"))
        .filter(|path| {
            code(&fs::read_to_string(path).unwrap())
                .iter()
                .any(|(_, line)| line.contains("crypto::"))
        })
        .map(|path| path.strip_prefix(&source).unwrap().to_owned())
        .collect();
    assert_eq!(naming, [Path::new("net/tls.rs")]);
}

#[test]
fn every_test_file_is_declared() {
    let tests = root().join("tests");
    let mut declared = BTreeSet::from([tests.join("main.rs")]);
    // Benches and fuzz targets have a program of their own, which a manifest names.
    for (manifest, folder) in [
        (root().join("Cargo.toml"), root()),
        (tests.join("fuzz/Cargo.toml"), &tests.join("fuzz")),
    ] {
        let text = fs::read_to_string(manifest).unwrap();
        let named = text
            .lines()
            .filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'));
        declared.extend(named.map(|path| folder.join(path)));
    }
    let mut open = vec![(tests.join("main.rs"), tests.clone())];
    while let Some((file, directory)) = open.pop() {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines() {
            let Some(name) = line.trim().trim_start_matches("pub(crate) ").strip_prefix("mod ") else {
                continue;
            };
            let Some(name) = name.strip_suffix(';') else { continue };
            let path = directory.join(format!("{name}.rs"));
            if path.exists() && declared.insert(path.clone()) {
                open.push((path, directory.join(name)));
            }
        }
    }
    let files: BTreeSet<_> = rust_files(&tests).into_iter().collect();
    let forgotten: Vec<_> = files.difference(&declared).collect();
    assert!(forgotten.is_empty(), "nothing declares {forgotten:?}");
}

#[test]
fn the_rules_are_not_empty_words() {
    assert_eq!(
        layer("protocol/packet/connect").map(|layer| layer.name),
        Some("protocol")
    );
    assert_eq!(layer("broker/serve").map(|layer| layer.name), Some("broker/serve"));
    assert_eq!(layer("input/messages").map(|layer| layer.name), Some("input/messages"));
    assert!(layer("somewhere").is_none());
    assert_eq!(
        paths("use crate::net::Stream; a::b::c"),
        [("crate".to_owned(), "net".to_owned()), ("a".to_owned(), "b".to_owned())]
    );
}
