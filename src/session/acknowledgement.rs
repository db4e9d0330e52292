//! Which acknowledgement fits which exchange: one table for both sides. It must not know messages.

use crate::protocol::{PacketType, QoS};

/// How far the exchange behind a packet identifier has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// No exchange has this identifier.
    Unknown,
    /// PUBLISH at QoS 1 was sent.
    Qos1,
    /// PUBLISH at QoS 2 was sent.
    Qos2,
    /// PUBREL was sent.
    Released,
    /// SUBSCRIBE was sent.
    Subscribe,
    /// UNSUBSCRIBE was sent.
    Unsubscribe,
}

/// What an acknowledgement leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The exchange has reached its end.
    End,
    /// The receiver has the message: PUBREL is due `[MQTT-4.3.3-4]`.
    Release,
    /// PUBREL is due although the first half of the exchange is not known here `[MQTT-4.3.3-4]`.
    ReleaseUnknown,
    /// A late answer to what was sent twice.
    Nothing,
    /// It cannot be an answer to what was sent; this may.
    Wrong(&'static str),
}

impl Stage {
    /// That of a message that was sent.
    pub(super) fn of(qos: QoS, released: bool) -> Self {
        match (qos, released) {
            (QoS::ExactlyOnce, true) => Self::Released,
            (QoS::ExactlyOnce, false) => Self::Qos2,
            _ => Self::Qos1,
        }
    }

    /// What `by` leads to; `failed`: its reason code is 0x80 or above.
    pub(super) fn step(self, by: PacketType, failed: bool) -> Step {
        use PacketType as P;
        match (self, by) {
            (Self::Qos1, P::Puback) => Step::End,
            (Self::Qos1, _) => Step::Wrong("PUBACK ends a message at QoS 1 [MQTT-4.3.2-3]"),

            // The answer of a broker that has no QoS 2, RabbitMQ for one: it took the message at QoS 1.
            (Self::Qos2, P::Puback) => Step::End,
            (Self::Qos2, P::Pubrec) if failed => Step::End,
            (Self::Qos2, P::Pubrec) => Step::Release,
            (Self::Qos2, _) => Step::Wrong("PUBREC answers a message at QoS 2 [MQTT-4.3.3-3]"),

            // A second PUBREC answers a PUBLISH that was sent twice.
            (Self::Released, P::Pubrec) if !failed => Step::Release,
            (Self::Released, P::Pubcomp) => Step::End,
            (Self::Released, _) => Step::Wrong("PUBCOMP answers PUBREL [MQTT-4.3.3-5]"),

            (Self::Subscribe, P::Suback) => Step::End,
            (Self::Subscribe, _) => Step::Wrong("SUBACK answers SUBSCRIBE [MQTT-3.8.4-2]"),
            (Self::Unsubscribe, P::Unsuback) => Step::End,
            (Self::Unsubscribe, _) => Step::Wrong("UNSUBACK answers UNSUBSCRIBE [MQTT-3.10.4-5]"),

            (Self::Unknown, P::Pubrec) if !failed => Step::ReleaseUnknown,
            (Self::Unknown, _) => Step::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{End, Nothing, Release, ReleaseUnknown};

    /// Every pair of stage and acknowledgement; `None` is a protocol error.
    #[test]
    fn each_stage_takes_what_the_standard_allows() {
        use PacketType::{Puback, Pubcomp, Pubrec, Suback, Unsuback};
        let acknowledgements = [
            (Puback, false),
            (Puback, true),
            (Pubrec, false),
            (Pubrec, true),
            (Pubcomp, false),
            (Pubcomp, true),
            (Suback, false),
            (Unsuback, false),
        ];
        let (end, nothing) = (Some(End), Some(Nothing));
        let release = Some(Release);
        #[rustfmt::skip]
        let table = [
            (Stage::Unknown,     [nothing, nothing, Some(ReleaseUnknown), nothing, nothing, nothing, nothing, nothing]),
            (Stage::Qos1,        [end,     end,     None,    None, None, None, None, None]),
            (Stage::Qos2,        [end,     end,     release, end,  None, None, None, None]),
            (Stage::Released,    [None,    None,    release, None, end,  end,  None, None]),
            (Stage::Subscribe,   [None,    None,    None,    None, None, None, end,  None]),
            (Stage::Unsubscribe, [None,    None,    None,    None, None, None, None, end]),
        ];
        for (stage, expected) in table {
            for ((by, failed), expected) in acknowledgements.into_iter().zip(expected) {
                let step = stage.step(by, failed);
                match expected {
                    Some(expected) => assert_eq!(step, expected, "{stage:?} {by} {failed}"),
                    None => assert!(
                        matches!(step, Step::Wrong(text) if text.contains("[MQTT-")),
                        "{stage:?} {by} {failed}: {step:?}"
                    ),
                }
            }
        }
    }
}
