//! Who a client of the load is, and what templates mean to it. It must not know connections.

use crate::session;

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Publisher,
    Subscriber,
}

/// One client.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// Its number among those of its role, from 0.
    pub(super) index: u32,
    pub(super) client_id: String,
    /// Empty when there is none.
    pub(super) username: String,
    run: u64,
}

impl Identity {
    /// The client of this role and number. The identifier is that of the options with its number; the user name is a
    /// template.
    pub(super) fn new(options: &session::Options, run: u64, role: Role, index: u32) -> Self {
        let letter = match role {
            Role::Publisher => 'p',
            Role::Subscriber => 's',
        };
        let mut identity = Self {
            index,
            client_id: format!("{}-{letter}{index}", options.client_id),
            username: String::new(),
            run,
        };
        identity.username = identity.fill(options.username.as_deref().unwrap_or_default(), 0);
        identity
    }

    /// A template with its escapes filled in: `%i` the number of the client, `%c` its identifier, `%u` its user name, `%r`
    /// the run, `%n` the number of a topic or message, `%%` a `%`.
    pub(super) fn fill(&self, template: &str, number: u64) -> String {
        let mut text = String::with_capacity(template.len() + 16);
        let mut rest = template;
        while let Some((before, behind)) = rest.split_once('%') {
            text.push_str(before);
            let mut characters = behind.chars();
            match characters.next() {
                Some('i') => text.push_str(&self.index.to_string()),
                Some('c') => text.push_str(&self.client_id),
                Some('u') => text.push_str(&self.username),
                Some('r') => text.push_str(&format!("{:016x}", self.run)),
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::protocol::Utf8;

    /// The third publisher of run 255, for the tests of this layer.
    pub(in crate::bench) fn identity() -> Identity {
        let options = session::Options {
            client_id: Utf8::new("c").unwrap(),
            username: Some(Utf8::new("u%i").unwrap()),
            ..session::Options::default()
        };
        Identity::new(&options, 255, Role::Publisher, 3)
    }

    #[test]
    fn templates_are_filled_in() {
        let filled = identity().fill("a/%i/%c/%u/%r/%n/%%/%x/%", 7);
        assert_eq!(filled, "a/3/c-p3/u3/00000000000000ff/7/%/%x/%");
    }
}
