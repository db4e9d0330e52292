//! URLs of proxies, who needs none, and words; `tests/cli/transports.rs` has the talk with one.

use super::*;

fn proxy(text: &str) -> Proxy {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn urls_of_proxies() {
    let of = |kind, host: &str, port, credentials: Option<(&str, &str)>| Proxy {
        kind,
        address: Address::new(host, port),
        credentials: credentials.map(|(user, password)| (user.to_owned(), password.to_owned())),
    };
    for (text, expected) in [
        ("socks5://h", of(ProxyKind::Socks5, "h", 1080, None)),
        ("SOCKS5H://h:1", of(ProxyKind::Socks5h, "h", 1, None)),
        ("http://h/", of(ProxyKind::Http, "h", 3128, None)),
        ("h:8080", of(ProxyKind::Http, "h", 8080, None)),
        (
            "socks5://u%40:p%3A%2F@[::1]:2",
            of(ProxyKind::Socks5, "::1", 2, Some(("u@", "p:/"))),
        ),
        ("http://u@h", of(ProxyKind::Http, "h", 3128, Some(("u", "")))),
    ] {
        assert_eq!(proxy(text), expected, "{text}");
    }
}

#[test]
fn bad_urls_of_proxies_say_why_and_hide_the_password() {
    let long = format!("socks5://u:secret{}@h", "x".repeat(250));
    for (text, expected) in [
        ("https://u:secret@h", "the scheme `https` is not supported"),
        ("socks4://h", "the scheme `socks4` is not supported"),
        ("u:secret@x://h", "the scheme `?` is not supported"),
        ("socks5://", "host is missing"),
        ("socks5://h:0", "from 1 to 65535"),
        ("http://h/path", "ends after the port"),
        ("http://u:secret/x@h", "written %2F"),
        ("socks5://u@h", "1 to 255 bytes"),
        (&long, "1 to 255 bytes"),
    ] {
        let message = text.parse::<Proxy>().unwrap_err().to_string();
        assert!(message.contains(expected), "{text}: {message}");
        assert!(!message.contains("secret"), "{text}: {message}");
    }
    let shown = format!("{:?}", proxy("http://u:secret@h"));
    assert!(shown.contains("***") && !shown.contains("secret"), "{shown}");
}

#[test]
fn who_is_exempt() {
    for (host, list) in [
        ("localhost", ""),
        ("LocalHost.", ""),
        ("127.0.0.9", ""),
        ("::1", ""),
        ("h", "*"),
        ("h.example.com", "example.com"),
        ("h.example.com", "x, .example.com"),
        ("EXAMPLE.com", "example.COM."),
        ("10.1.2.3", "10.1.2.3"),
        ("10.1.2.3", "192.168.0.0/16,10.0.0.0/8"),
        ("10.1.2.3", "0.0.0.0/0"),
        ("2001:db8::7", "[2001:db8::7]"),
        ("2001:db8::7", "2001:db8::/32"),
    ] {
        assert!(is_exempt(host, list), "{host} in {list}");
    }
    for (host, list) in [
        ("h", ""),
        ("h", ",."),
        ("myexample.com", "example.com"),
        ("example.org", "example.com"),
        ("com", "example.com"),
        ("10.1.2.3", "10.1.2.30"),
        ("11.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "10.0.0.0/33"),
        ("10.1.2.3", "10.0.0.0/x"),
        ("10.1.2.3", "::/0"),
        ("2001:db9::7", "2001:db8::/32"),
    ] {
        assert!(!is_exempt(host, list), "{host} in {list}");
    }
}

#[test]
fn every_answer_of_a_socks_proxy_has_words() {
    let said = |code| {
        let error = ProxyError {
            proxy: Address::new("p", 1080),
            fault: Fault::Reply(code),
        };
        error.to_string()
    };
    let all: std::collections::BTreeSet<_> = (1..=9).map(said).collect();
    assert_eq!(all.len(), 9);
    assert_eq!(said(5), "the proxy p:1080 answered: connection refused");
    assert_eq!(said(9), "the proxy p:1080 answered with the unknown code 9");
}
