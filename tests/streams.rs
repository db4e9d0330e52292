//! Properties of reassembly and framing: however a stream is cut, shuffled, repeated or damaged.

use bytes::BytesMut;
use mqkit::capture::framer::{Found, Framer};
use mqkit::capture::network::Segment;
use mqkit::capture::stream::Stream;
use mqkit::capture::tcp::{Part, Reassembler};
use mqkit::capture::tls::KeyLog;
use mqkit::capture::{Piece, Side, Stamp};
use mqkit::protocol::{Packet, Properties, Publish, QoS, Utf8, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::SocketAddr;

/// Any packets, as bytes. Payloads are text: other payloads may hold packets, and behind a hole those look like any.
fn packets() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let publish = ("[a-z]{1,9}/[a-z]{0,9}", "[a-z]{0,300}", 0..3u8).prop_map(|(topic, payload, qos)| {
        let packet = Packet::Publish(Publish {
            qos: QoS::from_bits(qos).unwrap(),
            packet_id: (qos > 0).then_some(7.try_into().unwrap()),
            topic: Utf8::new(topic).unwrap(),
            payload: payload.into(),
            dup: false,
            retain: false,
            properties: Properties::new(),
        });
        let mut bytes = BytesMut::new();
        packet.encode(Version::V311, &mut bytes).unwrap();
        bytes.to_vec()
    });
    let short = prop_oneof![
        Just(vec![0xc0, 0]),
        Just(vec![0xd0, 0]),
        Just(vec![0x40, 2, 0, 7]),
        Just(vec![0x62, 2, 1, 7]),
        Just(vec![0x90, 3, 0, 1, 1]),
    ];
    vec(prop_oneof![2 => publish, 1 => short], 1..30)
}

fn frames(aligned: bool, pieces: &[Piece<'_>]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut found = |found: Found| {
        if let Found::Frame(frame) = found {
            frames.push(frame.bytes().to_vec());
        }
    };
    let mut framer = Framer::new(aligned);
    pieces.iter().for_each(|piece| framer.push(*piece, &mut found));
    framer.finish(&mut found);
    frames
}

fn address(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], port))
}

fn segment(from_client: bool, sequence: u32, payload: &[u8]) -> Segment<'_> {
    let (client, server) = (address(1, 50_000), address(2, 1883));
    let (source, destination) = if from_client {
        (client, server)
    } else {
        (server, client)
    };
    Segment {
        source,
        destination,
        sequence,
        acknowledgement: None,
        syn: false,
        fin: false,
        rst: false,
        payload,
        cut: 0,
    }
}

proptest! {
    #[test]
    fn segments_in_any_order_give_the_same_packets(
        packets in packets(),
        first in any::<u32>(),
        sizes in vec(1..400usize, 1..50),
        swaps in vec((any::<prop::sample::Index>(), 1..12usize), 0..40),
        repeats in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..600usize), 0..20),
    ) {
        let stream = packets.concat();
        // Offset and length of each segment: once through the stream, shuffled a little, and pieces of it again.
        let mut segments = Vec::new();
        let mut at = 0;
        for size in sizes.iter().cycle() {
            segments.push((at, (*size).min(stream.len() - at)));
            at += size;
            if at >= stream.len() {
                break;
            }
        }
        for (index, distance) in swaps {
            let index = index.index(segments.len());
            let other = (index + distance).min(segments.len() - 1);
            segments.swap(index, other);
        }
        for (place, start, length) in repeats {
            let start = start.index(stream.len());
            segments.insert(place.index(segments.len()), (start, length.min(stream.len() - start)));
        }
        let mut reassembler = Reassembler::new(false);
        let mut given = Vec::new();
        let mut record = 0;
        let mut push = |segment: &Segment<'_>| {
            record += 1;
            reassembler.push(segment, Stamp { time: None, record }, &mut |number, _, _, part| match part {
                Part::Piece(Side::A, Piece::Data(data)) if number == 0 => given.extend_from_slice(data),
                other => panic!("{other:?}"),
            });
        };
        push(&Segment { syn: true, ..segment(true, first.wrapping_sub(1), b"") });
        push(&Segment { syn: true, acknowledgement: Some(first), ..segment(false, 7, b"") });
        for (at, length) in segments {
            push(&segment(true, first.wrapping_add(at as u32), &stream[at..at + length]));
        }
        prop_assert_eq!(&given, &stream);
    }

    #[test]
    fn packets_do_not_depend_on_pieces(packets in packets(), sizes in vec(1..300usize, 1..30), aligned: bool) {
        let stream = packets.concat();
        let mut rest = &stream[..];
        let mut pieces = Vec::new();
        for size in sizes.iter().cycle() {
            let (piece, behind) = rest.split_at((*size).min(rest.len()));
            pieces.push(Piece::Data(piece));
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(frames(aligned, &pieces), packets);
    }

    /// The exception: packets at the end of the stream that are all shorter than six bytes may be taken for the end of a
    /// packet before them when that lies in the hole. Here the stream ends with a longer one.
    #[test]
    fn a_hole_costs_only_what_it_touches(
        packets in packets(),
        start in any::<prop::sample::Index>(),
        length in 1..2000usize,
        size in 1..1500usize,
    ) {
        let mut packets = packets;
        packets.push(b"\x30\x0a\0\x03a/bhello".to_vec());
        let stream = packets.concat();
        let start = start.index(stream.len());
        let end = (start + length).min(stream.len());
        let mut pieces: Vec<_> = stream[..start].chunks(size).map(Piece::Data).collect();
        pieces.push(Piece::Gap((end - start) as u64));
        pieces.extend(stream[end..].chunks(size).map(Piece::Data));
        let mut untouched = Vec::new();
        let mut at = 0;
        for packet in &packets {
            if at + packet.len() <= start || at >= end {
                untouched.push(packet.clone());
            }
            at += packet.len();
        }
        // The packet in which the hole begins is given as far as it goes.
        let found: Vec<_> = frames(true, &pieces).into_iter().filter(|frame| untouched.contains(frame)).collect();
        prop_assert_eq!(found, untouched);
    }

    #[test]
    fn arbitrary_segments_do_no_harm(
        segments in vec(
            (any::<bool>(), -300..300i32, vec(any::<u8>(), 0..40), 0..64u8, -300..300i32, 0..300usize, 0..100u64),
            0..120,
        ),
        mqtt: bool,
    ) {
        let mut reassembler = Reassembler::new(true);
        let mut streams = std::collections::BTreeMap::<u32, Stream>::new();
        let keys = KeyLog::default();
        let mut events = Vec::new();
        let connect = b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02P1";
        let mut take = |number, ends, stamp, part: Part<'_>| {
            let stream = streams.entry(number).or_insert_with(|| Stream::new(number, ends));
            match part {
                Part::Piece(side, piece) => stream.push(side, piece, stamp, &keys, &mut events),
                Part::Closed(side, reset) => stream.close(side, reset, stamp, &keys, &mut events),
                Part::Forgotten => stream.finish(stamp, &keys, &mut events),
            }
        };
        if mqtt {
            reassembler.push(&segment(true, 0, connect), Stamp { time: None, record: 0 }, &mut take);
        }
        for (index, (client, sequence, payload, flags, acknowledgement, cut, jump)) in segments.iter().enumerate() {
            let segment = Segment {
                syn: flags & 15 == 1,
                fin: flags & 15 == 2,
                rst: *flags == 3,
                acknowledgement: (flags & 16 != 0).then_some(*acknowledgement as u32),
                cut: if flags & 32 != 0 { *cut } else { 0 },
                ..segment(*client, *sequence as u32, payload)
            };
            let time = std::time::Duration::from_millis(index as u64 * 50 * jump);
            let stamp = Stamp { time: Some(time), record: index as u64 };
            reassembler.push(&segment, stamp, &mut take);
        }
        reassembler.finish(&mut take);
    }

    #[test]
    fn arbitrary_bytes_are_all_accounted_for(
        pieces in vec(prop_oneof![4 => vec(0..0x90u8, 0..60).prop_map(Ok), 1 => (1..100u64).prop_map(Err)], 0..30),
        aligned: bool,
    ) {
        let mut framer = Framer::new(aligned);
        let (mut said, mut missing) = (0, 0);
        let mut found = |found: Found| match found {
            Found::Frame(frame) => said += frame.bytes().len() as u64,
            Found::Skipped(bytes) => said += bytes,
            Found::Missing(bytes) => missing += bytes,
        };
        for piece in &pieces {
            match piece {
                Ok(data) => framer.push(Piece::Data(data), &mut found),
                Err(gap) => framer.push(Piece::Gap(*gap), &mut found),
            }
        }
        framer.finish(&mut found);
        let total: u64 = pieces.iter().flatten().map(|data| data.len() as u64).sum();
        let gaps = pieces.iter().filter_map(|piece| piece.as_ref().err());
        prop_assert_eq!(missing, gaps.sum::<u64>());
        // What is left of a packet behind a hole is not given.
        prop_assert!(said <= total);
        if missing == 0 {
            prop_assert_eq!(said, total);
        }
    }
}
