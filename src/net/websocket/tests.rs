//! What WebSocket takes and refuses, without a peer; `tests/cli/websocket.rs` has the talk with one.

use super::*;

#[test]
fn the_proof_of_the_standard() {
    // RFC 6455, section 1.3.
    assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn a_key_is_new_each_time() {
    let (first, second) = (key().unwrap(), key().unwrap());
    assert_eq!(base64::decode(first.as_bytes()).unwrap().len(), 16);
    assert_ne!(first, second);
}

#[test]
fn paths_are_made_fit_for_the_wire() {
    for (path, expected) in [
        ("/mqtt", "/mqtt"),
        ("mqtt", "/mqtt"),
        ("", "/"),
        ("?a=b&c", "/?a=b&c"),
        ("/a b\r\nX: y", "/a%20b%0D%0AX:%20y"),
        ("/ü#x", "/%C3%BC%23x"),
        ("/%20%zz", "/%20%zz"),
    ] {
        assert_eq!(request_target(path), expected);
    }
}

#[test]
fn headers_are_taken_apart() {
    for (text, name, value) in [
        ("A: b", "A", "b"),
        ("Authorization:Bearer  x:y ", "Authorization", "Bearer  x:y"),
        ("X-Empty:", "X-Empty", ""),
        ("Host: other", "Host", "other"),
    ] {
        assert_eq!(parse_header(text), Ok((name.to_owned(), value.to_owned())));
    }
    for (text, expected) in [
        ("secret", "written `NAME: VALUE`"),
        (": secret", "name of a header"),
        ("a b: secret", "name of a header"),
        ("A: secret\r\nB: c", "control character"),
        ("upgrade: secret", "made by the WebSocket protocol"),
        ("Sec-WebSocket-Protocol: secret", "made by the WebSocket protocol"),
    ] {
        let message = parse_header(text).unwrap_err();
        assert!(message.contains(expected) && !message.contains("secret"), "{message}");
    }
}

#[test]
fn debug_of_a_request_hides_the_values() {
    let request = WebSocketRequest {
        host: "h".to_owned(),
        path: "/mqtt".to_owned(),
        headers: vec![("Authorization".to_owned(), "secret".to_owned())],
    };
    let shown = format!("{request:?}");
    assert!(shown.contains("Authorization") && !shown.contains("secret"), "{shown}");
}

#[test]
fn refusals_that_may_pass() {
    let status = |status| {
        let fault = Fault::Status {
            status,
            reason: String::new(),
            path: "/".to_owned(),
            location: None,
        };
        WebSocketError(fault).may_pass()
    };
    assert!(status(503) && status(429));
    assert!(!status(404) && !status(401) && !status(200));
}
