//! A broker that follows a policy and keeps a record of when what happened, to hold measurements against. It must not know
//! what is measured.
//!
//! It reads and writes packets with our protocol module, which other tests prove; everything else is its own. A thread reads
//! each connection, and one thread does the rest, so that all it does has an order and a time.

use bytes::{Bytes, BytesMut};
use mqkit::protocol::{
    Ack, Connack, Packet, PacketId, Properties, Publish, QoS, ReasonCode, Sender, Suback, Unsuback, Utf8, Version,
    frame, topic,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What the broker does beside its duty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    /// From CONNECT to CONNACK.
    pub(crate) connack_delay: Duration,
    /// From SUBSCRIBE to SUBACK.
    pub(crate) suback_delay: Duration,
    /// From PUBLISH to PUBACK, or to PUBREC.
    pub(crate) ack_delay: Duration,
    /// From PUBREL to PUBCOMP.
    pub(crate) pubcomp_delay: Duration,
    /// From PUBLISH to its delivery.
    pub(crate) delivery_delay: Duration,
    /// So long after the first PUBLISH nothing is read or written for so long.
    pub(crate) freeze: Option<(Duration, Duration)>,
    /// What goes wrong: with the n-th message, from 0, of this topic. What is sent again (DUP) is not counted.
    pub(crate) faults: Vec<(String, u64, Fault)>,
    /// PUBLISH is neither answered nor delivered.
    pub(crate) silent: bool,
    /// Connections stay open after DISCONNECT, and when the client has closed its half.
    pub(crate) keeps_connections: bool,
    /// After so many clients CONNACK refuses, with this reason.
    pub(crate) refuses_clients: Option<(u32, ReasonCode)>,
    /// Every subscription is refused.
    pub(crate) refuses_subscriptions: bool,
    /// What `$SYS/broker/version` says; without it all of `$SYS` is refused.
    pub(crate) version: Option<&'static str>,
}

/// What may go wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Acknowledged, and not delivered.
    Lose,
    /// Delivered twice.
    Repeat,
    /// Delivered behind the next message of its topic.
    Swap,
    /// Acknowledged with this reason, and not delivered.
    Refuse(ReasonCode),
    /// The publisher's connection is closed before the message is looked at.
    HangUp,
    /// The publisher's connection is closed when the message is delivered, and before it is acknowledged.
    HangUpUnanswered,
    /// The connections of the subscribers are closed; they find the message in their sessions, if they have any.
    HangUpSubscribers,
    /// Subscribers get this message of somebody else before it.
    Foreign(&'static [u8]),
}

/// A message as it went through the broker.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) payload: Bytes,
    /// When its bytes were read.
    pub(crate) arrived: Instant,
    /// When it was looked at: later, when the broker was frozen.
    pub(crate) handled: Instant,
    /// When PUBACK, or PUBCOMP, was written.
    pub(crate) acknowledged: Option<Instant>,
    /// When it was written to subscribers.
    pub(crate) delivered: Vec<Instant>,
}

/// What has happened.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Messages in the order in which they came; those sent again too, when they were not known.
    pub(crate) messages: Vec<Message>,
    /// CONNECTs.
    pub(crate) connections: u32,
    /// The client identifiers, as they came.
    pub(crate) clients: BTreeSet<String>,
    /// SUBSCRIBEs, `$SYS` not counted: client, filter, QoS.
    pub(crate) subscriptions: Vec<(String, String, u8)>,
}

/// The running broker.
pub(crate) struct Scripted {
    pub(crate) port: u16,
    input: SyncSender<Input>,
    core: Option<JoinHandle<Record>>,
}

impl Scripted {
    pub(crate) fn new(policy: Policy) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        // Without room of its own: what is not handled stays with the system, as with a broker that stands still.
        let (input, output) = sync_channel(0);
        let accepted = input.clone();
        thread::spawn(move || {
            for (number, stream) in (0..).zip(listener.incoming()) {
                let Ok(stream) = stream else { break };
                stream.set_nodelay(true).unwrap();
                let reading = stream.try_clone().unwrap();
                if accepted.send(Input::Open(number, stream)).is_err() {
                    break;
                }
                let input = accepted.clone();
                thread::spawn(move || read(number, reading, &input));
            }
        });
        let core = thread::spawn(move || Core::new(policy).run(&output));
        Self {
            port,
            input,
            core: Some(core),
        }
    }

    /// Ends it.
    ///
    /// # Panics
    /// As it did, when it got something that is no MQTT.
    pub(crate) fn finish(mut self) -> Record {
        let _ = self.input.send(Input::Stop);
        // Nobody listens any more: this wakes the thread that accepts.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        match self.core.take().unwrap().join() {
            Ok(record) => record,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

enum Input {
    Open(u64, TcpStream),
    Packet(u64, Instant, Packet),
    Gone(u64),
    Stop,
}

fn read(number: u64, mut stream: TcpStream, input: &SyncSender<Input>) {
    let (mut buffer, mut chunk) = (BytesMut::new(), vec![0; 64 * 1024]);
    let mut version = Version::V5;
    while let Ok(read @ 1..) = stream.read(&mut chunk) {
        let now = Instant::now();
        buffer.extend_from_slice(&chunk[..read]);
        while let Some(frame) = frame::split(&mut buffer, usize::MAX).unwrap() {
            let packet = Packet::decode(version, Sender::Client, &frame).unwrap();
            if let Packet::Connect(connect) = &packet {
                version = connect.version;
            }
            if input.send(Input::Packet(number, now, packet)).is_err() {
                return;
            }
        }
    }
    let _ = input.send(Input::Gone(number));
}

struct Connection {
    stream: TcpStream,
    version: Version,
    client: String,
}

/// What is kept for a client that comes back.
#[derive(Default)]
struct Session {
    connection: Option<u64>,
    subscriptions: Vec<(String, QoS)>,
    /// QoS 2 messages that wait for PUBREL, with their place in the record.
    received: BTreeMap<PacketId, Option<usize>>,
    last_id: u16,
    /// Came while it was away; with their place in the record.
    waiting: VecDeque<(Publish, Option<usize>)>,
}

enum Job {
    /// To a client.
    Deliver(String, Publish, Option<usize>),
    /// To a connection; with the message that this acknowledges.
    Send(u64, Packet, Option<usize>),
    Close(u64),
    CloseSubscriber(String),
}

struct Core {
    policy: Policy,
    first: Option<Instant>,
    connections: BTreeMap<u64, Connection>,
    sessions: BTreeMap<String, Session>,
    /// What is to be done, by time and order.
    jobs: BTreeMap<(Instant, u64), Job>,
    jobs_made: u64,
    counted: BTreeMap<String, u64>,
    /// Swapped messages, by topic.
    held: BTreeMap<String, Vec<Job>>,
    record: Record,
}

impl Core {
    fn new(policy: Policy) -> Self {
        Self {
            policy,
            first: None,
            connections: BTreeMap::new(),
            sessions: BTreeMap::new(),
            jobs: BTreeMap::new(),
            jobs_made: 0,
            counted: BTreeMap::new(),
            held: BTreeMap::new(),
            record: Record::default(),
        }
    }

    fn run(mut self, input: &Receiver<Input>) -> Record {
        loop {
            let wait = match self.jobs.first_key_value() {
                Some(((due, _), _)) => due.saturating_duration_since(Instant::now()),
                None => Duration::from_secs(3600),
            };
            match input.recv_timeout(wait) {
                Ok(Input::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(input) => {
                    self.stand_still();
                    self.handle(input);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            while let Some(job) = self.jobs.first_entry() {
                if job.key().0 > Instant::now() {
                    break;
                }
                let job = job.remove();
                self.stand_still();
                self.perform(job);
            }
        }
        for connection in self.connections.values() {
            let _ = connection.stream.shutdown(Shutdown::Both);
        }
        self.record
    }

    /// Waits for the end of the freeze, when there is one now.
    fn stand_still(&self) {
        let (Some((after, length)), Some(first)) = (self.policy.freeze, self.first) else {
            return;
        };
        let now = Instant::now();
        if now >= first + after {
            thread::sleep((first + after + length).saturating_duration_since(now));
        }
    }

    fn later(&mut self, due: Instant, job: Job) {
        self.jobs_made += 1;
        self.jobs.insert((due, self.jobs_made), job);
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Open(number, stream) => {
                let connection = Connection {
                    stream,
                    version: Version::V5,
                    client: String::new(),
                };
                self.connections.insert(number, connection);
            }
            Input::Gone(_) if self.policy.keeps_connections => {}
            Input::Gone(number) => self.close(number),
            Input::Packet(number, at, packet) => {
                // What came behind a packet that ended the connection is not looked at.
                if self.connections.contains_key(&number) {
                    self.packet(number, at, packet);
                }
            }
            Input::Stop => {}
        }
    }

    fn packet(&mut self, number: u64, arrived: Instant, packet: Packet) {
        let now = Instant::now();
        let client = self.connections[&number].client.clone();
        match packet {
            Packet::Connect(connect) => {
                let client = connect.client_id.as_str().to_owned();
                self.record.connections += 1;
                self.record.clients.insert(client.clone());
                let known = self.sessions.contains_key(&client) && !connect.clean_start;
                if !known {
                    self.sessions.insert(client.clone(), Session::default());
                }
                let session = self.sessions.get_mut(&client).unwrap();
                session.connection = Some(number);
                let waiting = std::mem::take(&mut session.waiting);
                let connection = self.connections.get_mut(&number).unwrap();
                connection.version = connect.version;
                connection.client.clone_from(&client);
                let refused = self.policy.refuses_clients;
                let refused = refused.filter(|(most, _)| self.record.connections > *most);
                let connack = Connack {
                    session_present: known && refused.is_none(),
                    reason: refused.map_or(ReasonCode::SUCCESS, |(_, reason)| reason),
                    properties: Properties::new(),
                };
                let due = now + self.policy.connack_delay;
                self.later(due, Job::Send(number, Packet::Connack(connack), None));
                if refused.is_some() {
                    self.later(due, Job::Close(number));
                }
                for (publish, place) in waiting {
                    self.later(due, Job::Deliver(client.clone(), publish, place));
                }
            }
            Packet::Subscribe(subscribe) => {
                let mut stored = None;
                let mut reasons = Vec::new();
                let session = self.sessions.get_mut(&client).unwrap();
                for subscription in &subscribe.subscriptions {
                    let (filter, qos) = (subscription.filter.as_str(), subscription.qos);
                    if filter.starts_with('$') && !filter.starts_with("$share/") {
                        // Those of a broker that has no such topics.
                        let wanted = self.policy.version.filter(|_| topic::matches(filter, VERSION_TOPIC));
                        stored = stored.or(wanted);
                        reasons.push(wanted.map_or(ReasonCode::UNSPECIFIED_ERROR, |_| ReasonCode(qos.into())));
                        if wanted.is_none() {
                            continue;
                        }
                    } else if self.policy.refuses_subscriptions {
                        reasons.push(ReasonCode::NOT_AUTHORIZED);
                        continue;
                    } else {
                        reasons.push(ReasonCode(qos.into()));
                        let entry = (client.clone(), filter.to_owned(), qos.into());
                        self.record.subscriptions.push(entry);
                    }
                    session.subscriptions.retain(|(known, _)| known != filter);
                    session.subscriptions.push((filter.to_owned(), qos));
                }
                let suback = Suback {
                    packet_id: subscribe.packet_id,
                    properties: Properties::new(),
                    reasons,
                };
                let due = now + self.policy.suback_delay;
                self.later(due, Job::Send(number, Packet::Suback(suback), None));
                if let Some(version) = stored {
                    let publish = Publish {
                        retain: true,
                        ..message(VERSION_TOPIC, version.as_bytes())
                    };
                    self.later(due, Job::Deliver(client, publish, None));
                }
            }
            Packet::Unsubscribe(unsubscribe) => {
                let session = self.sessions.get_mut(&client).unwrap();
                let is_left = |filter: &str| unsubscribe.filters.iter().any(|left| left.as_str() == filter);
                session.subscriptions.retain(|(filter, _)| !is_left(filter));
                let unsuback = Unsuback {
                    packet_id: unsubscribe.packet_id,
                    properties: Properties::new(),
                    reasons: vec![ReasonCode::SUCCESS; unsubscribe.filters.len()],
                };
                self.later(now, Job::Send(number, Packet::Unsuback(unsuback), None));
            }
            Packet::Publish(publish) => self.publish(number, &client, arrived, publish),
            Packet::Pubrel(pubrel) => {
                let session = self.sessions.get_mut(&client).unwrap();
                let place = session.received.remove(&pubrel.packet_id).flatten();
                let pubcomp = Packet::Pubcomp(Ack::new(pubrel.packet_id, ReasonCode::SUCCESS));
                let due = now + self.policy.pubcomp_delay;
                self.later(due, Job::Send(number, pubcomp, place));
            }
            Packet::Pubrec(pubrec) => {
                let pubrel = Packet::Pubrel(Ack::new(pubrec.packet_id, ReasonCode::SUCCESS));
                self.later(now, Job::Send(number, pubrel, None));
            }
            Packet::Pingreq => self.later(now, Job::Send(number, Packet::Pingresp, None)),
            Packet::Disconnect(_) if self.policy.keeps_connections => {}
            Packet::Disconnect(_) => self.close(number),
            _ => {}
        }
    }

    fn publish(&mut self, number: u64, client: &str, arrived: Instant, publish: Publish) {
        let now = Instant::now();
        self.first.get_or_insert(now);
        if self.policy.silent {
            return;
        }
        let topic = publish.topic.as_str().to_owned();
        let fault = self.fault(&topic, publish.dup);
        if fault == Some(Fault::HangUp) {
            self.close(number);
            return;
        }
        let answered = now + self.policy.ack_delay;
        let session = self.sessions.get_mut(client).unwrap();
        if let (QoS::ExactlyOnce, Some(id)) = (publish.qos, publish.packet_id) {
            if session.received.contains_key(&id) {
                let pubrec = Packet::Pubrec(Ack::new(id, ReasonCode::SUCCESS));
                self.later(answered, Job::Send(number, pubrec, None));
                return;
            }
        }
        let place = self.record.messages.len();
        self.record.messages.push(Message {
            topic: topic.clone(),
            qos: publish.qos.into(),
            retain: publish.retain,
            payload: publish.payload.clone(),
            arrived,
            handled: now,
            acknowledged: None,
            delivered: Vec::new(),
        });
        let reason = match fault {
            Some(Fault::Refuse(reason)) => reason,
            _ => ReasonCode::SUCCESS,
        };
        if let Some(id) = publish.packet_id {
            let ack = Ack::new(id, reason);
            let job = match publish.qos {
                QoS::ExactlyOnce if !reason.is_failure() => {
                    session.received.insert(id, Some(place));
                    Job::Send(number, Packet::Pubrec(ack), None)
                }
                QoS::ExactlyOnce => Job::Send(number, Packet::Pubrec(ack), None),
                _ => Job::Send(number, Packet::Puback(ack), Some(place)),
            };
            if fault != Some(Fault::HangUpUnanswered) {
                self.later(answered, job);
            }
        }
        if reason.is_failure() || fault == Some(Fault::Lose) {
            return;
        }
        self.forward(now + self.policy.delivery_delay, &topic, place, publish, fault.as_ref());
        if fault == Some(Fault::HangUpUnanswered) {
            self.later(now + self.policy.delivery_delay, Job::Close(number));
        }
    }

    /// The fault of this message, if it has one.
    fn fault(&mut self, topic: &str, again: bool) -> Option<Fault> {
        if again {
            return None;
        }
        let counted = self.counted.entry(topic.to_owned()).or_default();
        let this = *counted;
        *counted += 1;
        let mut faults = self.policy.faults.iter();
        faults
            .find(|(of, number, _)| of == topic && *number == this)
            .map(|(_, _, fault)| fault.clone())
    }

    fn forward(&mut self, due: Instant, topic: &str, place: usize, publish: Publish, fault: Option<&Fault>) {
        let mut subscribers = Vec::new();
        for (client, session) in &self.sessions {
            let matching = session.subscriptions.iter();
            let matching = matching.filter(|(filter, _)| topic::matches(filter, topic));
            if let Some(qos) = matching.map(|(_, qos)| *qos).max() {
                subscribers.push((client.clone(), qos.min(publish.qos)));
            }
        }
        let mut swapped = Vec::new();
        for (client, qos) in subscribers {
            let copy = Publish {
                dup: false,
                retain: false,
                qos,
                packet_id: None,
                ..publish.clone()
            };
            if let Some(Fault::Foreign(payload)) = fault {
                self.later(due, Job::Deliver(client.clone(), message(topic, payload), None));
            }
            if fault == Some(&Fault::HangUpSubscribers) {
                self.later(due, Job::CloseSubscriber(client.clone()));
            }
            let job = Job::Deliver(client.clone(), copy.clone(), Some(place));
            match fault {
                Some(Fault::Swap) => swapped.push(job),
                Some(Fault::Repeat) => {
                    self.later(due, job);
                    self.later(due, Job::Deliver(client, copy, Some(place)));
                }
                _ => self.later(due, job),
            }
        }
        // What waited for this message follows it; when it is to wait itself, both wait.
        let held = self.held.remove(topic).unwrap_or_default();
        if fault == Some(&Fault::Swap) {
            swapped.extend(held);
            self.held.insert(topic.to_owned(), swapped);
        } else {
            for job in held {
                self.later(due, job);
            }
        }
    }

    fn perform(&mut self, job: Job) {
        match job {
            Job::Send(number, packet, place) => {
                let now = Instant::now();
                if self.send(number, &packet) {
                    if let Some(place) = place {
                        self.record.messages[place].acknowledged = Some(now);
                    }
                }
            }
            Job::Deliver(client, mut publish, place) => {
                let Some(session) = self.sessions.get_mut(&client) else {
                    return;
                };
                let Some(number) = session.connection else {
                    session.waiting.push_back((publish, place));
                    return;
                };
                if publish.qos != QoS::AtMostOnce {
                    session.last_id = session.last_id % u16::MAX + 1;
                    publish.packet_id = PacketId::new(session.last_id);
                }
                let now = Instant::now();
                if self.send(number, &Packet::Publish(publish)) {
                    if let Some(place) = place {
                        self.record.messages[place].delivered.push(now);
                    }
                }
            }
            Job::Close(number) => self.close(number),
            Job::CloseSubscriber(client) => {
                if let Some(number) = self.sessions.get(&client).and_then(|session| session.connection) {
                    self.close(number);
                }
            }
        }
    }

    /// False when the connection is gone.
    fn send(&mut self, number: u64, packet: &Packet) -> bool {
        let Some(connection) = self.connections.get_mut(&number) else {
            return false;
        };
        let mut bytes = BytesMut::new();
        packet.encode(connection.version, &mut bytes).unwrap();
        connection.stream.write_all(&bytes).is_ok()
    }

    fn close(&mut self, number: u64) {
        let Some(connection) = self.connections.remove(&number) else {
            return;
        };
        let _ = connection.stream.shutdown(Shutdown::Both);
        if let Some(session) = self.sessions.get_mut(&connection.client) {
            if session.connection == Some(number) {
                session.connection = None;
            }
        }
    }
}

const VERSION_TOPIC: &str = "$SYS/broker/version";

fn message(topic: &str, payload: &[u8]) -> Publish {
    Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: Utf8::new(topic).unwrap(),
        packet_id: None,
        properties: Properties::new(),
        payload: Bytes::copy_from_slice(payload),
    }
}
