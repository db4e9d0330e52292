//! Topic aliases (version 5, section 3.3.2.3.4), one table for each direction. It must not know packets beyond PUBLISH.

use super::Error;
use crate::protocol::{Properties, PropertyId, PropertyValue, Publish, Utf8};
use std::collections::HashMap;

/// The aliases that the peer sets.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    topics: Vec<Utf8>,
    maximum: u16,
}

impl Incoming {
    /// `maximum` is what we allowed in CONNECT or CONNACK.
    pub(super) fn new(maximum: u16) -> Self {
        Self {
            topics: Vec::new(),
            maximum,
        }
    }

    /// Sets the alias of a message, or puts the topic in its place. The property stays, for the user to see.
    pub(super) fn resolve(&mut self, publish: &mut Publish) -> Result<(), Error> {
        let Some(alias) = publish.properties.u16(PropertyId::TopicAlias) else {
            return Ok(());
        };
        let index = usize::from(alias);
        if alias == 0 || alias > self.maximum {
            return Err(Error::TopicAliasInvalid(alias));
        }
        if publish.topic.is_empty() {
            publish.topic = match self.topics.get(index) {
                Some(topic) if !topic.is_empty() => topic.clone(),
                _ => return Err(Error::TopicAliasInvalid(alias)),
            };
        } else {
            if self.topics.len() <= index {
                self.topics.resize(index + 1, Utf8::default());
            }
            self.topics[index] = publish.topic.detached();
        }
        Ok(())
    }
}

/// The aliases that we set: the first topics of a connection get them.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    aliases: HashMap<Utf8, u16>,
    maximum: u16,
}

impl Outgoing {
    /// `maximum` is what the peer allows.
    pub(super) fn new(maximum: u16) -> Self {
        Self {
            aliases: HashMap::new(),
            maximum,
        }
    }

    /// The message as it goes over this connection; `None` when it goes as it is.
    pub(super) fn apply(&mut self, publish: &Publish) -> Option<Publish> {
        if self.maximum == 0 || publish.properties.value(PropertyId::TopicAlias).is_some() {
            return None;
        }
        let (alias, known) = match self.aliases.get(&publish.topic) {
            Some(alias) => (*alias, true),
            None => {
                let alias = u16::try_from(self.aliases.len() + 1)
                    .ok()
                    .filter(|alias| *alias <= self.maximum)?;
                self.aliases.insert(publish.topic.detached(), alias);
                (alias, false)
            }
        };
        let mut publish = publish.clone();
        let mut properties: Properties = [(PropertyId::TopicAlias, PropertyValue::U16(alias))]
            .into_iter()
            .collect();
        for (id, value) in publish.properties.iter() {
            properties.push(*id, value.clone());
        }
        publish.properties = properties;
        if known {
            publish.topic = Utf8::default();
        }
        Some(publish)
    }
}
