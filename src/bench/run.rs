//! One run from the first connection to the last: threads are started, told when, and their records put together. It must
//! not know what the figures are for.

use super::error::Error;
use super::failure::{Failure, Failures};
use super::identity::Role;
use super::probe::{self, Broker};
use super::progress::{Phase, Progress};
use super::record::Record;
use super::report::{Generator, Row};
use super::series::Series;
use super::setup::Setup;
use super::signal::{Effort, Flow, Note, Order, Shared};
use super::topics::Receivers;
use super::worker::Worker;
use super::{Arrival, Breach, Counts, Scenario, guarantee, payload, remarks, watch};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{mpsc, watch as channel};
use tokio::time::{MissedTickBehavior, interval, sleep};

/// What was measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Counts and times of the whole run.
    pub record: Record,
    /// The same in time.
    pub rows: Vec<Row>,
    /// When measuring began.
    pub started: SystemTime,
    /// How long publishing was to go on from then; the time it took when a count or a stop ended it.
    pub planned: Duration,
    /// When the first attempt to connect was made.
    pub connecting_from: SystemTime,
    /// From there to the last CONNACK of the beginning.
    pub connecting: Duration,
    /// How much of a limit this program was.
    pub generator: Generator,
    /// Guarantees that did not hold.
    pub broken: Vec<Breach>,
    /// What else a reader should know.
    pub notes: Vec<String>,
    /// Protocol version, as it was spoken.
    pub protocol: String,
    /// TLS and WebSocket.
    pub transport: Option<String>,
    /// What the broker calls itself.
    pub broker_version: Option<String>,
    /// What makes the run a failure although it came to its end; the figures of clients that gave up count until then.
    pub failures: Vec<Failure>,
    /// A stop was asked for before the plan was done.
    pub stopped: bool,
}

/// Makes the load and measures. When `stop` is done the publishers end, what is on its way is waited for no longer, and after
/// the time that it gives clients are dropped, whatever they have not done.
///
/// # Errors
/// A client could not connect before the start. Later failures are in [`Measured::failures`].
pub async fn run(
    setup: Setup,
    stop: impl Future<Output = Duration>,
    observe: &mut dyn FnMut(Progress<'_>),
) -> Result<Measured, Error> {
    let stop: &mut Stop<'_> = &mut pin!(stop);
    let first = setup.identity(Role::Publisher, 0);
    let broker = ask(&setup, &first.username, stop, observe).await?;
    let mut setup = setup;
    // From here on all clients speak what the first one did.
    setup.client.fall_back = false;
    if setup.client.session.version != broker.version {
        setup.client.session.version = broker.version;
        setup.client.session.properties = Default::default();
        setup.client.session.disconnect_properties = Default::default();
    }
    let mut run = Run::start(setup)?;
    let outcome = run.go(stop, observe).await;
    let gone_by = run.grace.map(|grace| Instant::now() + grace);
    run.orders
        .send_modify(|order| (order.quit, order.end, order.gone_by) = (true, true, gone_by));
    let (efforts, last) = run.join(stop, observe).await?;
    outcome?;
    Ok(run.measured(&efforts, last, broker))
}

/// Finds out what the broker is.
async fn ask(
    setup: &Setup,
    username: &str,
    stop: &mut Stop<'_>,
    observe: &mut dyn FnMut(Progress<'_>),
) -> Result<Broker, Error> {
    let began = Instant::now();
    let mut ticks = ticks(TICK);
    let trouble = Arc::default();
    let mut asking = pin!(probe::ask(&setup.client, username, &trouble));
    loop {
        tokio::select! {
            _ = stop.as_mut() => return Err(Error::Stopped),
            broker = &mut asking => return broker,
            _ = ticks.tick() => observe(progress(&trouble, Phase::Asking, began, None)),
        }
    }
}

/// Without figures.
fn progress(shared: &Shared, phase: Phase, began: Instant, total: Option<Duration>) -> Progress<'static> {
    let (away, trouble) = shared.trouble();
    Progress {
        phase,
        elapsed: began.elapsed(),
        total,
        row: None,
        away,
        trouble,
    }
}

/// From the order to start to the start: all threads have heard it by then.
const HEADSTART: Duration = Duration::from_millis(20);
/// How often the end of the drain is looked for, and how long nothing more may come then.
const DRAIN_TICK: Duration = Duration::from_millis(10);
const QUIET: Duration = Duration::from_millis(100);
const TICK: Duration = Duration::from_millis(200);

/// A run under way.
struct Run {
    setup: Arc<Setup>,
    shared: Arc<Shared>,
    orders: channel::Sender<Order>,
    notes: mpsc::UnboundedReceiver<Note>,
    threads: Vec<JoinHandle<std::io::Result<(Effort, Record)>>>,
    series: Series,
    connect_at: Instant,
    connecting_from: SystemTime,
    connecting: Duration,
    /// The start of measuring, by both clocks.
    started: (Instant, SystemTime),
    /// The end of publishing.
    published: Duration,
    busy: Option<f64>,
    cpu: Duration,
    settled: Settled,
    /// A stop was asked for; clients have so long to be gone.
    grace: Option<Duration>,
}

/// What publishers and clients said in the end.
#[derive(Default)]
struct Settled {
    publishers: u32,
    expected: u64,
    missing: u64,
    stalled: u32,
    failures: Failures,
    granted: Option<u8>,
    remarks: Vec<String>,
    stopped: bool,
}

type Stop<'a> = std::pin::Pin<&'a mut dyn Future<Output = Duration>>;

impl Run {
    fn start(setup: Setup) -> Result<Self, Error> {
        let load = &setup.load;
        let filters: Vec<String> = (0..load.subscribers)
            .map(|index| setup.identity(Role::Subscriber, index).fill(&load.filter, 0))
            .collect();
        let receivers = Arc::new(Receivers::new(filters.iter().map(String::as_str)));
        // QoS 0 has no acknowledgements; a closed loop needs something that closes it.
        let flows = load.qos == 0 && load.arrival == Arrival::Closed && load.subscribers > 0;
        let flows = flows.then(|| (0..load.publishers).map(|_| Flow::default()).collect());
        let shared = Arc::new(Shared {
            flows: flows.unwrap_or_default(),
            ..Shared::default()
        });
        let noise = payload::noise(&load.payload, load.seed);
        let series = Series::new(load.expected_duration(), load.workers.max(1), load.main_measure());
        let connect_at = Instant::now();
        let (orders, _) = channel::channel(Order::default());
        let (sender, notes) = mpsc::unbounded_channel();
        let setup = Arc::new(setup);
        let mut threads = Vec::new();
        for index in 0..setup.load.workers.max(1) {
            let worker = Worker {
                setup: Arc::clone(&setup),
                index,
                connect_at,
                receivers: Arc::clone(&receivers),
                noise: noise.clone(),
                interval: series.length(),
                shared: Arc::clone(&shared),
                orders: orders.subscribe(),
                notes: sender.clone(),
            };
            let thread = std::thread::Builder::new().name(format!("bench-{index}"));
            threads.push(thread.spawn(|| worker.run()).map_err(Error::System)?);
        }
        Ok(Self {
            shared,
            orders,
            notes,
            threads,
            series,
            connect_at,
            connecting_from: SystemTime::now(),
            connecting: Duration::ZERO,
            started: (connect_at, SystemTime::now()),
            published: Duration::ZERO,
            busy: None,
            cpu: Duration::ZERO,
            settled: Settled::default(),
            grace: None,
            setup,
        })
    }

    async fn go(&mut self, stop: &mut Stop<'_>, observe: &mut dyn FnMut(Progress<'_>)) -> Result<(), Error> {
        self.connect(stop, observe).await?;
        self.wait(stop, observe).await?;
        let load = self.setup.load.clone();
        let start = Instant::now() + HEADSTART;
        let measuring = start + load.warm_up;
        self.started = (
            measuring,
            SystemTime::now() + measuring.saturating_duration_since(Instant::now()),
        );
        self.orders.send_modify(|order| order.start = Some(start));
        self.publish(stop, observe).await;
        if load.scenario == Scenario::Retained && !self.settled.stopped {
            self.orders.send_modify(|order| order.subscribe = true);
        }
        if load.subscribers > 0 && !self.settled.stopped {
            self.drain(stop, observe).await;
        }
        Ok(())
    }

    /// Until all clients are there.
    async fn connect(&mut self, stop: &mut Stop<'_>, observe: &mut dyn FnMut(Progress<'_>)) -> Result<(), Error> {
        let clients = self.setup.load.clients();
        let (mut ready, mut absent) = (0, 0);
        let mut first = None;
        let mut ticks = ticks(TICK);
        while ready + absent < clients {
            tokio::select! {
                grace = stop.as_mut() => return Err(self.stopped(grace)),
                _ = ticks.tick() => {
                    let phase = Phase::Connecting(ready, clients);
                    observe(progress(&self.shared, phase, self.connect_at, None));
                }
                note = self.notes.recv() => match note {
                    Some(Note::Ready) => ready += 1,
                    Some(Note::Unconnected(error)) => {
                        absent += 1;
                        self.settled.failures.client(&error, false);
                        first.get_or_insert(error);
                    }
                    Some(Note::Failed(error, _)) => return Err(error),
                    Some(note) => self.hear(note),
                    None => return Ok(()),
                },
            }
        }
        self.connecting = self.connect_at.elapsed();
        match first {
            // There is nothing to report.
            Some(error) if ready == 0 => Err(error),
            _ => Ok(()),
        }
    }

    fn stopped(&mut self, grace: Duration) -> Error {
        self.grace = Some(grace);
        Error::Stopped
    }

    /// Until the time to begin has come.
    async fn wait(&mut self, stop: &mut Stop<'_>, observe: &mut dyn FnMut(Progress<'_>)) -> Result<(), Error> {
        let Some(at) = self.setup.start_at else {
            return Ok(());
        };
        let began = Instant::now();
        let Ok(left) = at.duration_since(SystemTime::now() + HEADSTART) else {
            self.settled
                .remarks
                .push("the start time had passed before all clients were connected".to_owned());
            return Ok(());
        };
        let mut ticks = ticks(TICK);
        let mut done = pin!(sleep(left));
        loop {
            tokio::select! {
                grace = stop.as_mut() => return Err(self.stopped(grace)),
                () = &mut done => return Ok(()),
                _ = ticks.tick() => observe(progress(&self.shared, Phase::Waiting, began, Some(left))),
                note = self.notes.recv() => match note {
                    Some(Note::Failed(error, _)) => return Err(error),
                    Some(note) => self.hear(note),
                    None => return Ok(()),
                },
            }
        }
    }

    /// Until all publishers are done: in the scenario `connect`, where nobody publishes, for the duration.
    async fn publish(&mut self, stop: &mut Stop<'_>, observe: &mut dyn FnMut(Progress<'_>)) {
        let load = self.setup.load.clone();
        let began = self.started.0;
        let mut ticks = ticks(TICK);
        let mut measuring = pin!(tokio::time::sleep_until(began.into()));
        let mut held = pin!(tokio::time::sleep_until((began + load.duration).into()));
        let mut figures = None;
        loop {
            let done = match load.scenario {
                Scenario::Connect => false,
                _ => self.settled.publishers >= load.publishers,
            };
            if done {
                break;
            }
            tokio::select! {
                grace = stop.as_mut() => {
                    self.grace = Some(grace);
                    self.settled.stopped = true;
                    break;
                }
                () = &mut held, if load.scenario == Scenario::Connect => break,
                () = &mut measuring, if figures.is_none() => {
                    figures = Some((watch::process_time(), watch::Machine::now()));
                }
                _ = ticks.tick() => {
                    observe(self.publishing(began));
                }
                note = self.notes.recv() => match note {
                    Some(note) => self.hear(note),
                    None => break,
                },
            }
        }
        self.published = began.elapsed();
        if let Some((cpu, machine)) = figures {
            self.cpu = watch::process_time().saturating_sub(cpu);
            // Of another machine nothing is known.
            let local = self.setup.client.target.endpoint.is_local();
            self.busy = watch::Machine::now()
                .filter(|_| local)
                .zip(machine)
                .and_then(|(now, then)| now.busy_since(then));
        }
        self.orders.send_modify(|order| order.quit = true);
        // What stopped publishers count comes after the order.
        while self.settled.stopped && self.settled.publishers < load.publishers && load.scenario != Scenario::Connect {
            match tokio::time::timeout(QUIET, self.notes.recv()).await {
                Ok(Some(note)) => self.hear(note),
                _ => break,
            }
        }
    }

    /// How far publishing is; measuring began, or will begin, at this moment.
    fn publishing(&self, began: Instant) -> Progress<'_> {
        let load = &self.setup.load;
        let now = Instant::now();
        let left = load.publishers.saturating_sub(self.settled.publishers);
        let planned = load.count.is_none().then_some(load.duration);
        let (phase, since, total) = match began.checked_duration_since(now) {
            Some(left) if !left.is_zero() => {
                let warm_up = began.checked_sub(load.warm_up).unwrap_or(now);
                (Phase::WarmUp, warm_up, Some(load.warm_up))
            }
            _ if load.scenario == Scenario::Connect => (Phase::Measuring, began, planned),
            _ => match planned.filter(|planned| now - began > *planned) {
                Some(planned) => (Phase::Settling(left), began + planned, None),
                None => (Phase::Measuring, began, planned),
            },
        };
        Progress {
            row: self.series.last(),
            elapsed: now.saturating_duration_since(since),
            ..progress(&self.shared, phase, since, total)
        }
    }

    /// Until everything that is expected has come and nothing more comes, or the time for it is over.
    async fn drain(&mut self, stop: &mut Stop<'_>, observe: &mut dyn FnMut(Progress<'_>)) {
        let began = Instant::now();
        let limit = self.setup.load.drain;
        let mut ticks = ticks(DRAIN_TICK);
        let mut last = (0, began);
        loop {
            tokio::select! {
                grace = stop.as_mut() => {
                    self.grace = Some(grace);
                    self.settled.stopped = true;
                    return;
                }
                _ = ticks.tick() => {
                    let received = self.shared.received.load(Ordering::Relaxed);
                    if last.0 != received {
                        last = (received, Instant::now());
                    }
                    let complete = received >= self.settled.expected && last.1.elapsed() >= QUIET;
                    if complete || began.elapsed() >= limit {
                        return;
                    }
                    let phase = Phase::Draining(self.settled.expected.saturating_sub(received));
                    observe(Progress {
                        row: self.series.last(),
                        ..progress(&self.shared, phase, began, Some(limit))
                    });
                }
                note = self.notes.recv() => match note {
                    Some(note) => self.hear(note),
                    None => return,
                },
            }
        }
    }

    fn hear(&mut self, note: Note) {
        let settled = &mut self.settled;
        match note {
            Note::Ready => {}
            Note::Published {
                expected,
                missing,
                stalled,
            } => {
                settled.publishers += 1;
                settled.expected += expected;
                settled.missing = settled.missing.saturating_add(missing);
                settled.stalled += u32::from(stalled);
            }
            Note::Unconnected(error) => settled.failures.client(&error, false),
            Note::Failed(error, established) => settled.failures.client(&error, established),
            Note::Absent(why) => settled.failures.absent(why),
            Note::Refused(refusal) => settled.failures.message(refusal),
            Note::Granted(qos) => {
                settled.granted = Some(settled.granted.map_or(qos, |granted| granted.min(qos)));
            }
            Note::Remark(remark) => {
                if !settled.remarks.contains(&remark) {
                    settled.remarks.push(remark);
                }
            }
            Note::Interval(index, record) => self.series.add(index, &record),
        }
    }

    /// What the threads took, and what they counted behind the last interval. A stop that comes now hurries clients.
    async fn join(
        &mut self,
        stop: &mut Stop<'_>,
        observe: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(Vec<Effort>, Record), Error> {
        let mut efforts = Vec::new();
        let mut last = Record::default();
        let began = Instant::now();
        let mut ticks = ticks(TICK);
        for thread in std::mem::take(&mut self.threads) {
            // A runtime of its own thread is not held up by a thread that is closing connections.
            let mut joining = tokio::task::spawn_blocking(move || thread.join());
            let joined = loop {
                tokio::select! {
                    joined = &mut joining => break joined,
                    grace = stop.as_mut(), if self.grace.is_none() => {
                        self.grace = Some(grace);
                        self.orders.send_modify(|order| order.gone_by = Some(Instant::now() + grace));
                    }
                    _ = ticks.tick() => {
                        let clients = self.setup.load.clients();
                        let left = clients.saturating_sub(self.shared.gone.load(Ordering::Relaxed));
                        observe(progress(&self.shared, Phase::Closing(left, clients), began, None));
                    }
                }
            };
            let (effort, record) = match joined {
                Ok(Ok(result)) => result.map_err(Error::System)?,
                _ => {
                    return Err(Error::System(std::io::Error::other(
                        "a thread of the load generator panicked",
                    )));
                }
            };
            efforts.push(effort);
            last.add(&record);
        }
        while let Ok(note) = self.notes.try_recv() {
            self.hear(note);
        }
        Ok((efforts, last))
    }

    fn measured(mut self, efforts: &[Effort], last: Record, broker: Broker) -> Measured {
        let load = &self.setup.load;
        let settled = std::mem::take(&mut self.settled);
        let (mut record, rows, cut) = self.series.finish(last, self.started.0.elapsed());
        record.counts.expected = settled.expected.saturating_add(settled.missing);
        record.counts.lost = record.counts.expected.saturating_sub(record.counts.received);
        let ended_early = load.count.is_some() || settled.stopped;
        let planned = if ended_early {
            self.published.min(record.last.sent)
        } else {
            load.duration
        };
        let effective_qos = load.qos.min(load.subscribe_qos).min(settled.granted.unwrap_or(2));
        let mut notes = settled.remarks;
        notes.extend(cut);
        remarks::add(&mut notes, load, &record.counts, settled.granted, settled.stalled);
        let broken = if settled.stopped {
            Vec::new()
        } else {
            guarantee::broken(load, &record.counts, effective_qos)
        };
        let silent = match self.shared.closed.load(Ordering::Relaxed) {
            // A stop leaves no time to find out.
            0 if self.grace.is_none() => self.shared.unclosed.load(Ordering::Relaxed),
            _ => 0,
        };
        let failures = settled
            .failures
            .list(load, &record.counts, silent.into(), settled.stopped);
        let generator = generator(efforts, &record, self.cpu, self.busy);
        Measured {
            rows,
            started: self.started.1,
            planned,
            connecting_from: self.connecting_from,
            connecting: self.connecting,
            generator,
            broken,
            notes,
            protocol: broker.version.name().to_owned(),
            transport: broker.transport,
            broker_version: broker.name,
            failures,
            stopped: settled.stopped,
            record,
        }
    }
}

/// `busy` is how busy the processors of the machine were.
fn generator(efforts: &[Effort], record: &Record, cpu: Duration, busy: Option<f64>) -> Generator {
    let shares = efforts.iter().map(|effort| match effort.wall.is_zero() {
        true => 0.0,
        false => effort.cpu.as_secs_f64() / effort.wall.as_secs_f64(),
    });
    let Counts { sent, received, .. } = record.counts;
    let messages = sent + received;
    let mut generator = Generator {
        cpu: cpu.as_secs_f64(),
        busiest: shares.fold(0.0, f64::max),
        cpu_per_message: match messages {
            0 => 0.0,
            #[allow(clippy::cast_precision_loss)]
            _ => cpu.as_secs_f64() * 1e6 / messages as f64,
        },
        send_queue: efforts
            .iter()
            .map(|effort| effort.send_queue as u64)
            .max()
            .unwrap_or_default(),
        ..Generator::default()
    };
    generator.reasons = remarks::limits(&generator, record, busy);
    generator.limited = !generator.reasons.is_empty();
    generator
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
