//! Data of records: from the tokens of an entry to the wire.
//!
//! [`grammar`] says which fields a type has, [`text`] reads them, [`wire`] checks bytes that were
//! written as such (RFC 3597), and [`rules`] holds for both: digests of the right length and the like.

mod binary;
mod grammar;
mod location;
mod params;
mod rules;
mod text;
mod wire;

pub(super) use text::unescape;

use std::ops::Range;

use super::fault::{Fault, Outcome, Shown};
use super::lexer::Token;
use crate::dns::Rtype;

/// The tokens of an entry from its type on, and what reading them needs.
pub(super) struct Input<'a> {
    /// What the tokens are ranges of.
    pub(super) buffer: &'a [u8],
    /// Behind the type.
    pub(super) tokens: &'a [Token],
    /// Where the type ends: the place of a field that is missing.
    pub(super) end: usize,
    /// What relative names end in.
    pub(super) origin: &'a [u8],
    /// What is worth a warning.
    pub(super) notes: &'a mut Vec<Fault>,
}

impl<'a> Input<'a> {
    fn next(&mut self) -> Option<Token> {
        let (&token, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        self.end = token.range().end;
        Some(token)
    }

    fn text(&self, token: Token) -> &'a [u8] {
        token.text(self.buffer)
    }

    /// Everything that is left, for an underline.
    fn rest(&self) -> Range<usize> {
        match (self.tokens.first(), self.tokens.last()) {
            (Some(first), Some(last)) => first.range().start..last.range().end,
            _ => self.end..self.end,
        }
    }
}

/// Whether `pharos` makes records of this type when it signs, so that none may stand in a file.
fn is_made_by_signer(rtype: Rtype) -> bool {
    matches!(rtype, Rtype::RRSIG | Rtype::NSEC | Rtype::NSEC3 | Rtype::NSEC3PARAM | Rtype::SIG | Rtype::NXT)
}

/// Refuses types that cannot stand in a zone file; `range` is where the type is written.
pub(super) fn admit(rtype: Rtype, range: Range<usize>) -> Outcome {
    if rtype.is_meta() {
        return Err(Fault::new("zone-meta-type", range, format!("{rtype} is a type of questions and messages"))
            .label("no record has this type"));
    }
    if is_made_by_signer(rtype) {
        return Err(Fault::new("zone-signer-type", range, format!("{rtype} records are made by a signer"))
            .label("not taken from a file")
            .help("give the zone unsigned: without RRSIG, NSEC, NSEC3 and NSEC3PARAM; DS, DNSKEY, CDS and CDNSKEY may stay"));
    }
    Ok(())
}

/// Reads the data of a record and replaces `out` with its wire form.
pub(super) fn parse(rtype: Rtype, mut input: Input<'_>, out: &mut Vec<u8>) -> Outcome {
    out.clear();
    let range = input.rest();
    let generic = input.tokens.first().is_some_and(|t| !t.quoted && input.text(*t) == b"\\#");
    let Some(fields) = grammar::of(rtype) else {
        if generic {
            return binary::generic(&mut input, out);
        }
        return Err(Fault::new("zone-no-text-form", range, format!("data of type {rtype} is not known in text"))
            .help(format!("write it as bytes (RFC 3597): {rtype} \\# LENGTH HEX")));
    };
    if generic {
        binary::generic(&mut input, out)?;
        let fault = |what: &str| {
            Fault::new("zone-bad-rdata", range.clone(), format!("these bytes are no data of type {rtype}"))
                .label(what)
                .help(format!(
                    "{rtype} is known here; it can be written as: {}",
                    grammar::form(rtype).unwrap_or_default()
                ))
        };
        wire::check(fields, out).map_err(|what| fault(&what))?;
        return rules::check(rtype, out).map_err(|broken| fault(&broken.message));
    }
    // Where each field's tokens begin, for rules that hold when all are read.
    let mut starts: [Range<usize>; FIELDS_MAX] = Default::default();
    for (slot, (name, field)) in starts.iter_mut().zip(fields) {
        let before = input.rest().start;
        text::field(rtype, name, *field, &mut input, out)?;
        *slot = before..input.end;
    }
    if let Some(extra) = input.next() {
        let range = extra.range().start..input.tokens.last().map_or(extra.range().end, |t| t.range().end);
        let what = if range.len() > extra.range().len() { "these are" } else { "this is" };
        return Err(Fault::new("zone-extra-field", range, format!("{rtype} record has more than it can hold"))
            .label(format!("{what} too much"))
            .help(grammar::form(rtype).unwrap_or_default()));
    }
    if out.len() > usize::from(u16::MAX) {
        return Err(Fault::new("zone-too-long", range, "data of a record is longer than 65,535 bytes"));
    }
    rules::check(rtype, out).map_err(|broken| {
        let range = starts.get(broken.field).cloned().unwrap_or(range);
        let fault = Fault::new(broken.code, range, broken.message);
        match broken.help {
            Some(help) => fault.help(help),
            None => fault,
        }
    })
}

/// SOA has the most.
const FIELDS_MAX: usize = 8;

/// A fault about one token: its text is no `what`.
fn bad(code: &'static str, input: &Input<'_>, token: Token, what: &str) -> Box<Fault> {
    Fault::new(code, token.range(), format!("{} is no {what}", Shown(input.text(token))))
}
