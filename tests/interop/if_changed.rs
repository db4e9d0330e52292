//! `pub --if-changed` knows what a broker has stored: no message that is there already, and none left out.

use super::brokers::{Broker, Kind};
use super::process::{mqkit, run};

#[test]
fn mosquitto_shows_what_it_has_stored() {
    if let Some(broker) = Broker::plain(Kind::Mosquitto) {
        changes(&broker);
    }
}

#[test]
fn the_embedded_broker_shows_what_it_has_stored() {
    if let Some(broker) = Broker::plain(Kind::Embedded) {
        changes(&broker);
    }
}

fn changes(broker: &Broker) {
    for version in ["31", "311", "5"] {
        let topic = format!("changed/{version}");
        for (payload, published) in [
            ("", false),
            ("on", true),
            ("on", false),
            ("off", true),
            ("off", false),
            ("", true),
            ("", false),
        ] {
            let mut command = mqkit(
                "pub",
                &["-d", "-V", version, "-t", &topic, "-m", payload, "--if-changed"],
            );
            command.args(["-h", "127.0.0.1", "-p", &broker.port()]);
            let said = run(command).stderr();
            let sent = if published { "sent=1 " } else { "sent=0 " };
            assert!(said.contains(sent), "{version}, {payload:?}: {said}");
        }
    }
}
