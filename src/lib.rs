//! mqkit: MQTT tools for the command line.
pub mod cli;
pub mod client;
pub mod commands;
pub mod exit;
pub mod input;
pub mod net;
pub mod output;
pub mod protocol;
pub mod session;
