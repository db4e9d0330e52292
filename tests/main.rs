//! The integration tests, in one binary: every file under `tests/` is declared here (`architecture.rs` checks it).

mod broker;
mod session;
mod vectors;
