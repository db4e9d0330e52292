//! The configuration of each broker: files in its directory, and the command that starts it. It must not know how a
//! process is watched.

use super::Kind;
use crate::interop::process::{command, find};
use crate::support::certificates::Certificates;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a broker runs, and what it may use.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) kind: Kind,
    pub(super) program: PathBuf,
    pub(super) directory: &'a Path,
    pub(super) ports: Ports,
    /// Only the plain port is wanted without them.
    pub(super) certificates: Option<&'a Certificates>,
}

/// Free ports of 127.0.0.1.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ports {
    pub(super) plain: u16,
    pub(super) tls: u16,
    pub(super) web_socket: u16,
    pub(super) web_socket_tls: u16,
    /// For what a broker needs beside MQTT.
    pub(super) own: [u16; 2],
}

/// A program that must run before a broker, and what it prints when it does.
pub(super) struct Helper {
    pub(super) command: Command,
    pub(super) ready: &'static str,
}

/// What `.ci/run` installs into.
pub(super) fn installed() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop");
    std::env::var_os("MQKIT_INTEROP_DIR").map_or_else(own, PathBuf::from)
}

impl Place<'_> {
    /// Where a broker that has one keeps its Unix socket.
    pub(super) fn socket(directory: &Path) -> PathBuf {
        directory.join("mqtt.sock")
    }

    /// The command that starts it; its files are written.
    pub(super) fn command(&self) -> Command {
        let mut command = command(&self.program);
        match self.kind {
            Kind::Embedded => self.embedded(&mut command),
            Kind::Mosquitto => self.mosquitto(&mut command),
            Kind::RabbitMq => self.rabbitmq(&mut command),
            Kind::Nats | Kind::NatsTls => self.nats(&mut command),
            Kind::Aedes => self.aedes(&mut command),
            Kind::Amqtt => self.amqtt(&mut command),
        }
        command
    }

    /// What has to run before it.
    pub(super) fn helper(&self) -> Option<Helper> {
        if self.kind != Kind::RabbitMq {
            return None;
        }
        // Erlang's port mapper: Erlang would start one that stays behind as a daemon. With -d it stays in front,
        // with two it says when it listens.
        let mut command = command(find("epmd")?);
        command.args([
            "-d",
            "-d",
            "-address",
            "127.0.0.1",
            "-port",
            &self.ports.own[0].to_string(),
        ]);
        Some(Helper {
            command,
            ready: "entering the main select() loop",
        })
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The paths of the authority, the certificate and its key.
    fn pem(&self) -> Option<[String; 3]> {
        let path = |name| self.certificates.map(|made| made.path(name).display().to_string());
        Some([path("ca.pem")?, path("server.pem")?, path("server.key")?])
    }

    fn embedded(&self, command: &mut Command) {
        command.args(["broker", "--port", "0", "--verbose", "--max-queued", "0"]);
        if let Some([_, cert, key]) = self.pem() {
            command.args(["--tls-port", "0", "--ws-port", "0", "--wss-port", "0"]);
            command.args(["--cert", &cert, "--key", &key]);
            command.arg("--unix").arg(Self::socket(self.directory));
        }
    }

    fn mosquitto(&self, command: &mut Command) {
        // Without the two limits it drops acknowledged messages. As root it would become a user that sees no files here.
        let mut text = format!(
            "user root\nallow_anonymous true\nlog_dest stderr\nlog_type error\nlog_type warning\nlog_type notice\n\
             log_type information\nlog_type subscribe\n\
             max_queued_messages 0\nmax_queued_bytes 0\n\
             persistence true\nautosave_interval 0\npersistence_location {}/\n\
             listener {} 127.0.0.1\n",
            self.directory.display(),
            self.ports.plain
        );
        if let Some([ca, cert, key]) = self.pem() {
            let tls = format!("cafile {ca}\ncertfile {cert}\nkeyfile {key}\n");
            let Ports {
                tls: tls_port,
                web_socket,
                web_socket_tls,
                ..
            } = self.ports;
            // Without socket_domain the WebSocket would be open to everybody.
            let web = "protocol websockets\nsocket_domain ipv4\n";
            let socket = Self::socket(self.directory);
            text += &format!(
                "listener 0 {}\nlistener {tls_port} 127.0.0.1\n{tls}listener {web_socket} 127.0.0.1\n{web}\
                 listener {web_socket_tls} 127.0.0.1\n{web}{tls}",
                socket.display(),
            );
        }
        command.arg("-c").arg(self.write("mosquitto.conf", &text));
    }

    fn rabbitmq(&self, command: &mut Command) {
        let Ports {
            plain,
            tls,
            web_socket,
            web_socket_tls,
            own: [mapper, distribution],
        } = self.ports;
        let mut text = format!(
            "listeners.tcp = none\nmqtt.allow_anonymous = true\nloopback_users = none\n\
             mqtt.listeners.tcp.1 = 127.0.0.1:{plain}\nmqtt.listeners.ssl = none\n\
             web_mqtt.tcp.ip = 127.0.0.1\nweb_mqtt.tcp.port = {web_socket}\n\
             log.console = true\nlog.console.level = info\nlog.file = false\n"
        );
        if let Some([ca, cert, key]) = self.pem() {
            text = text.replace("ssl = none", &format!("ssl.1 = 127.0.0.1:{tls}"));
            for prefix in ["ssl_options", "web_mqtt.ssl"] {
                text += &format!("{prefix}.cacertfile = {ca}\n{prefix}.certfile = {cert}\n{prefix}.keyfile = {key}\n");
            }
            text += &format!("web_mqtt.ssl.ip = 127.0.0.1\nweb_mqtt.ssl.port = {web_socket_tls}\n");
        }
        let configuration = self.write("rabbitmq.conf", &text);
        let plugins = self.write("plugins", "[rabbitmq_mqtt,rabbitmq_web_mqtt].\n");
        let environment = self.write("environment", "");
        command
            // Then its script becomes the server itself, which a signal to the child reaches.
            .env("RUNNING_UNDER_SYSTEMD", "1")
            .env("HOME", self.directory)
            .env("RABBITMQ_NODENAME", format!("mqkit{plain}@localhost"))
            .env("RABBITMQ_MNESIA_BASE", self.directory.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", self.directory.join("log"))
            .env("RABBITMQ_CONFIG_FILE", configuration)
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", plugins)
            .env("RABBITMQ_CONF_ENV_FILE", environment)
            .env("ERL_EPMD_PORT", mapper.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1}",
            );
    }

    fn nats(&self, command: &mut Command) {
        let tls = match self.pem().filter(|_| self.kind == Kind::NatsTls) {
            Some([_, cert, key]) => format!("tls {{ cert_file: \"{cert}\", key_file: \"{key}\" }}"),
            None => String::new(),
        };
        let port = if tls.is_empty() {
            self.ports.plain
        } else {
            self.ports.tls
        };
        let text = format!(
            "server_name: mqkit\nlisten: \"127.0.0.1:{}\"\njetstream {{ store_dir: \"{}\" }}\n\
             mqtt {{ host: 127.0.0.1, port: {port}, {tls} }}\n\
             websocket {{ host: 127.0.0.1, port: {}, no_tls: true }}\n",
            self.ports.own[0],
            self.directory.join("jetstream").display(),
            self.ports.web_socket
        );
        command.arg("-c").arg(self.write("nats.conf", &text));
    }

    fn aedes(&self, command: &mut Command) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/brokers/aedes.js");
        let mut wanted = serde_json::json!({
            "plain": self.ports.plain,
            "webSocket": self.ports.web_socket,
            "unix": Self::socket(self.directory),
        });
        if let Some([_, cert, key]) = self.pem() {
            wanted["tls"] = self.ports.tls.into();
            wanted["cert"] = cert.into();
            wanted["key"] = key.into();
        }
        command.env("NODE_PATH", installed().join("node_modules"));
        command.arg(script).arg(wanted.to_string());
    }

    fn amqtt(&self, command: &mut Command) {
        let mut text = format!(
            "listeners:\n  default:\n    type: tcp\n    bind: 127.0.0.1:{}\n  \
             ws:\n    type: ws\n    bind: 127.0.0.1:{}\n",
            self.ports.plain, self.ports.web_socket
        );
        if let Some([_, cert, key]) = self.pem() {
            text += &format!(
                "  tls:\n    type: tcp\n    bind: 127.0.0.1:{}\n    ssl: true\n    certfile: {cert}\n    keyfile: {key}\n",
                self.ports.tls
            );
        }
        text += "plugins:\n  amqtt.plugins.authentication.AnonymousAuthPlugin:\n    allow_anonymous: true\n";
        command.arg("-c").arg(self.write("amqtt.yaml", &text));
    }
}
