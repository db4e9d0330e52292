//! The corpus of the fuzz targets, replayed: `cargo +nightly fuzz run --fuzz-dir tests/fuzz TARGET` makes it grow.

mod bodies;

use std::path::Path;

fn replay(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/corpus")
        .join(target);
    let files: Vec<_> = std::fs::read_dir(&corpus)
        .unwrap_or_else(|error| panic!("{}: {error}", corpus.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!files.is_empty(), "{}: no corpus", corpus.display());
    for file in files {
        body(&std::fs::read(&file).unwrap());
    }
}

macro_rules! targets {
    ($($target:ident)*) => { $(
        #[test]
        fn $target() {
            replay(stringify!($target), bodies::$target);
        }
    )* };
}

targets! { hex packets pcap pcapng segments websocket tls encode }
