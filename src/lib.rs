//! mqkit: MQTT tools for the command line.
pub mod broker;
pub mod commands;
pub mod exit;
pub mod net;
pub mod protocol;
pub mod session;
