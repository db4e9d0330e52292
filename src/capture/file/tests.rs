//! Tests of the reader on hand-made files.

use super::*;
use std::time::Duration;

/// A file that is written in one byte order.
struct File {
    bytes: Vec<u8>,
    big: bool,
}

impl File {
    fn new(big: bool) -> Self {
        Self { bytes: Vec::new(), big }
    }

    fn u16(mut self, value: u16) -> Self {
        let bytes = if self.big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        };
        self.bytes.extend(bytes);
        self
    }

    fn u32(mut self, value: u32) -> Self {
        let bytes = if self.big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        };
        self.bytes.extend(bytes);
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn pcap(self, magic: u32, link: u32) -> Self {
        let head = self.u32(magic).u16(2).u16(4).u32(0).u32(0);
        head.u32(65_535).u32(link)
    }

    fn record(self, seconds: u32, fraction: u32, data: &[u8]) -> Self {
        let length = data.len() as u32;
        let head = self.u32(seconds).u32(fraction).u32(length).u32(length + 1);
        head.raw(data)
    }

    fn block(self, kind: u32, body: &[u8]) -> Self {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = body.len() as u32 + 12;
        self.u32(kind).u32(length).raw(&body).u32(length)
    }

    fn section(self) -> Self {
        let body = self.empty().u32(0x1a2b_3c4d).u16(1).u16(0).raw(&[0xff; 8]).bytes;
        self.block(0x0a0d_0d0a, &body)
    }

    fn interface(self, link: u16, snap_length: u32, options: &[u8]) -> Self {
        let body = self.empty().u16(link).u16(0).u32(snap_length).raw(options).bytes;
        self.block(1, &body)
    }

    fn enhanced(self, interface: u32, time: u64, data: &[u8]) -> Self {
        let length = data.len() as u32;
        let body = self.empty().u32(interface).u32((time >> 32) as u32).u32(time as u32);
        let body = body.u32(length).u32(length + 1).raw(data).bytes;
        self.block(6, &body)
    }

    /// In the same byte order.
    fn empty(&self) -> Self {
        Self::new(self.big)
    }
}

/// What a file holds, a line for each item.
fn items(bytes: &[u8]) -> Vec<String> {
    let whole = read(Box::new(io::Cursor::new(bytes.to_vec())));
    let single = read(Box::new(Single(io::Cursor::new(bytes.to_vec()))));
    assert_eq!(whole, single, "one byte a time");
    whole
}

fn read(source: Box<dyn Read>) -> Vec<String> {
    let mut reader = Reader::new(source);
    let mut lines = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        lines.push(match item {
            Item::Record(record) => {
                let time = record.stamp.time.map(|time| format!("{time:?}"));
                format!(
                    "{} {} {} {}/{}",
                    record.stamp.record,
                    time.unwrap_or_else(|| "-".into()),
                    record.link,
                    String::from_utf8_lossy(record.data),
                    record.original_len
                )
            }
            Item::Secrets(secrets) => format!("secrets {}", String::from_utf8_lossy(secrets)),
            Item::Damage(what) => what,
        });
    }
    lines
}

/// Gives one byte a time.
struct Single(io::Cursor<Vec<u8>>);

impl Read for Single {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.0.read(&mut space[..1])
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn pcap_in_every_layout() {
    for big in [false, true] {
        let micro = File::new(big).pcap(0xa1b2_c3d4, 113);
        let micro = micro.record(1, 500_000, b"one").record(2, 1, b"two").bytes;
        assert_eq!(items(&micro), ["1 1.5s 113 one/4", "2 2.000001s 113 two/4"]);
        let nano = File::new(big).pcap(0xa1b2_3c4d, 1).record(2, 1, b"x").bytes;
        assert_eq!(items(&nano), ["1 2.000000001s 1 x/2"]);
        let modified = File::new(big).pcap(0xa1b2_cd34, 1);
        let modified = modified.u32(7).u32(0).u32(3).u32(3).raw(&[9; 8]).raw(b"abc").bytes;
        assert_eq!(items(&modified), ["1 7s 1 abc/3"]);
    }
}

#[test]
fn joined_pcap_files() {
    let first = File::new(false).pcap(0xa1b2_c3d4, 1).record(1, 0, b"one").bytes;
    let second = File::new(true).pcap(0xa1b2_3c4d, 113).record(2, 0, b"two").bytes;
    let both = [&first[..], &first, &second].concat();
    assert_eq!(items(&both)[..2], ["1 1s 1 one/4", "2 1s 1 one/4"]);
    let both = File::new(true).raw(&second).raw(&second).bytes;
    assert_eq!(items(&both), ["1 2s 113 two/4", "2 2s 113 two/4"]);
}

#[test]
fn pcapng_blocks() {
    for big in [false, true] {
        let empty = || File::new(big);
        let secrets = empty().u32(0x544c_534b).u32(5).raw(b"KEY 1").bytes;
        let other_secrets = empty().u32(0x5747_4b4c).u32(5).raw(b"KEY 1").bytes;
        let obsolete = empty().u16(1).u16(7).u32(0).u32(3).u32(4).u32(9).raw(b"old!").bytes;
        let simple = empty().u32(100).raw(b"simple").bytes;
        let file = empty()
            .section()
            // Milliseconds, and five seconds to add.
            .interface(1, 5, &empty().u16(9).u16(1).raw(&[3, 0, 0, 0]).u16(14).u16(8).bytes)
            .interface(
                113,
                0,
                &empty()
                    .u16(2)
                    .u16(2)
                    .raw(b"lo\0\0")
                    .u16(9)
                    .u16(1)
                    .raw(&[0x82, 0, 0, 0])
                    .u32(0)
                    .bytes,
            )
            .block(0x0bad, b"custom..")
            .enhanced(0, 1500, b"one")
            .block(10, &secrets)
            .block(10, &other_secrets)
            .block(5, &[0; 20])
            .enhanced(1, 7, b"two")
            .block(2, &obsolete)
            .block(3, &simple)
            .block(0x8000_0001, b"local")
            .bytes;
        assert_eq!(
            items(&file),
            [
                "1 1.5s 1 one/4",
                "secrets KEY 1",
                "2 1.75s 113 two/4",
                "3 750ms 113 old!/9",
                "4 - 1 simpl/100"
            ]
        );
    }
}

#[test]
fn pcapng_sections_have_their_own_order_and_interfaces() {
    let offset = [14, 0, 8, 0, 10, 0, 0, 0, 0, 0, 0, 0];
    let first = File::new(false)
        .section()
        .interface(1, 0, &offset)
        .enhanced(0, 1_000_000, b"one");
    let second = File::new(true).section().enhanced(0, 0, b"none");
    let second = second.interface(113, 0, &[]).enhanced(0, 1 << 32, b"two");
    let file = first.raw(&second.bytes).bytes;
    let at = file.len() - second.bytes.len() + 28;
    assert_eq!(
        items(&file),
        [
            "1 11s 1 one/4".to_owned(),
            format!("the block at byte {at} names interface 0, which no block describes"),
            "2 4294.967296s 113 two/4".to_owned()
        ]
    );
}

#[test]
fn cut_files() {
    let pcap = File::new(false)
        .pcap(0xa1b2_c3d4, 1)
        .record(1, 0, b"one")
        .record(2, 0, b"two")
        .bytes;
    let second = 24 + 16 + 3;
    for length in 0..=pcap.len() {
        let items = items(&pcap[..length]);
        let (records, damage) = match length {
            0 => (0, None),
            1..24 => (
                0,
                Some("the file ends inside the header of the file at byte 0".to_owned()),
            ),
            24 => (0, None),
            25..43 => (0, Some("the file ends inside the packet record at byte 24".to_owned())),
            43 => (1, None),
            44..62 => (
                1,
                Some(format!("the file ends inside the packet record at byte {second}")),
            ),
            _ => (2, None),
        };
        assert_eq!(items.len(), records + damage.iter().len(), "{length}: {items:?}");
        assert_eq!(items.get(records), damage.as_ref());
    }
    let ng = File::new(true)
        .section()
        .interface(1, 0, &[])
        .enhanced(0, 1_000_000, b"one")
        .bytes;
    for length in 49..ng.len() {
        assert_eq!(
            items(&ng[..length]),
            ["the file ends inside the block at byte 48"],
            "{length}"
        );
    }
    assert_eq!(items(&ng), ["1 1s 1 one/4"]);
}

#[test]
fn damage_in_the_middle_of_pcap() {
    for big in [false, true] {
        let file = File::new(big).pcap(0xa1b2_c3d4, 1).record(1_700_000_000, 0, b"one");
        let at = file.bytes.len();
        let file = file
            .raw(&[0xfe; 31])
            .record(1_700_000_001, 5, b"two")
            .record(1_700_000_001, 6, b"three");
        let lines = items(&file.bytes);
        assert_eq!(
            lines,
            [
                "1 1700000000s 1 one/4".to_owned(),
                format!(
                    "the packet record at byte {at} claims 4278124286 bytes, which cannot be; going on at the next that can"
                ),
                "2 1700000001.000005s 1 two/4".to_owned(),
                "3 1700000001.000006s 1 three/6".to_owned(),
            ]
        );
    }
    let mut file = File::new(false)
        .pcap(0xa1b2_c3d4, 1)
        .record(1, 0, b"lost")
        .record(2, 0, b"two")
        .bytes;
    file[24 + 9] = 1;
    assert_eq!(
        items(&file),
        ["the file ends inside the packet record at byte 24", "1 2s 1 two/4"]
    );
    let file = File::new(false).pcap(0xa1b2_c3d4, 1).raw(&[0xff; 1000]).bytes;
    assert_eq!(items(&file).len(), 1);
}

#[test]
fn damage_in_the_middle_of_pcapng() {
    let start = || {
        File::new(false)
            .section()
            .interface(1, 0, &[])
            .enhanced(0, 1_000_000, b"one")
    };
    let at = start().bytes.len();
    let file = start()
        .raw(b"noise")
        .enhanced(0, 2_000_000, b"two")
        .enhanced(0, 3_000_000, b"three")
        .bytes;
    let damage = format!("the block at byte {at} has a length that cannot be; going on at the next that can be");
    assert_eq!(
        items(&file),
        ["1 1s 1 one/4", &damage, "2 2s 1 two/4", "3 3s 1 three/6"]
    );
    let mut file = start()
        .enhanced(0, 2_000_000, b"lost")
        .enhanced(0, 3_000_000, b"three")
        .bytes;
    file[at + 4] = 32;
    let damage = format!("the block at byte {at} has two different lengths; going on at the next that can be");
    assert_eq!(items(&file), ["1 1s 1 one/4", &damage, "2 3s 1 three/6"]);
    let mut file = start()
        .enhanced(0, 2_000_000, b"lost")
        .enhanced(0, 3_000_000, b"three")
        .bytes;
    file[at + 6] = 1;
    let damage = format!("the file ends inside the block at byte {at}");
    assert_eq!(items(&file), ["1 1s 1 one/4", &damage, "2 3s 1 three/6"]);
    // Too short for the packet that it claims to hold.
    let broken = File::new(false)
        .u32(0)
        .u32(0)
        .u32(0)
        .u32(1000)
        .u32(1000)
        .raw(b"four")
        .bytes;
    let file = start().block(6, &broken).enhanced(0, 2_000_000, b"two").bytes;
    let damage = format!("the block at byte {at} is too short for what it holds");
    assert_eq!(items(&file), ["1 1s 1 one/4", &damage, "2 2s 1 two/4"]);
}

#[test]
fn inside_gzip() {
    let one = File::new(false).pcap(0xa1b2_c3d4, 1).record(1, 0, b"one").bytes;
    let two = File::new(false).record(2, 0, b"two").bytes;
    let packed = [gzip(&one), gzip(&two)].concat();
    assert_eq!(items(&packed), ["1 1s 1 one/4", "2 2s 1 two/4"]);
    let cut = items(&packed[..packed.len() - 12]);
    assert_eq!(cut[0], "1 1s 1 one/4");
    assert!(cut.last().unwrap().starts_with("the gzip stream is damaged"), "{cut:?}");
    let joined = [packed, b"garbage after".to_vec()].concat();
    assert_eq!(items(&joined).len(), 3);
}

#[test]
fn other_files() {
    assert_eq!(items(b""), [""; 0]);
    assert_eq!(items(b"hello"), ["at byte 0 there is neither a pcap nor a pcapng file"]);
    assert!(is_capture(&[0xd4, 0xc3, 0xb2, 0xa1]) && is_capture(b"\x0a\x0d\x0d\x0a") && is_capture(&gzip(b"x")));
    assert!(!is_capture(b"\x10\x2d\x00\x04") && !is_capture(b"\x0a") && !is_capture(b""));
}

#[test]
fn errors_of_the_source_are_told_and_do_not_end_the_file() {
    struct Failing(Vec<io::Result<Vec<u8>>>);
    impl Read for Failing {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let bytes = self.0.remove(0)?;
            space[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
    }
    let file = File::new(false).pcap(0xa1b2_c3d4, 1).record(1, 0, b"one").bytes;
    let source = Failing(vec![
        Ok(file[..2].to_vec()),
        Ok(file[2..30].to_vec()),
        Err(io::ErrorKind::Interrupted.into()),
        Err(io::ErrorKind::TimedOut.into()),
        Ok(file[30..].to_vec()),
    ]);
    let mut reader = Reader::new(Box::new(source));
    assert_eq!(reader.next().unwrap_err().kind(), io::ErrorKind::TimedOut);
    let Some(Item::Record(record)) = reader.next().unwrap() else {
        panic!("a record");
    };
    assert_eq!(
        (record.data, record.stamp.time),
        (&b"one"[..], Some(Duration::from_secs(1)))
    );
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn a_record_is_given_when_its_last_byte_has_come() {
    struct Live(Vec<u8>);
    impl Read for Live {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            assert!(!self.0.is_empty(), "would block");
            let length = self.0.len().min(5).min(space.len());
            space[..length].copy_from_slice(&self.0[..length]);
            self.0.drain(..length);
            Ok(length)
        }
    }
    let pcap = File::new(false).pcap(0xa1b2_c3d4, 1).record(1, 0, b"one").bytes;
    let ng = File::new(false)
        .section()
        .interface(1, 0, &[])
        .enhanced(0, 1_000_000, b"one")
        .bytes;
    for file in [pcap, ng] {
        let mut reader = Reader::new(Box::new(Live(file)));
        assert!(matches!(reader.next(), Ok(Some(Item::Record(_)))));
    }
}
