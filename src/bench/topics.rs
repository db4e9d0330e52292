//! Topics and filters of a load: templates filled in, and who receives what. It must not know connections.

use super::Load;
use crate::protocol::topic::{self, Shared};
use std::collections::HashMap;

/// Who fills in a template.
#[derive(Debug, Clone, Copy)]
pub(super) struct Who<'a> {
    /// `%i`: the number of the publisher or subscriber.
    pub(super) index: u32,
    /// `%c`: the client identifier.
    pub(super) client_id: &'a str,
    /// `%u`: the user name.
    pub(super) username: &'a str,
}

impl Who<'_> {
    /// A template with its escapes filled in; `%n` is the number of a topic or message, `%%` is `%`.
    pub(super) fn fill(self, template: &str, number: u64) -> String {
        let mut text = String::with_capacity(template.len() + 16);
        let mut rest = template;
        while let Some((before, behind)) = rest.split_once('%') {
            text.push_str(before);
            let mut characters = behind.chars();
            match characters.next() {
                Some('i') => text.push_str(&self.index.to_string()),
                Some('c') => text.push_str(self.client_id),
                Some('u') => text.push_str(self.username),
                Some('n') => text.push_str(&number.to_string()),
                Some('%') => text.push('%'),
                // Not an escape: it stands as it is.
                _ => {
                    text.push('%');
                    rest = behind;
                    continue;
                }
            }
            rest = characters.as_str();
        }
        text.push_str(rest);
        text
    }
}

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

/// Number of the first source of a publisher; it has one for each of its topics.
pub(super) fn first_source(load: &Load, publisher: u32) -> u32 {
    publisher.saturating_mul(load.topics.max(1))
}

/// The publisher of a source.
pub(super) fn publisher_of(load: &Load, source: u32) -> u32 {
    source / load.topics.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in() {
        let who = Who {
            index: 3,
            client_id: "c-3",
            username: "u",
        };
        assert_eq!(who.fill("a/%i/%c/%u/%n/%%/%x/%", 7), "a/3/c-3/u/7/%/%x/%");
    }

    #[test]
    fn receivers_are_counted_by_subscription() {
        let filters = ["a/+", "a/+", "a/1", "$share/g/a/#", "$share/g/a/#", "$share/h/a/1", "b"];
        let receivers = Receivers::new(filters.into_iter());
        assert_eq!(receivers.of("a/1"), 5);
        assert_eq!(receivers.of("a/2"), 3);
        assert_eq!(receivers.of("c"), 0);
    }
}
