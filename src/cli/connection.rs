//! The flags that every connecting command shares, and the options that they mean. It reads the files that they
//! name, and must not open sockets or look at the environment, which `resolve` has turned into flags.

mod config;
mod tls;
mod transport;

use super::Usage;
use super::console::Console;
use super::settings::print::Outcome;
use super::settings::typed::path;
use super::values::{Expiry, Positive, PropertyFlags, Time, TopicName, VersionChoice};
use crate::client;
use crate::net::file::Until;
use crate::net::{self, Url};
use crate::protocol::packet::Will;
use crate::protocol::property::Place;
use crate::protocol::{PacketType, PropertyId, QoS, Utf8, Version};
use crate::session;
use anyhow::Context;
use bytes::Bytes;
use clap::{ArgAction, Args};
use config::ConfigFlags;
use serde::{Deserialize, Deserializer};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tls::Tls;
use transport::Transport;

/// The flags that every connecting command shares.
#[derive(Debug, Args, Deserialize)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// Broker and credentials: mqtt:// or mqtts://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC], ws:// or wss://…[/PATH] (ports
    /// 80 and 443), or unix:/PATH
    #[arg(short = 'L', long, value_name = "URL")]
    url: Option<String>,

    /// Host name or address; with `-p 0` the path of a Unix socket [default: localhost]
    #[arg(short = 'h', long, value_name = "HOST[:PORT]")]
    host: Option<String>,

    /// Port; 8883 switches TLS on [default: 1883, or 8883 with TLS]
    #[arg(short = 'p', long, value_name = "PORT")]
    port: Option<u16>,

    /// Local address to connect from
    #[arg(short = 'A', long = "bind", value_name = "ADDRESS")]
    bind: Option<IpAddr>,

    /// Client identifier [default: a random one]
    #[arg(short = 'i', long, value_name = "ID")]
    id: Option<Utf8>,

    /// Client identifier made of this prefix and the process number
    #[arg(short = 'I', long, value_name = "PREFIX", conflicts_with = "id")]
    id_prefix: Option<Utf8>,

    /// User name
    #[arg(short = 'u', long, value_name = "NAME")]
    username: Option<Utf8>,

    /// Password; others can see it in the process list, so a file or the environment is better
    #[arg(
        short = 'P',
        long = "pw",
        alias = "password",
        value_name = "PASSWORD",
        conflicts_with = "password_file"
    )]
    password: Option<String>,

    /// Read the password from the first line of a file
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "path")]
    password_file: Option<PathBuf>,

    /// Protocol version: auto (5, then 3.1.1 when the broker does not speak it), 5, 311 or 31 [default: auto]
    #[arg(short = 'V', long, value_name = "VERSION")]
    protocol_version: Option<VersionChoice>,

    /// Keep alive in seconds; 0 switches it off [default: 60]
    #[arg(short = 'k', long, value_name = "SECONDS")]
    keepalive: Option<u16>,

    /// Go on with the session that the broker has stored for this identifier, and leave it there
    #[arg(short = 'c', long)]
    disable_clean_session: bool,

    /// How long the broker keeps the session after the end, in seconds, or `infinite`; needs version 5
    #[arg(short = 'x', long, value_name = "SECONDS", allow_hyphen_values = true)]
    session_expiry_interval: Option<Expiry>,

    /// MQTT 5 property of a packet, spelt as mosquitto_pub does; a user-property has KEY VALUE
    #[arg(short = 'D', long, value_names = ["PACKET", "NAME", "VALUE"], num_args = 3..=4, value_parser = word,
          action = ArgAction::Append)]
    #[serde(deserialize_with = "properties")]
    property: Option<PropertyFlags>,

    /// Topic of the message that the broker publishes when this client is lost
    #[arg(long, value_name = "TOPIC")]
    will_topic: Option<TopicName>,

    /// Payload of the will
    #[arg(long, value_name = "TEXT")]
    will_payload: Option<String>,

    /// QoS of the will [default: 0]
    #[arg(long, value_name = "QOS")]
    will_qos: Option<QoS>,

    /// Retain the will
    #[arg(long)]
    will_retain: bool,

    /// Own limit of unacknowledged messages; the broker's Receive Maximum holds, too [default: 20; in `bench` with a rate:
    /// 65535]
    #[arg(short = 'M', long, value_name = "N")]
    max_inflight: Option<Positive<u16>>,

    /// One limit over name look-up, TCP, proxy, TLS, WebSocket and CONNACK [default: 10s]
    #[arg(long, value_name = "TIME")]
    connect_timeout: Option<Time>,

    /// How long to keep trying without a connection [default: 0 for the first connection; after a loss 60s in `pub`,
    /// `rr` and `bench`, no limit in `sub`]
    #[arg(long, value_name = "TIME")]
    retry: Option<Time>,

    /// End when an established connection is lost
    #[arg(long, conflicts_with = "retry")]
    no_reconnect: bool,

    /// Connect again and resend when an acknowledgement takes longer [default: 20s]
    #[arg(long, value_name = "TIME")]
    ack_timeout: Option<Time>,

    /// Resend inside the connection after so long, in 3.1 and 3.1.1
    #[arg(long, value_name = "TIME")]
    resend_interval: Option<Time>,

    /// Limit of the whole run, everything included
    #[arg(long, value_name = "TIME")]
    deadline: Option<Time>,

    /// Say on stderr what happens on the wire
    #[arg(short, long)]
    debug: bool,

    /// No notes and warnings on stderr
    #[arg(long, conflicts_with = "debug")]
    quiet: bool,

    #[command(flatten)]
    config: ConfigFlags,

    #[command(flatten)]
    transport: Transport,

    #[command(flatten)]
    tls: Tls,
}

fn time(flag: Option<Time>) -> Option<Duration> {
    flag.map(|Time(time)| time)
}

/// The words of one `-D` belong together: each alone is as good as any.
fn word(_: &str) -> Result<PropertyFlags, String> {
    Ok(PropertyFlags::default())
}

fn properties<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PropertyFlags>, D::Error> {
    #[derive(Deserialize)]
    struct Uses(Vec<Vec<String>>);
    let mut properties = PropertyFlags::default();
    for words in Uses::deserialize(deserializer)?.0 {
        properties.add(&words).map_err(serde::de::Error::custom)?;
    }
    Ok(Some(properties))
}

/// How the program was started.
#[derive(Debug, Clone, Copy)]
pub struct Invocation {
    /// When: limits of the whole run count from here.
    pub started: Instant,
    /// Under a name of Mosquitto's: its defaults and output, in a pipe to the byte.
    pub as_mosquitto: bool,
}

/// What a command needs of the connection, beside what the flags say.
#[derive(Debug, Clone, Default)]
pub struct Needs<'a> {
    /// How long to keep trying after a loss, when nothing was said; `None` has no limit.
    pub retry_lost: Option<Duration>,
    /// Messages of QoS 1 or 2 pass: a session that outlives a lost connection is worth having.
    pub resume: bool,
    /// Messages of QoS 1 or 2 are published: a session that this run has no state of cannot be gone on with.
    pub publishes: bool,
    /// Where `-D` can put properties.
    pub places: &'a [Place],
    /// A flag that is given and means something in MQTT 5 only, with its verb: `--reply needs`.
    pub version_5: Option<&'a str>,
    /// Topic aliases are to be chosen.
    pub choose_aliases: bool,
    /// How many messages the broker may send at once.
    pub incoming_window: Option<u16>,
    /// Unacknowledged messages when nothing was said; else [`MAX_INFLIGHT`].
    pub max_inflight: Option<u16>,
    /// The client identifier when nothing was said.
    pub client_id: Option<Utf8>,
    /// A limit of the whole run beside `--deadline`.
    pub timeout: Option<Duration>,
    /// The broker is this program's own, reached over plain TCP.
    pub embedded: bool,
}

/// What the flags mean. It is read, never changed.
#[derive(Debug)]
pub struct Plan {
    /// How to connect.
    pub client: client::Options,
    /// The topic of the URL.
    pub topic: Option<String>,
    /// Properties of the packets that a command sends.
    pub properties: PropertyFlags,
    /// Limits of the whole run, from its start.
    pub limits: Vec<Duration>,
    /// When the program was started.
    pub started: Instant,
    /// What is said on stderr.
    pub console: Console,
    /// Started under a name of Mosquitto's: its defaults and output, in a pipe to the byte.
    pub as_mosquitto: bool,
}

/// Unacknowledged messages, when nothing was said.
pub const MAX_INFLIGHT: u16 = 20;
/// How long a broker keeps a session of version 5 for a run that lost its connection, in seconds.
const RESUME_FOR: u32 = 300;
/// In seconds.
const KEEP_ALIVE: u16 = 60;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ACK_TIMEOUT: Duration = Duration::from_secs(20);

impl Connection {
    /// What the flags and the files they name mean together.
    ///
    /// # Errors
    /// Flags that contradict each other or what the command needs, files that cannot be read, bad addresses and
    /// certificates.
    pub fn plan(&self, needs: &Needs<'_>, invocation: Invocation) -> anyhow::Result<Plan> {
        let Invocation { started, as_mosquitto } = invocation;
        let url = self.url(invocation)?;
        let mut target = self.target(url.as_ref(), self.until(needs, invocation))?;
        if needs.embedded {
            if target.tls.is_some() || target.websocket.is_some() {
                let text = "TLS and WebSocket need the name of a broker (-h): the embedded one takes plain TCP here";
                return Err(Usage::Bad(text.to_owned()).into());
            }
            target.proxy = None;
        }
        let session = self.session(url.as_ref(), needs, invocation)?;
        let fall_back = matches!(self.protocol_version, None | Some(VersionChoice::Auto));
        let client = client::Options {
            target,
            session,
            fall_back: fall_back && !self.needs_version_5() && needs.version_5.is_none(),
            connect_timeout: time(self.connect_timeout).unwrap_or(CONNECT_TIMEOUT),
            retry_first: time(self.retry).unwrap_or_default(),
            retry_lost: match time(self.retry) {
                _ if self.no_reconnect => Some(Duration::ZERO),
                None => needs.retry_lost,
                some => some,
            },
            seed: fastrand::u64(..),
        };
        // Mosquitto's tools pass over properties of packets that are never sent, and so do we under their names.
        if !as_mosquitto {
            self.properties().only_for(needs.places)?;
        }
        Ok(Plan {
            client,
            topic: url.and_then(|url| url.topic),
            properties: self.properties(),
            limits: self.limits(needs).collect(),
            started,
            console: self.console(),
            as_mosquitto,
        })
    }

    /// What comes out where no flag says it, or another one does, and what carries the connection.
    ///
    /// # Errors
    /// Flags that contradict each other, and bad addresses.
    pub fn outcomes(&self, invocation: Invocation) -> anyhow::Result<(Vec<Outcome>, Vec<String>)> {
        let url = self.url(invocation)?;
        let (mut outcomes, remarks) = self.way(url.as_ref())?;
        let shown = |time| humantime::format_duration(time).to_string();
        for (flag, given, value) in [
            ("protocol_version", self.protocol_version.is_some(), "auto".to_owned()),
            ("keepalive", self.keepalive.is_some(), KEEP_ALIVE.to_string()),
            (
                "connect_timeout",
                self.connect_timeout.is_some(),
                shown(CONNECT_TIMEOUT),
            ),
            ("ack_timeout", self.ack_timeout.is_some(), shown(ACK_TIMEOUT)),
        ] {
            if !given {
                outcomes.push((flag, value, None));
            }
        }
        Ok((outcomes, remarks))
    }

    /// Whether it is said where the broker is.
    #[must_use]
    pub fn names_broker(&self) -> bool {
        self.url.is_some() || self.host.is_some() || self.port.is_some() || self.transport.names_broker()
    }

    /// The topic of the URL, and whether there is a user name.
    ///
    /// # Errors
    /// A bad URL.
    pub fn topic_and_user(&self, invocation: Invocation) -> anyhow::Result<(Option<String>, bool)> {
        let url = self.url(invocation)?;
        let user = self.username.is_some() || url.as_ref().is_some_and(|url| url.username.is_some());
        Ok((url.and_then(|url| url.topic), user))
    }

    /// The limit of unacknowledged messages, when it is given.
    #[must_use]
    pub fn max_inflight(&self) -> Option<u16> {
        self.max_inflight.map(|Positive(count)| count)
    }

    /// How long a file that is a pipe may take.
    #[must_use]
    pub fn until(&self, needs: &Needs<'_>, invocation: Invocation) -> Until {
        Until::new(invocation.started, self.limits(needs).min())
    }

    /// Limits of the whole run.
    fn limits(&self, needs: &Needs<'_>) -> impl Iterator<Item = Duration> {
        [time(self.deadline), needs.timeout].into_iter().flatten()
    }

    /// What is said on stderr.
    #[must_use]
    pub fn console(&self) -> Console {
        Console {
            quiet: self.quiet,
            debug: self.debug,
        }
    }

    fn url(&self, invocation: Invocation) -> anyhow::Result<Option<Url>> {
        // The text may hold a password, so only the parser's words are shown.
        let read = |text: &String| match text.parse::<Url>() {
            Ok(url) if invocation.as_mosquitto => url.in_mosquittos_way(),
            read => read,
        };
        let url = self.url.as_ref().map(read).transpose();
        url.context("--url is not a broker's URL")
    }

    fn properties(&self) -> PropertyFlags {
        self.property.clone().unwrap_or_default()
    }

    fn needs_version_5(&self) -> bool {
        self.session_expiry_interval.is_some() || !self.properties().is_empty()
    }

    fn version(&self, needs: &Needs<'_>) -> Result<Version, Usage> {
        let version = match self.protocol_version {
            None | Some(VersionChoice::Auto) => Version::V5,
            Some(VersionChoice::Fixed(version)) => version,
        };
        let flag = needs
            .version_5
            .or_else(|| self.needs_version_5().then_some("-D and -x need"));
        match flag {
            Some(flag) if version != Version::V5 => {
                Err(Usage::Bad(format!("{flag} MQTT 5, and -V asks for {version}")))
            }
            _ => Ok(version),
        }
    }

    fn session(
        &self,
        url: Option<&Url>,
        needs: &Needs<'_>,
        invocation: Invocation,
    ) -> anyhow::Result<session::Options> {
        let version = self.version(needs)?;
        let properties = self.properties();
        let mut connect = properties.at(Place::Packet(PacketType::Connect));
        let expiry = match self.session_expiry_interval {
            // A session that is to be left behind must not end with the connection.
            None if self.disable_clean_session && connect.value(PropertyId::SessionExpiryInterval).is_none() => {
                (version == Version::V5).then_some(u32::MAX)
            }
            given => given.map(|Expiry(seconds)| seconds),
        };
        if let Some(seconds) = expiry {
            connect.set_number(PropertyId::SessionExpiryInterval, seconds);
        }
        if connect.value(PropertyId::AuthenticationData).is_some()
            && connect.value(PropertyId::AuthenticationMethod).is_none()
        {
            let text = "-D connect authentication-data needs -D connect authentication-method";
            return Err(Usage::Bad(text.to_owned()).into());
        }
        if self.disable_clean_session && self.id.is_none() {
            return Err(Usage::Bad("-c needs a client identifier that stays the same (-i)".to_owned()).into());
        }
        let username = match (&self.username, url.and_then(|url| url.username.as_deref())) {
            (Some(name), _) => Some(name.clone()),
            (None, Some(name)) => Some(Utf8::new(name).context("the user name of the URL")?),
            (None, None) => None,
        };
        let password = self.password(url, self.until(needs, invocation))?;
        if password.is_some() && username.is_none() && version != Version::V5 {
            return Err(Usage::Bad(format!("a password needs a user name in MQTT {version} (-u)")).into());
        }
        let connect_bytes = connect
            .number(PropertyId::MaximumPacketSize)
            .and_then(|size| usize::try_from(size).ok());
        let ack_timeout = time(self.ack_timeout).unwrap_or(ACK_TIMEOUT);
        Ok(session::Options {
            version,
            client_id: self.client_id(version, needs, invocation)?,
            clean_start: !self.disable_clean_session,
            adopt_session: !needs.publishes,
            resume_for: (needs.resume && !invocation.as_mosquitto).then_some(RESUME_FOR),
            keep_alive: self.keepalive.unwrap_or(KEEP_ALIVE),
            properties: connect,
            disconnect_properties: properties.at(Place::Packet(PacketType::Disconnect)),
            choose_aliases: needs.choose_aliases,
            will: self.will()?,
            username,
            password,
            max_inflight: self.max_inflight().or(needs.max_inflight).unwrap_or(MAX_INFLIGHT),
            ack_timeout: Some(ack_timeout).filter(|limit| !limit.is_zero()),
            resend_interval: time(self.resend_interval),
            incoming_window: needs.incoming_window,
            max_packet_size: connect_bytes.unwrap_or(usize::MAX),
        })
    }

    fn client_id(&self, version: Version, needs: &Needs<'_>, invocation: Invocation) -> anyhow::Result<Utf8> {
        let random = |length| -> String { std::iter::repeat_with(fastrand::alphanumeric).take(length).collect() };
        let text = match (&self.id, &self.id_prefix) {
            (Some(id), _) if id.is_empty() => {
                return Err(Usage::Bad("the client identifier (-i) is empty".to_owned()).into());
            }
            (Some(id), _) => return Ok(id.clone()),
            (None, Some(prefix)) => format!("{prefix}{}", std::process::id()),
            // The broker gives one, except in 3.1.
            (None, None) if invocation.as_mosquitto && version != Version::V31 => String::new(),
            (None, None) if invocation.as_mosquitto => format!("mosq-{}", random(18)),
            // 3.1 allows 23 characters of letters and digits; the dash is taken by every broker.
            (None, None) => match &needs.client_id {
                Some(id) => return Ok(id.clone()),
                None => format!("mqkit-{}", random(12)),
            },
        };
        Ok(Utf8::new(text)?)
    }

    /// Flag, file, URL.
    fn password(&self, url: Option<&Url>, until: Until) -> anyhow::Result<Option<Bytes>> {
        if let Some(password) = &self.password {
            return Ok(Some(Bytes::from(password.clone())));
        }
        if let Some(path) = &self.password_file {
            let bytes =
                net::file::read(path, until).with_context(|| format!("cannot read the password file {path:?}"))?;
            super::secret::warn_if_open(path, &self.console());
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            return Ok(Some(Bytes::copy_from_slice(line.strip_suffix(b"\r").unwrap_or(line))));
        }
        Ok(url.and_then(|url| url.password.clone()).map(Bytes::from))
    }

    fn will(&self) -> Result<Option<Will>, Usage> {
        let properties = self.properties().at(Place::Will);
        let Some(TopicName(topic)) = self.will_topic.clone() else {
            let given = [
                (self.will_payload.is_some(), "--will-payload"),
                (self.will_qos.is_some(), "--will-qos"),
                (self.will_retain, "--will-retain"),
                (!properties.is_empty(), "-D will"),
            ];
            return match given.into_iter().find(|(given, _)| *given) {
                None => Ok(None),
                Some((_, flag)) => Err(Usage::Bad(format!("{flag} needs --will-topic"))),
            };
        };
        Ok(Some(Will {
            qos: self.will_qos.unwrap_or(QoS::AtMostOnce),
            retain: self.will_retain,
            properties,
            topic,
            payload: Bytes::from(self.will_payload.clone().unwrap_or_default()),
        }))
    }
}
