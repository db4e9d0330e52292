//! mqkit: MQTT tools for the command line.
//!
//! # The map
//!
//! ```text
//! main --> commands --> cli      --> client::Options (plain data)
//!   |          |------> input    --> json --> protocol
//!   v          |------> output   --> analysis, json --> protocol
//!  exit        |------> capture  --> protocol
//!              |------> analysis --> protocol
//!              |------> bench    --> client, session --> protocol
//!              |------> client   --> net, session --> protocol
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
//! - [`mod@bench`]: load on a broker, and what was measured: a plan in, a report out.
//! - [`base64`]: one encoding that both need. [`nearest`]: the name that was meant.
//! - [`json`]: packets as JSON, both ways by one description.
//! - [`capture`]: pcap and pcapng -> IP -> TCP -> TLS, WebSocket -> frames.
//! - [`analysis`]: what the packets of a session mean together: versions, aliases, acknowledgements, violations.
//! - [`input`], [`output`]: payloads, texts of bytes and JSON in; JSON lines, formats, explained packets out.
//! - [`cli`], [`commands`]: flags to plain data, and one file for each subcommand. `commands/conversation` is the one loop
//!   of those that talk to a broker: signals, limits, losses, refusals, the end.
//! - [`exit`]: the table of exit statuses.
//!
//! # The two ways of a PUBLISH
//!
//! Out: `commands/publish` (in `commands/conversation`) -> `input/messages` -> `client` -> `session` (identifier, window, kept
//! until acknowledged) -> `protocol/packet/publish` -> `net/pipe` -> wire.
//!
//! In: wire -> `net/pipe` -> `client` -> `protocol/frame` (slices, no copies) -> `session/delivery` (duplicate? quota?) ->
//! `commands/subscribe` -> `output/message` -> acknowledged after the line was written.
//!
//! `commands/request` goes both ways: it subscribes, publishes once that is confirmed, and takes what answers it.
//!
//! # The way of a capture
//!
//! `commands/decode/source` (which form?) -> `capture/file` (records) -> `capture/network` (TCP segments) -> `capture/tcp`
//! (byte streams) -> `capture/stream` (PROXY, TLS, WebSocket, MQTT) -> `analysis` -> `commands/decode/view` ->
//! `output/packet`, `output/flow`, `output/stats`. Hex text comes through `input/text`.
//!
//! # Where to add
//!
//! A shape of hex text: the table in `input/text.rs`. A link layer: `capture/network/link.rs`. A rule of a session:
//! `analysis/rules.rs` and where it is checked, `analysis/dialogue.rs`.
//! A flag: `cli/connection.rs` when every command has it, else the command's `Args`; an `Option`, a `Vec` or a `bool`, of a
//! type that reads its own text (`FromStr`, with a word in `flag_values!`: `cli/values.rs`). What is worth a word when it
//! goes wrong: `exit/hint.rs`. A command that talks to a broker: a `Task` of `commands/conversation.rs`. An output format:
//! `output/message.rs`, `output/packet/`.
//!
//! - A packet's field: its packet's file in `protocol/packet/`, under a row of `protocol/field.rs` (name, key, secret or not);
//!   as a member of the packet's JSON object, both ways, a row of `json/packet.rs`.
//! - A property: its row in `protocol/property.rs`. A reason code: its row in `protocol/reason.rs`.
//! - A fault of the standard: its row in `protocol/error.rs`, and the check in its packet's file.
//! - A count of `bench`: its row in `bench/count.rs`, and who counts it. A bench option: its flag with its default and name in
//!   `commands/bench/load.rs`, its field and row in `bench/load.rs`.

pub mod analysis;
pub mod base64;
pub mod bench;
pub mod broker;
pub mod capture;
pub mod cli;
pub mod client;
pub mod commands;
pub mod exit;
pub mod input;
pub mod json;
pub mod nearest;
pub mod net;
pub mod output;
pub mod protocol;
pub mod session;
