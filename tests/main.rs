//! The integration tests, in one binary: every file under `tests/` is declared here (`architecture.rs` checks it).

mod architecture;
mod broker;
mod capture_files;
mod capture_tls;
mod capture_websocket;
mod captures;
mod cli;
mod decode;
mod generated;
mod interop;
mod protocol;
mod session;
mod streams;
#[allow(dead_code, reason = "shared with the tests inside the library")]
mod support;
mod vectors;
