//! A broker that stands still for a second: response times count the waiting of what was due meanwhile, service times do
//! not when the window kept it back. What is exact is calculated twice: from the times that the broker recorded, and from
//! the schedule and the policy alone.

use super::{against, check_conservation, open};
use crate::support::scripted::{Message, Policy};
use mqkit::bench::{Arrival, Load, Measure, Measured};
use std::time::{Duration, Instant};

const RATE: u32 = 500;
const MESSAGES: usize = 2000;
const FREEZE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(1));
/// Of the samples; the last one is the maximum.
const QUANTILES: [f64; 6] = [0.5, 0.9, 0.95, 0.99, 0.999, 1.0];
/// How far a percentile may be from the exact one.
const TOLERANCE: f64 = 0.01;
/// How far from what a machine would have that does everything at once.
const THEORY_TOLERANCE: f64 = 0.05;
/// Of what is shorter the machine's own delays are too large a part.
const SHORTEST: f64 = 0.1;
/// A machine that is busy with something else disturbs a measurement; a wrong figure is wrong each time.
const ATTEMPTS: u32 = 5;

fn plan(window: u16) -> Load {
    let duration = Duration::from_secs(1) * u32::try_from(MESSAGES).unwrap() / RATE;
    Load {
        window,
        ..open(Arrival::Constant, RATE.into(), duration)
    }
}

fn policy(ack_delay: u64) -> Policy {
    Policy {
        ack_delay: Duration::from_millis(ack_delay),
        delivery_delay: Duration::from_millis(200),
        freeze: Some(FREEZE),
        ..Policy::default()
    }
}

/// With room for everything each message is sent when it is due: both kinds of time are the same.
#[test]
fn response_and_service_times_agree_when_the_window_is_wide() {
    attempt(|| {
        let (measured, messages) = run(10_000, &policy(150));
        let exact = Exact::new(&messages);
        let theory = Theory::new(&policy(150), 10_000);
        let mut faults = Faults(Vec::new());
        for (measure, exact, theory) in [
            (Measure::DeliveryResponse, &exact.deliveries, &theory.deliveries),
            (Measure::AckResponse, &exact.acks, &theory.acks),
            (Measure::DeliveryService, &exact.services, &theory.deliveries),
        ] {
            faults.compare(&measured, measure, exact, theory);
        }
        faults.0
    });
}

/// With little room few messages meet the freeze on their way, and the rest waits inside mqkit: only response times show it.
#[test]
fn service_times_hide_the_freeze_when_the_window_is_narrow() {
    const WINDOW: u16 = 20;
    attempt(|| {
        // Two thousand in a second go through: four times what is due.
        let (measured, messages) = run(WINDOW, &policy(10));
        let exact = Exact::new(&messages);
        let theory = Theory::new(&policy(10), WINDOW.into());
        let mut faults = Faults(Vec::new());
        let response = Measure::DeliveryResponse;
        faults.compare(&measured, response, &exact.deliveries, &theory.deliveries);
        faults.compare(&measured, Measure::DeliveryService, &exact.services, &theory.services);
        faults.compare(&measured, Measure::AckResponse, &exact.acks, &theory.acks);
        let p90 = |measure| measured.record.histogram(measure).unwrap().quantile(0.9);
        let (response, service) = (p90(response), p90(Measure::DeliveryService));
        if response < 4 * service {
            faults.0.push(format!(
                "the 90th percentile is {response:?}, and {service:?} without the waiting"
            ));
        }
        faults.0
    });
}

fn attempt(check: impl Fn() -> Vec<String>) {
    let mut faults = Vec::new();
    for _ in 0..ATTEMPTS {
        faults = check();
        if faults.is_empty() {
            return;
        }
    }
    panic!("{}", faults.join("\n"));
}

fn run(window: u16, policy: &Policy) -> (Measured, Vec<Message>) {
    let (measured, record) = against(policy.clone(), plan(window));
    check_conservation(&measured, 1);
    let counts = measured.record.counts;
    let expected = u64::try_from(MESSAGES).unwrap();
    assert_eq!((counts.offered, counts.received), (expected, expected), "{counts:?}");
    assert_eq!(record.messages.len(), MESSAGES);
    (measured, record.messages)
}

/// When the n-th message is due, from the first.
fn due(number: usize) -> Duration {
    Duration::from_secs(1) * u32::try_from(number).unwrap() / RATE
}

/// Times by the broker's clock and the schedule; of the service times, when a message was sent is what its stamp says.
struct Exact {
    acks: Vec<Duration>,
    deliveries: Vec<Duration>,
    services: Vec<Duration>,
}

impl Exact {
    fn new(messages: &[Message]) -> Self {
        // The message that came fastest came when it was due: that is less than a tenth of a millisecond off.
        let starts = messages.iter().enumerate();
        let start: Instant = starts
            .map(|(number, message)| message.arrived - due(number))
            .min()
            .unwrap();
        let times = |moment: &dyn Fn(&Message) -> Instant, since: &dyn Fn(usize, &Message) -> Duration| {
            let messages = messages.iter().enumerate();
            let time = |(number, message)| {
                let from = start + since(number, message);
                moment(message).saturating_duration_since(from)
            };
            sorted(messages.map(time).collect())
        };
        let mut transits: Vec<_> = messages
            .iter()
            .map(|message| message.arrived.saturating_duration_since(start + sent(message)))
            .collect();
        transits.sort_unstable();
        // So the stamps are true.
        let median = transits[transits.len() / 2];
        assert!(median < Duration::from_millis(2), "{median:?}");
        Self {
            acks: times(&|message| message.acknowledged.unwrap(), &|number, _| due(number)),
            deliveries: times(&|message| message.delivered[0], &|number, _| due(number)),
            services: times(&|message| message.delivered[0], &|_, message| sent(message)),
        }
    }
}

/// When a message was given to its connection, from the start of publishing: the end of its stamp.
fn sent(message: &Message) -> Duration {
    Duration::from_nanos(u64::from_be_bytes(*message.payload.last_chunk().unwrap()))
}

/// Response times of a machine without any delay of its own, and service times of deliveries.
struct Theory {
    acks: Vec<Duration>,
    deliveries: Vec<Duration>,
    services: Vec<Duration>,
}

impl Theory {
    fn new(policy: &Policy, window: usize) -> Self {
        let (after, length) = policy.freeze.unwrap();
        let thawed = |moment: Duration| {
            let frozen = moment >= after && moment < after + length;
            if frozen { after + length } else { moment }
        };
        let mut acked: Vec<Duration> = Vec::new();
        let (mut delivered, mut services) = (Vec::new(), Vec::new());
        for number in 0..MESSAGES {
            // The window has room when the message before it is acknowledged.
            let room = number
                .checked_sub(window)
                .map_or(Duration::ZERO, |before| acked[before]);
            let sent = due(number).max(room);
            let handled = thawed(sent);
            acked.push(thawed(handled + policy.ack_delay));
            delivered.push(thawed(handled + policy.delivery_delay));
            services.push(delivered[number] - sent);
        }
        let times = |moments: Vec<Duration>| {
            let moments = moments.into_iter().enumerate();
            sorted(moments.map(|(number, moment)| moment - due(number)).collect())
        };
        Self {
            acks: times(acked),
            deliveries: times(delivered),
            services: sorted(services),
        }
    }
}

fn sorted(mut times: Vec<Duration>) -> Vec<Duration> {
    times.sort_unstable();
    times
}

/// What was not as it should be.
struct Faults(Vec<String>);

impl Faults {
    fn compare(&mut self, measured: &Measured, measure: Measure, exact: &[Duration], theory: &[Duration]) {
        let histogram = measured.record.histogram(measure).expect("it was measured");
        assert_eq!(histogram.len(), exact.len() as u64, "{}", measure.name());
        for share in QUANTILES {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a few thousand"
            )]
            let rank = (share * exact.len() as f64).ceil() as usize;
            let found = histogram.quantile(share).as_secs_f64();
            for (what, exact, tolerance) in [
                ("the broker's record", exact, TOLERANCE),
                ("theory", theory, THEORY_TOLERANCE),
            ] {
                let exact = exact[rank - 1].as_secs_f64();
                if exact >= SHORTEST && (found - exact).abs() > tolerance * exact {
                    let name = measure.name();
                    let fault = format!("{name} at {share}: {found:.6} s; by {what} it is {exact:.6} s");
                    self.0.push(fault);
                }
            }
        }
    }
}
