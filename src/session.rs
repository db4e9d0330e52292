//! Sessions without IO: what a client and a server say to each other, given bytes and the time. It must not know
//! sockets, the clock, randomness or the command line.
//!
//! A session has four families of methods. *Inputs*: bytes are appended to [`Client::input`], time and ends arrive by
//! `handle_*`. *Commands* of the application (`publish`, `subscribe`, `acknowledge`, …) change the state and fill the
//! output buffer. *Outputs* are drained afterwards: `poll_event` gives what happened, `output` the bytes to write,
//! `poll_timeout` when to come again. *Getters* change nothing. One mutation, then drain.
//!
//! [`Client`] and [`server::Server`] are the two halves; [`Delivery`] is what both remember of messages on their way,
//! and outlives a connection.

mod acknowledgement;
mod alias;
pub mod client;
pub mod delivery;
pub mod error;
mod link;
mod options;
pub mod server;
mod timers;

pub use client::{Client, Event};
pub use delivery::{AckHandle, Delivery};
pub use error::Error;
pub use options::Options;
