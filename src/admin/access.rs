//! Who may do what: tokens, and the names by which the node is asked.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderValue, Method};
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;

use super::fault::Fault;
use crate::model::secret::Secret;

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// To this address of ours. On loopback, any page in a local browser can send requests here.
    Tcp(SocketAddr),
    /// Through a file: only by processes that have access to it.
    Unix,
}

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Grant {
    /// See what needs no token.
    None,
    /// See everything.
    Read,
    /// Change things, too.
    Write,
}

/// Who may do what. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Access(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    tokens: Option<Tokens>,
    hosts: Vec<String>,
}

/// The tokens by their hashes: of one length, so that a comparison tells nothing of the length of a
/// token, and not the secrets themselves, so that nothing can print them.
#[derive(Debug)]
struct Tokens {
    read: Hashed,
    write: Hashed,
}

#[derive(Debug)]
struct Hashed([u8; 32]);

impl Hashed {
    fn of(text: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Self(hash)
    }

    /// In a time that does not depend on where they differ.
    fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Access {
    /// Everybody who comes may do everything: right for loopback without tokens. `hosts` are names that
    /// the node is asked by, beside its addresses.
    #[must_use]
    pub fn open(hosts: Vec<String>) -> Self {
        Self(Arc::new(Rules { tokens: None, hosts }))
    }

    /// Over TCP, the first of these tokens is needed to see, the second to change.
    #[must_use]
    pub fn guarded(read: &Secret, write: &Secret, hosts: Vec<String>) -> Self {
        let tokens = Tokens { read: Hashed::of(read.reveal()), write: Hashed::of(write.reveal()) };
        Self(Arc::new(Rules { tokens: Some(tokens), hosts }))
    }

    /// Whether a token is needed over TCP.
    pub(super) fn needs_token(&self) -> bool {
        self.0.tokens.is_some()
    }

    /// What a request may do that came like this, with this `Authorization`.
    pub(super) fn grant(&self, came: Came, authorization: Option<&HeaderValue>) -> Result<Grant, Fault> {
        let tokens = match (&self.0.tokens, came) {
            (Some(tokens), Came::Tcp(_)) => tokens,
            (None, _) | (_, Came::Unix) => return Ok(Grant::Write),
        };
        let Some(authorization) = authorization else { return Ok(Grant::None) };
        let token = authorization.to_str().ok().and_then(bearer).ok_or(Fault::TokenWrong)?;
        let token = Hashed::of(token);
        // Both, so that the time tells nothing of which it is.
        match (tokens.write.is(&token), tokens.read.is(&token)) {
            (true, _) => Ok(Grant::Write),
            (false, true) => Ok(Grant::Read),
            (false, false) => Err(Fault::TokenWrong),
        }
    }

    /// Whether a request for this `Host` is for this node: a web page whose name was rebound to our
    /// address still sends its own name.
    pub(super) fn knows_host(&self, came: Came, host: Option<&str>) -> bool {
        let local = match came {
            Came::Tcp(local) => local,
            // There is no page behind a unix socket, and names mean nothing there.
            Came::Unix => return true,
        };
        let Some(name) = host.and_then(name_of_host) else { return false };
        match name.parse::<IpAddr>() {
            Ok(ip) => ip.is_loopback() || ip == local.ip().to_canonical() || self.lists(name),
            Err(_) => name.eq_ignore_ascii_case("localhost") || self.lists(name),
        }
    }

    fn lists(&self, name: &str) -> bool {
        self.0.hosts.iter().any(|host| host.eq_ignore_ascii_case(name.trim_end_matches('.')))
    }
}

impl Grant {
    /// What a method needs.
    pub(super) fn needed(method: &Method) -> Self {
        if method.is_safe() { Self::Read } else { Self::Write }
    }
}

/// The token of an `Authorization` (RFC 6750, 2.1); the scheme in any case (RFC 9110, 11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

/// A `Host` without its port and brackets.
fn name_of_host(host: &str) -> Option<&str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']')?;
            (name, port.strip_prefix(':').unwrap_or(port))
        }
        None => host.split_once(':').unwrap_or((host, "")),
    };
    (!name.is_empty() && port.bytes().all(|b| b.is_ascii_digit())).then_some(name)
}

/// Whether an `Origin` is that of a page that this node served: the `Host` of the request, by either
/// scheme, since TLS may end before us.
pub(super) fn is_own_origin(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(address: &str) -> Came {
        Came::Tcp(address.parse().expect("an address"))
    }

    fn guarded() -> Access {
        Access::guarded(&Secret::new("see".into()), &Secret::new("do".into()), vec!["ns1.example.com".into()])
    }

    #[test]
    fn tokens_say_what_is_allowed() {
        let access = guarded();
        let grant = |text: Option<&str>| {
            let value = text.map(|text| HeaderValue::from_str(text).expect("a value"));
            access.grant(tcp("127.0.0.1:1"), value.as_ref()).ok()
        };
        assert_eq!(grant(None), Some(Grant::None));
        assert_eq!(grant(Some("Bearer see")), Some(Grant::Read));
        assert_eq!(grant(Some("bearer  do ")), Some(Grant::Write));
        for wrong in ["", "see", "Bearer", "Bearer ", "Bearer seen", "Bearer DO", "Basic see", "Bearer do see"] {
            assert_eq!(grant(Some(wrong)), None, "{wrong:?}");
        }
        assert_eq!(access.grant(Came::Unix, None).ok(), Some(Grant::Write), "its file mode says who");
        assert_eq!(Access::open(Vec::new()).grant(tcp("[::1]:1"), None).ok(), Some(Grant::Write));
    }

    #[test]
    fn the_node_is_asked_by_its_own_names() {
        let access = guarded();
        let outside = tcp("192.0.2.53:8053");
        for host in [
            "localhost",
            "LocalHost:8053",
            "127.0.0.1",
            "127.9.9.9:8053",
            "[::1]",
            "[::1]:8053",
            "192.0.2.53:8053",
            "ns1.example.com",
            "NS1.example.com.:443",
        ] {
            assert!(access.knows_host(outside, Some(host)), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:8053",
            "10.0.0.1",
            "[::2]:80",
            "[::1",
            "::1",
            "127.0.0.1:x",
            "ns1.example.com.evil.example",
        ] {
            assert!(!access.knows_host(outside, Some(host)), "{host}");
        }
        assert!(!access.knows_host(outside, None));
        assert!(access.knows_host(Came::Unix, None));
    }

    #[test]
    fn a_page_of_another_site_is_told_apart() {
        assert!(is_own_origin("http://127.0.0.1:8053", Some("127.0.0.1:8053")));
        assert!(is_own_origin("https://ns1.example.com", Some("NS1.example.com")));
        for origin in
            ["null", "http://127.0.0.1:8054", "http://127.0.0.1:80530", "ftp://127.0.0.1:8053", "127.0.0.1:8053"]
        {
            assert!(!is_own_origin(origin, Some("127.0.0.1:8053")), "{origin}");
        }
        assert!(!is_own_origin("http://a", None));
    }
}
