//! Which subscriptions receive which topics. It must not know connections.

use crate::protocol::topic::{self, Shared};
use std::collections::HashMap;

/// How many receivers each topic has. Subscribers of the same shared subscription are one.
#[derive(Debug, Default)]
pub(super) struct Receivers {
    /// Filters without wildcards.
    exact: HashMap<String, u32>,
    wild: Vec<(String, u32)>,
}

impl Receivers {
    /// Counts the receivers behind these filters.
    pub(super) fn new<'a>(filters: impl Iterator<Item = &'a str>) -> Self {
        let mut counted: HashMap<&str, u32> = HashMap::new();
        for filter in filters {
            let count = counted.entry(filter).or_default();
            *count = match Shared::parse(filter) {
                Some(_) => 1,
                None => *count + 1,
            };
        }
        let mut receivers = Self::default();
        for (filter, count) in counted {
            let plain = Shared::parse(filter).map_or(filter, |shared| shared.filter);
            match topic::has_wildcard(plain) {
                true => receivers.wild.push((plain.to_owned(), count)),
                false => *receivers.exact.entry(plain.to_owned()).or_default() += count,
            }
        }
        receivers
    }

    /// Receivers of a topic.
    pub(super) fn of(&self, name: &str) -> u32 {
        let exact = self.exact.get(name).copied().unwrap_or_default();
        let wild = self.wild.iter().filter(|(filter, _)| topic::matches(filter, name));
        exact + wild.map(|(_, count)| count).sum::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_counted_by_subscription() {
        let filters = ["a/+", "a/+", "a/1", "$share/g/a/#", "$share/g/a/#", "$share/h/a/1", "b"];
        let receivers = Receivers::new(filters.into_iter());
        assert_eq!(receivers.of("a/1"), 5);
        assert_eq!(receivers.of("a/2"), 3);
        assert_eq!(receivers.of("c"), 0);
    }
}
