//! Why a connection ended, in plain words, and what was left unanswered. It must not know the rules.

use super::Ending;
use super::dialogue::Dialogue;
use crate::protocol::{PacketType, ReasonCode, Sender};
use std::time::Duration;

/// The TCP connection was closed by `sender`. `successor` is a later connection of the same client identifier.
pub(super) fn closed(
    dialogue: &Dialogue,
    connection: Option<u32>,
    time: Option<Duration>,
    sender: Sender,
    reset: bool,
    successor: Option<u32>,
) -> Ending {
    let cause = said(dialogue).unwrap_or_else(|| unsaid(dialogue, time, sender, reset, successor));
    ending(dialogue, connection, time, cause)
}

/// The capture ended before the connection did.
pub(super) fn open(dialogue: &Dialogue, connection: Option<u32>) -> Ending {
    let time = dialogue.client.last.max(dialogue.server.last);
    let cause = said(dialogue).unwrap_or_else(|| "still open at the end of the capture".to_owned());
    ending(dialogue, connection, time, cause)
}

fn ending(dialogue: &Dialogue, connection: Option<u32>, time: Option<Duration>, cause: String) -> Ending {
    let mut unacknowledged = Vec::new();
    for (sender, end) in [(Sender::Client, &dialogue.client), (Sender::Server, &dialogue.server)] {
        for (id, request) in end.outstanding.iter() {
            unacknowledged.push((sender, request.stage.waiting(), id.get(), request.topic.clone()));
        }
    }
    for _ in 0..dialogue.client.outstanding.waiting_pings() {
        unacknowledged.push((Sender::Client, PacketType::Pingreq, 0, None));
    }
    Ending {
        connection,
        client_id: dialogue.client_id().cloned(),
        time,
        cause,
        unacknowledged,
    }
}

/// What a packet said about the end.
fn said(dialogue: &Dialogue) -> Option<String> {
    if let Some(reason) = dialogue.connack.filter(|reason| reason.is_failure()) {
        return Some(format!("the broker refused the connection: {}", reason.name()));
    }
    let name = |reason: ReasonCode| reason.name_in(PacketType::Disconnect);
    match (dialogue.server.left, dialogue.client.left) {
        (Some(reason), _) => Some(format!("the broker disconnected the client: {}", name(reason))),
        (None, Some(ReasonCode::SUCCESS)) => Some("the client disconnected".to_owned()),
        (None, Some(reason)) => Some(format!("the client disconnected: {}", name(reason))),
        (None, None) => None,
    }
}

fn unsaid(dialogue: &Dialogue, time: Option<Duration>, sender: Sender, reset: bool, successor: Option<u32>) -> String {
    let how = if reset { "reset" } else { "closed" };
    let will = dialogue.opening.as_ref().is_some_and(|opening| opening.will);
    if sender == Sender::Client {
        let will = if will { "; its will is published" } else { "" };
        return format!("the client {how} the connection without DISCONNECT{will}");
    }
    let keep_alive = Duration::from_secs(dialogue.opening.as_ref().map_or(0, |opening| opening.keep_alive).into());
    let silent = time
        .zip(dialogue.client.last)
        .map(|(now, last)| now.saturating_sub(last));
    let why = match (&dialogue.client.broke, successor, silent) {
        (Some((packet, message)), _, _) => format!(" after the client's {packet} broke a rule ({message})"),
        _ if dialogue.connack.is_none() && dialogue.opening.is_some() => " without answering CONNECT".to_owned(),
        (None, Some(other), _) => format!(": connection #{other} uses the same client identifier"),
        (None, None, Some(silent)) if !keep_alive.is_zero() && silent > keep_alive => format!(
            ": the client was silent for {:.1} s, with a keep alive of {} s",
            silent.as_secs_f64(),
            keep_alive.as_secs()
        ),
        _ => " without saying why".to_owned(),
    };
    format!("the broker {how} the connection{why}")
}
