//! Connections that a capture shows again under other addresses, as `-i any` does on a host that translates addresses.
//! It must not know reassembly.

use crate::capture::Stamp;
use crate::capture::network::Segment;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How long after a connection's first segment its mirror may begin.
const WINDOW: Duration = Duration::from_secs(1);
/// The same in records, where the capture has no times; and so the bound of what is remembered.
const WINDOW_RECORDS: u64 = 20_000;

/// Remembers the first data of the connections of the last second.
#[derive(Debug, Default)]
pub(super) struct Mirrors {
    hasher: RandomState,
    /// Connection by its first data.
    first: HashMap<u64, u32>,
    ages: VecDeque<(Stamp, u64)>,
    count: u64,
}

impl Mirrors {
    /// How many mirrors were found.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// True when another connection began a direction with the same data at the same sequence number.
    pub(super) fn is_one(&mut self, connection: u32, segment: &Segment<'_>, stamp: Stamp) -> bool {
        while let Some((_, hash)) = self
            .ages
            .front()
            .filter(|(since, _)| super::is_past(*since, stamp, WINDOW, WINDOW_RECORDS))
        {
            self.first.remove(hash);
            self.ages.pop_front();
        }
        let hash = self.hasher.hash_one((segment.sequence, segment.payload));
        match self.first.get(&hash) {
            Some(first) if *first != connection => {
                self.count += 1;
                true
            }
            Some(_) => false,
            None => {
                self.first.insert(hash, connection);
                self.ages.push_back((stamp, hash));
                false
            }
        }
    }
}
