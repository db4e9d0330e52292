//! Topic aliases (version 5, section 3.3.2.3.4), one table for each direction. It must not know packets beyond PUBLISH.

use super::Error;
use crate::protocol::{PropertyId, PropertyValue, Publish, Utf8};
use std::collections::HashMap;

/// The aliases that the peer sets.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    topics: HashMap<u16, Utf8>,
    maximum: u16,
}

impl Incoming {
    /// `maximum` is what we allowed in CONNECT or CONNACK.
    pub(super) fn new(maximum: u16) -> Self {
        Self {
            topics: HashMap::new(),
            maximum,
        }
    }

    /// Sets the alias of a message, or puts the topic in its place. The property stays, for the user to see.
    pub(super) fn resolve(&mut self, publish: &mut Publish) -> Result<(), Error> {
        let Some(alias) = publish.properties.u16(PropertyId::TopicAlias) else {
            return Ok(());
        };
        if alias == 0 || alias > self.maximum {
            return Err(Error::TopicAliasInvalid(alias));
        }
        if publish.topic.is_empty() {
            let known = self.topics.get(&alias).cloned();
            publish.topic = known.ok_or(Error::TopicAliasInvalid(alias))?;
        } else {
            self.topics.insert(alias, publish.topic.detached());
        }
        Ok(())
    }
}

/// The aliases that we set.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    aliases: HashMap<Utf8, u16>,
    policy: Policy,
    /// The highest one that was chosen.
    last: u16,
}

/// Who chooses the aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Policy {
    /// The application, by the property of a message: its topic is said once on each connection.
    #[default]
    Given,
    /// The first topics of a connection get one each, up to this number, which the peer allows.
    Chosen(u16),
}

impl Outgoing {
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }

    /// The message as it goes over this connection; `None` when it goes as it is.
    pub(super) fn apply(&mut self, publish: &Publish) -> Option<Publish> {
        match (publish.properties.u16(PropertyId::TopicAlias), self.policy) {
            (Some(alias), Policy::Given) => self.given(publish, alias),
            (None, Policy::Chosen(maximum)) => self.chosen(publish, maximum),
            _ => None,
        }
    }

    fn given(&mut self, publish: &Publish, alias: u16) -> Option<Publish> {
        if self.aliases.get(&publish.topic) == Some(&alias) {
            return Some(Publish {
                topic: Utf8::default(),
                ..publish.clone()
            });
        }
        self.aliases.retain(|_, other| *other != alias);
        self.aliases.insert(publish.topic.detached(), alias);
        None
    }

    fn chosen(&mut self, publish: &Publish, maximum: u16) -> Option<Publish> {
        let known = self.aliases.get(&publish.topic).copied();
        let alias = match known {
            Some(alias) => alias,
            None if self.last < maximum => {
                self.last += 1;
                self.aliases.insert(publish.topic.detached(), self.last);
                self.last
            }
            None => return None,
        };
        let mut publish = publish.clone();
        publish
            .properties
            .push(PropertyId::TopicAlias, PropertyValue::U16(alias));
        if known.is_some() {
            publish.topic = Utf8::default();
        }
        Some(publish)
    }

    /// A message of this topic was not sent, and perhaps the peer did not learn its alias.
    pub(super) fn forget(&mut self, topic: &Utf8) {
        if self.aliases.remove(topic) == Some(self.last) {
            self.last -= 1;
        }
    }
}
