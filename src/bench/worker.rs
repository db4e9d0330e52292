//! One thread of the load: its clients, each a task, and the record they share. It must not know the other threads.

mod connection;
mod publisher;
mod subscriber;

use super::error::Error;
use super::ledger::Ledger;
use super::record::{Measure, Record};
use super::setup::Setup;
use super::signal::{Effort, Note, Order, Shared};
use super::stamp::{Form, Stamp};
use super::timer::Timer;
use super::topics::Receivers;
use super::watch;
use super::{Arrival, Scenario};
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch as channel};
use tokio::task::LocalSet;

/// What a thread is given.
pub(super) struct Worker {
    pub(super) setup: Arc<Setup>,
    /// The number of this one.
    pub(super) index: u32,
    /// When the first connection is to be made.
    pub(super) connect_at: Instant,
    /// Receivers of each topic.
    pub(super) receivers: Arc<Receivers>,
    /// Random bytes for payloads.
    pub(super) noise: Bytes,
    /// Length of an interval.
    pub(super) interval: Duration,
    pub(super) shared: Arc<Shared>,
    pub(super) orders: channel::Receiver<Order>,
    pub(super) notes: mpsc::UnboundedSender<Note>,
}

/// What the tasks of a thread share.
struct Context {
    worker: Worker,
    timer: Rc<Timer>,
    /// How payloads are stamped.
    form: Form,
    record: RefCell<Record>,
    send_queue: Cell<usize>,
    /// When measuring began, with the processor time of then; none before and after it.
    measuring: Cell<Option<(Instant, Duration)>>,
    effort: Cell<Effort>,
    /// The members of a shared subscription are one receiver, and all of one group are on one thread.
    groups: RefCell<HashMap<String, Rc<RefCell<Ledger>>>>,
}

impl Worker {
    /// Connects, makes the load as ordered, and disconnects. Blocks the thread.
    ///
    /// # Errors
    /// The system has no runtime or timer to give.
    pub(super) fn run(self) -> std::io::Result<(Effort, Record)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let result = runtime.block_on(self.run_tasks());
        runtime.shutdown_background();
        result
    }

    async fn run_tasks(self) -> std::io::Result<(Effort, Record)> {
        let mut orders = self.orders.clone();
        let context = Rc::new(Context {
            timer: Timer::new()?,
            form: Form::of(&self.setup.load),
            worker: self,
            record: RefCell::default(),
            send_queue: Cell::new(0),
            measuring: Cell::new(None),
            effort: Cell::default(),
            groups: RefCell::default(),
        });
        let tasks = LocalSet::new();
        let load = &context.worker.setup.load;
        let own = |index: &u32| index % load.workers.max(1) == context.worker.index;
        for index in (0..load.publishers).filter(own) {
            let client = Box::pin(publisher::run(Rc::clone(&context), index));
            tasks.spawn_local(counted(Rc::clone(&context), client));
        }
        for index in (0..load.subscribers).filter(|index| context.has_subscriber(*index)) {
            let client = Box::pin(subscriber::run(Rc::clone(&context), index));
            tasks.spawn_local(counted(Rc::clone(&context), client));
        }
        {
            let watching = context.watch(&mut orders);
            tokio::pin!(tasks, watching);
            let mut watched = false;
            loop {
                tokio::select! {
                    biased;
                    () = &mut tasks => break,
                    result = context.timer.run() => result?,
                    () = &mut watching, if !watched => watched = true,
                }
            }
        }
        context.published();
        let effort = Effort {
            send_queue: context.send_queue.get(),
            ..context.effort.get()
        };
        Ok((effort, context.record.take()))
    }
}

/// Runs a client to its end, and counts it. Boxed, because a future that is given away takes its room twice.
async fn counted(context: Rc<Context>, client: Pin<Box<impl Future<Output = ()>>>) {
    client.await;
    context.worker.shared.gone.fetch_add(1, Ordering::Relaxed);
}

impl Context {
    /// Members of a shared subscription go where the first of them is.
    fn has_subscriber(&self, index: u32) -> bool {
        let load = &self.worker.setup.load;
        let spread = if load.scenario == Scenario::Shared { 0 } else { index };
        // From the other end, so that one publisher and one subscriber have a thread each.
        load.workers.max(1) - 1 - spread % load.workers.max(1) == self.worker.index
    }

    /// Hands over the record of each interval, and measures the processor time.
    async fn watch(&self, orders: &mut channel::Receiver<Order>) {
        let load = &self.worker.setup.load;
        let Ok(order) = orders
            .wait_for(|order| order.start.is_some() || order.end)
            .await
            .map(|order| *order)
        else {
            return;
        };
        let Some(start) = order.start.map(|start| start + load.warm_up) else {
            return;
        };
        tokio::time::sleep_until(start.into()).await;
        self.measuring.set(Some((Instant::now(), watch::thread_time())));
        let mut index = 0_u64;
        let mut measuring = true;
        loop {
            let ends = start
                + self
                    .worker
                    .interval
                    .saturating_mul(u32::try_from(index + 1).unwrap_or(u32::MAX));
            tokio::select! {
                () = tokio::time::sleep_until(ends.into()) => {
                    let record = self.record.take();
                    let _ = self.worker.notes.send(Note::Interval(index, Box::new(record)));
                    index += 1;
                }
                changed = orders.wait_for(|order| order.quit || order.end), if measuring => {
                    measuring = false;
                    self.published();
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Publishing is over: what it took is counted up to here.
    fn published(&self) {
        if let Some((began, cpu)) = self.measuring.take() {
            self.effort.set(Effort {
                cpu: watch::thread_time().saturating_sub(cpu),
                wall: began.elapsed(),
                send_queue: 0,
            });
        }
    }

    fn note(&self, note: Note) {
        // Nobody listens any more when the run has been given up.
        let _ = self.worker.notes.send(note);
    }

    fn time(&self, measure: Measure, value: Duration) {
        self.record.borrow_mut().time(measure, value);
    }

    fn count(&self, change: impl FnOnce(&mut super::Counts)) {
        change(&mut self.record.borrow_mut().counts);
    }

    /// The ledger of a receiver.
    fn ledger(&self, filter: &str) -> Rc<RefCell<Ledger>> {
        if crate::protocol::topic::Shared::parse(filter).is_none() {
            return Rc::default();
        }
        Rc::clone(self.groups.borrow_mut().entry(filter.to_owned()).or_default())
    }
}
