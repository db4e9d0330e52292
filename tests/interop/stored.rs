//! `sub --retained-only` and `--remove-retained` find the end of the stored messages on real brokers, also when these
//! hold back what exceeds their send window.

use super::brokers::{Broker, Kind, Transport, is_installed};
use super::process::{Process, mqkit, run};

/// More than any send window here.
const STORED: usize = 30;

fn ends_by_itself(kind: Kind) {
    let Some(broker) = Broker::plain(kind) else { return };
    let sub = |words: &[&str]| {
        let mut command = mqkit("sub", &["--retained-only", "--raw", "-t", "stored/#"]);
        command.args(broker.flags(Transport::Tcp)).args(words);
        command
    };
    let count = |words: &[&str]| run(sub(words)).stdout().lines().count();
    for number in 0..STORED {
        let mut publish = mqkit("pub", &["-r", "-q", "2", "-m", "x", "-t", &format!("stored/{number}")]);
        publish.args(broker.flags(Transport::Tcp));
        run(publish);
    }
    for version in ["31", "311", "5"] {
        for qos in ["0", "1", "2"] {
            assert_eq!(count(&["-V", version, "-q", qos]), STORED, "{version} at QoS {qos}");
        }
    }
    for qos in ["1", "2"] {
        let words = ["-q", qos, "-D", "connect", "receive-maximum", "1"];
        assert_eq!(count(&words), STORED, "receive maximum 1 at QoS {qos}");
    }
    // Mosquitto 2.0 sends more at once than it was asked for.
    assert_eq!(count(&["-q", "1", "-C", "7"]), 7);
    assert_eq!(count(&["-C", "3", "-q", "1", "--remove-retained"]), 3);
    assert_eq!(count(&["-T", "stored/29", "-q", "2", "--remove-retained"]), STORED - 4);
    assert_eq!(count(&["-V", "311", "--remove-retained"]), 1);
    // None is left.
    Process::start(sub(&[])).expect(1);
}

#[test]
fn stored_messages_end_on_mosquitto() {
    if is_installed("mosquitto") {
        ends_by_itself(Kind::Mosquitto);
    }
}

#[test]
fn stored_messages_end_on_the_embedded_broker() {
    ends_by_itself(Kind::Embedded);
}
