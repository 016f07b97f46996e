//! The walk over a file's entries: directives, and records with their owner, TTL, class and type.

use std::path::{Path, PathBuf};

use super::fault::{Fault, Outcome, Shown};
use super::files::Files;
use super::lexer::{Entry, Lexer, Token};
use super::report::Report;
use super::ttl::{TimeError, parse_ttl};
use super::{names, rdata};
use crate::config::diag::{Severity, Source, nearest};
use crate::dns::{NAME_MAX, Name, Rtype};
use crate::model::zone::{Place, ZoneBuilder};

/// All that one zone's files have in common.
pub(super) struct Reader<'a> {
    pub(super) files: Files,
    pub(super) report: Report<'a>,
    pub(super) builder: ZoneBuilder,
    /// Canonical paths of the files under way, the outermost first; empty where includes are refused.
    pub(super) open: Vec<PathBuf>,
    pub(super) includes: usize,
    /// How many more records `$GENERATE` may make.
    pub(super) generate_left: u32,
    /// A SOA, or a NS, may be among the entries that were refused.
    pub(super) lost: [bool; 2],
    /// Of `$TTL`, or of the SOA's minimum where nothing else says (RFC 2308, 4).
    default_ttl: Option<u32>,
    /// Of the record before.
    ttl: Option<u32>,
    rdata: Vec<u8>,
    pub(super) notes: Vec<Fault>,
    is_full: bool,
}

/// What ends with its file.
pub(super) struct Scope {
    pub(super) file: u16,
    pub(super) path: Option<PathBuf>,
    pub(super) origin: Name,
    owner: [u8; NAME_MAX],
    owner_len: usize,
    /// The owner, or the origin, could not be read: records are checked and then dropped.
    is_owner_lost: bool,
    pub(super) is_origin_lost: bool,
}

impl Scope {
    pub(super) fn new(file: u16, path: Option<&Path>, origin: Name) -> Self {
        Self {
            file,
            path: path.map(Path::to_owned),
            origin,
            owner: [0; NAME_MAX],
            owner_len: 0,
            is_owner_lost: false,
            is_origin_lost: false,
        }
    }
}

const DIRECTIVES: [&str; 4] = ["$ORIGIN", "$TTL", "$INCLUDE", "$GENERATE"];
const CLASSES: [&[u8]; 5] = [b"CH", b"CS", b"HS", b"NONE", b"ANY"];

impl<'a> Reader<'a> {
    pub(super) fn new(origin: Name, generate_max: u32, report: Report<'a>) -> Self {
        Self {
            files: Files::default(),
            report,
            builder: ZoneBuilder::new(origin),
            open: Vec::new(),
            includes: 0,
            generate_left: generate_max,
            lost: [false; 2],
            default_ttl: None,
            ttl: None,
            rdata: Vec::new(),
            notes: Vec::new(),
            is_full: false,
        }
    }

    /// Reads one file to its end.
    pub(super) fn file(&mut self, mut scope: Scope) {
        let source = self.files.source(scope.file).clone();
        let text = &source.text[..];
        let lines = text.iter().filter(|b| **b == b'\n').count();
        // The shortest record there is has more bytes than that.
        self.builder.reserve(lines.min(text.len() / 8));
        let mut lexer = Lexer::new(text);
        let mut tokens = Vec::with_capacity(16);
        loop {
            let outcome = match lexer.entry(&mut tokens) {
                Ok(None) => break,
                Ok(Some(entry)) => self.entry(&mut scope, &source, &tokens, entry),
                Err(fault) => {
                    let first = tokens.first().map_or(0, |t| t.range().start);
                    scope.is_owner_lost |= first == 0 || text[first - 1] == b'\n';
                    self.lose(text, &tokens, false);
                    Err(fault)
                }
            };
            for note in self.notes.drain(..) {
                self.report.fault(Severity::Warning, note, &source);
            }
            if let Err(fault) = outcome {
                self.report.fault(Severity::Error, *fault, &source);
            }
            if self.is_full {
                break;
            }
        }
    }

    fn entry(&mut self, scope: &mut Scope, source: &Source, tokens: &[Token], entry: Entry) -> Outcome {
        let text = &source.text[..];
        let first = tokens[0];
        if !first.quoted && first.text(text).starts_with(b"$") {
            let outcome = self.directive(scope, source, tokens, entry);
            // Whatever it would have brought in may have had them.
            return outcome.inspect_err(|_| self.lost = [true; 2]);
        }
        let end = tokens.last().map_or(entry.at, |t| t.range().end);
        let place = Place {
            file: scope.file,
            at: u32::try_from(entry.at).unwrap_or(u32::MAX),
            len: u16::try_from(end - entry.at).unwrap_or(u16::MAX),
        };
        self.record(scope, text, tokens, entry.blank, place).inspect_err(|_| self.lose(text, tokens, entry.blank))
    }

    fn directive(&mut self, scope: &mut Scope, source: &Source, tokens: &[Token], entry: Entry) -> Outcome {
        let text = &source.text[..];
        let (first, args) = (tokens[0], &tokens[1..]);
        let word = String::from_utf8_lossy(first.text(text)).to_uppercase();
        if entry.blank && DIRECTIVES.contains(&word.as_str()) {
            return Err(Fault::new("zone-bad-directive", first.range(), format!("{word} does not begin its line"))
                .label("take the white space before it away"));
        }
        match word.as_str() {
            "$ORIGIN" => {
                let [name] = arguments(text, first, args, "$ORIGIN NAME")?;
                let mut wire = [0; NAME_MAX];
                let len = names::parse(text, name, scope.origin.as_wire(), &mut wire, "zone-bad-name");
                scope.is_origin_lost = len.is_err();
                if let Ok(origin) = Name::from_wire(&wire[..len?]) {
                    scope.origin = origin;
                }
                Ok(())
            }
            "$TTL" => {
                let [time] = arguments(text, first, args, "$TTL TIME")?;
                let ttl = read_ttl(text, time);
                // After a fault, so that not every record lacks a TTL.
                self.default_ttl = Some(ttl.as_ref().copied().unwrap_or_default());
                ttl.map(drop)
            }
            "$INCLUDE" => self.include(scope, source, first, args),
            "$GENERATE" => self.generate(scope, text, tokens, entry),
            _ => {
                let fault = Fault::new("zone-unknown-directive", first.range(), format!("{word} is no directive"));
                let fault = match nearest(&word, DIRECTIVES) {
                    Some(near) => fault.label(format!("did you mean {near}?")),
                    None => fault.label("directives: $ORIGIN, $TTL, $INCLUDE, $GENERATE"),
                };
                Err(fault.help("a name that begins with a dollar is written \\$name"))
            }
        }
    }

    /// Takes one record: `[owner] [ttl] [class] type data`.
    pub(super) fn record(
        &mut self,
        scope: &mut Scope,
        buffer: &[u8],
        tokens: &[Token],
        blank: bool,
        place: Place,
    ) -> Outcome {
        let mut rest = tokens;
        if !blank && let Some((&owner, tail)) = tokens.split_first() {
            rest = tail;
            scope.is_owner_lost = true;
            let wire = &mut scope.owner;
            let len = names::parse(buffer, owner, scope.origin.as_wire(), wire, "zone-bad-owner")?;
            names::note_missing_dot(owner, owner.text(buffer), scope.origin.as_wire(), &wire[..len], &mut self.notes);
            scope.owner_len = len;
            scope.is_owner_lost = false;
        }
        if scope.owner_len == 0 && !scope.is_owner_lost {
            let range = tokens.first().map_or(0..0, Token::range);
            return Err(Fault::new("zone-no-owner", range, "record without a name, and none before it")
                .help("a line that begins with white space belongs to the name of the line before"));
        }
        let head = Head::parse(buffer, tokens, rest)?;
        let Head { ttl, rtype, type_token, data } = head;
        rdata::admit(rtype, type_token.range())?;
        let input = rdata::Input {
            buffer,
            tokens: data,
            end: type_token.range().end,
            origin: scope.origin.as_wire(),
            notes: &mut self.notes,
        };
        rdata::parse(rtype, input, &mut self.rdata)?;
        let ttl = match ttl.or(self.default_ttl).or(self.ttl) {
            Some(ttl) => ttl,
            None => self.ttl_of_nothing(rtype, type_token)?,
        };
        self.ttl = Some(ttl);
        if scope.is_owner_lost || scope.is_origin_lost {
            self.lose(buffer, tokens, blank);
            return Ok(());
        }
        let owner = &scope.owner[..scope.owner_len];
        self.builder.push(owner, rtype, ttl, &self.rdata, place).map_err(|error| {
            self.is_full = true;
            Fault::new("zone-too-large", type_token.range(), error.to_string())
        })
    }

    /// The first record has no TTL and `$TTL` did not come before it.
    fn ttl_of_nothing(&mut self, rtype: Rtype, type_token: Token) -> Outcome<u32> {
        let help = "put a line before it: $TTL 1h";
        if rtype == Rtype::SOA
            && let Some(minimum) = self.rdata.last_chunk().map(|m| u32::from_be_bytes(*m))
        {
            self.default_ttl = Some(minimum);
            let message = "no TTL is given: the minimum of the SOA is taken for all records";
            self.notes.push(*Fault::new("zone-ttl-from-soa", type_token.range(), message).help(help));
            return Ok(minimum);
        }
        // Said once.
        self.ttl = Some(0);
        let message = "record without a TTL, and none before it";
        Err(Fault::new("zone-no-ttl", type_token.range(), message).help(help))
    }

    /// Remembers that an entry was refused, so that nobody misses what may have been in it.
    fn lose(&mut self, buffer: &[u8], tokens: &[Token], blank: bool) {
        let rtype = head_type(buffer, tokens.get(usize::from(!blank)..).unwrap_or_default());
        self.lost[0] |= rtype.is_none_or(|t| t == Rtype::SOA);
        self.lost[1] |= rtype.is_none_or(|t| t == Rtype::NS);
    }
}

/// What stands before the data of a record.
struct Head<'t> {
    ttl: Option<u32>,
    rtype: Rtype,
    type_token: Token,
    data: &'t [Token],
}

impl<'t> Head<'t> {
    fn parse(buffer: &[u8], all: &[Token], mut rest: &'t [Token]) -> Outcome<Self> {
        let (mut ttl, mut class) = (None, false);
        loop {
            let Some((&token, tail)) = rest.split_first() else {
                let end = all.last().map_or(0, |t| t.range().end);
                return Err(Fault::new("zone-no-type", end..end, "record without a type").label("a type is missing"));
            };
            let text = token.text(buffer);
            if !class && text.eq_ignore_ascii_case(b"IN") && !token.quoted {
                class = true;
            } else if text.first().is_some_and(u8::is_ascii_digit) && ttl.is_none() && !token.quoted {
                ttl = Some(read_ttl(buffer, token).map_err(|fault| hint_at_owner(buffer, all, rest, fault))?);
            } else if let Some(rtype) = read_type(text).filter(|_| !token.quoted) {
                return Ok(Self { ttl, rtype, type_token: token, data: tail });
            } else if !class && let Some(number) = class_number(text) {
                if number != 1 {
                    return Err(Fault::new(
                        "zone-class",
                        token.range(),
                        format!("class {} is not served", Shown(text)),
                    )
                    .label("only class IN is"));
                }
                class = true;
            } else {
                let next = tail.first().map(|next| next.text(buffer));
                let fault = unknown_type(text, token, next, all.len() == rest.len());
                return Err(hint_at_owner(buffer, all, rest, fault));
            }
            rest = tail;
        }
    }
}

/// Which type a head names, if it can be read.
fn head_type(buffer: &[u8], tokens: &[Token]) -> Option<Rtype> {
    let word = tokens.iter().map(|t| t.text(buffer)).find(|text| !is_ttl_or_class(text))?;
    read_type(word)
}

/// Whether a word before the type is a TTL or a class.
pub(super) fn is_ttl_or_class(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_digit) || text.eq_ignore_ascii_case(b"IN") || class_number(text).is_some()
}

/// A type by its name or number; the usual ones without a search.
fn read_type(text: &[u8]) -> Option<Rtype> {
    match text {
        b"A" => Some(Rtype::A),
        b"AAAA" => Some(Rtype::AAAA),
        b"NS" => Some(Rtype::NS),
        b"CNAME" => Some(Rtype::CNAME),
        b"MX" => Some(Rtype::MX),
        b"TXT" => Some(Rtype::TXT),
        b"PTR" => Some(Rtype::PTR),
        b"DS" => Some(Rtype::DS),
        _ => std::str::from_utf8(text).ok()?.parse().ok(),
    }
}

/// The number of a class that is written as such; any but IN is 0 for those that have names.
fn class_number(text: &[u8]) -> Option<u16> {
    if CLASSES.iter().any(|class| class.eq_ignore_ascii_case(text)) {
        return Some(0);
    }
    let (name, digits) = text.split_at_checked(5)?;
    let digits = std::str::from_utf8(digits).ok()?;
    name.eq_ignore_ascii_case(b"CLASS").then(|| digits.parse().ok()).flatten()
}

/// A word where the type should be; `next` is the one behind it.
fn unknown_type(text: &[u8], token: Token, next: Option<&[u8]>, blank: bool) -> Box<Fault> {
    if text.first().is_some_and(u8::is_ascii_digit) {
        let message = format!("{} where the type should be", Shown(text));
        return Fault::new("zone-unknown-type", token.range(), message).label("a TTL is there already");
    }
    let shown = String::from_utf8_lossy(text);
    let fault = Fault::new("zone-unknown-type", token.range(), format!("{} is no record type", Shown(text)));
    if blank && next.is_some_and(|next| is_ttl_or_class(next) || read_type(next).is_some()) {
        return fault
            .label("is this a name?")
            .help("a line that begins with white space belongs to the name before it; a name begins its line");
    }
    match nearest(&shown, Rtype::names()).filter(|_| text.len() > 1) {
        Some(near) => fault.label(format!("did you mean {near}?")),
        None => fault.help("a type without a name here is written by its number: TYPE65280"),
    }
}

/// Where the first word of a line is a type, it was most likely not meant as a name.
fn hint_at_owner(buffer: &[u8], all: &[Token], rest: &[Token], fault: Box<Fault>) -> Box<Fault> {
    let Some(first) = all.first().filter(|_| all.len() == rest.len() + 1) else { return fault };
    let text = first.text(buffer);
    match read_type(text) {
        Some(rtype) if text.iter().all(u8::is_ascii_uppercase) => {
            fault.help(format!("{rtype} is read as a name, because it begins the line; put a space before it"))
        }
        _ => fault,
    }
}

/// A TTL, or the fault of it.
pub(super) fn read_ttl(buffer: &[u8], token: Token) -> Outcome<u32> {
    parse_ttl(token.text(buffer)).map_err(|error| {
        let fault = Fault::new("zone-bad-ttl", token.range(), format!("{} is no TTL", Shown(token.text(buffer))));
        match error {
            TimeError::Form => fault.label("seconds, or a time such as 1h30m, are expected"),
            TimeError::TooLong => fault.label("the longest TTL is 2147483647 seconds"),
        }
    })
}

/// Exactly so many words behind a directive.
pub(super) fn arguments<const N: usize>(text: &[u8], first: Token, args: &[Token], form: &str) -> Outcome<[Token; N]> {
    args.try_into().map_err(|_| {
        let word = String::from_utf8_lossy(first.text(text)).to_uppercase();
        let end = args.last().map_or(first.range().end, |t| t.range().end);
        let (range, what) = match args.get(N) {
            Some(extra) => (extra.range().start..end, "too many words"),
            None => (end..end, "too few words"),
        };
        Fault::new("zone-bad-directive", range, format!("{word} with {what}")).help(format!("the form is: {form}"))
    })
}
