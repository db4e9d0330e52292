//! TCP reassembly: segments in any order, repeated, overlapping or missing -> byte streams. It must not know what the
//! bytes say.

mod direction;
mod mirrors;

use super::network::Segment;
use super::{PerSide, Piece, Side, Stamp};
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
            let side = connection.side(segment.source);
            if connection.directions[side].is_untouched() && !segment.payload.is_empty() && !connection.mirror {
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
    directions: PerSide<Direction>,
    /// Holes that will not be filled. While there is one, the other direction waits: what it says was said knowing the
    /// bytes that are missing, and comes behind them.
    losses: PerSide<Option<Loss>>,
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
            directions: PerSide::default(),
            losses: PerSide::default(),
            first_fin: None,
            closed: false,
            mirror: false,
            last: stamp,
        }
    }

    fn side(&self, source: SocketAddr) -> Side {
        if source == self.ends.a { Side::A } else { Side::B }
    }

    fn held(&self) -> usize {
        self.directions.iter().map(Direction::held).sum()
    }

    /// True for a SYN that opens another connection on the same addresses and ports.
    fn contradicts(&self, segment: &Segment<'_>) -> bool {
        let sent = &self.directions[self.side(segment.source)];
        segment.syn && sent.contradicts(segment.sequence.wrapping_add(1))
    }

    /// True when the segment shows that bytes are lost.
    fn take(&mut self, segment: &Segment<'_>, stamp: Stamp, sink: &mut Sink<'_>) -> bool {
        self.last = stamp;
        let me = self.side(segment.source);
        let peer = me.other();
        let (number, ends) = (self.number, self.ends);
        if let Some(acknowledgement) = segment.acknowledgement.filter(|_| !segment.rst) {
            self.directions[peer].acknowledge(acknowledgement);
        }
        let found = self.watch(peer, stamp);
        // A SYN counts as one byte in front of the data.
        let sequence = segment.sequence.wrapping_add(u32::from(segment.syn));
        let hold = self.losses[peer].is_some();
        let sent = &mut self.directions[me];
        if sent.is_unknown() && !segment.rst {
            sent.start(sequence, segment.syn);
        }
        // What a RST carries is a message for people (RFC 9293, section 3.5.3).
        if !segment.rst {
            let mut emit = |stamp, piece: Piece<'_>| sink(number, ends, stamp, Part::Piece(me, piece));
            sent.take(sequence, segment.payload, segment.cut, stamp, hold, &mut emit);
        }
        if segment.fin {
            let length = segment.payload.len().saturating_add(segment.cut);
            #[allow(clippy::cast_possible_truncation, reason = "sequence numbers are modulo 2^32")]
            sent.end(sequence.wrapping_add(length as u32));
            self.first_fin.get_or_insert(me);
        }
        let found = self.settle(stamp, sink) || found;
        if segment.rst || self.directions.iter().any(|direction| direction.held() > MAX_WAITING) {
            self.give_up(stamp, sink);
        }
        if segment.rst {
            self.close(me, true, stamp, sink);
        } else if self.directions.iter().all(Direction::is_over) {
            self.close(self.first_fin.unwrap_or(me), false, stamp, sink);
        }
        found
    }

    /// Gives up holes whose time is over and gives what is in order. True when there is a new hole.
    fn settle(&mut self, stamp: Stamp, sink: &mut Sink<'_>) -> bool {
        let mut found = false;
        for me in Side::BOTH {
            let patience = if self.is_one_way() {
                ONE_WAY_SEGMENTS
            } else {
                ACKNOWLEDGED_SEGMENTS
            };
            self.losses[me] = match (self.lost(me), self.losses[me]) {
                (None, _) => None,
                (Some(_), Some(loss)) if loss.segments >= patience => {
                    self.give_up_direction(me, loss.limit, stamp, sink);
                    None
                }
                (Some(_), Some(loss)) => Some(Loss {
                    segments: loss.segments + 1,
                    ..loss
                }),
                (Some(_), None) => {
                    found |= self.watch(me, stamp);
                    continue;
                }
            };
        }
        self.give_ready(sink);
        found
    }

    /// Takes down that bytes of this direction are lost. True when that is new.
    fn watch(&mut self, me: Side, stamp: Stamp) -> bool {
        let Some(limit) = self.lost(me).filter(|_| self.losses[me].is_none()) else {
            return false;
        };
        self.losses[me] = Some(Loss {
            since: stamp,
            segments: 0,
            limit,
        });
        true
    }

    /// Offset behind bytes of this direction that will not come any more.
    fn lost(&self, me: Side) -> Option<u64> {
        if self.losses[me.other()].is_some() {
            // It is held back, and so is behind what is acknowledged.
            None
        } else if self.is_one_way() {
            self.directions[me].has_hole().then_some(u64::MAX)
        } else {
            self.directions[me].lost()
        }
    }

    /// True when one end was not seen sending.
    fn is_one_way(&self) -> bool {
        self.directions.iter().any(Direction::is_unknown)
    }

    /// Gives what is in order, as far as no loss in the other direction holds it back; what was complete first is first.
    fn give_ready(&mut self, sink: &mut Sink<'_>) {
        loop {
            let ready = |me: Side| {
                self.directions[me]
                    .ready()
                    .filter(|_| self.losses[me.other()].is_none())
            };
            let me = match (ready(Side::A), ready(Side::B)) {
                (None, None) => return,
                (Some(a), Some(b)) if b < a => Side::B,
                (None, Some(_)) => Side::B,
                (Some(_), _) => Side::A,
            };
            let (number, ends) = (self.number, self.ends);
            let mut emit = |stamp, piece: Piece<'_>| sink(number, ends, stamp, Part::Piece(me, piece));
            self.directions[me].give_next(&mut emit);
        }
    }

    /// Gives up the loss that was found at `since`.
    fn give_up_since(&mut self, since: Stamp, now: Stamp, sink: &mut Sink<'_>) {
        for me in Side::BOTH {
            if let Some(loss) = self.losses[me].filter(|loss| loss.since.record <= since.record) {
                self.give_up_direction(me, loss.limit, now, sink);
                self.losses[me] = None;
            }
        }
        self.give_ready(sink);
    }

    /// Gives up all holes.
    fn give_up(&mut self, stamp: Stamp, sink: &mut Sink<'_>) {
        for me in Side::BOTH {
            self.losses[me] = None;
            self.give_up_direction(me, u64::MAX, stamp, sink);
        }
    }

    fn give_up_direction(&mut self, me: Side, limit: u64, stamp: Stamp, sink: &mut Sink<'_>) {
        let (number, ends) = (self.number, self.ends);
        let mut emit = |stamp, piece: Piece<'_>| sink(number, ends, stamp, Part::Piece(me, piece));
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

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "10.0.0.1:50000";
    const SERVER: &str = "10.0.0.2:1883";

    /// A reassembler with what it said, as text: `A hello`, `A gap 5`, `closed A fin`, with numbers before all but 0.
    #[derive(Default)]
    struct Wire {
        reassembler: Reassembler,
        record: u64,
        said: Vec<String>,
        records: Vec<u64>,
    }

    fn segment(from: &str, to: &str, sequence: u32, payload: &'static [u8]) -> Segment<'static> {
        Segment {
            source: from.parse().unwrap(),
            destination: to.parse().unwrap(),
            sequence,
            acknowledgement: None,
            syn: false,
            fin: false,
            rst: false,
            payload,
            cut: 0,
        }
    }

    fn client(sequence: u32, payload: &'static [u8]) -> Segment<'static> {
        segment(CLIENT, SERVER, sequence, payload)
    }

    fn server(sequence: u32, payload: &'static [u8], acknowledgement: u32) -> Segment<'static> {
        Segment {
            acknowledgement: Some(acknowledgement),
            ..segment(SERVER, CLIENT, sequence, payload)
        }
    }

    impl Wire {
        /// A connection whose client sends from 1000 on, and whose server from 5000.
        fn opened() -> Self {
            let mut wire = Self::default();
            wire.open(999);
            wire
        }

        fn open(&mut self, sequence: u32) {
            let syn = Segment {
                syn: true,
                ..client(sequence, b"")
            };
            self.push(syn);
            let answer = Segment {
                syn: true,
                ..server(4999, b"", sequence.wrapping_add(1))
            };
            self.push(answer);
        }

        fn push(&mut self, segment: Segment<'_>) -> &mut Self {
            self.record += 1;
            let stamp = Stamp {
                time: Some(Duration::from_millis(self.record)),
                record: self.record,
            };
            let (said, records) = (&mut self.said, &mut self.records);
            self.reassembler.push(&segment, stamp, &mut |number, _, stamp, part| {
                say(said, records, number, stamp, part)
            });
            self
        }

        fn finish(&mut self) -> Vec<String> {
            let (said, records) = (&mut self.said, &mut self.records);
            self.reassembler
                .finish(&mut |number, _, stamp, part| say(said, records, number, stamp, part));
            assert_eq!(self.reassembler.held, 0);
            std::mem::take(&mut self.said)
        }

        fn said(&mut self) -> Vec<String> {
            std::mem::take(&mut self.said)
        }
    }

    fn say(said: &mut Vec<String>, records: &mut Vec<u64>, number: u32, stamp: Stamp, part: Part<'_>) {
        let text = match part {
            Part::Piece(side, Piece::Data(data)) => format!("{side:?} {}", String::from_utf8_lossy(data)),
            Part::Piece(side, Piece::Gap(length)) => format!("{side:?} gap {length}"),
            Part::Closed(side, reset) => format!("closed {side:?} {}", if reset { "rst" } else { "fin" }),
            Part::Forgotten => return,
        };
        records.push(stamp.record);
        said.push(if number == 0 { text } else { format!("{number}: {text}") });
    }

    #[test]
    fn what_is_in_order_is_given_at_once() {
        let mut wire = Wire::opened();
        assert_eq!(wire.push(client(1000, b"hello")).said(), ["A hello"]);
        assert_eq!(wire.push(server(5000, b"world", 1005)).said(), ["B world"]);
        assert_eq!(wire.push(client(1005, b"!")).said(), ["A !"]);
        assert!(wire.finish().is_empty());
    }

    #[test]
    fn repeated_bytes_are_given_once_and_the_first_count() {
        let mut wire = Wire::opened();
        wire.push(client(1000, b"hello"))
            .push(client(1000, b"HELLO"))
            .push(client(1003, b"LO wor"));
        wire.push(client(999, b"x")).push(client(1008, b""));
        assert_eq!(wire.said(), ["A hello", "A  wor"]);
        // Out of order: pieces between and around those that wait.
        wire.push(client(1012, b"CD"))
            .push(client(1016, b"GH"))
            .push(client(1011, b"bcdefghi"));
        assert!(wire.said().is_empty());
        wire.push(client(1008, b"ld ?"));
        assert_eq!(wire.said().concat().replace("A ", ""), "d bCDefGHi");
    }

    #[test]
    fn sequence_numbers_wrap() {
        let mut wire = Wire::default();
        wire.open(u32::MAX - 3);
        wire.push(client(2, b"fgh")).push(client(u32::MAX - 2, b"abcde"));
        assert_eq!(wire.finish(), ["A abcde", "A fgh"]);
    }

    #[test]
    fn a_capture_may_start_in_the_middle() {
        let mut wire = Wire::default();
        wire.push(server(5000, b"", 1001))
            .push(client(1000, b"?"))
            .push(client(1001, b"hello"));
        wire.push(server(4990, b"too late..", 1006))
            .push(server(5001, b"world", 1006));
        // The server is A: it sent the first segment. That was a probe, and the byte after it is the next.
        assert_eq!(wire.finish(), ["B ?", "B hello", "A world"]);
    }

    #[test]
    fn bytes_that_the_other_side_has_got_are_not_waited_for_long() {
        let mut wire = Wire::opened();
        wire.push(client(1005, b"world")).push(server(5000, b"answer", 1010));
        assert!(wire.said().is_empty(), "the answer waits for the question");
        for _ in 0..ACKNOWLEDGED_SEGMENTS {
            wire.push(server(5006, b"", 1010));
        }
        assert_eq!(wire.said(), ["A gap 5", "A world", "B answer"]);
        assert_eq!(wire.records, [3, 3, 4], "the records that completed them");
    }

    #[test]
    fn bytes_that_were_captured_behind_their_acknowledgement_are_no_gap() {
        let mut wire = Wire::opened();
        wire.push(server(5000, b"answer", 1005)).push(client(1000, b"hello"));
        assert_eq!(wire.said(), ["A hello", "B answer"]);
    }

    #[test]
    fn what_was_never_captured_is_a_gap_before_the_answer() {
        let mut wire = Wire::opened();
        wire.push(server(5000, b"answer", 1007));
        wire.push(server(5006, b"", 1007));
        assert!(wire.said().is_empty());
        // Three seconds.
        wire.record += 3000;
        wire.push(server(5006, b"", 1007));
        assert_eq!(wire.said(), ["A gap 7", "B answer"]);
    }

    #[test]
    fn the_end_of_the_capture_gives_what_waits() {
        let mut wire = Wire::opened();
        wire.push(client(1005, b"b")).push(client(1010, b"c"));
        assert_eq!(wire.finish(), ["A gap 5", "A b", "A gap 4", "A c"]);
    }

    #[test]
    fn one_direction_alone_is_given_up_after_a_while() {
        let mut wire = Wire::default();
        wire.push(client(1000, b"a")).push(client(1002, b"c"));
        for _ in 0..ONE_WAY_SEGMENTS + 1 {
            wire.push(client(1003, b""));
        }
        assert_eq!(wire.said(), ["A a", "A gap 1", "A c"]);
    }

    #[test]
    fn bytes_behind_the_snap_length_are_a_gap() {
        let mut wire = Wire::opened();
        let cut = |sequence, payload| Segment {
            cut: 3,
            ..client(sequence, payload)
        };
        wire.push(cut(1000, b"he"))
            .push(cut(1010, b"w"))
            .push(client(1005, b"llo, "));
        assert_eq!(wire.finish(), ["A he", "A gap 3", "A llo, ", "A w", "A gap 3"]);
    }

    #[test]
    fn the_end_of_a_connection_is_told_once() {
        let fin = |segment| Segment { fin: true, ..segment };
        let mut wire = Wire::opened();
        wire.push(fin(client(1000, b"bye")));
        wire.push(server(5000, b"more", 1004))
            .push(fin(server(5004, b"", 1004)))
            .push(client(1004, b""));
        wire.push(fin(client(1000, b"bye")));
        assert_eq!(wire.said(), ["A bye", "B more", "closed A fin"]);
        assert!(wire.finish().is_empty());

        let mut wire = Wire::opened();
        let rst = Segment {
            rst: true,
            ..server(5000, b"go away", 1000)
        };
        wire.push(client(1001, b"x")).push(rst).push(rst);
        assert_eq!(wire.said(), ["A gap 1", "A x", "closed B rst"]);

        let mut wire = Wire::opened();
        wire.push(fin(client(1000, b"bye")));
        assert_eq!(wire.finish(), ["A bye", "closed A fin"], "half closed");
    }

    #[test]
    fn a_new_syn_is_a_new_connection() {
        let mut wire = Wire::opened();
        wire.push(client(1000, b"one"));
        wire.open(999);
        assert_eq!(wire.said(), ["A one"], "the same SYN again");
        wire.open(77_000);
        wire.push(client(77_001, b"two"));
        assert_eq!(wire.said(), ["1: A two"]);
        assert_eq!(wire.reassembler.connections(), 2);
    }

    #[test]
    fn the_sender_of_the_syn_is_a() {
        let mut wire = Wire::default();
        let answer = Segment {
            syn: true,
            ..server(4999, b"", 1000)
        };
        wire.push(answer).push(client(1000, b"hello"));
        assert_eq!(wire.said(), ["A hello"]);
    }

    #[test]
    fn memory_is_bounded() {
        static MEGABYTE: [u8; 1 << 20] = [0; 1 << 20];
        let mut wire = Wire::opened();
        for index in 0..6 {
            wire.push(client(2000 + (index << 20), &MEGABYTE));
            assert!(wire.reassembler.held <= MAX_WAITING + (1 << 20));
        }
        assert_eq!(wire.said()[0], "A gap 1000");
        assert_eq!(wire.reassembler.held, 0);
    }

    #[test]
    fn connections_are_bounded() {
        let mut reassembler = Reassembler::default();
        let mut forgotten = 0;
        for index in 0..100_000u32 {
            let mut segment = client(1, b"x");
            segment.source = SocketAddr::from(([10, 1, 0, 0], 1 + (index & 0x7fff) as u16));
            segment.destination = SocketAddr::from(([10, 2, 0, (index >> 15) as u8], 1883));
            let stamp = Stamp {
                time: None,
                record: index.into(),
            };
            reassembler.push(&segment, stamp, &mut |_, _, _, part| {
                forgotten += usize::from(part == Part::Forgotten);
            });
        }
        assert!(reassembler.connections.len() <= MAX_CONNECTIONS);
        assert_eq!(forgotten + reassembler.connections.len(), 100_000);
    }

    #[test]
    fn mirrors_are_dropped_when_that_is_asked_for() {
        for collapse in [false, true] {
            let mut wire = Wire {
                reassembler: Reassembler::new(collapse),
                ..Wire::default()
            };
            wire.push(client(1000, b"hello"));
            // The same behind a translation of addresses, and something else.
            let inner = |sequence, payload| segment("10.0.0.1:50000", "172.17.0.2:1883", sequence, payload);
            wire.push(inner(1000, b"hello"))
                .push(client(1005, b"!"))
                .push(inner(1005, b"!"));
            wire.push(segment("10.0.0.3:50000", "172.17.0.2:1883", 1000, b"other"));
            let want: &[_] = match collapse {
                true => &["A hello", "A !", "2: A other"],
                false => &["A hello", "1: A hello", "A !", "1: A !", "2: A other"],
            };
            assert_eq!(wire.finish(), want);
            assert_eq!(wire.reassembler.mirrors(), u64::from(collapse));
        }
    }
}
