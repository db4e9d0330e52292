//! The integration tests, in one binary: every file under `tests/` is declared here (`architecture.rs` checks it).

mod analysis;
mod architecture;
mod broker;
mod capture_files;
mod capture_tls;
mod capture_websocket;
mod cli;
mod decode;
mod encode;
mod decode_text;
mod generated;
mod interop;
mod output;
mod protocol;
mod session;
#[allow(dead_code, reason = "shared with the tests inside the library")]
mod support;
mod vectors;
