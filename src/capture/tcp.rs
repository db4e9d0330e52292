//! TCP reassembly: segments in any order, repeated, overlapping or missing -> byte streams. It must not know what the
//! bytes say.

mod direction;
mod mirrors;

use super::network::Segment;
use super::{Piece, Side, Stamp};
use direction::Direction;
use mirrors::Mirrors;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

/// What may wait for its turn in one direction, in bytes.
const MAX_WAITING: usize = 4 << 20;
/// What may wait for its turn in all connections together, in bytes.
const MAX_WAITING_TOTAL: usize = 64 << 20;
/// Connections that are known at the same time.
const MAX_CONNECTIONS: usize = 65_536;
/// Bytes that are acknowledged but not there may still come, since the two directions can be captured out of order:
/// until so many more segments of the connection came.
const ACKNOWLEDGED_SEGMENTS: u32 = 8;
/// The same where only one direction was captured, and bytes that are not there may be sent again.
const ONE_WAY_SEGMENTS: u32 = 256;
/// How long a hole may stay that will not be filled.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same in records, where the capture has no times.
const PATIENCE_RECORDS: u64 = 20_000;

/// What became of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// The next piece of the stream of `Side`.
    Piece(Side, Piece<'a>),
    /// The connection ended. `Side` began it; true for RST.
    Closed(Side, bool),
    /// Nothing more will be said of the connection.
    Forgotten,
}

/// The two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// [`Side::A`].
    pub a: SocketAddr,
    /// [`Side::B`].
    pub b: SocketAddr,
    /// True when the capture shows how A opened the connection: then the streams begin with their first byte.
    pub opened: bool,
}

/// Gets the number of the connection, its ends, the record that completed the part, and the part.
pub type Sink<'s> = dyn FnMut(u32, Ends, Stamp, Part<'_>) + 's;

/// Reassembles all TCP connections of a capture.
#[derive(Debug, Default)]
pub struct Reassembler {
    connections: HashMap<Key, Connection>,
    numbers: u32,
    /// Memory of what waits in all connections, in bytes.
    held: usize,
    /// Holes in order of their age: connection and when it was found.
    holes: VecDeque<(Stamp, Key, u32)>,
    mirrors: Option<Mirrors>,
}

/// Both ends, in an order that does not depend on the direction.
type Key = (SocketAddr, SocketAddr);

impl Reassembler {
    /// A reassembler; with `collapse` a connection that shows the bytes of another one again, under other addresses, is
    /// dropped.
    #[must_use]
    pub fn new(collapse: bool) -> Self {
        Self {
            mirrors: collapse.then(Mirrors::default),
            ..Self::default()
        }
    }

    /// How many connections there were.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.numbers
    }

    /// How many of them were dropped because they repeat another one.
    #[must_use]
    pub fn mirrors(&self) -> u64 {
        self.mirrors.as_ref().map_or(0, Mirrors::count)
    }

    /// Takes a segment; `sink` gets what is in order now.
    pub fn push(&mut self, segment: &Segment<'_>, stamp: Stamp, sink: &mut Sink<'_>) {
        self.give_up_old_holes(stamp, sink);
        let (source, destination) = (segment.source, segment.destination);
        let key = if source <= destination {
            (source, destination)
        } else {
            (destination, source)
        };
        let known = self
            .connections
            .get(&key)
            .map(|connection| connection.contradicts(segment));
        if known == Some(true) {
            self.forget(&key, stamp, sink);
        }
        if known != Some(false) {
            if self.connections.len() >= MAX_CONNECTIONS {
                self.forget_idle(stamp, sink);
            }
            self.connections
                .insert(key, Connection::new(self.numbers, segment, stamp));
            self.numbers = self.numbers.saturating_add(1);
        }
        let Some(connection) = self.connections.get_mut(&key) else {
            return;
        };
        if let Some(mirrors) = &mut self.mirrors {
            let index = connection.index(segment.source);
            if connection.directions[index].is_untouched() && !segment.payload.is_empty() && !connection.mirror {
                connection.mirror = mirrors.is_one(connection.number, segment, stamp);
            }
        }
        if connection.mirror {
            return;
        }
        let before = connection.held();
        if connection.take(segment, stamp, sink) {
            self.holes.push_back((stamp, key, connection.number));
        }
        if connection.held() > before && self.held.saturating_add(connection.held()) > MAX_WAITING_TOTAL {
            connection.give_up(stamp, sink);
        }
        self.held = self.held.saturating_add(connection.held()).saturating_sub(before);
    }

    /// The capture is over: gives what waited behind a hole.
    pub fn finish(&mut self, sink: &mut Sink<'_>) {
        let mut connections: Vec<_> = std::mem::take(&mut self.connections).into_values().collect();
        connections.sort_unstable_by_key(|connection| connection.number);
        for connection in &mut connections {
            connection.finish(connection.last, sink);
        }
        self.holes.clear();
        self.held = 0;
    }

    fn forget(&mut self, key: &Key, stamp: Stamp, sink: &mut Sink<'_>) {
        if let Some(mut connection) = self.connections.remove(key) {
            self.held = self.held.saturating_sub(connection.held());
            connection.finish(stamp, sink);
        }
    }

    /// Forgets the eighth of the connections that were silent for the longest time.
    fn forget_idle(&mut self, stamp: Stamp, sink: &mut Sink<'_>) {
        let mut idle: Vec<_> = self.connections.iter().map(|(key, c)| (c.last.record, *key)).collect();
        let count = idle.len() / 8;
        idle.select_nth_unstable(count);
        idle.truncate(count.max(1));
        idle.sort_unstable();
        for (_, key) in idle {
            self.forget(&key, stamp, sink);
        }
    }

    fn give_up_old_holes(&mut self, now: Stamp, sink: &mut Sink<'_>) {
        while let Some((since, key, number)) = self.holes.front().copied() {
            if !is_past(since, now, PATIENCE, PATIENCE_RECORDS) {
                return;
            }
            self.holes.pop_front();
            let connection = self
                .connections
                .get_mut(&key)
                .filter(|connection| connection.number == number);
            if let Some(connection) = connection {
                let before = connection.held();
                connection.give_up_since(since, now, sink);
                self.held = self.held.saturating_add(connection.held()).saturating_sub(before);
            }
        }
    }
}

/// True when more than `time` or `records` lie between the two.
fn is_past(since: Stamp, now: Stamp, time: Duration, records: u64) -> bool {
    let passed = now.time.zip(since.time).and_then(|(now, since)| now.checked_sub(since));
    passed.is_some_and(|passed| passed > time) || now.record.saturating_sub(since.record) > records
}

#[derive(Debug)]
struct Connection {
    number: u32,
    ends: Ends,
    /// What A sent and what B sent.
    directions: [Direction; 2],
    /// Holes that will not be filled. While there is one, the other direction waits: what it says was said knowing the
    /// bytes that are missing, and comes behind them.
    losses: [Option<Loss>; 2],
    /// Who sent the first FIN.
    first_fin: Option<Side>,
    closed: bool,
    mirror: bool,
    last: Stamp,
}

#[derive(Debug, Clone, Copy)]
struct Loss {
    since: Stamp,
    /// Segments of the connection that came since.
    segments: u32,
    /// Offset behind the bytes that the other side has got.
    limit: u64,
}

impl Connection {
    fn new(number: u32, segment: &Segment<'_>, stamp: Stamp) -> Self {
        let answer = segment.syn && segment.acknowledgement.is_some();
        let (a, b) = match answer {
            false => (segment.source, segment.destination),
            true => (segment.destination, segment.source),
        };
        Self {
            number,
            ends: Ends {
                a,
                b,
                opened: segment.syn && !answer,
            },
            directions: Default::default(),
            losses: [None; 2],
            first_fin: None,
            closed: false,
            mirror: false,
            last: stamp,
        }
    }

    fn index(&self, source: SocketAddr) -> usize {
        usize::from(source != self.ends.a)
    }

    fn held(&self) -> usize {
        self.directions.iter().map(Direction::held).sum()
    }

    /// True for a SYN that opens another connection on the same addresses and ports.
    fn contradicts(&self, segment: &Segment<'_>) -> bool {
        let sent = &self.directions[self.index(segment.source)];
        segment.syn && sent.contradicts(segment.sequence.wrapping_add(1))
    }

    /// True when the segment shows that bytes are lost.
    fn take(&mut self, segment: &Segment<'_>, stamp: Stamp, sink: &mut Sink<'_>) -> bool {
        self.last = stamp;
        let me = self.index(segment.source);
        let peer = 1 - me;
        let (number, ends, side) = (self.number, self.ends, side(me));
        if let Some(acknowledgement) = segment.acknowledgement.filter(|_| !segment.rst) {
            self.directions[peer].acknowledge(acknowledgement);
        }
        // A SYN counts as one byte in front of the data.
        let sequence = segment.sequence.wrapping_add(u32::from(segment.syn));
        let hold = self.losses[peer].is_some();
        let sent = &mut self.directions[me];
        if sent.is_unknown() && !segment.rst {
            sent.start(sequence, segment.syn);
        }
        // What a RST carries is a message for people (RFC 9293, section 3.5.3).
        if !segment.rst {
            let mut emit = |stamp, piece: Piece<'_>| sink(number, ends, stamp, Part::Piece(side, piece));
            sent.take(sequence, segment.payload, segment.cut, stamp, hold, &mut emit);
        }
        if segment.fin {
            let length = segment.payload.len().saturating_add(segment.cut);
            #[allow(clippy::cast_possible_truncation, reason = "sequence numbers are modulo 2^32")]
            sent.end(sequence.wrapping_add(length as u32));
            self.first_fin.get_or_insert(side);
        }
        let found = self.settle(stamp, sink);
        if segment.rst || self.directions.iter().any(|direction| direction.held() > MAX_WAITING) {
            self.give_up(stamp, sink);
        }
        if segment.rst {
            self.close(side, true, stamp, sink);
        } else if self.directions.iter().all(Direction::is_over) {
            self.close(self.first_fin.unwrap_or(side), false, stamp, sink);
        }
        found
    }

    /// Gives up holes whose time is over and gives what is in order. True when there is a new hole.
    fn settle(&mut self, stamp: Stamp, sink: &mut Sink<'_>) -> bool {
        let mut found = false;
        let one_way = self.directions.iter().any(Direction::is_unknown);
        let patience = if one_way {
            ONE_WAY_SEGMENTS
        } else {
            ACKNOWLEDGED_SEGMENTS
        };
        for me in [0, 1] {
            if self.losses[1 - me].is_some() {
                continue;
            }
            let lost = match one_way {
                true => self.directions[me].has_hole().then_some(u64::MAX),
                false => self.directions[me].lost(),
            };
            self.losses[me] = match (lost, self.losses[me]) {
                (None, _) => None,
                (Some(_), Some(loss)) if loss.segments >= patience => {
                    self.give_up_direction(me, loss.limit, stamp, sink);
                    None
                }
                (Some(_), Some(loss)) => Some(Loss {
                    segments: loss.segments + 1,
                    ..loss
                }),
                (Some(limit), None) => {
                    found = true;
                    Some(Loss {
                        since: stamp,
                        segments: 0,
                        limit,
                    })
                }
            };
        }
        self.give_ready(sink);
        found
    }

    /// Gives what is in order, as far as no loss in the other direction holds it back; what was complete first is first.
    fn give_ready(&mut self, sink: &mut Sink<'_>) {
        loop {
            let ready = |me: usize| self.directions[me].ready().filter(|_| self.losses[1 - me].is_none());
            let me = match (ready(0), ready(1)) {
                (None, None) => return,
                (Some(a), Some(b)) => usize::from(b < a),
                (a, _) => usize::from(a.is_none()),
            };
            let (number, ends) = (self.number, self.ends);
            let mut emit = |stamp, piece: Piece<'_>| sink(number, ends, stamp, Part::Piece(side(me), piece));
            self.directions[me].give_next(&mut emit);
        }
    }

    /// Gives up the loss that was found at `since`.
    fn give_up_since(&mut self, since: Stamp, now: Stamp, sink: &mut Sink<'_>) {
        for me in [0, 1] {
            if let Some(loss) = self.losses[me].filter(|loss| loss.since.record <= since.record) {
                self.give_up_direction(me, loss.limit, now, sink);
                self.losses[me] = None;
            }
        }
        self.give_ready(sink);
    }

    /// Gives up all holes.
    fn give_up(&mut self, stamp: Stamp, sink: &mut Sink<'_>) {
        for me in [0, 1] {
            self.losses[me] = None;
            self.give_up_direction(me, u64::MAX, stamp, sink);
        }
    }

    fn give_up_direction(&mut self, me: usize, limit: u64, stamp: Stamp, sink: &mut Sink<'_>) {
        let (number, ends) = (self.number, self.ends);
        let mut emit = |stamp, piece: Piece<'_>| sink(number, ends, stamp, Part::Piece(side(me), piece));
        self.directions[me].give_up(limit, stamp, &mut emit);
    }

    fn close(&mut self, side: Side, reset: bool, stamp: Stamp, sink: &mut Sink<'_>) {
        if !std::mem::replace(&mut self.closed, true) {
            sink(self.number, self.ends, stamp, Part::Closed(side, reset));
        }
    }

    /// Nothing more will come.
    fn finish(&mut self, stamp: Stamp, sink: &mut Sink<'_>) {
        if !self.mirror {
            self.give_up(stamp, sink);
            if let Some(side) = self.first_fin {
                self.close(side, false, stamp, sink);
            }
        }
        sink(self.number, self.ends, stamp, Part::Forgotten);
    }
}

fn side(index: usize) -> Side {
    if index == 0 { Side::A } else { Side::B }
}
