//! Frames over a pipe of a few bytes, with peers that are cut, forward or hostile.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

/// A frame as a server sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() <= 125);
    [&[first, payload.len() as u8], payload].concat()
}

fn client(size: usize) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(size);
    (WebSocket::new(near, Role::Client), far)
}

/// Everything that a client makes of these bytes of a server.
async fn received(bytes: &[u8]) -> (Vec<u8>, io::Result<usize>) {
    let (mut socket, mut far) = client(64);
    let mut payload = Vec::new();
    let send = async {
        far.write_all(bytes).await.unwrap();
        far.shutdown().await.unwrap();
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.unwrap();
    };
    let read = async {
        let result = socket.read_to_end(&mut payload).await;
        drop(socket);
        result
    };
    let (result, ()) = tokio::join!(read, send);
    (payload, result)
}

/// Polls once, with nobody to be woken.
fn poll_read(socket: &mut WebSocket<DuplexStream>, bytes: &mut Vec<u8>) -> Poll<io::Result<()>> {
    let mut space = [0; 1024];
    let mut buffer = ReadBuf::new(&mut space);
    let mut context = Context::from_waker(std::task::Waker::noop());
    let polled = Pin::new(socket).poll_read(&mut context, &mut buffer);
    bytes.extend_from_slice(buffer.filled());
    polled
}

/// Writes what the pipe takes now.
fn push(far: &mut DuplexStream, bytes: &[u8]) -> usize {
    let mut context = Context::from_waker(std::task::Waker::noop());
    match Pin::new(far).poll_write(&mut context, bytes) {
        Poll::Ready(written) => written.unwrap(),
        Poll::Pending => 0,
    }
}

/// What the peer finds in the pipe now.
fn pull(far: &mut DuplexStream) -> Vec<u8> {
    let mut space = [0; 4096];
    let mut buffer = ReadBuf::new(&mut space);
    let mut context = Context::from_waker(std::task::Waker::noop());
    let _ = Pin::new(far).poll_read(&mut context, &mut buffer);
    buffer.filled().to_vec()
}

/// Fills the way to the peer, so that nothing more can be written.
fn block(socket: &mut WebSocket<DuplexStream>) {
    let mut context = Context::from_waker(std::task::Waker::noop());
    while Pin::new(&mut *socket).poll_write(&mut context, &[7; 100]).is_ready() {}
}

/// The payload of the last whole pong of a client.
fn last_pong(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut input = bytes;
    let mut found = None;
    while let Ok(Some(head)) = Head::read(input, Role::Server) {
        let mut mask = head.mask;
        let (payload, rest) = input[head.length..].split_at_checked(head.payload as usize)?;
        let mut payload = payload.to_vec();
        mask.apply(&mut payload);
        if head.opcode == PONG {
            found = Some(payload);
        }
        input = rest;
    }
    found
}

#[test]
fn a_flood_of_pings_is_neither_taken_nor_kept_while_nobody_takes_the_answers() {
    let (mut socket, mut far) = client(512);
    block(&mut socket);
    let pings = frame(FINAL | PING, &[b'p'; 125]).repeat(64);
    let (mut taken, mut payload) = (0, Vec::new());
    loop {
        let written = push(&mut far, &pings[taken % pings.len()..]);
        taken += written;
        assert!(poll_read(&mut socket, &mut payload).is_pending());
        // Neither has anything to do any more.
        if written == 0 {
            break;
        }
    }
    assert!(taken < READ + 64 * 127, "{taken} bytes were taken");
    assert!(socket.output.capacity() < 4096 && socket.input.buffer.len() <= READ);
    assert!(payload.is_empty());
}

#[test]
fn the_latest_ping_is_answered_and_data_go_on_where_a_peer_reads_late() {
    let (mut socket, mut far) = client(512);
    block(&mut socket);
    let mut payload = Vec::new();
    for number in 0..PASSED_OVER as u8 {
        let bytes = [frame(FINAL | PING, &[number]), frame(FINAL | BINARY, &[number])].concat();
        assert_eq!(push(&mut far, &bytes), bytes.len());
        while poll_read(&mut socket, &mut payload).is_ready() {}
    }
    let sent: Vec<u8> = (0..PASSED_OVER as u8).collect();
    assert_eq!(payload, sent);
    let mut found = Vec::new();
    loop {
        let bytes = pull(&mut far);
        let _ = poll_read(&mut socket, &mut payload);
        if bytes.is_empty() {
            break;
        }
        found.extend(bytes);
    }
    assert_eq!(last_pong(&found), Some(vec![PASSED_OVER as u8 - 1]));
}

#[test]
fn a_flood_of_frames_without_payload_lets_others_have_their_turn() {
    let (mut socket, mut far) = client(READ);
    let pongs = frame(FINAL | PONG, b"").repeat(READ / 2);
    assert_eq!(push(&mut far, &pongs), READ);
    assert!(poll_read(&mut socket, &mut Vec::new()).is_pending());
    assert!(!socket.input.is_empty());
}

#[tokio::test]
async fn a_length_that_never_comes_takes_no_memory() {
    let (mut socket, mut far) = client(64);
    far.write_all(&[
        FINAL | BINARY,
        127,
        0x7f,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        b'x',
    ])
    .await
    .unwrap();
    assert_eq!(socket.read_u8().await.unwrap(), b'x');
    assert!(socket.input.buffer.capacity() <= READ);
    assert_eq!(socket.left, (u64::MAX >> 1) - 1);
}

#[tokio::test]
async fn both_ends_understand_each_other_at_any_size() {
    let sizes = [0, 1, 7, 125, 126, 127, 1000, 65_535, 65_536, 65_537, 300_000];
    for pipe in [1, 7, 4096, 1 << 20] {
        let (near, far) = duplex(pipe);
        let mut ends = [WebSocket::new(near, Role::Client), WebSocket::new(far, Role::Server)];
        for size in sizes.into_iter().filter(|size| pipe > 7 || *size < 2000) {
            let bytes: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
            for _ in 0..2 {
                let [from, to] = &mut ends;
                let mut found = vec![0; size];
                let send = async {
                    from.write_all(&bytes).await.unwrap();
                    from.flush().await.unwrap();
                };
                let (read, ()) = tokio::join!(to.read_exact(&mut found), send);
                read.unwrap();
                assert!(found == bytes, "{size} bytes through a pipe of {pipe}");
                ends.reverse();
            }
        }
    }
}

#[tokio::test]
async fn both_ends_part_in_order() {
    let (near, far) = duplex(1024);
    let (mut client, mut server) = (WebSocket::new(near, Role::Client), WebSocket::new(far, Role::Server));
    client.write_all(b"x").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(
        client.write_all(b"y").await.unwrap_err().kind(),
        io::ErrorKind::BrokenPipe
    );
    let mut found = Vec::new();
    server.read_to_end(&mut found).await.unwrap();
    assert_eq!(found, b"x");
    server.shutdown().await.unwrap();
    assert_eq!(client.read_to_end(&mut found).await.unwrap(), 0);
}

#[tokio::test]
async fn fragments_and_cuts_do_not_show() {
    let bytes = [
        frame(FINAL | BINARY, b""),
        frame(BINARY, b"ab"),
        frame(FINAL | PING, b"!"),
        frame(CONTINUATION, b""),
        frame(FINAL | CONTINUATION, b"cd"),
        frame(FINAL | PONG, b"!"),
        frame(FINAL | BINARY, b"e"),
        frame(FINAL | CLOSE, &NORMAL.to_be_bytes()),
    ]
    .concat();
    let (payload, result) = received(&bytes).await;
    assert_eq!((&payload[..], result.unwrap()), (&b"abcde"[..], 5));
    // Wherever it ends, what was whole is there.
    for end in 0..bytes.len() {
        let (payload, result) = received(&bytes[..end]).await;
        result.unwrap();
        assert!(b"abcde".starts_with(&payload), "{end}");
    }
}

#[tokio::test]
async fn what_breaks_the_protocol_is_named() {
    let close = |code: u16| frame(FINAL | CLOSE, &code.to_be_bytes());
    for (bytes, words) in [
        (frame(FINAL | TEXT, b"x"), "a text frame"),
        (frame(FINAL | 3, b""), "unknown kind"),
        (frame(FINAL | 11, b""), "unknown kind"),
        (frame(FINAL | 0x40 | BINARY, b""), "an extension"),
        (frame(PING, b""), "a control frame that is in fragments"),
        (vec![FINAL | PING, 126, 0, 1, 0], "or too long"),
        (vec![FINAL | BINARY, 0x81, 0, 0, 0, 0, 0], "a masked frame"),
        (frame(FINAL | CONTINUATION, b"x"), "a continuation of nothing"),
        (
            [frame(BINARY, b"x"), frame(FINAL | BINARY, b"y")].concat(),
            "a new message before",
        ),
        (vec![FINAL | BINARY, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], "highest bit"),
        (frame(FINAL | CLOSE, b"x"), "half a code"),
        (close(0), "never sent"),
        (close(1005), "never sent"),
        (close(1006), "never sent"),
        (close(5000), "never sent"),
        (close(1011), "closed the WebSocket with the code 1011"),
    ] {
        let (_, result) = received(&bytes).await;
        let message = result.unwrap_err().to_string();
        assert!(message.contains(words), "{bytes:02x?}: {message}");
    }
    let (near, mut far) = duplex(64);
    far.write_all(&frame(FINAL | BINARY, b"x")).await.unwrap();
    let message = WebSocket::new(near, Role::Server)
        .read_u8()
        .await
        .unwrap_err()
        .to_string();
    assert!(message.contains("an unmasked frame of a client"), "{message}");
}

#[tokio::test]
async fn a_peer_that_breaks_the_protocol_is_told_so() {
    let (mut socket, mut far) = client(64);
    far.write_all(&frame(FINAL | TEXT, b"x")).await.unwrap();
    socket.read_u8().await.unwrap_err();
    drop(socket);
    let mut found = Vec::new();
    far.read_to_end(&mut found).await.unwrap();
    assert_eq!(found[..2], [FINAL | CLOSE, 0x82]);
}
