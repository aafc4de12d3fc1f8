//! The files with which an origin is spoken to over TLS: whom to trust, and who the gateway is.
//!
//! Owns the three settings and what makes each of them wrong. How files become certificates and keys is [`tls`]'s.
//! There is no setting that trusts anybody: a private authority is named by its certificate.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use http::uri::Scheme;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;

use super::error::Problem;
use super::read::{At, Fields, Reader};
use super::tls::{self, MaterialError, Tls};
use super::url::OriginUrl;
use super::value::Sourced;

/// How an origin is spoken to over TLS, checked.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct OriginTls {
    /// Who may vouch for the origin; the machine's roots if there is none.
    pub authorities: Option<Authorities>,
    /// The gateway's own certificate, for origins that want one.
    pub client: Option<Tls>,
}

/// The certificates of those who may vouch for an origin.
#[derive(Clone, PartialEq)]
pub struct Authorities {
    /// Their file, as it is written.
    pub file: Sourced<String>,
    /// At least one, each fit to be a root.
    pub certificates: Arc<Vec<CertificateDer<'static>>>,
}

/// The settings of an origin's table, with relative paths from `folder`. `None` if anything in them is wrong.
pub(super) fn read(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    url: Option<&OriginUrl>,
    folder: &Path,
) -> Option<OriginTls> {
    let ca = optional(reader, fields, "ca")?;
    let certificate = optional(reader, fields, "client_certificate");
    let key = optional(reader, fields, "client_key");
    let (certificate, key) = (certificate?, key?);
    let mut whole = true;
    for (key, at) in [("ca", &ca), ("client_certificate", &certificate), ("client_key", &key)] {
        let plain = url.is_some_and(|url| url.uri().scheme() != Some(&Scheme::HTTPS));
        if let (true, Some(At { span: Some(span), .. })) = (plain, at) {
            reader.report(span, Problem::NeedsHttps { key });
            whole = false;
        }
    }
    let authorities = match ca {
        None => None,
        Some(at) => {
            let read = tls::open(folder, &at.value).and_then(|bytes| roots(&bytes));
            let certificates = Arc::new(tls::reported(reader, "ca", &at, read)?);
            Some(Authorities { file: at.value, certificates })
        }
    };
    let client = match (certificate, key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(client(reader, certificate, key, folder)?),
        (Some(at), None) | (None, Some(at)) => {
            if let Some(span) = &at.span {
                reader.report(span, Problem::HalfPair { keys: ["client_certificate", "client_key"] });
            }
            return None;
        }
    };
    whole.then_some(OriginTls { authorities, client })
}

/// A path, or none where the text is empty. `None` if it is wrong.
fn optional(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &'static str) -> Option<Option<At<String>>> {
    let at = reader.value(fields, key, |text| match text {
        "" => Ok(String::new()),
        text => tls::file_path(text),
    })?;
    Some((!at.value.is_empty()).then_some(at))
}

fn roots(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, MaterialError> {
    let (certificates, _) = tls::certificates(bytes)?;
    let bad =
        |certificate: &CertificateDer<'static>| RootCertStore::empty().add(certificate.clone()).is_err();
    match certificates.iter().position(bad) {
        Some(index) => Err(MaterialError::BadCertificate { number: index + 1 }),
        None => Ok(certificates),
    }
}

fn client(reader: &mut Reader<'_>, certificate: At<String>, key: At<String>, folder: &Path) -> Option<Tls> {
    let chain = tls::open(folder, &certificate.value).and_then(|bytes| tls::certificates(&bytes));
    let chain = tls::reported(reader, "client_certificate", &certificate, chain);
    let signing = tls::open(folder, &key.value).and_then(|bytes| tls::private_key(&bytes));
    let signing = tls::reported(reader, "client_key", &key, signing);
    let ((chain, validity), signing) = (chain?, signing?);
    let material = CertifiedKey::new(chain, signing);
    let belongs = tls::belongs(&material, &certificate.value);
    tls::reported(reader, "client_key", &key, belongs)?;
    Some(Tls { certificate: certificate.value, key: key.value, material: Arc::new(material), validity })
}

/// Shows the file's name, never what it holds.
impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorities").field("file", &self.file).finish_non_exhaustive()
    }
}
