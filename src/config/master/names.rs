//! Names in entries: their faults, and what makes a good one suspicious.

use super::fault::{Fault, Outcome, Shown};
use super::lexer::Token;
use crate::dns::{NAME_MAX, Name, NameError, Rtype};

/// Reads a name into a buffer and returns its length.
pub(super) fn parse(
    buffer: &[u8],
    token: Token,
    origin: &[u8],
    wire: &mut [u8; NAME_MAX],
    code: &'static str,
) -> Outcome<usize> {
    let text = token.text(buffer);
    if token.quoted {
        return Err(Fault::new(code, token.range(), "a name cannot be in quotes").label("leave the quotes out"));
    }
    Name::parse_into(text, origin, wire).map_err(|error| {
        let fault = Fault::new(code, token.range(), format!("{} is no name", Shown(text)));
        let is_relative = !text.ends_with(b".");
        match error {
            NameError::TooLong if is_relative && text.len() < NAME_MAX => {
                fault.label(format!("{error}, with the origin behind it"))
            }
            _ => fault.label(error.to_string()),
        }
    })
}

/// Notes what is a name and most likely not the one that was meant.
pub(super) fn suspect(rtype: Rtype, buffer: &[u8], token: Token, origin: &[u8], wire: &[u8], notes: &mut Vec<Fault>) {
    let text = token.text(buffer);
    let digits = text.first().is_some_and(u8::is_ascii_digit);
    if digits && matches!(rtype, Rtype::NS | Rtype::MX | Rtype::SRV | Rtype::CNAME) {
        let plain = text.strip_suffix(b".").unwrap_or(text);
        if std::str::from_utf8(plain).is_ok_and(|t| t.parse::<std::net::Ipv4Addr>().is_ok()) {
            let message = format!("{rtype} points to a name, not to an address");
            notes.push(
                *Fault::new("zone-target-address", token.range(), message)
                    .label("read as a name")
                    .help("give the address a name of its own with an A record, and point to that"),
            );
            return;
        }
    }
    note_missing_dot(token, text, origin, wire, notes);
}

/// Notes a relative name that ends in the origin, which then stands in it twice.
pub(super) fn note_missing_dot(token: Token, text: &[u8], origin: &[u8], wire: &[u8], notes: &mut Vec<Fault>) {
    // Labels of the origin without the root; the name must have them twice, and more than them.
    let labels = &origin[..origin.len() - 1];
    let Some(front) = wire.len().checked_sub(origin.len()).filter(|n| *n >= labels.len()) else { return };
    if labels.is_empty() || text.ends_with(b".") || !wire[front - labels.len()..front].eq_ignore_ascii_case(labels) {
        return;
    }
    // A label that merely ends in these bytes is something else.
    let mut at = 0;
    while at < front - labels.len() {
        at += usize::from(wire[at]) + 1;
    }
    if at == front - labels.len() {
        let shown = Name::from_wire(wire).map(|n| n.to_string()).unwrap_or_default();
        notes.push(
            *Fault::new("zone-missing-dot", token.range(), format!("relative name that ends in the origin: {shown}"))
                .label("is a dot missing at its end?"),
        );
    }
}
