//! From an error of the system, of TLS or of HTTP to the one reason an engineer needs.

use std::io;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use rustls::{AlertDescription, CertificateError, Error as TlsError, InvalidMessage};
use rustls_pki_types::UnixTime;

use super::reply::NotHttp;
use crate::model::observation::{Failure, Unreachable};

/// What says nothing of the target: no descriptors, memory or ports left, or a firewall of this host.
const OWN_TROUBLE: [Errno; 6] =
    [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::ENOBUFS, Errno::EADDRNOTAVAIL, Errno::EPERM];

/// The reason why a probe with this time-out failed.
pub(super) fn failure(error: &io::Error, timeout: Duration) -> Failure {
    let Some(inner) = error.get_ref() else { return of_io(error, timeout) };
    if let Some(error) = inner.downcast_ref::<io::Error>() {
        return failure(error, timeout);
    }
    if let Some(error) = inner.downcast_ref::<TlsError>() {
        return of_tls(error);
    }
    match inner.downcast_ref::<NotHttp>() {
        Some(NotHttp(why)) => Failure::Http((*why).to_owned()),
        None => of_io(error, timeout),
    }
}

fn of_io(error: &io::Error, timeout: Duration) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::Refused,
        io::ErrorKind::ConnectionReset => Failure::Reset,
        io::ErrorKind::HostUnreachable => Failure::Unreachable(Unreachable::Host),
        io::ErrorKind::NetworkUnreachable => Failure::Unreachable(Unreachable::Network),
        io::ErrorKind::TimedOut => Failure::TimedOut(timeout),
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::NotConnected => Failure::Closed,
        _ => match error.raw_os_error().map(Errno::from_raw) {
            Some(own) if OWN_TROUBLE.contains(&own) => Failure::Local(os_text(error).into()),
            // A target that cannot be talked to is down, whatever the reason is called.
            _ => Failure::Io(os_text(error)),
        },
    }
}

/// `Too many open files (os error 24)` as `too many open files`.
fn os_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn of_tls(error: &TlsError) -> Failure {
    match error {
        TlsError::InvalidCertificate(fault) => Failure::Certificate(of_certificate(fault)),
        TlsError::AlertReceived(AlertDescription::Unknown(number)) => {
            Failure::Tls(format!("the peer sent alert {number}"))
        }
        TlsError::AlertReceived(alert) => Failure::Tls(format!("the peer sent {}", words(&format!("{alert:?}")))),
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Failure::Tls("the peer does not speak it".into())
        }
        TlsError::NoCertificatesPresented => Failure::Tls("the peer has no certificate".into()),
        other => Failure::Tls(other.to_string()),
    }
}

/// What follows the word "certificate".
fn of_certificate(fault: &CertificateError) -> String {
    match fault {
        CertificateError::ExpiredContext { not_after, .. } => format!("expired on {}", day(*not_after)),
        CertificateError::Expired => "expired".into(),
        CertificateError::NotValidYetContext { not_before, .. } => format!("not valid before {}", day(*not_before)),
        CertificateError::NotValidYet => "not valid yet".into(),
        CertificateError::NotValidForNameContext { expected, .. } => format!("not valid for {}", expected.to_str()),
        CertificateError::NotValidForName => "not valid for this name".into(),
        CertificateError::UnknownIssuer => "signed by an unknown authority".into(),
        CertificateError::BadSignature => "not signed by the authority it names".into(),
        CertificateError::BadEncoding => "cannot be parsed".into(),
        CertificateError::Revoked => "revoked".into(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "not made for a server".into()
        }
        // webpki's name for it is all that arrives here.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "is that of an authority, not of a server".into()
        }
        other => format!("rejected: {other}"),
    }
}

/// `2026-01-02`, in UTC.
fn day(time: UnixTime) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs());
    let mut text = humantime::format_rfc3339_seconds(time).to_string();
    text.truncate("2026-01-02".len());
    text
}

/// `HandshakeFailure` as `handshake failure`.
fn words(camel: &str) -> String {
    let mut out = String::with_capacity(camel.len() + 4);
    for letter in camel.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(3);

    #[test]
    fn system_errors_become_their_reason() {
        for (number, text) in [
            (Errno::ECONNREFUSED, "connection refused"),
            (Errno::ECONNRESET, "connection reset"),
            (Errno::EHOSTUNREACH, "host unreachable"),
            (Errno::ENETUNREACH, "network unreachable"),
            (Errno::ETIMEDOUT, "no reply within 3s"),
            (Errno::EMFILE, "too many open files"),
        ] {
            let error = io::Error::from_raw_os_error(number as i32);
            assert_eq!(failure(&error, TIMEOUT).to_string(), text);
            let wrapped = io::Error::other(error);
            assert_eq!(failure(&wrapped, TIMEOUT).to_string(), text, "wrapped");
        }
    }

    #[test]
    fn only_trouble_of_the_node_is_not_held_against_the_target() {
        let of = |number: Errno| failure(&io::Error::from_raw_os_error(number as i32), TIMEOUT);
        for own in OWN_TROUBLE {
            assert!(matches!(of(own), Failure::Local(_)), "{own}");
        }
        for (number, text) in [
            (Errno::EACCES, "permission denied"),
            (Errno::ENOPROTOOPT, "protocol not available"),
            (Errno::EHOSTDOWN, "host is down"),
            (Errno::EPROTO, "protocol error"),
            (Errno::EINVAL, "invalid argument"),
        ] {
            assert_eq!(of(number), Failure::Io(text.to_owned()), "{number}");
        }
    }

    #[test]
    fn faults_of_tls_are_named() {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(1_767_312_000));
        let shown = |error: TlsError| failure(&io::Error::new(io::ErrorKind::InvalidData, error), TIMEOUT).to_string();
        let of = |fault: CertificateError| shown(fault.into());
        assert_eq!(of(CertificateError::ExpiredContext { time, not_after: time }), "certificate expired on 2026-01-02");
        assert_eq!(
            of(CertificateError::NotValidYetContext { time, not_before: time }),
            "certificate not valid before 2026-01-02"
        );
        assert_eq!(of(CertificateError::UnknownIssuer), "certificate signed by an unknown authority");
        assert_eq!(
            shown(TlsError::AlertReceived(AlertDescription::HandshakeFailure)),
            "TLS: the peer sent handshake failure"
        );
        assert_eq!(
            shown(TlsError::InvalidMessage(InvalidMessage::InvalidContentType)),
            "TLS: the peer does not speak it"
        );
    }
}
