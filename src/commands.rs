//! The subcommands (a stand-in until the real file is merged).

pub mod broker;
