//! The secrets of a key log in the NSS format (what programs write to `SSLKEYLOGFILE`): text to secrets by client
//! random. It must not know what is made of them.

use std::collections::{HashMap, VecDeque};

/// Length of the random number of a ClientHello or ServerHello in bytes.
pub(super) const RANDOM: usize = 32;
/// Length of the master secret of TLS 1.2 in bytes.
const MASTER: usize = 48;

/// Connections whose secrets are kept: the last ones, since a capture is rarely older than its key log.
const MOST_CONNECTIONS: usize = 65_536;

/// Secrets by client random, of at most 65,536 connections.
#[derive(Default)]
pub struct KeyLog {
    secrets: HashMap<[u8; RANDOM], Secrets>,
    /// Their client randoms, the oldest first.
    order: VecDeque<[u8; RANDOM]>,
    forgotten: u64,
}

/// What is known of one connection.
#[derive(Default)]
pub(super) struct Secrets {
    /// The master secret (TLS 1.2).
    pub(super) master: Option<Vec<u8>>,
    /// The traffic secrets of the handshake (TLS 1.3).
    pub(super) handshake: Directions,
    /// The first traffic secrets of application data (TLS 1.3).
    pub(super) application: Directions,
}

/// One secret for each direction, by its sender.
#[derive(Default)]
pub(super) struct Directions {
    pub(super) client: Option<Vec<u8>>,
    pub(super) server: Option<Vec<u8>>,
}

impl KeyLog {
    /// Adds the lines of a key log; lines that are none are passed over. Gives how many secrets it found.
    pub fn add(&mut self, text: &[u8]) -> usize {
        text.split(|byte| *byte == b'\n')
            .filter(|line| self.add_line(line).is_some())
            .count()
    }

    /// So many connections were dropped for later ones.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What is known of a connection; a new one takes the place of the oldest when there are too many.
    fn entry(&mut self, random: [u8; RANDOM]) -> &mut Secrets {
        if !self.secrets.contains_key(&random) {
            if self.order.len() >= MOST_CONNECTIONS {
                if let Some(oldest) = self.order.pop_front() {
                    self.secrets.remove(&oldest);
                    self.forgotten += 1;
                }
            }
            self.order.push_back(random);
        }
        self.secrets.entry(random).or_default()
    }

    pub(super) fn secrets(&self, client_random: &[u8; RANDOM]) -> Option<&Secrets> {
        self.secrets.get(client_random)
    }

    fn add_line(&mut self, line: &[u8]) -> Option<()> {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (label, random, secret) = (words.next()?, words.next()?, words.next()?);
        let random: [u8; RANDOM] = hex(random)?.try_into().ok()?;
        let secret = hex(secret)?;
        // SHA-256 or SHA-384, the latter as long as a master secret.
        let fits = secret.len() == MASTER || (secret.len() == 32 && label != b"CLIENT_RANDOM");
        let slot: fn(&mut Secrets) -> &mut Option<Vec<u8>> = match label {
            b"CLIENT_RANDOM" => |secrets| &mut secrets.master,
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => |secrets| &mut secrets.handshake.client,
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => |secrets| &mut secrets.handshake.server,
            b"CLIENT_TRAFFIC_SECRET_0" => |secrets| &mut secrets.application.client,
            b"SERVER_TRAFFIC_SECRET_0" => |secrets| &mut secrets.application.server,
            _ => return None,
        };
        if !fits {
            return None;
        }
        *slot(self.entry(random)) = Some(secret);
        Some(())
    }
}

fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if text.len() % 2 != 0 || text.len() > 2 * MASTER {
        return None;
    }
    text.chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_lines_it_knows() {
        let random = "ab".repeat(32);
        let text = format!(
            "# a comment\r\n\
             CLIENT_RANDOM {random} {}\r\n\
             CLIENT_TRAFFIC_SECRET_0  {random} {}\n\
             SERVER_TRAFFIC_SECRET_0 {random} {}\n\
             EXPORTER_SECRET {random} {}\n\
             CLIENT_RANDOM {random} 00\n\
             CLIENT_RANDOM abc def\n\
             SERVER_HANDSHAKE_TRAFFIC_SECRET {random} zz\n\
             \u{ff} CLIENT_RANDOM",
            "01".repeat(48),
            "02".repeat(32),
            "03".repeat(48),
            "04".repeat(32),
        );
        let mut log = KeyLog::default();
        assert_eq!(log.add(text.as_bytes()), 3);
        let secrets = log.secrets(&[0xab; 32]).unwrap();
        assert_eq!(secrets.master, Some(vec![1; 48]));
        assert_eq!(secrets.application.client, Some(vec![2; 32]));
        assert_eq!(secrets.application.server, Some(vec![3; 48]));
        assert_eq!(secrets.handshake.server, None);
        assert!(log.secrets(&[0; 32]).is_none());
    }
    #[test]
    fn keeps_the_last_connections() {
        let line = |number: usize| format!("CLIENT_RANDOM {number:064x} {}\n", "01".repeat(48));
        let mut log = KeyLog::default();
        let more = 3;
        for number in 0..MOST_CONNECTIONS + more {
            // Said again, it is the same connection.
            assert_eq!(log.add((line(number) + &line(number)).as_bytes()), 2);
        }
        assert_eq!(log.forgotten(), more as u64);
        assert_eq!(
            (log.secrets.len(), log.order.len()),
            (MOST_CONNECTIONS, MOST_CONNECTIONS)
        );
        let random = |number: usize| {
            let mut random = [0; RANDOM];
            random[RANDOM - 8..].copy_from_slice(&(number as u64).to_be_bytes());
            random
        };
        assert!(log.secrets(&random(more - 1)).is_none());
        assert!(log.secrets(&random(more)).is_some());
        assert!(log.secrets(&random(MOST_CONNECTIONS + more - 1)).is_some());
    }
}
