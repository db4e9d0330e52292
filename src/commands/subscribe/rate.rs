//! `--message-rate`: how many messages came in each second. It must not know the messages, or where the number goes.

use std::time::Duration;
use tokio::time::{Instant, Interval, interval_at};

const SECOND: Duration = Duration::from_secs(1);

pub(super) struct Rate {
    /// Whole seconds since the start; one that is late is made up for, so that line and second stay together.
    seconds: Interval,
    count: u64,
}

impl Rate {
    /// Starts the first second.
    pub(super) fn new() -> Self {
        Self {
            seconds: interval_at(Instant::now() + SECOND, SECOND),
            count: 0,
        }
    }

    pub(super) fn count(&mut self) {
        self.count += 1;
    }

    /// The number of messages in the second that ends next. Cancel-safe.
    pub(super) async fn second(&mut self) -> u64 {
        self.seconds.tick().await;
        std::mem::take(&mut self.count)
    }
}
