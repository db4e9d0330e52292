//! mqkit against real brokers and other clients: what is promised must hold with peers that share none of our code.
//!
//! A broker that is not installed is reported on stderr and left out; with `MQKIT_REQUIRE_BROKERS=1` that is a failure.

mod bench;
mod brokers;
mod cut;
mod dropin;
mod flood;
mod formats;
mod if_changed;
mod json_lines;
mod matrix;
mod mosquitto_clients;
mod process;
mod restart;
mod stored;
