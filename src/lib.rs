//! mqkit: MQTT tools for the command line.
pub mod client;
pub mod net;
pub mod protocol;
pub mod session;
