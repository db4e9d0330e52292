//! The flags that every connecting command shares, and the options that they mean. It reads files and the environment,
//! and must not open sockets.

use super::Usage;
use super::console::Console;
use super::values::{self, PropertyFlags, VersionChoice};
use crate::client;
use crate::net::{self, Address, Target, TlsOptions, TlsVersion, Url};
use crate::protocol::packet::Will;
use crate::protocol::property::Place;
use crate::protocol::{PacketType, Properties, PropertyId, QoS, Utf8, Version};
use crate::session;
use anyhow::Context;
use bytes::Bytes;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The flags that every connecting command shares.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// Broker and credentials: mqtt:// or mqtts://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC] [env: MQTT_URL]
    #[arg(short = 'L', long, value_name = "URL")]
    url: Option<String>,

    /// Host name or address [env: MQTT_HOST] [default: localhost]
    #[arg(short = 'h', long, value_name = "HOST[:PORT]")]
    host: Option<String>,

    /// Port [env: MQTT_PORT] [default: 1883, or 8883 with TLS]
    #[arg(short = 'p', long, value_name = "PORT")]
    port: Option<u16>,

    /// Local address to connect from
    #[arg(short = 'A', long = "bind", value_name = "ADDRESS")]
    bind: Option<IpAddr>,

    /// Client identifier [default: a random one]
    #[arg(short = 'i', long, value_name = "ID", env = "MQTT_CLIENT_ID", value_parser = values::utf8)]
    id: Option<Utf8>,

    /// Client identifier made of this prefix and the process number
    #[arg(short = 'I', long, value_name = "PREFIX", conflicts_with = "id", value_parser = values::utf8)]
    id_prefix: Option<Utf8>,

    /// User name
    #[arg(short = 'u', long, value_name = "NAME", env = "MQTT_USERNAME", value_parser = values::utf8)]
    username: Option<Utf8>,

    /// Password; others can see it in the process list, so a file or the environment is better [env: MQTT_PASSWORD]
    #[arg(short = 'P', long = "pw", value_name = "PASSWORD", conflicts_with = "password_file")]
    password: Option<String>,

    /// Read the password from the first line of a file
    #[arg(long, value_name = "FILE", env = "MQTT_PASSWORD_FILE")]
    password_file: Option<PathBuf>,

    /// Protocol version: auto (5, then 3.1.1 when the broker does not speak it), 5, 311 or 31
    #[arg(short = 'V', long, value_name = "VERSION", env = "MQTT_PROTOCOL_VERSION", default_value = "auto",
          value_parser = values::version)]
    protocol_version: VersionChoice,

    /// Keep alive in seconds; 0 switches it off
    #[arg(
        short = 'k',
        long,
        value_name = "SECONDS",
        env = "MQTT_KEEPALIVE",
        default_value = "60"
    )]
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

    /// Own limit of unacknowledged messages; the broker's Receive Maximum holds, too
    #[arg(short = 'M', long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u16).range(1..))]
    max_inflight: u16,

    /// One limit over name look-up, TCP, TLS and CONNACK
    #[arg(long, value_name = "TIME", env = "MQTT_CONNECT_TIMEOUT", default_value = "10s", value_parser = values::duration)]
    connect_timeout: Duration,

    /// How long to keep trying without a connection [default: 0 for the first connection; after a loss 60s in `pub`, no
    /// limit in `sub`]
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
    tls: Tls,
}

/// Any of these switches TLS on.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS (any of these switches it on)")]
struct Tls {
    /// Trust the certificate authorities in this PEM file
    #[arg(long, value_name = "FILE", env = "MQTT_CAFILE")]
    cafile: Option<PathBuf>,

    /// Trust the certificate authorities in the PEM files of this directory
    #[arg(long, value_name = "DIR", env = "MQTT_CAPATH")]
    capath: Option<PathBuf>,

    /// Own certificate, PEM
    #[arg(long, value_name = "FILE", env = "MQTT_CERT", requires = "key")]
    cert: Option<PathBuf>,

    /// Key of the own certificate, PEM, not encrypted
    #[arg(long, value_name = "FILE", env = "MQTT_KEY", requires = "cert")]
    key: Option<PathBuf>,

    /// Trust the operating system's certificate authorities, also beside --cafile
    #[arg(long)]
    tls_use_os_certs: bool,

    /// Check neither the broker's certificate nor its name: anyone can listen in
    #[arg(long)]
    insecure: bool,

    /// Application protocol to ask for
    #[arg(long, value_name = "NAME")]
    tls_alpn: Option<String>,

    /// Lowest and only TLS version: tlsv1.2 or tlsv1.3
    #[arg(long, value_name = "VERSION", value_parser = tls_version)]
    tls_version: Option<TlsVersion>,

    /// Write the session keys to this file, for Wireshark
    #[arg(long, value_name = "FILE")]
    tls_keylog: Option<PathBuf>,

    /// Name that the broker's certificate must have [default: the host]
    #[arg(long, value_name = "NAME")]
    servername: Option<String>,
}

fn tls_version(text: &str) -> Result<TlsVersion, String> {
    match text {
        "tlsv1.2" => Ok(TlsVersion::V12),
        "tlsv1.3" => Ok(TlsVersion::V13),
        _ => Err("must be tlsv1.2 or tlsv1.3".to_owned()),
    }
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
    /// Limit of the whole run.
    pub deadline: Option<Duration>,
    /// What is said on stderr.
    pub console: Console,
}

/// How long a broker keeps a session of version 5 for a run that lost its connection, in seconds.
const RESUME_FOR: u32 = 300;

impl Connection {
    /// What the flags, the files they name and the environment mean together.
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
        let console = Console {
            quiet: self.quiet,
            debug: self.debug,
        };
        Ok(Plan {
            client,
            topic: url.and_then(|url| url.topic),
            properties,
            deadline: self.deadline,
            console,
        })
    }

    /// `-L`, or MQTT_URL when neither `-L` nor `-h` was given.
    fn url(&self) -> anyhow::Result<Option<Url>> {
        let (text, origin) = match &self.url {
            Some(text) => (text.clone(), "--url"),
            None if self.host.is_some() => return Ok(None),
            None => match std::env::var("MQTT_URL") {
                Ok(text) if !text.is_empty() => (text, "MQTT_URL"),
                _ => return Ok(None),
            },
        };
        // The text may hold a password, so only the parser's words are shown.
        text.parse()
            .map(Some)
            .with_context(|| format!("{origin} is not a broker's URL"))
    }

    fn target(&self, url: Option<&Url>) -> anyhow::Result<Target> {
        let (host, port) = self.host_and_port(url)?;
        let tls = self.tls.options();
        let port = match port {
            Some(port) => port,
            None if tls.is_some() || url.is_some_and(|url| url.tls) => net::TLS_PORT,
            None => net::PORT,
        };
        let tls = match (tls, url) {
            (Some(options), _) => Some(options),
            (None, Some(Url { tls: true, .. })) => Some(TlsOptions::default()),
            _ => None,
        };
        let tls = match tls {
            None => None,
            Some(options) => {
                let name = net::tls::server_name(&options, &host)?;
                Some((net::tls::client_config(&options).context("cannot set up TLS")?, name))
            }
        };
        Ok(Target {
            address: Address::new(host, port),
            bind: self.bind,
            tls,
        })
    }

    /// Flags before the environment, which is looked at only when neither `-L` nor `-h` names a broker.
    fn host_and_port(&self, url: Option<&Url>) -> anyhow::Result<(String, Option<u16>)> {
        if let Some(host) = &self.host {
            let (host, port) = net::parse_host_port(host).with_context(|| format!("--host {host:?}"))?;
            return Ok((host, self.port.or(port)));
        }
        if let Some(url) = url {
            return Ok((url.host.clone(), self.port.or(url.port)));
        }
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (host, port) = match variable("MQTT_HOST") {
            Some(host) => net::parse_host_port(&host).with_context(|| format!("MQTT_HOST {host:?}"))?,
            None => ("localhost".to_owned(), None),
        };
        let variable = match variable("MQTT_PORT") {
            Some(port) => Some(port.parse().with_context(|| format!("MQTT_PORT {port:?}"))?),
            None => None,
        };
        Ok((host, self.port.or(port).or(variable)))
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
            client_id: self.client_id()?,
            clean_start: !self.disable_clean_session,
            resume_for: wishes.resume.then_some(RESUME_FOR),
            keep_alive: self.keepalive,
            properties: connect,
            disconnect_properties: properties.at(Place::Packet(PacketType::Disconnect)),
            choose_aliases: false,
            will: self.will(properties)?,
            username,
            password,
            max_inflight: self.max_inflight,
            ack_timeout: Some(self.ack_timeout).filter(|limit| !limit.is_zero()),
            resend_interval: self.resend_interval,
            incoming_window: None,
            max_packet_size: connect_bytes.unwrap_or(usize::MAX),
        })
    }

    fn client_id(&self) -> anyhow::Result<Utf8> {
        let text = match (&self.id, &self.id_prefix) {
            (Some(id), _) if id.is_empty() => {
                return Err(Usage::Bad("the client identifier (-i) is empty".to_owned()).into());
            }
            (Some(id), _) => return Ok(id.clone()),
            (None, Some(prefix)) => format!("{prefix}{}", std::process::id()),
            // 3.1 allows 23 characters of letters and digits; the dash is taken by every broker.
            (None, None) => {
                let random: String = std::iter::repeat_with(fastrand::alphanumeric).take(12).collect();
                format!("mqkit-{random}")
            }
        };
        Ok(Utf8::new(text)?)
    }

    /// Flag, file, URL, environment.
    fn password(&self, url: Option<&Url>) -> anyhow::Result<Option<Bytes>> {
        if let Some(password) = &self.password {
            return Ok(Some(Bytes::from(password.clone())));
        }
        if let Some(path) = &self.password_file {
            let bytes = std::fs::read(path).with_context(|| format!("cannot read the password file {path:?}"))?;
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            return Ok(Some(Bytes::copy_from_slice(line.strip_suffix(b"\r").unwrap_or(line))));
        }
        if let Some(password) = url.and_then(|url| url.password.clone()) {
            return Ok(Some(Bytes::from(password)));
        }
        Ok(std::env::var("MQTT_PASSWORD")
            .ok()
            .filter(|password| !password.is_empty())
            .map(Bytes::from))
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

impl Tls {
    /// Nothing when none of the flags was given.
    fn options(&self) -> Option<TlsOptions> {
        let options = TlsOptions {
            cafile: self.cafile.clone(),
            capath: self.capath.clone(),
            use_os_certs: self.tls_use_os_certs,
            cert: self.cert.clone(),
            key: self.key.clone(),
            insecure: self.insecure,
            alpn: self.tls_alpn.iter().cloned().collect(),
            server_name: self.servername.clone(),
            version: self.tls_version,
            keylog: self.tls_keylog.clone(),
        };
        (options != TlsOptions::default()).then_some(options)
    }
}
