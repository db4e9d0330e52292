//! User names and passwords, and the file they stand in. It must not open the file.

use std::collections::BTreeMap;

/// Who may connect with which password.
#[derive(Clone, Default)]
pub struct Passwords {
    users: BTreeMap<String, Vec<u8>>,
}

impl std::fmt::Debug for Passwords {
    /// Says nothing of passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Passwords of {} users", self.users.len())
    }
}

/// A line of a password file is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct PasswordError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong; says nothing of the password.
    pub problem: &'static str,
}

impl Passwords {
    /// Reads the lines of a password file: `user:password`, blank ones, and those that begin with `#`.
    ///
    /// # Errors
    /// The first line that is none of these, is a hash, or names a user for the second time.
    pub fn parse(text: &str) -> Result<Self, PasswordError> {
        let mut users = BTreeMap::new();
        for (line, entry) in (1..).zip(text.lines()) {
            let fail = |problem| Err(PasswordError { line, problem });
            if entry.trim().is_empty() || entry.starts_with('#') {
                continue;
            }
            let Some((user, password)) = entry.split_once(':') else {
                return fail("this is not `user:password`");
            };
            if user.is_empty() {
                return fail("the user name is missing");
            }
            if password.starts_with("$6$") || password.starts_with("$7$") {
                return fail("hashed entries of mosquitto_passwd are not supported; write user:password");
            }
            if users.insert(user.to_owned(), password.as_bytes().to_vec()).is_some() {
                return fail("this user has a line already");
            }
        }
        Ok(Self { users })
    }

    /// Whether this user has this password. The time it takes says nothing of the place of the first wrong byte.
    #[must_use]
    pub fn check(&self, user: &str, password: &[u8]) -> bool {
        let expected = self.users.get(user);
        let known = expected.map_or(&[][..], Vec::as_slice);
        let same = known.len() == password.len();
        let difference = password.iter().enumerate().fold(0, |difference, (index, byte)| {
            difference | (byte ^ known.get(index).copied().unwrap_or_default())
        });
        expected.is_some() && same && difference == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_comments_and_colons_in_passwords() {
        let passwords = Passwords::parse("# who\n\nada:love:lace\r\nbob:\n").unwrap();
        assert!(passwords.check("ada", b"love:lace"));
        assert!(passwords.check("bob", b""));
        for (user, password) in [
            ("ada", &b"love:lacE"[..]),
            ("ada", b"love:lace!"),
            ("ada", b""),
            ("eve", b""),
        ] {
            assert!(!passwords.check(user, password), "{user}");
        }
    }

    #[test]
    fn a_bad_line_is_named_and_its_password_is_not() {
        for (text, line, part) in [
            ("ada:x\nsecret", 2, "not `user:password`"),
            (":secret", 1, "user name is missing"),
            (
                "\nada:$7$101$secret$hash==",
                2,
                "mosquitto_passwd are not supported; write user:password",
            ),
            ("a:secret\na:b", 2, "a line already"),
        ] {
            let error = Passwords::parse(text).unwrap_err();
            let shown = error.to_string();
            assert_eq!(error.line, line);
            assert!(shown.contains(part) && !shown.contains("secret"), "{shown}");
        }
    }
}
