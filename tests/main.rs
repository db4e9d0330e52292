//! The integration tests, in one binary: every file under `tests/` is declared here (`architecture.rs` checks it).

mod analysis;
mod architecture;
mod bench_html;
mod bench_report;
mod bench_run;
mod bench_verdict;
mod broker;
mod capture_files;
mod capture_tls;
mod capture_websocket;
mod captures;
mod cli;
mod decode;
mod decode_text;
mod encode;
mod examples;
mod flags;
mod fuzz;
mod generated;
mod interop;
mod json_lines;
mod output;
mod protocol;
mod session;
mod session_acknowledgements;
mod streams;
#[allow(dead_code, reason = "shared with the tests inside the library")]
mod support;
mod vectors;
