//! Which of the messages that arrive are taken. It must not know what becomes of them.

use crate::protocol::{Publish, Utf8, topic};

/// What is wanted of the messages that the broker sends.
#[derive(Debug)]
pub(super) struct Selection {
    /// Not these.
    pub(super) filter_out: Vec<Utf8>,
    /// Retained ones.
    pub(super) retained: bool,
    /// Those that are published now.
    pub(super) live: bool,
    /// Retained messages are to be removed from the broker.
    pub(super) remove_retained: bool,
    /// Only a random part of them.
    pub(super) sample: Option<Sample>,
}

/// What becomes of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Selected {
    /// It is shown and counted.
    pub(super) taken: bool,
    /// It is removed from the broker.
    pub(super) removed: bool,
}

impl Selection {
    pub(super) fn select(&mut self, publish: &Publish) -> Selected {
        if self.filter_out.iter().any(|out| topic::matches(out, &publish.topic)) {
            return Selected {
                taken: false,
                removed: false,
            };
        }
        let wanted = if publish.retain { self.retained } else { self.live };
        Selected {
            taken: wanted && self.sample.as_mut().is_none_or(Sample::hit),
            // An empty message is not retained: it may be our own removal, kept as it was published.
            removed: self.remove_retained && publish.retain && !publish.payload.is_empty(),
        }
    }
}

/// A random part of all messages.
#[derive(Debug)]
pub(super) struct Sample {
    /// From 0 to 1.
    pub(super) probability: f64,
    pub(super) random: fastrand::Rng,
}

impl Sample {
    fn hit(&mut self) -> bool {
        // Never 1: everything hits at probability 1.
        self.random.f64() < self.probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Properties, QoS};
    use bytes::Bytes;

    fn message(topic: &str, retain: bool, payload: &'static str) -> Publish {
        Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain,
            topic: Utf8::new(topic).unwrap(),
            packet_id: None,
            properties: Properties::new(),
            payload: Bytes::from(payload),
        }
    }

    fn selection() -> Selection {
        Selection {
            filter_out: Vec::new(),
            retained: true,
            live: true,
            remove_retained: false,
            sample: None,
        }
    }

    #[test]
    fn a_part_is_as_large_as_it_says() {
        for percent in [0.1, 1.0, 10.0, 50.0, 90.0, 100.0] {
            let probability = percent / 100.0;
            let mut selection = selection();
            selection.sample = Some(Sample {
                probability,
                random: fastrand::Rng::with_seed(7),
            });
            let total = 100_000;
            let taken = (0..total)
                .filter(|_| selection.select(&message("a", false, "x")).taken)
                .count();
            let expected = f64::from(total) * probability;
            let deviation = (expected * (1.0 - probability)).sqrt();
            assert!(
                (taken as f64 - expected).abs() <= 4.0 * deviation,
                "{percent} %: {taken} of {total}"
            );
        }
    }

    #[test]
    fn retained_and_live_messages_are_told_apart() {
        for (retained, live, expected) in [
            (true, true, [true, true]),
            (true, false, [true, false]),
            (false, true, [false, true]),
        ] {
            let mut selection = Selection {
                retained,
                live,
                ..selection()
            };
            let taken = [true, false].map(|retain| selection.select(&message("a", retain, "x")).taken);
            assert_eq!(taken, expected);
        }
    }

    #[test]
    fn what_is_filtered_out_is_neither_shown_nor_removed() {
        let mut selection = Selection {
            filter_out: vec![Utf8::new("a/+").unwrap(), Utf8::new("b/#").unwrap()],
            remove_retained: true,
            ..selection()
        };
        for (topic, taken) in [
            ("a/x", false),
            ("b", false),
            ("b/c/d", false),
            ("a/x/y", true),
            ("c", true),
        ] {
            let selected = selection.select(&message(topic, true, "x"));
            assert_eq!(selected, Selected { taken, removed: taken }, "{topic}");
        }
        assert!(!selection.select(&message("c", false, "x")).removed, "a live message");
        assert!(!selection.select(&message("c", true, "")).removed, "a removal");
        selection.retained = false;
        assert_eq!(
            selection.select(&message("c", true, "x")),
            Selected {
                taken: false,
                removed: true
            }
        );
    }
}
