//! Cipher suites by name. Pure; must not know where the list comes from.

use rustls::SupportedCipherSuite;

use super::TlsError;

/// Those of `all` that a text such as `ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256` leaves, in its order. As in
/// OpenSSL, a TLS version none of whose suites is named keeps all of them. OpenSSL's names and those of the standards
/// are known.
pub(super) fn choose(text: &str, all: &[SupportedCipherSuite]) -> Result<Vec<SupportedCipherSuite>, TlsError> {
    let mut chosen: Vec<SupportedCipherSuite> = Vec::new();
    for name in text.split([':', ',', ' ']) {
        let suite = all.iter().find(|suite| plain(&canonical(suite)) == plain(name));
        let suite = *suite.ok_or_else(|| TlsError::Cipher {
            name: name.to_owned(),
            known: all.iter().map(canonical).collect::<Vec<_>>().join(", "),
        })?;
        if !chosen.contains(&suite) {
            chosen.push(suite);
        }
    }
    let named = |suite: &SupportedCipherSuite| chosen.iter().any(|other| other.version() == suite.version());
    let rest: Vec<_> = all.iter().filter(|suite| !named(suite)).copied().collect();
    chosen.extend(rest);
    Ok(chosen)
}

/// The name in the standard: rustls has `TLS13_` where that has `TLS_`.
fn canonical(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1)
}

/// What the standard's name and OpenSSL's have in common. In TLS 1.3 both are the same; `AES128-GCM-SHA256` without
/// `TLS_` is another, old suite.
fn plain(name: &str) -> String {
    let name = name.to_ascii_uppercase().replace('_', "-");
    let Some(start) = name.find("ECDHE-") else { return name };
    let name = name[start..].replace("-WITH", "").replace("AES-", "AES");
    name.strip_suffix("POLY1305-SHA256")
        .map_or_else(|| name.clone(), |start| format!("{start}POLY1305"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<String>, String> {
        let suites = choose(text, rustls::crypto::ring::ALL_CIPHER_SUITES).map_err(|error| error.to_string())?;
        Ok(suites.iter().map(canonical).collect())
    }

    #[test]
    fn suites_have_two_names_each() {
        let rows = [
            ("ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            (
                "ECDHE-ECDSA-AES256-GCM-SHA384",
                "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            ),
            (
                "ECDHE-RSA-CHACHA20-POLY1305",
                "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            ),
            ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
            ("tls_chacha20_poly1305_sha256", "TLS_CHACHA20_POLY1305_SHA256"),
        ];
        for (name, suite) in rows {
            assert_eq!(names(name).unwrap()[0], suite);
            assert_eq!(names(suite).unwrap()[0], suite);
        }
    }

    #[test]
    fn a_version_that_is_not_named_keeps_its_suites() {
        let chosen = names("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256").unwrap();
        assert_eq!(
            chosen,
            [
                "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                "TLS_AES_256_GCM_SHA384",
                "TLS_AES_128_GCM_SHA256",
                "TLS_CHACHA20_POLY1305_SHA256"
            ]
        );
        let chosen = names("TLS_AES_128_GCM_SHA256").unwrap();
        assert_eq!(chosen.len(), 7);
    }

    #[test]
    fn other_names_are_refused() {
        for text in ["", "HIGH", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256:!aNULL"] {
            let message = names(text).unwrap_err();
            assert!(
                message.contains("is not a cipher suite that can be used here"),
                "{message}"
            );
            assert!(message.contains("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), "{message}");
        }
    }
}
