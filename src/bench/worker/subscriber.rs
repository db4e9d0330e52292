//! One subscriber: takes its messages, times them, and keeps the ledger. It must not know who publishes.

use super::connection::{self, Connection, text};
use super::{Arrival as Loop, Context, Error, Ledger, Measure, Note, Ordering, Rc, Stamp};
use crate::bench::Scenario;
use crate::bench::identity::Role;
use crate::bench::ledger::Arrival;
use crate::client::Event;
use crate::protocol::topic::Shared;
use crate::protocol::{PacketType, Properties, Publish, QoS, RetainHandling, Subscription, Utf8, Version};
use crate::session::{self, error::Reply};
use std::cell::RefCell;
use std::time::Instant;

/// Connects, subscribes, takes messages until the end.
pub(super) async fn run(context: Rc<Context>, index: u32) {
    let mut connection = match Connection::open(&context, Role::Subscriber, index).await {
        Ok(connection) => connection,
        Err(error) => return connection::unconnected(&context, error),
    };
    let mut subscriber = Subscriber::new(&context, &connection);
    match subscriber.run(&mut connection).await {
        Ok(()) => {
            let _ = connection::in_time(&context, Box::pin(connection.close(&context))).await;
        }
        Err(error) => context.note(Note::Failed(error, true)),
    }
}

struct Subscriber {
    context: Rc<Context>,
    filter: Utf8,
    ledger: Rc<RefCell<Ledger>>,
    /// Messages may come in any order: they are spread over a group, or come out of the broker's store.
    any_order: bool,
    /// From here the times in stamps count.
    start: Option<Instant>,
    subscribed_at: Instant,
    /// The connection was interrupted, and is not there again.
    interrupted: bool,
}

impl Subscriber {
    fn new(context: &Rc<Context>, connection: &Connection) -> Self {
        let load = &context.worker.setup.load;
        let filter = connection.identity.fill(&load.filter, 0);
        Self {
            ledger: context.ledger(&filter),
            any_order: Shared::parse(&filter).is_some() || load.scenario == Scenario::Retained,
            filter: text(filter),
            start: None,
            subscribed_at: Instant::now(),
            interrupted: false,
            context: Rc::clone(context),
        }
    }

    async fn run(&mut self, connection: &mut Connection) -> Result<(), Error> {
        let context = Rc::clone(&self.context);
        let load = &context.worker.setup.load;
        let mut orders = context.worker.orders.clone();
        let retained = load.scenario == Scenario::Retained;
        if retained {
            context.note(Note::Ready);
        } else {
            self.subscribe(connection)?;
        }
        let mut waiting = orders.clone();
        let alarm = context.timer.alarm();
        let mut drop_at = None;
        let mut subscribed = !retained;
        loop {
            if connection::is_told(&orders) {
                let order = *orders.borrow_and_update();
                if orders.has_changed().is_err() || order.end {
                    return Ok(());
                }
                if self.start.is_none() && order.start.is_some() && load.scenario == Scenario::Reconnect {
                    drop_at = order.start.map(|start| start + load.warm_up + load.drop_every);
                }
                self.start = order.start;
                if order.subscribe && !std::mem::replace(&mut subscribed, true) {
                    self.subscribe(connection)?;
                }
            }
            tokio::select! {
                biased;
                () = connection::told(&orders) => {}
                result = connection::at(&alarm, drop_at), if drop_at.is_some() => {
                    result.map_err(Error::System)?;
                    drop_at = None;
                    if !orders.borrow().quit {
                        connection.interrupt();
                        self.interrupted = true;
                    }
                }
                event = connection.next(&context) => {
                    self.handle(connection, event?, &mut drop_at)?;
                }
                _ = waiting.changed() => {}
            }
        }
    }

    fn subscribe(&mut self, connection: &mut Connection) -> Result<(), Error> {
        let load = &self.context.worker.setup.load;
        let qos = QoS::from_bits(load.subscribe_qos).unwrap_or(QoS::AtMostOnce);
        let mut subscription = Subscription::new(self.filter.clone(), qos);
        let version = connection.client.session().options().version;
        if version == Version::V5 && load.scenario != Scenario::Retained && Shared::parse(&self.filter).is_none() {
            // Retained messages of others are none of ours.
            subscription.retain_handling = RetainHandling::DoNotSend;
        }
        self.subscribed_at = Instant::now();
        let subscribed = connection.client.subscribe(vec![subscription], Properties::new());
        subscribed.map_err(|source| connection.failed(source))
    }

    fn handle(
        &mut self,
        connection: &mut Connection,
        event: Event,
        drop_at: &mut Option<Instant>,
    ) -> Result<(), Error> {
        let load = &self.context.worker.setup.load;
        match event {
            Event::Session(session::Event::Message(publish, handle)) => {
                self.take(&publish);
                let acknowledged = connection.client.acknowledge(handle);
                acknowledged.map_err(|source| connection.failed(source))
            }
            Event::Session(session::Event::Subscribed { granted, properties }) => {
                for (filter, reason) in granted {
                    if reason.is_failure() {
                        return Err(Error::Refused {
                            id: connection.identity.client_id.clone(),
                            filter: filter.to_string(),
                            refusal: Reply {
                                packet: PacketType::Suback,
                                reason,
                                properties,
                            },
                        });
                    }
                    if reason.0 < load.subscribe_qos {
                        self.context.note(Note::Granted(reason.0));
                    }
                }
                // After a reconnect it is subscribed again, which is no sample.
                if !self.interrupted && self.start.is_none() || load.scenario == Scenario::Retained {
                    self.context.time(Measure::Suback, self.subscribed_at.elapsed());
                }
                if self.start.is_none() && load.scenario != Scenario::Retained {
                    self.context.note(Note::Ready);
                }
                Ok(())
            }
            Event::Session(session::Event::Connected(_)) => {
                if std::mem::take(&mut self.interrupted) {
                    *drop_at = Some(Instant::now() + load.drop_every);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take(&mut self, publish: &Publish) {
        let worker = &self.context.worker;
        let load = &worker.setup.load;
        self.start = self.start.or_else(|| worker.orders.borrow().start);
        let now = self.start.map(|start| start.elapsed());
        let stamp = now.and_then(|now| Stamp::read(self.context.form, &publish.payload, worker.setup.run_id, now));
        let (Some(stamp), Some(now)) = (stamp, now) else {
            // Our publishers take away what they had the broker store.
            let cleared = load.retain && publish.payload.is_empty();
            self.context.count(|counts| counts.foreign += u64::from(!cleared));
            return;
        };
        let first = stamp.measured.then(|| {
            self.ledger
                .borrow_mut()
                .arrived(stamp.source, stamp.number, self.context.form.number_bits())
        });
        if first != Some(Arrival::Duplicate) {
            let publisher = load.publisher_of(stamp.source);
            if let Some(flow) = worker.shared.flows.get(publisher as usize) {
                flow.delivered.fetch_add(1, Ordering::Relaxed);
                flow.changed.notify_one();
            }
        }
        let mut record = self.context.record.borrow_mut();
        match first {
            None => return,
            Some(Arrival::Duplicate) => {
                record.counts.duplicated += 1;
                return;
            }
            Some(Arrival::OutOfOrder) if !self.any_order => record.counts.out_of_order += 1,
            Some(Arrival::OutOfOrder | Arrival::InOrder) => {}
        }
        worker.shared.received.fetch_add(1, Ordering::Relaxed);
        record.counts.received += 1;
        record.counts.bytes_received += publish.payload.len() as u64;
        record.last.received = now.saturating_sub(load.warm_up);
        if load.scenario == Scenario::Retained {
            record.time(Measure::DeliveryService, self.subscribed_at.elapsed());
            return;
        }
        let response = now.saturating_sub(stamp.due);
        record.counts.late += u64::from(response > load.late);
        if let Some(sent) = stamp.sent_in(load.arrival) {
            record.time(Measure::DeliveryService, now.saturating_sub(sent));
        }
        if load.arrival != Loop::Closed {
            record.time(Measure::DeliveryResponse, response);
        }
    }
}
