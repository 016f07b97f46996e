//! Texts with a form of their own: labels, host names, names of zones, addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::config::toml::Cell;
use crate::dns::Name;

/// The longest name of a pool, endpoint, region or check, in bytes.
const LABEL_LEN_MAX: usize = 63;

/// What is wrong with a text as the name of a pool, endpoint, region or check; they stand in commands
/// (`POOL/ENDPOINT`), metrics and logs.
pub(crate) fn label_fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.len() > LABEL_LEN_MAX {
        Some("is longer than 63 bytes")
    } else if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        Some("has characters other than letters, digits, '-', '_' and '.'")
    } else {
        None
    }
}

/// Reads the name of a pool, endpoint, region or check.
pub(crate) fn label(cell: &Cell<'_>) -> Option<String> {
    let text = cell.text()?;
    match label_fault(text) {
        None => Some(text.to_owned()),
        Some(fault) => cell.fail(cell.error("bad-label", format!("\"{}\": \"{text}\" {fault}", cell.key))),
    }
}

/// Whether it can be the name of a host in an HTTP request.
pub(crate) fn is_host_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// Reads a domain name that is written out in full; a single label lies in the zone.
pub(crate) fn full_name(cell: &Cell<'_>, zone: &Name) -> Option<Name> {
    let text = cell.full_text()?;
    let origin = if text.contains('.') { Name::root() } else { zone.clone() };
    match Name::parse_relative(text.as_bytes(), &origin) {
        Ok(name) if text.is_ascii() => Some(name),
        Ok(_) => cell.fail(not_ascii(cell)),
        Err(fault) => cell.fail(cell.error("bad-name", format!("\"{text}\" is not a domain name: {fault}"))),
    }
}

/// Reads an owner name relative to the zone: `@`, `www`, `*.x`.
pub(crate) fn owner_name(cell: &Cell<'_>, zone: &Name) -> Option<Name> {
    let text = cell.full_text()?;
    let name = match Name::parse_relative(text.as_bytes(), zone) {
        Ok(name) => name,
        Err(fault) => {
            return cell.fail(cell.error("bad-name", format!("\"{text}\" is not a domain name: {fault}")));
        }
    };
    if !text.is_ascii() {
        return cell.fail(not_ascii(cell));
    }
    if name.labels().skip(1).any(|label| label == b"*") {
        let message = format!("\"{text}\" has a \"*\" that is not its first label");
        return cell.fail(cell.error("bad-name", message).help("a wildcard is \"*\" or \"*.x\""));
    }
    if name.labels().next().is_some_and(|label| label.len() > 1 && label.contains(&b'*')) {
        let message = format!("\"{text}\" has a \"*\" within a label");
        return cell.fail(cell.error("bad-name", message).help("a wildcard is \"*\" or \"*.x\""));
    }
    Some(name)
}

fn not_ascii(cell: &Cell<'_>) -> crate::config::diag::Diagnostic {
    let text = cell.value.as_str().unwrap_or_default();
    cell.error("bad-name", format!("\"{text}\" has characters beyond ASCII"))
        .help("write internationalised names in their xn-- form")
}

/// Reads an address of an endpoint.
pub(crate) fn address(cell: &Cell<'_>) -> Option<IpAddr> {
    let text = cell.full_text()?;
    if let Ok(ip) = text.parse::<IpAddr>() {
        return unicast(cell, ip);
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let fault = cell.error("bad-address", format!("\"{}\": \"{text}\" is not an IP address", cell.key));
    if text.parse::<SocketAddr>().is_ok() {
        return cell.fail(fault.label("without a port").help("the port that is checked is the check's"));
    }
    if bare.parse::<IpAddr>().is_ok() {
        return cell.fail(fault.label("without brackets"));
    }
    if text.split_once('/').is_some_and(|(ip, _)| ip.parse::<IpAddr>().is_ok()) {
        return cell.fail(fault.label("one address, not a network"));
    }
    // Names of hosts have a letter; 192.0.2 and 192.0.2.300 are misspelt addresses.
    if is_host_name(text.trim_end_matches('.')) && text.bytes().any(|b| b.is_ascii_alphabetic()) {
        let message = format!("\"{}\": an endpoint with a host name is not there yet", cell.key);
        return cell.fail(cell.error("not-yet", message).label("write its IP addresses"));
    }
    cell.fail(fault)
}

/// Refuses addresses that no client or probe can connect to.
pub(crate) fn unicast(cell: &Cell<'_>, ip: IpAddr) -> Option<IpAddr> {
    let kind = match ip {
        _ if ip.is_unspecified() => "the unspecified address",
        _ if ip.is_multicast() => "a multicast address",
        IpAddr::V4(v4) if v4 == Ipv4Addr::BROADCAST => "the broadcast address",
        IpAddr::V4(v4) if v4.octets()[0] == 0 => "an address of \"this network\"",
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => "an IPv4 address in IPv6 form",
        _ => return Some(ip),
    };
    cell.fail(cell.error("bad-address", format!("\"{}\": {ip} is {kind}", cell.key)).label("not a host's address"))
}
