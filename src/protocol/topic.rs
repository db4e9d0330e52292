//! Topic names, topic filters, shared subscriptions: their rules and how they match. It must not know who
//! subscribes.

use super::wire::{any_word, has_byte};
use std::fmt;

/// Why a topic name or filter is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// `[MQTT-4.7.3-1]`
    #[error("is empty [MQTT-4.7.3-1]")]
    Empty,
    /// `[MQTT-4.7.3-2]`
    #[error("contains U+0000 [MQTT-4.7.3-2]")]
    Nul,
    /// `[MQTT-4.7.3-3]`
    #[error("has {0} bytes; MQTT allows 65535 [MQTT-4.7.3-3]")]
    TooLong(usize),
    /// `[MQTT-3.3.2-2]`
    #[error("contains the wildcard `{0}`, which a topic name must not [MQTT-3.3.2-2]")]
    Wildcard(char),
    /// `[MQTT-4.7.1-1]`
    #[error("has a `#` that is not the last level on its own [MQTT-4.7.1-1]")]
    MultiLevel,
    /// `[MQTT-4.7.1-2]`
    #[error("has a `+` that does not fill its level [MQTT-4.7.1-2]")]
    SingleLevel,
    /// `[MQTT-4.8.2-1] [MQTT-4.8.2-2]`
    #[error("is not `$share/NAME/FILTER` with a name free of `/`, `+` and `#` [MQTT-4.8.2-2]")]
    Share,
}

/// True when there is a `+` or a `#`.
#[must_use]
#[inline]
pub fn has_wildcard(topic: impl AsRef<[u8]>) -> bool {
    any_word(topic.as_ref(), |word| has_byte(word, b'+') || has_byte(word, b'#'))
}

fn check_text(topic: &str) -> Result<(), TopicError> {
    if topic.is_empty() {
        return Err(TopicError::Empty);
    }
    if topic.len() > usize::from(u16::MAX) {
        return Err(TopicError::TooLong(topic.len()));
    }
    if topic.contains('\0') {
        return Err(TopicError::Nul);
    }
    Ok(())
}

/// Checks a topic name, as PUBLISH carries it.
///
/// # Errors
/// The rule that it breaks.
pub fn check_name(topic: &str) -> Result<(), TopicError> {
    check_text(topic)?;
    match topic.chars().find(|c| matches!(c, '+' | '#')) {
        Some(wildcard) => Err(TopicError::Wildcard(wildcard)),
        None => Ok(()),
    }
}

/// Checks a topic filter, as SUBSCRIBE carries it; a shared one must be well-formed too.
///
/// # Errors
/// The rule that it breaks.
pub fn check_filter(filter: &str) -> Result<(), TopicError> {
    check_text(filter)?;
    check_wildcards(filter)?;
    if is_shared(filter) {
        Shared::parse(filter).ok_or(TopicError::Share)?;
    }
    Ok(())
}

/// Checks where the wildcards of a filter stand.
///
/// # Errors
/// `[MQTT-4.7.1-1]` and `[MQTT-4.7.1-2]`.
pub fn check_wildcards(filter: &str) -> Result<(), TopicError> {
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        if level.contains('#') && (level != "#" || levels.peek().is_some()) {
            return Err(TopicError::MultiLevel);
        }
        if level.contains('+') && level != "+" {
            return Err(TopicError::SingleLevel);
        }
    }
    Ok(())
}

fn is_shared(filter: &str) -> bool {
    filter == "$share" || filter.starts_with("$share/")
}

/// The two parts of a shared subscription's filter, `$share/NAME/FILTER` (version 5, section 4.8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared<'a> {
    /// The share name.
    pub name: &'a str,
    /// The topic filter behind it.
    pub filter: &'a str,
}

impl<'a> Shared<'a> {
    /// The parts of a well-formed shared filter; `None` for any other.
    #[must_use]
    pub fn parse(filter: &'a str) -> Option<Self> {
        let (name, filter) = filter.strip_prefix("$share/")?.split_once('/')?;
        (!name.is_empty() && !has_wildcard(name) && !filter.is_empty()).then_some(Self { name, filter })
    }
}

impl fmt::Display for Shared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "$share/{}/{}", self.name, self.filter)
    }
}

/// Does `filter` match `topic`? Wildcards at the first level do not match names that begin with `$`
/// `[MQTT-4.7.2-1]`. A shared filter is matched by its part behind the share name.
#[must_use]
pub fn matches(filter: &str, topic: &str) -> bool {
    let filter = Shared::parse(filter).map_or(filter, |shared| shared.filter);
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut names = topic.split('/');
    for level in filter.split('/') {
        match (level, names.next()) {
            // `a/#` matches `a` too: the parent level (section 4.7.1.2).
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (level, Some(name)) if level == name => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching_follows_the_examples_of_section_4_7() {
        for (filter, topic, expected) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/#", "sport", true),
            ("#", "a/b/c", true),
            ("#", "/", true),
            ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+", "sport", true),
            ("+/tennis/#", "sport/tennis/a", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/monitor", false),
            ("+/monitor/Clients", "$SYS/monitor/Clients", false),
            ("$SYS/#", "$SYS/monitor", true),
            ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
            ("a/b", "a/b", true),
            ("a/b", "a/b/", false),
            ("a//b", "a//b", true),
            ("a/+/b", "a//b", true),
            ("$share/group/a/+", "a/b", true),
            ("$share/group/#", "$SYS/x", false),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} against {topic}");
        }
    }

    #[test]
    fn filters_and_names_are_checked() {
        for filter in [
            "#",
            "+",
            "a/#",
            "+/+/#",
            "/",
            "a//b",
            "$share/n/a",
            "$share/n/#",
            "é/+",
            "$sharex",
        ] {
            assert_eq!(check_filter(filter), Ok(()), "{filter}");
        }
        for (filter, error) in [
            ("", TopicError::Empty),
            ("a#", TopicError::MultiLevel),
            ("#/a", TopicError::MultiLevel),
            ("a/#/b", TopicError::MultiLevel),
            ("a+", TopicError::SingleLevel),
            ("a/b+/c", TopicError::SingleLevel),
            ("a\0", TopicError::Nul),
            ("$share", TopicError::Share),
            ("$share/n", TopicError::Share),
            ("$share//a", TopicError::Share),
            ("$share/n/", TopicError::Share),
            ("$share/+/a", TopicError::Share),
        ] {
            assert_eq!(check_filter(filter), Err(error), "{filter}");
        }
        assert_eq!(check_name("a/b c/é"), Ok(()));
        assert_eq!(check_name("a/+"), Err(TopicError::Wildcard('+')));
        assert_eq!(check_name(&"x".repeat(65_536)), Err(TopicError::TooLong(65_536)));
    }
}
