//! Why there is no agreement on TLS with the origin, with what to do about it.
//!
//! Owns the translation of the TLS library's errors into the few that operators meet. Verification cannot be switched
//! off: each text says what to set right instead.

use std::error::Error;
use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError};

/// What went wrong in a handshake, or right after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TlsError {
    /// The certificate is not valid any more.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// No authority that is trusted vouches for the certificate.
    UnknownIssuer,
    /// The certificate is of another host.
    WrongName,
    /// The certificate is that of an authority, which no server may use as its own.
    Authority,
    /// The certificate is refused for another reason: revoked, malformed, of another purpose.
    BadCertificate(String),
    /// What answers there does not speak TLS.
    NotTls,
    /// The origin wants a certificate of the client, and got none or one that it does not accept.
    ClientCertificate(AlertDescription),
    /// The origin refused the handshake.
    Refused(AlertDescription),
    /// The origin closed the connection, or it broke.
    Broken(String),
    /// The two sides have no version, cipher or protocol in common, or one of them breaks the rules.
    Other(String),
}

impl TlsError {
    /// What an error of a TLS connection means. `None` if it is not about TLS.
    pub(super) fn of(error: &io::Error) -> Option<TlsError> {
        error.get_ref()?.downcast_ref::<rustls::Error>().map(TlsError::of_the_library)
    }

    /// What an error of a handshake means, in which everything is about TLS.
    pub(super) fn of_a_handshake(error: &io::Error) -> TlsError {
        TlsError::of(error).unwrap_or_else(|| TlsError::Broken(error.to_string()))
    }

    fn of_the_library(error: &rustls::Error) -> TlsError {
        match error {
            rustls::Error::InvalidCertificate(error) => match error {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsError::Expired,
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    TlsError::NotYetValid
                }
                // Badly signed: most often by an authority that has the name of one that is trusted, and another key.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsError::UnknownIssuer,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    TlsError::WrongName
                }
                // Only its text says so. It is what `openssl req -x509` makes unless told otherwise.
                other if other.to_string().contains("CaUsedAsEndEntity") => TlsError::Authority,
                other => TlsError::BadCertificate(other.to_string()),
            },
            // A record that is none: what a server without TLS sends.
            rustls::Error::InvalidMessage(_) => TlsError::NotTls,
            rustls::Error::AlertReceived(
                alert @ (AlertDescription::CertificateRequired
                | AlertDescription::NoCertificate
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::DecryptError
                | AlertDescription::AccessDenied),
            ) => TlsError::ClientCertificate(*alert),
            rustls::Error::AlertReceived(alert) => TlsError::Refused(*alert),
            other => TlsError::Other(other.to_string()),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Expired => f.write_str("its certificate expired; renew it (or set this machine's clock right)"),
            TlsError::NotYetValid => {
                f.write_str("its certificate is not valid yet; set the clock of this machine right")
            }
            TlsError::UnknownIssuer => f.write_str(
                "nobody who is trusted vouches for its certificate; name the certificate of its authority in the \
                 origin's setting `ca`, or let the origin send its full chain",
            ),
            TlsError::WrongName => f.write_str(
                "its certificate is of another host; give the host that the certificate names in the origin's `url`, \
                 and where it is in `addresses`",
            ),
            TlsError::Authority => f.write_str(
                "its certificate is that of an authority; give the server one of its own (where it signs itself: with \
                 the extension `basicConstraints=CA:FALSE`)",
            ),
            TlsError::BadCertificate(reason) => write!(f, "its certificate is refused: {reason}"),
            TlsError::NotTls => f.write_str(
                "it does not speak TLS there; use `http` in the origin's `url`, or the port for https",
            ),
            TlsError::ClientCertificate(alert) => write!(
                f,
                "it asks for a certificate of the gateway that it accepts ({alert:?}); set the origin's \
                 `client_certificate` and `client_key`"
            ),
            TlsError::Refused(alert) => write!(f, "it refused the TLS handshake ({alert:?})"),
            TlsError::Broken(reason) => write!(f, "the connection broke in the TLS handshake: {reason}"),
            TlsError::Other(reason) => write!(f, "no agreement on TLS: {reason}"),
        }
    }
}

impl Error for TlsError {}
