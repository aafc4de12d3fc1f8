//! The keys that tokens are verified with, and which algorithms each can verify (RFC 7518 §3.1).
//!
//! Invariant: a key is held against a signature only by an algorithm of its own kind. So a public key is never taken
//! for a secret, whatever a token's header says.

use std::fmt;

use ring::hmac;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;

use crate::der::{BIT_STRING, Der, INTEGER, OBJECT, SEQUENCE};

/// An algorithm that tokens may be signed by. `none` is no algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// EdDSA on Ed25519 (RFC 8037 §3.1).
    EdDsa,
}

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// A secret that issuer and gateway have in common.
    Secret,
    /// An RSA key.
    Rsa,
    /// A key on the curve P-256.
    P256,
    /// A key on the curve P-384.
    P384,
    /// A key on the curve Ed25519.
    Ed25519,
}

/// A key that verifies. It never shows its content.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    kind: KeyKind,
    /// The secret, or the public key in the form that belongs to its kind.
    bytes: Vec<u8>,
}

/// Why a text is no key that could be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// It is not PEM, or holds no public key.
    NotPem,
    /// It is a private key.
    Private,
    /// It is a certificate.
    Certificate,
    /// It is an RSA key in the form of PKCS #1.
    Pkcs1,
    /// It is of a kind that is not supported.
    Kind,
    /// An RSA key of fewer than 2048 or more than 8192 bits (RFC 7518 §3.3).
    RsaSize,
    /// A secret of fewer than 32 bytes, which HS256 needs (RFC 7518 §3.2).
    ShortSecret,
}

impl Algorithm {
    /// All of them, by their names in a token's header.
    pub const NAMES: [&'static str; 12] = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "HS256", "HS384",
        "HS512",
    ];

    /// The algorithm of this name, which has a case.
    pub fn named(name: &str) -> Option<Algorithm> {
        Some(match name {
            "HS256" => Algorithm::Hs256,
            "HS384" => Algorithm::Hs384,
            "HS512" => Algorithm::Hs512,
            "RS256" => Algorithm::Rs256,
            "RS384" => Algorithm::Rs384,
            "RS512" => Algorithm::Rs512,
            "PS256" => Algorithm::Ps256,
            "PS384" => Algorithm::Ps384,
            "PS512" => Algorithm::Ps512,
            "ES256" => Algorithm::Es256,
            "ES384" => Algorithm::Es384,
            "EdDSA" => Algorithm::EdDsa,
            _ => return None,
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Algorithm::NAMES.into_iter().find(|name| Algorithm::named(name) == Some(self)).unwrap_or_default()
    }

    /// What a key has to be.
    pub fn kind(self) -> KeyKind {
        match self {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => KeyKind::Secret,
            Algorithm::Es256 => KeyKind::P256,
            Algorithm::Es384 => KeyKind::P384,
            Algorithm::EdDsa => KeyKind::Ed25519,
            _ => KeyKind::Rsa,
        }
    }

    /// The fewest bytes that a secret has to have: as many as the hash (RFC 7518 §3.2).
    pub fn least_secret(self) -> usize {
        match self {
            Algorithm::Hs256 => 32,
            Algorithm::Hs384 => 48,
            Algorithm::Hs512 => 64,
            _ => 0,
        }
    }
}

impl KeyKind {
    /// The algorithm that tokens are signed by where nothing else is said.
    pub fn usual(self) -> Algorithm {
        match self {
            KeyKind::Secret => Algorithm::Hs256,
            KeyKind::Rsa => Algorithm::Rs256,
            KeyKind::P256 => Algorithm::Es256,
            KeyKind::P384 => Algorithm::Es384,
            KeyKind::Ed25519 => Algorithm::EdDsa,
        }
    }
}

impl Key {
    /// A secret.
    ///
    /// # Errors
    /// If it is shorter than any algorithm allows.
    pub fn secret(text: &[u8]) -> Result<Key, KeyError> {
        if text.len() < Algorithm::Hs256.least_secret() {
            return Err(KeyError::ShortSecret);
        }
        Ok(Key { kind: KeyKind::Secret, bytes: text.to_vec() })
    }

    /// A public key in PEM form (`BEGIN PUBLIC KEY`, RFC 7468 §13).
    ///
    /// # Errors
    /// If it is another thing, or of a kind that is not supported.
    pub fn public(pem: &str) -> Result<Key, KeyError> {
        // Whoever mistakes one for the other is told so, before anything is read of it.
        if pem.contains("PRIVATE KEY-----") {
            return Err(KeyError::Private);
        }
        let Ok(info) = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()) else {
            return Err(match pem {
                pem if pem.contains("-----BEGIN CERTIFICATE-----") => KeyError::Certificate,
                pem if pem.contains("-----BEGIN RSA PUBLIC KEY-----") => KeyError::Pkcs1,
                _ => KeyError::NotPem,
            });
        };
        let (kind, bytes) = read(&info).ok_or(KeyError::Kind)?;
        if kind == KeyKind::Rsa && !(2048..=8192).contains(&modulus_bits(bytes).ok_or(KeyError::Kind)?) {
            return Err(KeyError::RsaSize);
        }
        Ok(Key { kind, bytes: bytes.to_vec() })
    }

    /// What it is.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// How many bytes it has; of a secret, its length.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it is nothing, which no key is.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether `signature` is this key's on `message`, by this algorithm.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if self.kind != algorithm.kind() {
            return false;
        }
        let secret = |hash| {
            let key = hmac::Key::new(hash, &self.bytes);
            hmac::verify(&key, message, signature).is_ok()
        };
        let public = |by: &'static dyn VerificationAlgorithm| {
            UnparsedPublicKey::new(by, &self.bytes).verify(message, signature).is_ok()
        };
        match algorithm {
            Algorithm::Hs256 => secret(hmac::HMAC_SHA256),
            Algorithm::Hs384 => secret(hmac::HMAC_SHA384),
            Algorithm::Hs512 => secret(hmac::HMAC_SHA512),
            Algorithm::Rs256 => public(&signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::Rs384 => public(&signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::Rs512 => public(&signature::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::Ps256 => public(&signature::RSA_PSS_2048_8192_SHA256),
            Algorithm::Ps384 => public(&signature::RSA_PSS_2048_8192_SHA384),
            Algorithm::Ps512 => public(&signature::RSA_PSS_2048_8192_SHA512),
            // RFC 7518 §3.4: the two numbers of a signature side by side, without ASN.1.
            Algorithm::Es256 => public(&signature::ECDSA_P256_SHA256_FIXED),
            Algorithm::Es384 => public(&signature::ECDSA_P384_SHA384_FIXED),
            Algorithm::EdDsa => public(&signature::ED25519),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.kind)
    }
}

/// The kind of a `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7), and the key in it.
fn read(info: &[u8]) -> Option<(KeyKind, &[u8])> {
    let mut whole = Der(Der(info).take(SEQUENCE)?);
    let mut algorithm = Der(whole.take(SEQUENCE)?);
    let object = algorithm.take(OBJECT)?;
    // Whole bytes: the first says how many bits of the last are none.
    let (&0, key) = whole.take(BIT_STRING)?.split_first()? else { return None };
    let kind = match object {
        // 1.2.840.113549.1.1.1, rsaEncryption (RFC 3279 §2.3.1)
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01] => KeyKind::Rsa,
        // 1.2.840.10045.2.1, id-ecPublicKey, with the curve beside it (RFC 5480 §2.1.1)
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => match algorithm.take(OBJECT)? {
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] if key.len() == 65 => KeyKind::P256,
            [0x2b, 0x81, 0x04, 0x00, 0x22] if key.len() == 97 => KeyKind::P384,
            _ => return None,
        },
        // 1.3.101.112, id-Ed25519 (RFC 8410 §3)
        [0x2b, 0x65, 0x70] if key.len() == 32 => KeyKind::Ed25519,
        _ => return None,
    };
    Some((kind, key))
}

/// How many bits the modulus of an RSA key has (RFC 8017 appendix A.1.1).
fn modulus_bits(key: &[u8]) -> Option<usize> {
    let modulus = Der(Der(key).take(SEQUENCE)?).take(INTEGER)?;
    let start = modulus.iter().position(|byte| *byte != 0)?;
    Some((modulus.len() - start) * 8 - modulus[start].leading_zeros() as usize)
}
