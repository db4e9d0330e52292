//! When all retained messages of a new subscription have come. It must not know how anything is sent.
//!
//! The standard does not say so, but brokers answer the packets of a client one after another: what they send before an
//! answer belongs before it. So once SUBACK is there, a question is asked whose answer changes nothing: UNSUBSCRIBE of a
//! filter that was never subscribed to. It takes the way of SUBSCRIBE through the broker, while some brokers answer
//! PINGREQ at the edge. A retained message before the answer means that more may follow:
//! - a broker holds back what exceeds its send window, or our Receive Maximum, until acknowledgements make room, and
//!   they were sent before the next question;
//! - with QoS 2 the room is there only after PUBREL and PUBCOMP, which is one more question;
//! - a broker that looks retained messages up aside of the connection sends them a little later, which is another one.
//!
//! So the end has come when three answers in a row were not preceded by a retained message. A broker that breaks the rule
//! of answering every UNSUBSCRIBE `[MQTT-3.10.4-4]`, as rumqttd does, has had until the limit for acknowledgements.

use crate::protocol::Utf8;

/// Answers without a retained message before them that make the end.
const QUIET: u8 = 3;

/// The questions after a SUBSCRIBE.
#[derive(Debug)]
pub(super) struct RetainedEnd {
    filter: Utf8,
    /// A question should be asked as soon as everything is acknowledged.
    due: bool,
    /// A question has no answer yet.
    asked: bool,
    /// A retained message has come since the last answer.
    saw_retained: bool,
    quiet: u8,
}

impl RetainedEnd {
    /// One whose filter is none of these.
    pub(super) fn new<'a>(used: impl Iterator<Item = &'a Utf8> + Clone) -> Self {
        let mut filter = "mqkit/end-of-retained".to_owned();
        while used.clone().any(|used| used.as_str() == filter) {
            filter.push('/');
        }
        Self {
            // Plain ASCII.
            filter: Utf8::new(filter).unwrap_or_default(),
            due: false,
            asked: false,
            saw_retained: false,
            quiet: 0,
        }
    }

    /// What the question unsubscribes from.
    pub(super) fn filter(&self) -> &Utf8 {
        &self.filter
    }

    /// The subscriptions stand on this connection: retained messages are on their way.
    pub(super) fn begin(&mut self) {
        (self.due, self.asked, self.saw_retained, self.quiet) = (true, false, false, 0);
    }

    /// A retained message arrived.
    pub(super) fn retained_arrived(&mut self) {
        self.saw_retained = true;
    }

    /// The question to ask now that everything is acknowledged.
    pub(super) fn question(&mut self) -> Option<Utf8> {
        self.asked |= self.due;
        std::mem::take(&mut self.due).then(|| self.filter.clone())
    }

    /// True while an answer is to come.
    pub(super) fn is_asked(&self) -> bool {
        self.asked
    }

    /// The answer arrived; true when no retained message follows.
    pub(super) fn answered(&mut self) -> bool {
        self.quiet = if std::mem::take(&mut self.saw_retained) {
            0
        } else {
            self.quiet + 1
        };
        self.asked = false;
        self.due = self.quiet < QUIET;
        !self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_quiet_answers_in_a_row_make_the_end() {
        let mut retained_end = RetainedEnd::new([].iter());
        assert_eq!(retained_end.question(), None);
        retained_end.begin();
        assert_eq!(retained_end.question().unwrap().as_str(), "mqkit/end-of-retained");
        assert!(retained_end.is_asked());
        assert_eq!(retained_end.question(), None, "one question at a time");
        retained_end.retained_arrived();
        assert!(!retained_end.answered());
        assert!(!retained_end.is_asked());
        assert!(retained_end.question().is_some());
        assert!(!retained_end.answered());
        retained_end.retained_arrived();
        assert!(!retained_end.answered(), "not in a row");
        assert!(!retained_end.answered());
        assert!(!retained_end.answered());
        assert!(retained_end.answered());
        assert_eq!(retained_end.question(), None);
    }

    #[test]
    fn the_filter_is_nobodys() {
        let used = [
            Utf8::new("mqkit/end-of-retained").unwrap(),
            Utf8::new("mqkit/end-of-retained/").unwrap(),
        ];
        assert_eq!(
            RetainedEnd::new(used.iter()).filter().as_str(),
            "mqkit/end-of-retained//"
        );
    }
}
