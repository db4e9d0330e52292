//! Real TLS sessions, recorded in memory between two rustls ends, must come out in the clear with their key log.

use mqkit::capture::tls::{KeyLog, Tls};
use mqkit::capture::{Note, Piece, Side, Unpacked};
use proptest::collection::vec;
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};
use rustls::client::ClientSessionMemoryCache;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection, SupportedCipherSuite,
};
use std::io::{Read, Write};
use std::iter::repeat_n;
use std::sync::{Arc, Mutex};

/// A key log in memory.
#[derive(Debug, Default)]
struct Secrets(Mutex<String>);

impl rustls::KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        self.0.lock().unwrap().push_str(&line);
    }
}

/// Two ends that may meet several times.
struct Ends {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    secrets: Arc<Secrets>,
}

/// What went over the wire, A being the client, and what each side had to say.
#[derive(Default)]
struct Recording {
    wire: Vec<(Side, Vec<u8>)>,
    said: [Vec<u8>; 2],
}

/// What came out of the decryption.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    /// `None` for each missing byte.
    bytes: [Vec<Option<u8>>; 2],
    notes: Vec<Note>,
    client: Option<Side>,
}

impl Ends {
    fn new(suites: &[SupportedCipherSuite], early_data: bool) -> Self {
        let provider = |groups: &[usize]| {
            let all = ring::default_provider();
            Arc::new(CryptoProvider {
                cipher_suites: suites.to_vec(),
                kx_groups: groups.iter().map(|index| all.kx_groups[*index]).collect(),
                ..all
            })
        };
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["broker.example".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut roots = RootCertStore::empty();
        roots.add(chain[0].clone()).unwrap();
        let secrets = Arc::new(Secrets::default());

        let mut client = ClientConfig::builder_with_provider(provider(&[0, 1]))
            .with_protocol_versions(&[suites[0].version()])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.key_log = secrets.clone();
        client.enable_early_data = early_data;
        client.resumption = rustls::client::Resumption::store(Arc::new(ClientSessionMemoryCache::new(8)));
        // Another group than the client's first: TLS 1.3 wants a HelloRetryRequest then.
        let mut server = ServerConfig::builder_with_provider(provider(&[1]))
            .with_protocol_versions(&[suites[0].version()])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        if early_data {
            server.max_early_data_size = 1000;
        }
        Self {
            client: Arc::new(client),
            server: Arc::new(server),
            secrets,
        }
    }

    /// One connection with messages of all sizes, and new keys in the middle where the version has that.
    fn meet(&self) -> Recording {
        let mut client = ClientConnection::new(self.client.clone(), "broker.example".try_into().unwrap()).unwrap();
        let server = ServerConnection::new(self.server.clone()).unwrap();
        let mut recording = Recording::default();
        if let Some(mut early) = client.early_data() {
            early.write_all(b"early").unwrap();
        }
        let mut ends = [Connection::Client(client), Connection::Server(server)];
        recording.exchange(&mut ends);
        for round in 0..4 {
            for index in 0..2 {
                for size in [1, 20, 300, 40_000] {
                    let message: Vec<u8> = (0..size).map(|n| (n * 7 + round + index) as u8).collect();
                    ends[index].writer().write_all(&message).unwrap();
                    recording.said[index].extend(message);
                    recording.exchange(&mut ends);
                }
                if round == 1 && self.is_tls13() {
                    ends[index].refresh_traffic_keys().unwrap();
                }
            }
        }
        recording
    }

    fn is_tls13(&self) -> bool {
        self.client.crypto_provider().cipher_suites[0].version().version == rustls::ProtocolVersion::TLSv1_3
    }

    fn keys(&self) -> KeyLog {
        let mut keys = KeyLog::default();
        assert!(keys.add(self.secrets.0.lock().unwrap().as_bytes()) > 0);
        keys
    }
}

impl Recording {
    fn exchange(&mut self, ends: &mut [Connection; 2]) {
        while ends.iter().any(|end| end.wants_write()) {
            for (index, side) in [Side::A, Side::B].into_iter().enumerate() {
                let mut bytes = Vec::new();
                while ends[index].wants_write() {
                    ends[index].write_tls(&mut bytes).unwrap();
                }
                let receiver = &mut ends[1 - index];
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    receiver.read_tls(&mut rest).unwrap();
                    receiver.process_new_packets().unwrap();
                    let mut plain = [0; 4096];
                    while matches!(receiver.reader().read(&mut plain), Ok(1..)) {}
                }
                if !bytes.is_empty() {
                    self.wire.push((side, bytes));
                }
            }
        }
    }

    /// Cuts the wire into pieces of these sizes, by turns.
    fn hear(&self, keys: &KeyLog, sizes: &[usize]) -> Heard {
        let mut sizes = sizes.iter().cycle();
        let mut ear = Ear::default();
        for (side, bytes) in &self.wire {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                ear.push(*side, Piece::Data(piece), keys);
                rest = behind;
            }
        }
        ear.heard()
    }

    /// The bytes from `start` to `end` of what one side sent are missing.
    fn hear_with_hole(&self, keys: &KeyLog, hole: Side, start: usize, end: usize) -> Heard {
        let mut ear = Ear::default();
        let mut at = 0;
        for (side, bytes) in &self.wire {
            if *side != hole {
                ear.push(*side, Piece::Data(bytes), keys);
                continue;
            }
            let clip = |position: usize| position.clamp(at, at + bytes.len()) - at;
            let (from, to) = (clip(start), clip(end));
            ear.push(*side, Piece::Data(&bytes[..from]), keys);
            if from < to {
                ear.push(*side, Piece::Gap((to - from) as u64), keys);
            }
            ear.push(*side, Piece::Data(&bytes[to..]), keys);
            at += bytes.len();
        }
        ear.heard()
    }

    /// Where each of the messages on the wire of that side begins.
    fn offsets(&self, side: Side) -> Vec<usize> {
        let mut at = 0;
        let mut offsets = Vec::new();
        for (_, bytes) in self.wire.iter().filter(|(sender, _)| *sender == side) {
            offsets.push(at);
            at += bytes.len();
        }
        offsets
    }
}

#[derive(Default)]
struct Ear {
    tls: Tls,
    heard: Heard,
}

impl Ear {
    fn push(&mut self, side: Side, piece: Piece<'_>, keys: &KeyLog) {
        let bytes = &mut self.heard.bytes[usize::from(side == Side::B)];
        let notes = &mut self.heard.notes;
        self.tls.push(side, piece, keys, &mut |unpacked| match unpacked {
            Unpacked::Piece(Piece::Data(data)) => bytes.extend(data.iter().copied().map(Some)),
            Unpacked::Piece(Piece::Gap(size)) => bytes.extend(repeat_n(None, usize::try_from(size).unwrap())),
            Unpacked::Note(note) => notes.push(note),
        });
    }

    fn heard(mut self) -> Heard {
        self.heard.client = self.tls.client_side();
        self.heard
    }
}

fn known(bytes: &[u8]) -> Vec<Option<u8>> {
    bytes.iter().copied().map(Some).collect()
}

/// Behind the hole, everything must be as it was; gives how many bytes were lost from the first hole on.
fn assert_recovers(heard: &[Option<u8>], said: &[u8], at_most: usize) {
    let before = heard.iter().take_while(|byte| byte.is_some()).count();
    assert_eq!(heard[..before], known(&said[..before]));
    let behind = heard
        .iter()
        .rev()
        .take_while(|byte| byte.is_some())
        .count()
        .min(said.len() - before);
    assert_eq!(heard[heard.len() - behind..], known(&said[said.len() - behind..]));
    assert!(
        said.len() - before - behind <= at_most,
        "{before} {behind} {}",
        said.len()
    );
}

const SUITES: &[SupportedCipherSuite] = &[
    ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
    ring::cipher_suite::TLS13_AES_256_GCM_SHA384,
    ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
];
const TLS12: usize = 3;

#[test]
fn every_suite_in_pieces_of_any_size() {
    for suite in SUITES {
        let ends = Ends::new(&[*suite], false);
        // The second connection resumes the first.
        for _ in 0..2 {
            let recording = ends.meet();
            for sizes in [&[1][..], &[5, 1, 4000, 17], &[1 << 20]] {
                let heard = recording.hear(&ends.keys(), sizes);
                let version = if ends.is_tls13() { "1.3" } else { "1.2" };
                let name = format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
                assert_eq!(heard.notes, [Note::Decrypted(format!("TLS {version}, {name}"))]);
                assert_eq!(heard.client, Some(Side::A));
                for (heard, said) in heard.bytes.iter().zip(&recording.said) {
                    assert!(*heard == known(said), "{suite:?} {sizes:?}");
                }
            }
        }
    }
}

#[test]
fn without_the_right_keys() {
    let none = Heard {
        client: Some(Side::A),
        ..Heard::default()
    };
    for suite in [SUITES[0], SUITES[TLS12]] {
        let ends = Ends::new(&[suite], suite == SUITES[0]);
        ends.meet();
        let recording = ends.meet();
        let encrypted = Note::Encrypted(Some("broker.example".to_owned()));
        let heard = recording.hear(&KeyLog::default(), &[1000]);
        assert_eq!((&heard.notes, &heard.bytes), (&vec![encrypted], &none.bytes));

        let ends = Ends::new(&[suite], false);
        let recording = ends.meet();
        let text = ends.secrets.0.lock().unwrap().clone();
        let other: String = text
            .lines()
            .map(|line| {
                let (start, secret) = line.rsplit_once(' ').unwrap();
                format!("{start} {}\n", secret.chars().rev().collect::<String>())
            })
            .collect();
        let mut keys = KeyLog::default();
        keys.add(other.as_bytes());
        let heard = recording.hear(&keys, &[1000]);
        let misfit = Note::Undecryptable("the secrets of the key log do not fit".to_owned());
        assert_eq!((&heard.notes, &heard.bytes), (&vec![misfit], &none.bytes));
    }
}

#[test]
fn the_secrets_of_application_data_are_enough() {
    let ends = Ends::new(&SUITES[..1], false);
    let recording = ends.meet();
    let text = ends.secrets.0.lock().unwrap().clone();
    let mut keys = KeyLog::default();
    for line in text.lines().filter(|line| !line.contains("HANDSHAKE")) {
        keys.add(line.as_bytes());
    }
    let heard = recording.hear(&keys, &[1000]);
    assert_eq!(heard.bytes[0], known(&recording.said[0]));
    assert_eq!(heard.bytes[1], known(&recording.said[1]));
    assert_eq!(heard.notes.len(), 1);
}

#[test]
fn early_data_is_named_and_what_follows_is_decrypted() {
    let ends = Ends::new(&SUITES[..1], true);
    ends.meet();
    let recording = ends.meet();
    let heard = recording.hear(&ends.keys(), &[100]);
    let early = Note::Undecryptable("early data (0-RTT) is not decrypted".to_owned());
    assert_eq!(heard.notes[0], early);
    assert!(matches!(heard.notes[1..], [Note::Decrypted(_)]));
    let behind = heard.bytes[0].iter().skip_while(|byte| byte.is_none()).copied();
    assert_eq!(behind.collect::<Vec<_>>(), known(&recording.said[0]));
    assert_eq!(heard.bytes[1], known(&recording.said[1]));
}

#[test]
fn a_stream_from_the_middle() {
    let ends = Ends::new(&SUITES[..1], false);
    let recording = ends.meet();
    let mut ear = Ear::default();
    let (side, bytes) = recording.wire.last().unwrap();
    assert_eq!(Tls::guess(bytes), Some(true));
    ear.push(*side, Piece::Data(bytes), &ends.keys());
    assert_eq!(ear.heard().notes, [Note::Encrypted(None)]);
}

#[test]
fn goes_on_behind_holes() {
    for suite in SUITES {
        let ends = Ends::new(&[*suite], false);
        let recording = ends.meet();
        let keys = ends.keys();
        for (side, index) in [(Side::A, 0), (Side::B, 1)] {
            let offsets = recording.offsets(side);
            let total = offsets.len();
            // Inside one record; over the bounds of records; whole records; and the change of keys with them.
            let (large, small, last) = (offsets[total - 5], offsets[total - 4], offsets[total - 1]);
            for (start, end, lost) in [
                (large + 100, large + 101, 17_000),
                (large + 16_000, large + 18_000, 34_000),
                (small, small + 1, 1),
                (large, last, 40_321),
                (large + 3, small + 7, 40_001),
                (offsets[total - 13] + 9, small, 121_000),
            ] {
                let heard = recording.hear_with_hole(&keys, side, start, end);
                assert_recovers(&heard.bytes[index], &recording.said[index], lost);
                assert!(heard.bytes[1 - index] == known(&recording.said[1 - index]));
                assert_eq!(heard.notes.len(), 1, "{:?}", heard.notes);
            }
        }
    }
}

#[test]
fn goes_on_behind_a_hole_in_the_handshake() {
    for suite in SUITES {
        let ends = Ends::new(&[*suite], false);
        let recording = ends.meet();
        // Some bytes of the last flight before application data, or all of it.
        for (side, index) in [(Side::A, 0), (Side::B, 1)] {
            let first = recording.offsets(side)[if ends.is_tls13() { 2 } else { 1 }];
            for (start, end) in [(first + 7, first + 8), (first, first + 40), (first + 3, first + 90)] {
                let heard = recording.hear_with_hole(&ends.keys(), side, start, end);
                assert_recovers(&heard.bytes[index], &recording.said[index], 700);
            }
        }
    }
}

#[test]
fn a_suite_that_cannot_be_decrypted_is_named() {
    let record = |kind: u8, body: &[u8]| [&[kind, 3, 3, 0, body.len() as u8], body].concat();
    let hello = |kind: u8, rest: &[u8]| {
        let body = [&[3, 3][..], &[kind; 32], &[0], rest].concat();
        record(22, &[&[kind, 0, 0, body.len() as u8], &body[..]].concat())
    };
    let mut keys = KeyLog::default();
    keys.add(format!("CLIENT_RANDOM {} {}", "01".repeat(32), "02".repeat(48)).as_bytes());
    for (suite, why) in [
        ([0xc0, 0x13], "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
        ([0xab, 0xcd], "cipher suite 0xABCD"),
    ] {
        let mut ear = Ear::default();
        ear.push(
            Side::A,
            Piece::Data(&hello(1, &[0, 2, suite[0], suite[1], 1, 0])),
            &keys,
        );
        ear.push(Side::B, Piece::Data(&hello(2, &[suite[0], suite[1], 0])), &keys);
        for side in [Side::A, Side::B] {
            ear.push(side, Piece::Data(&record(20, &[1])), &keys);
            ear.push(side, Piece::Data(&record(22, &[7; 64])), &keys);
            ear.push(side, Piece::Data(&record(23, &[7; 64])), &keys);
        }
        assert_eq!(ear.heard().notes, [Note::Undecryptable(why.to_owned())]);
    }
}

#[test]
fn what_tls_begins_with() {
    assert_eq!(Tls::guess(b""), None);
    assert_eq!(Tls::guess(&[22, 3, 1, 2]), None);
    assert_eq!(Tls::guess(&[22, 3, 1, 2, 0]), Some(true));
    assert_eq!(Tls::guess(&[23, 3, 3, 0, 30]), Some(true));
    assert_eq!(Tls::guess(&[22, 3, 1, 0xff, 0]), Some(false));
    assert_eq!(Tls::guess(&[16]), Some(false));
    assert_eq!(Tls::guess(&[22, 4]), Some(false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arbitrary_bytes_do_no_harm(
        pieces in vec((any::<bool>(), prop_oneof![
            vec(any::<u8>(), 0..60).prop_map(Ok),
            vec(prop::sample::select(vec![0, 1, 2, 3, 4, 20, 22, 23, 40]), 0..60).prop_map(Ok),
            any::<u64>().prop_map(Err),
            (0u64..60).prop_map(Err),
        ]), 0..20)
    ) {
        let mut tls = Tls::default();
        for (side, piece) in &pieces {
            let side = if *side { Side::A } else { Side::B };
            let piece = piece.as_ref().map_or_else(|size| Piece::Gap(*size), |bytes| Piece::Data(bytes));
            tls.push(side, piece, &KeyLog::default(), &mut |_| {});
        }
    }
}

#[test]
fn damage_anywhere_does_no_harm() {
    let ends = [SUITES[0], SUITES[TLS12]].map(|suite| Ends::new(&[suite], false));
    let recordings = ends.each_ref().map(Ends::meet);
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..60 {
        let (recording, keys) = (&recordings[round % 2], ends[round % 2].keys());
        let mut ear = Ear::default();
        for (side, bytes) in &recording.wire {
            let mut bytes = bytes.clone();
            let at = random.usize(..bytes.len());
            match random.u8(..20) {
                0 => bytes[at] ^= 1 << random.u8(..8),
                1 => bytes.truncate(at),
                2 => ear.push(*side, Piece::Gap(random.u64(..100_000)), &keys),
                3 => bytes[at..].fill(23),
                _ => {}
            }
            ear.push(*side, Piece::Data(&bytes), &keys);
        }
        assert!(ear.heard().notes.len() < 10);
    }
}
