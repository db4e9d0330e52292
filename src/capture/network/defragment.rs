//! Fragments of IP packets -> whole datagrams, within bounds. It must not know what they hold.

use std::collections::VecDeque;

use etherparse::IpNumber;
use etherparse::defrag::IpDefragBuf;

use super::ip::{Addresses, Fragment};

/// Datagrams that wait for fragments; the oldest is dropped for one more. A datagram holds at most 64 KiB.
const MOST_DATAGRAMS: usize = 64;
/// Holes in a datagram; one with more is dropped.
const MOST_HOLES: usize = 64;

/// Datagrams of which not every fragment has come.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    /// Oldest first.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    addresses: Addresses,
    identification: u32,
    /// Of the first fragment, once it has come.
    protocol: u8,
    data: IpDefragBuf,
}

/// A datagram of which every fragment has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Datagram {
    pub(super) addresses: Addresses,
    pub(super) protocol: u8,
    pub(super) payload: Vec<u8>,
}

impl Fragments {
    /// Takes a fragment; gives the datagram that it completes.
    pub(super) fn push(
        &mut self,
        addresses: Addresses,
        protocol: u8,
        fragment: Fragment,
        payload: &[u8],
    ) -> Option<Datagram> {
        if payload.is_empty() {
            return None;
        }
        let same =
            |waiting: &Waiting| waiting.addresses == addresses && waiting.identification == fragment.identification;
        let known = self
            .waiting
            .iter()
            .position(same)
            .and_then(|at| self.waiting.remove(at));
        let mut waiting = known.unwrap_or_else(|| Waiting::new(addresses, protocol, fragment));
        if waiting.data.add(fragment.offset, fragment.more, payload).is_err() {
            // The identification is used again for another datagram.
            waiting = Waiting::new(addresses, protocol, fragment);
            waiting.data.add(fragment.offset, fragment.more, payload).ok()?;
        }
        if fragment.offset.value() == 0 {
            waiting.protocol = protocol;
        }
        if waiting.data.is_complete() {
            let (payload, _) = waiting.data.take_bufs();
            return Some(Datagram {
                addresses,
                protocol: waiting.protocol,
                payload,
            });
        }
        if waiting.data.sections().len() <= MOST_HOLES {
            self.waiting.push_back(waiting);
        }
        if self.waiting.len() > MOST_DATAGRAMS {
            self.waiting.pop_front();
        }
        None
    }
}

impl Waiting {
    fn new(addresses: Addresses, protocol: u8, fragment: Fragment) -> Self {
        Self {
            addresses,
            identification: fragment.identification,
            protocol,
            data: IpDefragBuf::new(IpNumber(protocol), Vec::new(), Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::IpFragOffset;
    use std::net::Ipv4Addr;

    const ENDS: Addresses = (
        std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
        std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)),
    );

    fn push(fragments: &mut Fragments, identification: u32, units: u16, more: bool, payload: &[u8]) -> Option<Vec<u8>> {
        let fragment = Fragment {
            identification,
            offset: IpFragOffset::try_new(units).unwrap(),
            more,
        };
        let whole = fragments.push(ENDS, if units == 0 { 6 } else { 60 }, fragment, payload)?;
        assert_eq!((whole.addresses, whole.protocol), (ENDS, 6));
        Some(whole.payload)
    }

    #[test]
    fn any_order_repeats_and_overlaps() {
        let mut all = Fragments::default();
        assert_eq!(push(&mut all, 1, 2, false, b"end"), None);
        assert_eq!(push(&mut all, 2, 0, true, b"othersot"), None);
        assert_eq!(push(&mut all, 1, 1, true, b"midmidmi"), None);
        assert_eq!(push(&mut all, 1, 1, true, b"midmidmi"), None);
        assert_eq!(
            push(&mut all, 1, 0, true, b"01234567midmidmi").unwrap(),
            b"01234567midmidmiend"
        );
        assert_eq!(push(&mut all, 2, 1, false, b"x").unwrap(), b"othersotx");
        assert!(all.waiting.is_empty());
    }

    #[test]
    fn an_identification_used_again() {
        let mut all = Fragments::default();
        assert_eq!(push(&mut all, 1, 1, false, b"old"), None);
        assert_eq!(push(&mut all, 1, 1, false, b"newer"), None);
        assert_eq!(push(&mut all, 1, 0, true, b"01234567").unwrap(), b"01234567newer");
    }

    #[test]
    fn bounded() {
        let mut all = Fragments::default();
        for identification in 0..1000 {
            push(&mut all, identification, 8000, true, &[0; 8]);
        }
        assert_eq!(all.waiting.len(), MOST_DATAGRAMS);
        for units in 0..1000 {
            push(&mut all, 5000, 2 * units + 1, true, &[0; 8]);
        }
        assert!(
            all.waiting
                .iter()
                .all(|waiting| waiting.data.sections().len() <= MOST_HOLES)
        );
    }
}
