//! Keys that OpenSSL 3.0 encrypted, all of them one key and with the password `secret`; and what is left of damaged ones.

use pkcs8::pkcs5::pbes2::{Parameters, Pbkdf2Params, ScryptParams};
use ring::digest;

use super::*;

/// `openssl pkcs8 -topk8 -v2 aes-256-cbc`
const AES256: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjQ966ZL4AwuQICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEBGAByHMlVuE37EPdVaAGkQEgZBz
DM0fkoD1y+I9rDVgkpbvzC+4R2J4sXGY2EOkXEsbUy7/jzxtSBAndNfh2hyTosWc
nmQx9J2C0hvuJwzwldM5gbflq9ysx29G3xvkEX4rPjs1ze5JTsF714+GdWuGiuAa
RhKSWyV/c6W16QnxSOyqNkbEX5G0R2l9+Op9MlRAFIdOgVVzqrcNX1+1/gKloVQ=
-----END ENCRYPTED PRIVATE KEY-----";

/// `openssl pkcs8 -topk8 -v2 aes-128-cbc -v2prf hmacWithSHA512`
const AES128: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg6SZ6i8002wAICCAAw
DAYIKoZIhvcNAgsFADAdBglghkgBZQMEAQIEEE+1Vu/U+S+Bt1zvWs8AWgQEgZDP
YUPnUj8n61gdnzYM7b1xefQ8GuiSrrttTqhjB0nXa5UBdfF/wtzlJQ3eokPazKbV
K0G1LEqBVJ6m9h8KT3ITSYZ+Zr2nxp2+34OK6dFub0Im1nWNEHPeyrHSiWSK2oav
FLyNxFbPkkA+U71L3Pmzv6Dgy5KiTVLNz6/1yakPCzxDXFEmV+GlBQH7+rhX61g=
-----END ENCRYPTED PRIVATE KEY-----";

/// `openssl pkcs8 -topk8 -scrypt`
const SCRYPT: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAhKN94nlT/iFQICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBBYP85WuYWECNGa/7sCUdcdBIGQXJhvJIRzIOqV
fgMaVrqABkVBhnCZE6sjuW0I2xSdiegf6+yZ29cDUF9X47pRs5DLsOiaCGwe551v
rx3Iscdmz8fBZBq+YbNfRm26kSyfADZGIaN8ipcJyvGFcJNvrR6VEWReQu/NQfWE
hY+RJ+9mPuPooOqum3fZhV0Y9pIBnL5xpQu23fzSRuoFsVPyiDYJ
-----END ENCRYPTED PRIVATE KEY-----";

/// `openssl pkcs8 -topk8 -v2 des3`
const DES3: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAhD/gLzrBWDwgICCAAw
DAYIKoZIhvcNAgkFADAUBggqhkiG9w0DBwQIFJP36V0unVUEgZDIZoPkaTfFQraD
2iY7gjGPEIU/VmpcfI3mRUFBjpeCX+RIDOzvBU2woEKC0oZKOtMddIAaP5faP5on
/LU39oO0NoYN64cKQYTOquFEWezKvVMS+0SrW5JJw+ebfJPTXstu4YkYRDiSRnVa
EogCMBGJJdt6fnd2ccf1yx9mASbKDuw7DOtzWMac6T0KzRQNqAY=
-----END ENCRYPTED PRIVATE KEY-----";

/// `openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES`
const PBES1: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGxMBwGCiqGSIb3DQEMAQMwDgQIglp5vs5arEoCAggABIGQxmYiganK8QsfEmup
7L00bM4Pft9xv8Ji7Bd9eFOyjR5Jka/4YnwPgCqhgy/dKg9Yg1VqT2FB/5C09O4j
mrjzBL6Wnqetxpnha5hW3Gum7CnDsPXRUq2GHoCnFZvzNkPII6eiGZmfH9AFxKv9
+Q1j6bQAeJDToI5/YAzx0Z1p6NBZi0oH7OsiD0sqvDn977Pa
-----END ENCRYPTED PRIVATE KEY-----";

/// SHA-256 of the key's DER.
const PLAIN: &str = "f35c86c59180652adef258aac597fa63c50e902d9aa3c95bb8799feb7e30bc4b";

fn sha256(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn keys_of_openssl_are_decrypted() {
    for text in [AES256, AES128, SCRYPT] {
        assert_eq!(encryption(text.as_bytes()), Encryption::Pkcs8);
        // Among other things in the file, and with other ends of lines.
        let text = format!("text\n{}\nmore\n", text.replace('\n', "\r\n"));
        let key = decrypt(text.as_bytes(), b"secret").unwrap();
        assert_eq!(sha256(key.secret_der()), PLAIN);
        for password in [&b""[..], b"Secret", b"secret\n"] {
            assert_eq!(decrypt(text.as_bytes(), password).unwrap_err(), Fault::Password);
        }
    }
}

#[test]
fn other_ways_are_not_supported() {
    for text in [DES3, PBES1] {
        assert_eq!(decrypt(text.as_bytes(), b"secret").unwrap_err(), Fault::Unsupported);
    }
}

#[test]
fn no_damage_does_any_harm() {
    for text in [&AES256[..300], "", "-----BEGIN ENCRYPTED PRIVATE KEY-----"] {
        assert_eq!(decrypt(text.as_bytes(), b"secret").unwrap_err(), Fault::Damaged);
    }
    for text in [AES256, SCRYPT] {
        let der = section(text.as_bytes()).unwrap();
        for end in 0..der.len() {
            assert!(parse(&der[..end]).is_err());
        }
        for at in 0..der.len() {
            for value in 0..=0xff {
                let mut damaged = der.clone();
                damaged[at] = value;
                // Only that it ends counts.
                let _ = parse(&damaged);
            }
        }
    }
}

/// The parameters of a key.
fn scrypt() -> ScryptParams {
    let der = section(SCRYPT.as_bytes()).unwrap();
    match parse(&der).unwrap().encryption_algorithm {
        EncryptionScheme::Pbes2(Parameters {
            kdf: Kdf::Scrypt(parameters),
            ..
        }) => parameters,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_would_cost_too_much_is_not_tried() {
    let cost = [(SCRYPT, &[2, 2, 0x40, 0]), (AES256, &[2, 2, 8, 0])];
    for (text, own) in cost {
        let der = section(text.as_bytes()).unwrap();
        let at = memmem::find(&der, own).unwrap();
        // A cost of scrypt is a power of two; rounds are one or more.
        for other in [[2, 2, 0, 0], [2, 1, 0, 5], [5, 0, 5, 0]] {
            let mut changed = der.clone();
            changed[at..at + 4].copy_from_slice(&other);
            assert!(parse(&changed).is_err(), "{other:02x?}");
        }
    }
    for (rounds, expected) in [(0, false), (1, true), (2048, true), (ROUNDS, true), (ROUNDS + 1, false)] {
        let parameters = Pbkdf2Params::hmac_sha256(rounds, b"salt").unwrap();
        assert_eq!(is_affordable(&Kdf::Pbkdf2(parameters)), expected, "{rounds}");
    }
    for (cost_parameter, block_size, parallelization, expected) in [
        (16_384, 8, 1, true),
        (65_536, 8, 1, true),
        (65_536, 8, 16, true),
        (65_536, 8, 17, false),
        (131_072, 8, 1, false),
        (u64::MAX, u16::MAX, u16::MAX, false),
        (1 << 63, u16::MAX, u16::MAX, false),
        (16_385, 8, 1, false),
        (1, 8, 1, false),
        (0, 8, 1, false),
        (16_384, 0, 1, false),
    ] {
        let mut parameters = scrypt();
        parameters.cost_parameter = cost_parameter;
        parameters.block_size = block_size;
        parameters.parallelization = parallelization;
        assert_eq!(is_affordable(&Kdf::Scrypt(parameters)), expected, "{cost_parameter}");
    }
}
