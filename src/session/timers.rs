//! Keep alive of both sides (version 5, section 3.1.2.10). It must not know the clock.

use std::time::{Duration, Instant};

/// A client's side: when to send PINGREQ, and how long to wait for PINGRESP.
#[derive(Debug)]
pub(super) struct Ping {
    interval: Option<Duration>,
    last_sent: Instant,
    waiting_since: Option<Instant>,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    /// No PINGRESP for so long.
    Dead(Duration),
}

impl Ping {
    pub(super) fn new(keep_alive: u16, now: Instant) -> Self {
        let interval = (keep_alive > 0).then(|| Duration::from_secs(keep_alive.into()));
        Self {
            interval,
            last_sent: now,
            waiting_since: None,
        }
    }

    /// Any packet sent postpones the next PINGREQ.
    pub(super) fn sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// Any packet received shows that the peer lives, PINGRESP or not.
    pub(super) fn received(&mut self) {
        self.waiting_since = None;
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let interval = self.interval?;
        Some(self.waiting_since.unwrap_or(self.last_sent) + interval)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Due {
        match (self.interval, self.poll_timeout()) {
            (Some(interval), Some(at)) if at <= now => match self.waiting_since {
                Some(_) => Due::Dead(interval),
                None => {
                    self.waiting_since = Some(now);
                    self.last_sent = now;
                    Due::Ping
                }
            },
            _ => Due::Nothing,
        }
    }
}

/// A server's side: something must come within one and a half times the keep alive `[MQTT-3.1.2-22]`.
#[derive(Debug)]
pub(super) struct Watch {
    limit: Option<Duration>,
    last_received: Instant,
}

impl Watch {
    pub(super) fn new(keep_alive: u16, now: Instant) -> Self {
        let limit = (keep_alive > 0).then(|| Duration::from_millis(u64::from(keep_alive) * 1500));
        Self {
            limit,
            last_received: now,
        }
    }

    pub(super) fn received(&mut self, now: Instant) {
        self.last_received = now;
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        Some(self.last_received + self.limit?)
    }

    /// The time that ran out, if it did.
    pub(super) fn expired(&self, now: Instant) -> Option<Duration> {
        self.limit.filter(|limit| self.last_received + *limit <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_after_silence_and_gives_up_after_as_much_again() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut ping = Ping::new(10, start);
        assert_eq!(ping.handle_timeout(at(9)), Due::Nothing);
        ping.sent(at(9));
        assert_eq!(ping.handle_timeout(at(18)), Due::Nothing);
        assert_eq!(ping.handle_timeout(at(19)), Due::Ping);
        assert_eq!(ping.handle_timeout(at(28)), Due::Nothing);
        ping.received();
        assert_eq!(ping.handle_timeout(at(29)), Due::Ping);
        assert_eq!(ping.handle_timeout(at(39)), Due::Dead(Duration::from_secs(10)));
        assert_eq!(Ping::new(0, start).poll_timeout(), None);
    }
}
