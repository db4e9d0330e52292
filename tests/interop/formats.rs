//! Every conversion of `-F` prints what mosquitto_sub prints for the same message. Where its versions differ the table
//! in `output/template.rs` speaks for the newer one.

use super::brokers::{Broker, Kind, Transport, is_installed};
use super::process::{command, find, mqkit, run};

/// All that both print the same in 2.0 and 2.1, and that does not depend on the time.
const FORMATS: &[&str] = &[
    "%t|%5t|%-5t|%.1t|%5.1t|%05t|%-05t|%1t|",
    "%p|%2p|%10p|%-10p|%010p|%-010p|%.2p|%10.2p|",
    "%l|%3l|%03l|%-3l|%-03l|%.5l|",
    "%m|%3m|%03m|%-3m|%q|%3q|%r|%3r|",
    "%x|%X|",
    "%C|%20C|%-20C|%.4C|%6.2C|%020C|",
    "%D|%5D|%R|%10R|%-10R|%.2R|%010R|",
    "%P|%20P|",
    "%A|%3A|%03A|%-3A|%-03A|%F|%05F|%S|%3S|%03S|",
    "%E|%8E|%08E|%-8E|%-08E|",
    "100%%|@@|\\\\|\\a\\e\\n\\r\\t\\v\\0|",
];

/// A message with every property but the one that counts down, and one with none.
const MESSAGES: &[(&str, &str, &str)] = &[
    (
        "full/ä",
        "ABCDEFGH",
        "content-type text/plain,user-property k1 v1,user-property k2 v2,correlation-data cd,response-topic r/t,\
         payload-format-indicator 1",
    ),
    ("bare", "msg", ""),
];

#[test]
fn mosquitto_sub_prints_the_same() {
    if !is_installed("mosquitto_sub") {
        return;
    }
    let Some(broker) = Broker::plain(Kind::Embedded) else {
        return;
    };
    for (topic, payload, properties) in MESSAGES {
        let mut publish = mqkit("pub", &["-r", "-q", "1", "-t", topic, "-m", payload]);
        publish.args(broker.flags(Transport::Tcp));
        for property in properties.split(',').filter(|property| !property.is_empty()) {
            publish.args(["-D", "publish"]).args(property.split_whitespace());
        }
        run(publish);
        let common = ["-V", "5", "-q", "1", "-C", "1", "-t", topic];
        let forms: Vec<Vec<&str>> = FORMATS.iter().map(|format| vec!["-F", format]).collect();
        let forms = forms.into_iter().chain([vec!["-v"], vec!["-v", "-N"]]);
        for form in forms {
            let mut ours = mqkit("sub", &[&common[..], &form].concat());
            ours.args(broker.flags(Transport::Tcp));
            let mut theirs = command(find("mosquitto_sub").unwrap());
            theirs
                .args(["-h", "127.0.0.1", "-p", &broker.port(), "-W", "60"])
                .args(common)
                .args(&form);
            let (ours, theirs) = (run(ours).stdout, run(theirs).stdout);
            let (ours, theirs) = (String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs));
            assert_eq!(ours, theirs, "{topic} {form:?}");
        }
    }
}
