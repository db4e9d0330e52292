//! How fast packets are taken apart: raw bytes to packets, without output. `cargo bench`.
#![allow(missing_docs, reason = "of the macros of criterion")]

use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mqkit::protocol::{MAX_REMAINING_LENGTH, Packet, PacketId, Properties, Publish, QoS, Sender, Utf8, Version, frame};
use std::hint::black_box;

/// Bytes of packets in a run.
const TOTAL: usize = 4 << 20;

fn stream(payload: usize, version: Version) -> BytesMut {
    let mut bytes = BytesMut::new();
    for number in 1.. {
        if bytes.len() >= TOTAL {
            break;
        }
        let publish = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: Utf8::new(format!("bench/topic/{}", number % 100)).unwrap(),
            packet_id: PacketId::new((number % 65_535) as u16 + 1),
            properties: Properties::new(),
            payload: vec![b'x'; payload].into(),
        };
        Packet::Publish(publish).encode(version, &mut bytes).unwrap();
    }
    bytes
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for version in [Version::V311, Version::V5] {
        for payload in [16, 100, 1000, 10_000] {
            let bytes = stream(payload, version);
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_function(BenchmarkId::new(version.to_string(), payload), |bencher| {
                bencher.iter_batched(
                    || bytes.clone(),
                    |mut buffer| {
                        while let Ok(Some(frame)) = frame::split(&mut buffer, MAX_REMAINING_LENGTH) {
                            black_box(Packet::decode(version, Sender::Client, &frame)).unwrap();
                        }
                    },
                    criterion::BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
