//! mqkit: MQTT tools for the command line.
//!
//! # The map
//!
//! ```text
//! main --> commands --> cli      --> client::Options (plain data)
//!   |          |------> input    --> protocol
//!   v          |------> output   --> protocol
//!  exit        |------> client   --> net, session --> protocol
//!              `------> broker   --> session, and net in serve.rs only
//! ```
//!
//! Arrows point down; `tests/architecture.rs` holds the rules as data and proves them.
//!
//! - [`protocol`]: bytes to values and back. Facts of the standard stand in tables: properties, reason codes, topics.
//! - [`session`]: what client and server say to each other, without IO: given bytes and the time.
//! - [`net`]: byte streams: URLs, TCP, TLS. It knows no MQTT.
//! - [`client`]: a session on a byte stream, with the clock and reconnecting. `Client::next` is the only place where a
//!   session meets a socket.
//! - [`broker`]: the embedded broker, without IO but for `broker/serve.rs`.
//! - [`base64`]: one encoding that both need.
//! - [`input`], [`output`]: payloads and hex text in; JSON lines, formats and annotated packets out.
//! - [`cli`], [`commands`]: flags to plain data, and one file for each subcommand.
//! - [`exit`]: the table of exit statuses.
//!
//! # The two ways of a PUBLISH
//!
//! Out: `commands/publish` -> `input/messages` -> `client` -> `session` (identifier, window, kept until acknowledged) ->
//! `protocol/packet/publish` -> wire.
//!
//! In: wire -> `client` -> `protocol/frame` (slices, no copies) -> `session/delivery` (duplicate? quota?) ->
//! `commands/subscribe` -> `output/message` -> acknowledged after the line was written.
//!
//! `commands/request` goes both ways: it subscribes, publishes once that is confirmed, and takes what answers it.
//!
//! # Where to add
//!
//! A flag: `cli/connection.rs` when every command has it, else the command's `Args`. A packet's field:
//! `protocol/packet/`. A property or reason code: its table. An output format: `output/message.rs`.

pub mod analysis;
pub mod base64;
pub mod broker;
pub mod capture;
pub mod cli;
pub mod client;
pub mod commands;
pub mod exit;
pub mod input;
pub mod net;
pub mod output;
pub mod protocol;
pub mod session;
