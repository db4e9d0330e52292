//! Messages counted by what became of them, and the line that says so. It must not know a client.

use crate::protocol::{QoS, ReasonCode};

/// Messages, by what became of them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Totals {
    sent: u64,
    /// Of these, those that are to be acknowledged.
    expected: u64,
    acknowledged: u64,
    refused: u64,
    /// Why the first one was refused.
    refusal: Option<ReasonCode>,
    /// Sent at QoS 0 on a connection that broke: perhaps lost.
    doubtful: u64,
    /// At QoS 0, since the last connection began.
    unconfirmed: u64,
}

impl Totals {
    /// A message was handed to the client.
    pub(super) fn sent(&mut self, qos: QoS) {
        self.sent += 1;
        match qos {
            QoS::AtMostOnce => self.unconfirmed += 1,
            QoS::AtLeastOnce | QoS::ExactlyOnce => self.expected += 1,
        }
    }

    /// The broker took one.
    pub(super) fn acknowledged(&mut self) {
        self.acknowledged += 1;
    }

    /// The broker refused one.
    pub(super) fn refused(&mut self, reason: ReasonCode) {
        self.refused += 1;
        self.refusal.get_or_insert(reason);
    }

    /// What was written at QoS 0 shortly before may not have arrived, and nobody can tell.
    pub(super) fn connection_lost(&mut self) {
        self.doubtful += std::mem::take(&mut self.unconfirmed);
    }

    /// True when messages were sent of which only an orderly end of the connection shows that they arrived.
    pub(super) fn has_unconfirmed(&self) -> bool {
        self.unconfirmed > 0
    }

    /// True when any was sent.
    pub(super) fn any_sent(&self) -> bool {
        self.sent > 0
    }

    /// Why the first one was refused; `None` when none was.
    pub(super) fn refusal(&self) -> Option<ReasonCode> {
        self.refusal
    }

    /// True when any was not, or perhaps not, delivered.
    pub(super) fn any_undelivered(&self) -> bool {
        self.failed() > 0 || self.doubtful > 0
    }

    /// Messages that were sent, and are not acknowledged.
    fn failed(&self) -> u64 {
        self.expected - self.acknowledged
    }

    /// `sent=60 acknowledged=60 failed=0`; what cannot be acknowledged is not counted as if it could.
    pub(super) fn summary(&self) -> String {
        let Self {
            sent,
            expected,
            acknowledged,
            doubtful,
            ..
        } = self;
        let failed = self.failed();
        let mut text = match (*sent, *expected) {
            (1.., 0) => format!("sent={sent} failed={failed}"),
            _ => format!("sent={sent} acknowledged={acknowledged} failed={failed}"),
        };
        if *doubtful > 0 {
            text += &format!(" doubtful={doubtful} (QoS 0, written before the connection was lost)");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_counted_once() {
        let mut totals = Totals::default();
        assert_eq!(totals.summary(), "sent=0 acknowledged=0 failed=0");
        totals.sent(QoS::AtMostOnce);
        assert_eq!(totals.summary(), "sent=1 failed=0");
        assert!(totals.has_unconfirmed() && !totals.any_undelivered());
        totals.sent(QoS::AtLeastOnce);
        totals.sent(QoS::ExactlyOnce);
        totals.acknowledged();
        totals.refused(ReasonCode::NOT_AUTHORIZED);
        assert_eq!(totals.summary(), "sent=3 acknowledged=1 failed=1");
        assert!(totals.refusal() == Some(ReasonCode::NOT_AUTHORIZED) && totals.any_undelivered());
        totals.connection_lost();
        totals.connection_lost();
        assert!(totals.summary().contains("failed=1 doubtful=1 "));
    }
}
