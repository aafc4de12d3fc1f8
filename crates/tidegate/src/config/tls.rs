//! The certificate and the key with which clients are served over TLS.
//!
//! Owns the way from two files to a chain and a key that belong together, and what can be wrong on it. Everything is
//! read when the configuration is checked, so that a gateway that starts can serve. It does not know how TLS is spoken:
//! `edge::tls` does.
//!
//! Invariant: nothing that a file holds is ever printed.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use tidegate_wire::Timestamp;

use super::error::Problem;
use super::read::{At, Fields, Reader};
use super::source::safe;
use super::validity::{Validity, day_and_time};
use super::value::{Sourced, ValueError};

/// The checked material of a listener that speaks TLS.
#[derive(Clone)]
pub struct Tls {
    /// The file of the certificates, as it is written.
    pub certificate: Sourced<String>,
    /// The file of the key, as it is written.
    pub key: Sourced<String>,
    /// The certificates, the server's own first, and its key.
    pub material: Arc<CertifiedKey>,
    /// When the server's own certificate is valid.
    pub validity: Validity,
}

/// What is wrong with a file of certificates or with one of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaterialError {
    /// It cannot be read.
    Unreadable {
        /// What the system says.
        reason: String,
    },
    /// It is a folder, a device or a pipe.
    NotFile,
    /// It is too long to be what it should be.
    TooLarge,
    /// A section in it is not PEM.
    NotPem,
    /// It holds no certificate.
    NoCertificate,
    /// A certificate in it cannot be understood.
    BadCertificate {
        /// Which one of the file, from 1.
        number: usize,
    },
    /// It holds no private key.
    NoKey,
    /// The key in it is encrypted.
    EncryptedKey,
    /// The key in it is of no kind that can be used.
    BadKey,
    /// The key belongs to no certificate of the other file.
    Mismatch {
        /// The other file as it may be shown.
        certificate: String,
    },
    /// The key belongs to a certificate that does not stand first.
    NotFirst {
        /// The other file as it may be shown.
        certificate: String,
        /// Which one it belongs to, from 1.
        number: usize,
    },
}

/// Far above any chain or key.
const MAX_FILE: u64 = 1 << 20;

/// The material that the table names, with relative paths from `folder`. `None` if anything in it is wrong, or if there
/// is no table.
pub(super) fn read(reader: &mut Reader<'_>, table: &Fields<'_>, folder: &Path) -> Option<Tls> {
    if !table.is_written() {
        return None;
    }
    reader.unknown_keys(table);
    let certificate = reader.value(table, "certificate", file_path);
    let key = reader.value(table, "key", file_path);
    let chain = certificate.as_ref().and_then(|at| {
        let read = open(folder, &at.value).and_then(|bytes| certificates(&bytes));
        reported(reader, "certificate", at, read)
    });
    let signing = key.as_ref().and_then(|at| {
        let read = open(folder, &at.value).and_then(|bytes| private_key(&bytes));
        reported(reader, "key", at, read)
    });
    let (certificate, key, (chain, validity), signing) = (certificate?, key?, chain?, signing?);
    let material = CertifiedKey::new(chain, signing);
    let belongs = belongs(&material, &certificate.value);
    reported(reader, "key", &key, belongs)?;
    Some(Tls { certificate: certificate.value, key: key.value, material: Arc::new(material), validity })
}

pub(super) fn file_path(text: &str) -> Result<String, ValueError> {
    if text.is_empty() || text.contains('\0') { Err(ValueError::File) } else { Ok(text.to_owned()) }
}

pub(super) fn reported<T>(
    reader: &mut Reader<'_>,
    key: &'static str,
    at: &At<String>,
    result: Result<T, MaterialError>,
) -> Option<T> {
    let error = match result {
        Ok(value) => return Some(value),
        Err(error) => error,
    };
    // Neither setting has a default, so each has a place.
    let span = at.span.clone().unwrap_or(0..0);
    reader.report(&span, Problem::Material { key, shown: at.value.to_string(), error });
    None
}

/// The bytes of a file. Only of a plain one: opening a pipe would wait for somebody who writes into it.
pub(super) fn open(folder: &Path, path: &str) -> Result<Vec<u8>, MaterialError> {
    let unreadable = |error: io::Error| MaterialError::Unreadable { reason: error.to_string() };
    let path: PathBuf = folder.join(path);
    if !std::fs::metadata(&path).map_err(unreadable)?.is_file() {
        return Err(MaterialError::NotFile);
    }
    let file = std::fs::File::open(&path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE { Err(MaterialError::TooLarge) } else { Ok(bytes) }
}

/// The certificates of a PEM file, and when the first is valid.
pub(super) fn certificates(bytes: &[u8]) -> Result<(Vec<CertificateDer<'static>>, Validity), MaterialError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let chain = chain.map_err(|error| pem_error(&error, MaterialError::NoCertificate))?;
    let first = chain.first().ok_or(MaterialError::NoCertificate)?;
    let bad = |certificate: &CertificateDer<'_>| ParsedCertificate::try_from(certificate).is_err();
    if let Some(index) = chain.iter().position(bad) {
        return Err(MaterialError::BadCertificate { number: index + 1 });
    }
    let validity = Validity::of(first).ok_or(MaterialError::BadCertificate { number: 1 })?;
    Ok((chain, validity))
}

/// The private key of a PEM file.
pub(super) fn private_key(bytes: &[u8]) -> Result<Arc<dyn rustls::sign::SigningKey>, MaterialError> {
    // Both ways in which OpenSSL writes an encrypted key, of which the older is otherwise a broken one.
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    if has("-----BEGIN ENCRYPTED PRIVATE KEY-----") || has("Proc-Type: 4,ENCRYPTED") {
        return Err(MaterialError::EncryptedKey);
    }
    let key =
        PrivateKeyDer::from_pem_slice(bytes).map_err(|error| pem_error(&error, MaterialError::NoKey))?;
    ring::default_provider().key_provider.load_private_key(key).map_err(|_| MaterialError::BadKey)
}

fn pem_error(error: &pem::Error, none: MaterialError) -> MaterialError {
    if matches!(error, pem::Error::NoItemsFound) { none } else { MaterialError::NotPem }
}

/// Whether the key is that of the first certificate.
pub(super) fn belongs(material: &CertifiedKey, certificate: &Sourced<String>) -> Result<(), MaterialError> {
    let is_of = |index: usize| {
        let chain = material.cert[index..].to_vec();
        CertifiedKey::new(chain, material.key.clone()).keys_match().is_ok()
    };
    let certificate = certificate.to_string();
    match (0..material.cert.len()).find(|index| is_of(*index)) {
        Some(0) => Ok(()),
        Some(index) => Err(MaterialError::NotFirst { certificate, number: index + 1 }),
        None => Err(MaterialError::Mismatch { certificate }),
    }
}

impl Tls {
    /// What to tell people about the certificate, if it is not valid at a moment. `others` are those to whom it is shown.
    pub fn problem_at(&self, now: Timestamp, others: &str) -> Option<String> {
        let Validity { from, until } = self.validity;
        let problem = if now < from {
            format!("is valid only from {} on", day_and_time(from))
        } else if now > until {
            format!("expired on {}", day_and_time(until))
        } else {
            return None;
        };
        Some(format!(
            "the certificate in \"{}\" {problem}: {others} not trust it",
            safe(&self.certificate.to_string())
        ))
    }
}

impl MaterialError {
    /// What is wrong, to be read after the file's path.
    pub fn reason(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Unreadable { reason } => return Cow::Owned(format!("cannot be read: {}", safe(reason))),
            Self::NotFile => "is not a file",
            Self::TooLarge => "is larger than 1 MiB",
            Self::NotPem => "is not in PEM form: a section of it is broken",
            Self::NoCertificate => "holds no certificate in PEM form",
            Self::BadCertificate { number } => {
                return Cow::Owned(format!(
                    "holds a certificate, number {number}, that cannot be understood"
                ));
            }
            Self::NoKey => "holds no private key in PEM form",
            Self::EncryptedKey => "holds an encrypted key",
            Self::BadKey => "holds a key of no kind that can be used",
            Self::Mismatch { certificate } => {
                let certificate = safe(certificate);
                return Cow::Owned(format!("does not belong to the certificate in \"{certificate}\""));
            }
            Self::NotFirst { certificate, number } => {
                let certificate = safe(certificate);
                return Cow::Owned(format!("belongs to certificate number {number} in \"{certificate}\""));
            }
        })
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::NotFile => {
                "give the path of a file that this user may read; a relative one is taken from the folder of the \
                 configuration file"
            }
            Self::TooLarge => "name the file that holds only this",
            Self::NotPem => {
                "write the file anew: each section is base64 text between a `-----BEGIN …-----` and an `-----END …-----` line"
            }
            Self::NoCertificate => {
                "name the file with `-----BEGIN CERTIFICATE-----`; `openssl x509 -inform der` makes one from a DER file"
            }
            Self::BadCertificate { .. } => {
                "use an X.509 certificate of version 3; `openssl x509 -text -in FILE` shows what one holds"
            }
            Self::NoKey => {
                "name the file with `-----BEGIN PRIVATE KEY-----`; `openssl pkey -inform der` makes one from a DER file"
            }
            Self::EncryptedKey => {
                "decrypt it with `openssl pkey -in FILE -out key.pem`, and let only this user read the result"
            }
            Self::BadKey => "use RSA of 2048 to 4096 bits, ECDSA on P-256 or P-384, or Ed25519",
            Self::Mismatch { .. } => "name the certificate and the key that were made for each other",
            Self::NotFirst { .. } => {
                "put the server's own certificate first, and after it those that lead to the root"
            }
        }
    }
}

/// Shows the files' names, never what they hold.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).field("key", &self.key).finish()
    }
}

/// The same files with the same certificates; a key is told by the certificate that it belongs to.
impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        self.certificate == other.certificate
            && self.key == other.key
            && self.material.cert == other.material.cert
    }
}
