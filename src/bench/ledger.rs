//! Which messages of each source a receiver has: what was lost, came twice or out of order. In memory that depends on
//! what is missing, not on how much there was. It must not know what a message is.

use std::collections::{HashMap, VecDeque};

/// What a delivery was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The first of this message, behind all earlier ones.
    InOrder,
    /// The first of this message, behind a later one.
    OutOfOrder,
    /// This message had been there.
    Duplicate,
}

/// The messages of one receiver: a subscriber, or a group that shares a subscription.
#[derive(Debug, Default)]
pub(super) struct Ledger(HashMap<u32, Seen>);

impl Ledger {
    /// A message of a source has arrived, and these are the low `bits` of its number: it is the one of those that is nearest
    /// to the messages before.
    pub(super) fn arrived(&mut self, source: u32, number: u64, bits: u32) -> Arrival {
        let seen = self.0.entry(source).or_default();
        seen.arrived(nearest(seen.next, number, bits))
    }
}

/// The number with these low bits that is nearest to another one.
fn nearest(near: u64, low: u64, bits: u32) -> u64 {
    let span = 1_u64 << bits;
    let number = near & !(span - 1) | low & (span - 1);
    if number + span / 2 < near {
        number + span
    } else if number > near + span / 2 && number >= span {
        number - span
    } else {
        number
    }
}

/// Ranges of numbers that are missing below the next one.
#[derive(Debug, Default)]
struct Seen {
    next: u64,
    /// From (inclusive) and to (exclusive), ascending.
    holes: VecDeque<(u64, u64)>,
}

/// A source that loses more ranges than these is hardly worth exact accounting: the oldest one is then taken for lost, and
/// a message of it that still comes counts as a duplicate.
const MOST_HOLES: usize = 16 * 1024;

impl Seen {
    fn arrived(&mut self, number: u64) -> Arrival {
        if number >= self.next {
            if number > self.next {
                self.holes.push_back((self.next, number));
                if self.holes.len() > MOST_HOLES {
                    self.holes.pop_front();
                }
            }
            self.next = number + 1;
            return Arrival::InOrder;
        }
        let at = self.holes.partition_point(|(_, to)| *to <= number);
        let Some((from, to)) = self.holes.get(at).copied().filter(|(from, _)| *from <= number) else {
            return Arrival::Duplicate;
        };
        match (from == number, to == number + 1) {
            (true, true) => {
                self.holes.remove(at);
            }
            (true, false) => self.holes[at].0 = number + 1,
            (false, true) => self.holes[at].1 = number,
            (false, false) => {
                self.holes[at].1 = number;
                self.holes.insert(at + 1, (number + 1, to));
            }
        }
        Arrival::OutOfOrder
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn agrees_with_a_plain_set(numbers in proptest::collection::vec(0u64..40, 0..200)) {
            let mut ledger = Ledger::default();
            let mut set = BTreeSet::new();
            for number in numbers {
                let expected = match set.last().is_none_or(|last| *last < number) {
                    true => Arrival::InOrder,
                    false if set.contains(&number) => Arrival::Duplicate,
                    false => Arrival::OutOfOrder,
                };
                set.insert(number);
                prop_assert_eq!(ledger.arrived(1, number, 39), expected);
            }
        }
    }

    #[test]
    fn low_bits_are_enough_as_long_as_not_half_of_their_numbers_are_missing() {
        for (near, number) in [
            (0, 0),
            (0, 7),
            (3, 0),
            (7, 8),
            (8, 7),
            (17, 12),
            (23, 30),
            (1 << 40, (1 << 40) - 5),
        ] {
            assert_eq!(nearest(near, number & 15, 4), number, "{near} {number}");
        }
        let mut ledger = Ledger::default();
        for number in 0..100_u64 {
            assert_eq!(ledger.arrived(1, number & 15, 4), Arrival::InOrder, "{number}");
            assert_eq!(ledger.arrived(1, number & 15, 4), Arrival::Duplicate, "{number}");
        }
        assert_eq!(ledger.arrived(1, 106 & 15, 4), Arrival::InOrder);
        assert_eq!(ledger.arrived(1, 103 & 15, 4), Arrival::OutOfOrder);
        assert_eq!(ledger.arrived(1, 103 & 15, 4), Arrival::Duplicate);
    }

    #[test]
    fn memory_is_bounded() {
        let mut seen = Seen::default();
        for number in 0..100_000 {
            seen.arrived(number * 2 + 1);
        }
        assert_eq!(seen.holes.len(), MOST_HOLES);
        assert_eq!(seen.arrived(0), Arrival::Duplicate);
        assert_eq!(seen.arrived(199_998), Arrival::OutOfOrder);
    }
}
