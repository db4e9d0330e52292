//! The flags that every connecting command shares, and the options that they mean. It reads the files that they
//! name, and must not open sockets or look at the environment, which `resolve` has turned into flags.

mod tls;
mod transport;

use super::Usage;
use super::console::Console;
use super::resolve::Steering;
use super::values::{self, PropertyFlags, VersionChoice};
use crate::client;
use crate::net::Url;
use crate::protocol::packet::Will;
use crate::protocol::property::Place;
use crate::protocol::{PacketType, Properties, PropertyId, QoS, Utf8, Version};
use crate::session;
use anyhow::Context;
use bytes::Bytes;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tls::Tls;
use transport::Transport;

/// The flags that every connecting command shares.
#[derive(Debug, Args)]
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
    #[arg(short = 'i', long, value_name = "ID", value_parser = values::utf8)]
    id: Option<Utf8>,

    /// Client identifier made of this prefix and the process number
    #[arg(short = 'I', long, value_name = "PREFIX", conflicts_with = "id", value_parser = values::utf8)]
    id_prefix: Option<Utf8>,

    /// User name
    #[arg(short = 'u', long, value_name = "NAME", value_parser = values::utf8)]
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
    password_file: Option<PathBuf>,

    /// Protocol version: auto (5, then 3.1.1 when the broker does not speak it), 5, 311 or 31
    #[arg(short = 'V', long, value_name = "VERSION", default_value = "auto",
          value_parser = values::version)]
    protocol_version: VersionChoice,

    /// Keep alive in seconds; 0 switches it off
    #[arg(short = 'k', long, value_name = "SECONDS", default_value = "60")]
    keepalive: u16,

    /// Go on with the session that the broker has stored for this identifier, and leave it there
    #[arg(short = 'c', long)]
    disable_clean_session: bool,

    /// How long the broker keeps the session after the end, in seconds, or `infinite`; needs version 5
    #[arg(short = 'x', long, value_name = "SECONDS", value_parser = values::expiry, allow_hyphen_values = true)]
    session_expiry_interval: Option<u32>,

    #[command(flatten)]
    properties: PropertyWords,

    /// Topic of the message that the broker publishes when this client is lost
    #[arg(long, value_name = "TOPIC", value_parser = values::topic_name)]
    will_topic: Option<Utf8>,

    /// Payload of the will
    #[arg(long, value_name = "TEXT", requires = "will_topic")]
    will_payload: Option<String>,

    /// QoS of the will
    #[arg(long, value_name = "QOS", default_value = "0", requires = "will_topic", value_parser = values::qos)]
    will_qos: QoS,

    /// Retain the will
    #[arg(long, requires = "will_topic")]
    will_retain: bool,

    /// Own limit of unacknowledged messages; the broker's Receive Maximum holds, too [default: 20; in `bench` with a rate:
    /// 65535]
    #[arg(short = 'M', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    max_inflight: Option<u16>,

    /// One limit over name look-up, TCP, proxy, TLS, WebSocket and CONNACK
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::duration)]
    connect_timeout: Duration,

    /// How long to keep trying without a connection [default: 0 for the first connection; after a loss 60s in `pub`,
    /// `rr` and `bench`, no limit in `sub`]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    retry: Option<Duration>,

    /// End when an established connection is lost
    #[arg(long, conflicts_with = "retry")]
    no_reconnect: bool,

    /// Connect again and resend when an acknowledgement takes longer
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = values::duration)]
    ack_timeout: Duration,

    /// Resend inside the connection after so long, in 3.1 and 3.1.1
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    resend_interval: Option<Duration>,

    /// Limit of the whole run, everything included
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    deadline: Option<Duration>,

    /// Say on stderr what happens on the wire
    #[arg(short, long)]
    debug: bool,

    /// No notes and warnings on stderr
    #[arg(long, conflicts_with = "debug")]
    quiet: bool,

    #[command(flatten)]
    steering: Steering,

    /// Do as Mosquitto's tools do, where that is not what a user of mqkit expects
    #[arg(long, hide = true)]
    as_mosquitto: bool,

    #[command(flatten)]
    transport: Transport,

    #[command(flatten)]
    tls: Tls,
}

/// `-D`, whose number of words depends on the property: clap's derive has no type for that.
#[derive(Debug, Default)]
struct PropertyWords(Vec<Vec<String>>);

impl Args for PropertyWords {
    fn augment_args(command: Command) -> Command {
        command.arg(
            Arg::new("property")
                .short('D')
                .long("property")
                .value_names(["PACKET", "NAME", "VALUE"])
                .num_args(3..=4)
                .action(ArgAction::Append)
                .allow_hyphen_values(false)
                .help("MQTT 5 property of a packet, spelt as mosquitto_pub does; a user-property has KEY VALUE"),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PropertyWords {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let occurrences = matches.get_occurrences::<String>("property");
        Ok(Self(
            occurrences
                .into_iter()
                .flatten()
                .map(|words| words.cloned().collect())
                .collect(),
        ))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What a command adds to the flags.
#[derive(Debug, Clone, Copy)]
pub struct Wishes {
    /// How long to keep trying after a loss, when nothing was said.
    pub retry_lost: Option<Duration>,
    /// Messages of QoS 1 or 2 pass: a session that outlives a lost connection is worth having.
    pub resume: bool,
}

/// What the flags mean.
#[derive(Debug)]
pub struct Plan {
    /// How to connect.
    pub client: client::Options,
    /// The topic of the URL.
    pub topic: Option<String>,
    /// Properties of the packets that a command sends.
    pub properties: PropertyFlags,
    /// When the process started.
    pub started: Instant,
    /// Limit of the whole run, from there.
    pub deadline: Option<Duration>,
    /// What is said on stderr.
    pub console: Console,
    /// Started under a name of Mosquitto's: its defaults and output, to the byte.
    pub as_mosquitto: bool,
}

impl Plan {
    /// Refuses properties of packets that the command never sends. Mosquitto's tools pass over them, and so do we under
    /// their names.
    ///
    /// # Errors
    /// [`Usage`] that names the packet.
    pub fn sends_only(&self, places: &[Place]) -> Result<(), Usage> {
        match self.as_mosquitto {
            true => Ok(()),
            false => self.properties.only_for(places),
        }
    }
}

/// Unacknowledged messages, when nothing was said.
pub const MAX_INFLIGHT: u16 = 20;
/// How long a broker keeps a session of version 5 for a run that lost its connection, in seconds.
const RESUME_FOR: u32 = 300;

impl Connection {
    /// What the flags and the files they name mean together.
    ///
    /// # Errors
    /// Flags that contradict each other, files that cannot be read, bad addresses and certificates.
    pub fn plan(&self, wishes: Wishes) -> anyhow::Result<Plan> {
        let url = self.url()?;
        let target = self.target(url.as_ref())?;
        let mut properties = PropertyFlags::default();
        for words in &self.properties.0 {
            properties.add(words)?;
        }
        let options = self.session(url.as_ref(), &properties, wishes)?;
        let fall_back = self.protocol_version == VersionChoice::Auto && !self.needs_version_5();
        let client = client::Options {
            target,
            session: options,
            fall_back,
            connect_timeout: self.connect_timeout,
            retry_first: self.retry.unwrap_or_default(),
            retry_lost: match self.retry {
                _ if self.no_reconnect => Some(Duration::ZERO),
                None => wishes.retry_lost,
                some => some,
            },
            seed: fastrand::u64(..),
        };
        let console = self.console();
        Ok(Plan {
            client,
            topic: url.and_then(|url| url.topic),
            properties,
            started: Instant::now(),
            deadline: self.deadline,
            console,
            as_mosquitto: self.as_mosquitto,
        })
    }

    /// Whether it is said where the broker is.
    #[must_use]
    pub fn names_broker(&self) -> bool {
        self.url.is_some() || self.host.is_some() || self.port.is_some() || self.transport.names_broker()
    }

    /// Whether the client identifier is given, or how it begins.
    #[must_use]
    pub fn names_client(&self) -> bool {
        self.id.is_some() || self.id_prefix.is_some()
    }

    /// The limit of unacknowledged messages, when it is given.
    #[must_use]
    pub fn max_inflight(&self) -> Option<u16> {
        self.max_inflight
    }

    /// What is said on stderr.
    #[must_use]
    pub fn console(&self) -> Console {
        Console {
            quiet: self.quiet,
            debug: self.debug,
        }
    }

    fn url(&self) -> anyhow::Result<Option<Url>> {
        // The text may hold a password, so only the parser's words are shown.
        let read = |text: &String| match text.parse::<Url>() {
            Ok(url) if self.as_mosquitto => url.in_mosquittos_way(),
            read => read,
        };
        let url = self.url.as_ref().map(read).transpose();
        url.context("--url is not a broker's URL")
    }

    fn needs_version_5(&self) -> bool {
        self.session_expiry_interval.is_some() || !self.properties.0.is_empty()
    }

    fn version(&self) -> Result<Version, Usage> {
        match self.protocol_version {
            VersionChoice::Auto => Ok(Version::V5),
            VersionChoice::Fixed(version) if version != Version::V5 && self.needs_version_5() => {
                Err(Usage::Bad(format!("-D and -x need MQTT 5, and -V asks for {version}")))
            }
            VersionChoice::Fixed(version) => Ok(version),
        }
    }

    fn session(
        &self,
        url: Option<&Url>,
        properties: &PropertyFlags,
        wishes: Wishes,
    ) -> anyhow::Result<session::Options> {
        let version = self.version()?;
        let mut connect = properties.at(Place::Packet(PacketType::Connect));
        let expiry = match self.session_expiry_interval {
            // A session that is to be left behind must not end with the connection.
            None if self.disable_clean_session && connect.value(PropertyId::SessionExpiryInterval).is_none() => {
                (version == Version::V5).then_some(u32::MAX)
            }
            given => given,
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
        let password = self.password(url)?;
        if password.is_some() && username.is_none() && version != Version::V5 {
            return Err(Usage::Bad(format!("a password needs a user name in MQTT {version} (-u)")).into());
        }
        let connect_bytes = connect
            .number(PropertyId::MaximumPacketSize)
            .and_then(|size| usize::try_from(size).ok());
        Ok(session::Options {
            version,
            client_id: self.client_id(version)?,
            clean_start: !self.disable_clean_session,
            adopt_session: true,
            resume_for: (wishes.resume && !self.as_mosquitto).then_some(RESUME_FOR),
            keep_alive: self.keepalive,
            properties: connect,
            disconnect_properties: properties.at(Place::Packet(PacketType::Disconnect)),
            choose_aliases: false,
            will: self.will(properties)?,
            username,
            password,
            max_inflight: self.max_inflight.unwrap_or(MAX_INFLIGHT),
            ack_timeout: Some(self.ack_timeout).filter(|limit| !limit.is_zero()),
            resend_interval: self.resend_interval,
            incoming_window: None,
            max_packet_size: connect_bytes.unwrap_or(usize::MAX),
        })
    }

    fn client_id(&self, version: Version) -> anyhow::Result<Utf8> {
        let random = |length| -> String { std::iter::repeat_with(fastrand::alphanumeric).take(length).collect() };
        let text = match (&self.id, &self.id_prefix) {
            (Some(id), _) if id.is_empty() => {
                return Err(Usage::Bad("the client identifier (-i) is empty".to_owned()).into());
            }
            (Some(id), _) => return Ok(id.clone()),
            (None, Some(prefix)) => format!("{prefix}{}", std::process::id()),
            // The broker gives one, except in 3.1.
            (None, None) if self.as_mosquitto && version != Version::V31 => String::new(),
            (None, None) if self.as_mosquitto => format!("mosq-{}", random(18)),
            // 3.1 allows 23 characters of letters and digits; the dash is taken by every broker.
            (None, None) => format!("mqkit-{}", random(12)),
        };
        Ok(Utf8::new(text)?)
    }

    /// Flag, file, URL.
    fn password(&self, url: Option<&Url>) -> anyhow::Result<Option<Bytes>> {
        if let Some(password) = &self.password {
            return Ok(Some(Bytes::from(password.clone())));
        }
        if let Some(path) = &self.password_file {
            let bytes = std::fs::read(path).with_context(|| format!("cannot read the password file {path:?}"))?;
            super::secret::warn_if_open(path, &self.console());
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            return Ok(Some(Bytes::copy_from_slice(line.strip_suffix(b"\r").unwrap_or(line))));
        }
        Ok(url.and_then(|url| url.password.clone()).map(Bytes::from))
    }

    fn will(&self, properties: &PropertyFlags) -> Result<Option<Will>, Usage> {
        let properties: Properties = properties.at(Place::Will);
        let Some(topic) = self.will_topic.clone() else {
            return match properties.is_empty() {
                true => Ok(None),
                false => Err(Usage::Bad("-D will needs --will-topic".to_owned())),
            };
        };
        let payload = Bytes::from(self.will_payload.clone().unwrap_or_default());
        Ok(Some(Will {
            qos: self.will_qos,
            retain: self.will_retain,
            properties,
            topic,
            payload,
        }))
    }
}
