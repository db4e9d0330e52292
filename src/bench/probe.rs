//! The first connection of a run: shows that the broker can be reached, which version it speaks, and what it calls itself.
//! It must not know the load.

use super::error::{Error, with_causes};
use super::failure::CLOSE_TIMEOUT;
use super::signal::{Shared, Trouble};
use crate::client::{self, Client, Event};
use crate::protocol::{Properties, QoS, Subscription, Utf8, Version};
use crate::session;
use std::sync::Arc;
use std::time::Duration;

/// What was found out.
pub(super) struct Broker {
    pub(super) version: Version,
    pub(super) transport: Option<String>,
    pub(super) name: Option<String>,
}

/// Where Mosquitto, EMQX, HiveMQ, VerneMQ and others say what they are.
const NAME_TOPIC: &str = "$SYS/broker/version";
/// EMQX has the name of the node in the topic.
const NAME_FILTERS: [&str; 2] = [NAME_TOPIC, "$SYS/brokers/+/version"];
/// How long a broker may take to tell.
const NAME_TIMEOUT: Duration = Duration::from_millis(300);

/// Connects once, under this user name where one is needed, and asks.
pub(super) async fn ask(options: &client::Options, username: &str, shared: &Arc<Shared>) -> Result<Broker, Error> {
    let mut options = options.clone();
    options.session.username = options
        .session
        .username
        .map(|_| Utf8::new(username).unwrap_or_default());
    options.session.client_id = Utf8::new(format!("{}-0", options.session.client_id)).unwrap_or_default();
    let id = options.session.client_id.to_string();
    let mut client = Client::new(options);
    let mut trouble = None;
    loop {
        match client.next().await {
            Ok(Event::Session(session::Event::Connected(_))) => break,
            Ok(Event::Retrying(error, _)) => {
                // The older one counts no more.
                drop(trouble.take());
                trouble = Some(Trouble::new(with_causes(&error), shared));
            }
            Ok(_) => {}
            Err(source) => {
                return Err(Error::Client {
                    id,
                    source: Box::new(source),
                });
            }
        }
    }
    let version = client.session().options().version;
    let transport = client.stream_summary();
    let asked = tokio::time::timeout(NAME_TIMEOUT, name(&mut client)).await;
    let name = asked.ok().flatten();
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, client.close(false)).await;
    Ok(Broker {
        version,
        transport,
        name,
    })
}

/// The retained message in which the broker says what it is. A broker that forbids to ask is not asked again.
async fn name(client: &mut Client) -> Option<String> {
    let filter = |text: &str| Some(Subscription::new(Utf8::new(text).ok()?, QoS::AtMostOnce));
    let filters: Vec<_> = NAME_FILTERS.into_iter().filter_map(filter).collect();
    client.subscribe(filters, Properties::new()).ok()?;
    loop {
        match client.next().await.ok()? {
            Event::Session(session::Event::Message(publish, _)) => {
                let text = std::str::from_utf8(&publish.payload).ok()?;
                return Some(text.trim().to_owned()).filter(|text| !text.is_empty());
            }
            Event::Session(session::Event::Subscribed { granted, .. })
                if granted.iter().all(|(_, reason)| reason.is_failure()) =>
            {
                return None;
            }
            Event::Retrying(..) => return None,
            _ => {}
        }
    }
}
