//! Properties of the codec: what is written reads the same, any chunking of a stream gives the same packets, and no
//! input makes it panic.

use bytes::{Bytes, BytesMut};
use mqkit::protocol::property::Place;
use mqkit::protocol::{
    Ack, Connack, Connect, Disconnect, FieldLog, Packet, PacketId, PacketType, Properties, PropertyId, PropertyValue,
    Publish, QoS, ReasonCode, Sender, Suback, Subscribe, Subscription, Unsubscribe, Utf8, Version, Will, frame,
};
use proptest::prelude::*;

pub(crate) fn version() -> impl Strategy<Value = Version> {
    prop::sample::select(vec![Version::V31, Version::V311, Version::V5])
}

fn qos() -> impl Strategy<Value = QoS> {
    prop::sample::select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

fn text() -> impl Strategy<Value = Utf8> {
    "[^\0]{0,20}".prop_map(|text| Utf8::new(text).unwrap())
}

fn topic() -> impl Strategy<Value = Utf8> {
    "[^\0+#]{1,20}".prop_map(|text| Utf8::new(text).unwrap())
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|id| PacketId::new(id).unwrap())
}

/// A user property or a number, as far as they may stand at `place`.
fn properties(version: Version, place: Place) -> impl Strategy<Value = Properties> {
    let numbers = [
        PropertyId::MessageExpiryInterval,
        PropertyId::SessionExpiryInterval,
        PropertyId::ReceiveMaximum,
    ];
    let number = numbers.into_iter().find(|id| id.allowed_at(place));
    (
        prop::collection::vec((text(), text()), 0..3),
        prop::option::of(1..u16::MAX),
    )
        .prop_map(move |(pairs, value)| {
            let mut properties = Properties::new();
            if version == Version::V5 {
                for (key, value) in pairs {
                    properties.push(PropertyId::UserProperty, PropertyValue::Pair(key, value));
                }
                if let (Some(id), Some(value)) = (number, value) {
                    properties.set_number(id, value.into());
                }
            }
            properties
        })
}

fn will(version: Version) -> impl Strategy<Value = Will> {
    (qos(), any::<bool>(), properties(version, Place::Will), topic(), bytes()).prop_map(
        |(qos, retain, properties, topic, payload)| Will {
            qos,
            retain,
            properties,
            topic,
            payload,
        },
    )
}

fn connect(version: Version) -> impl Strategy<Value = Packet> {
    let credentials = (prop::option::of(text()), prop::option::of(bytes()));
    let place = Place::Packet(PacketType::Connect);
    let parts = (
        any::<bool>(),
        any::<u16>(),
        properties(version, place),
        topic(),
        prop::option::of(will(version)),
    );
    (parts, credentials).prop_map(
        move |((clean_start, keep_alive, properties, client_id, will), (username, password))| {
            let password = password.filter(|_| username.is_some() || version == Version::V5);
            Packet::Connect(Box::new(Connect {
                version,
                bridge: false,
                clean_start,
                keep_alive,
                properties,
                client_id,
                will,
                username,
                password,
            }))
        },
    )
}

fn publish(version: Version) -> impl Strategy<Value = Packet> {
    let place = Place::Packet(PacketType::Publish);
    (
        any::<bool>(),
        qos(),
        any::<bool>(),
        topic(),
        packet_id(),
        properties(version, place),
        bytes(),
    )
        .prop_map(|(dup, qos, retain, topic, packet_id, properties, payload)| {
            let acknowledged = qos != QoS::AtMostOnce;
            let packet_id = acknowledged.then_some(packet_id);
            Packet::Publish(Publish {
                dup: dup && acknowledged,
                qos,
                retain,
                topic,
                packet_id,
                properties,
                payload,
            })
        })
}

pub(crate) fn packet(version: Version) -> impl Strategy<Value = Packet> {
    let at = move |kind| properties(version, Place::Packet(kind));
    let subscriptions = prop::collection::vec((topic(), qos()), 1..4);
    let filters = prop::collection::vec(topic(), 1..4);
    prop_oneof![
        connect(version),
        publish(version),
        (packet_id(), at(PacketType::Puback)).prop_map(|(packet_id, properties)| {
            Packet::Puback(Ack {
                packet_id,
                reason: ReasonCode::SUCCESS,
                properties,
            })
        }),
        packet_id().prop_map(|packet_id| Packet::Pubrel(Ack::new(packet_id, ReasonCode::SUCCESS))),
        (packet_id(), at(PacketType::Subscribe), subscriptions).prop_map(|(packet_id, properties, subscriptions)| {
            let subscriptions = subscriptions
                .into_iter()
                .map(|(filter, qos)| Subscription::new(filter, qos))
                .collect();
            Packet::Subscribe(Subscribe {
                packet_id,
                properties,
                subscriptions,
            })
        }),
        (packet_id(), at(PacketType::Unsubscribe), filters).prop_map(|(packet_id, properties, filters)| {
            Packet::Unsubscribe(Unsubscribe {
                packet_id,
                properties,
                filters,
            })
        }),
        (packet_id(), at(PacketType::Suback), prop::collection::vec(qos(), 1..4)).prop_map(
            |(packet_id, properties, granted)| {
                let reasons = granted.into_iter().map(|qos| ReasonCode(qos.into())).collect();
                Packet::Suback(Suback {
                    packet_id,
                    properties,
                    reasons,
                })
            }
        ),
        (any::<bool>(), at(PacketType::Connack)).prop_map(move |(present, properties)| {
            let session_present = present && version != Version::V31;
            Packet::Connack(Connack {
                session_present,
                reason: ReasonCode::SUCCESS,
                properties,
            })
        }),
        at(PacketType::Disconnect).prop_map(|properties| {
            Packet::Disconnect(Disconnect {
                reason: ReasonCode::SUCCESS,
                properties,
            })
        }),
        Just(Packet::Pingreq),
        Just(Packet::Pingresp),
    ]
}

fn stream() -> impl Strategy<Value = (Version, Vec<Packet>)> {
    version().prop_flat_map(|version| (Just(version), prop::collection::vec(packet(version), 1..6)))
}

proptest! {
    #[test]
    fn any_chunking_of_a_stream_gives_its_packets((version, packets) in stream(), chunk in 1..40_usize) {
        // A shared filter that is none cannot be sent; the generator makes them now and then.
        let mut bytes = BytesMut::new();
        for packet in &packets {
            packet.encode(version, &mut bytes).unwrap();
        }
        let mut buffer = BytesMut::new();
        let mut found = Vec::new();
        for part in bytes.chunks(chunk) {
            buffer.extend_from_slice(part);
            while let Some(frame) = frame::split(&mut buffer, usize::MAX).unwrap() {
                found.push(Packet::decode(version, Sender::Unknown, &frame).unwrap());
            }
        }
        prop_assert!(buffer.is_empty());
        prop_assert_eq!(found, packets);
    }

    #[test]
    fn no_bytes_make_it_panic(version in version(), first in any::<u8>(), body in prop::collection::vec(any::<u8>(), 0..120)) {
        let mut buffer = BytesMut::from(&[first, u8::try_from(body.len()).unwrap()][..]);
        buffer.extend_from_slice(&body);
        let size = buffer.len();
        let frame = frame::split(&mut buffer, usize::MAX).unwrap().unwrap();
        let mut log = FieldLog::new();
        let logged = Packet::decode_logged(version, Sender::Unknown, &frame, &mut log);
        prop_assert_eq!(&logged, &Packet::decode(version, Sender::Unknown, &frame));
        prop_assert!(log.iter().all(|field| field.offset + field.length <= size));
        if let Err(error) = &logged {
            prop_assert!(error.offset <= size, "{error}");
        }
    }

    #[test]
    fn a_valid_packet_with_one_byte_changed_does_not_make_it_panic((version, packets) in stream(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = BytesMut::new();
        packets[0].encode(version, &mut bytes).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        while let Ok(Some(frame)) = frame::split(&mut bytes, usize::MAX) {
            let _ = Packet::decode(version, Sender::Unknown, &frame);
        }
    }
}
