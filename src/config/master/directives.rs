//! The directives that bring in more records: `$INCLUDE` and `$GENERATE`.

use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::fault::{Fault, Outcome, Shown};
use super::generate::{Steps, Template};
use super::lexer::{Entry, Lexer, Token};
use super::names;
use super::reader::{Reader, Scope, arguments};
use crate::config::diag::Source;
use crate::dns::{NAME_MAX, Name};
use crate::model::zone::Place;

/// Files within files; BIND and NSD have similar limits.
const DEPTH_MAX: usize = 16;
/// `$INCLUDE`s of one zone in all: a few files that include each other often make many.
const INCLUDES_MAX: usize = 10_000;

impl Reader<'_> {
    /// `$INCLUDE FILE [ORIGIN]`: origin and owner are those of this file again afterwards.
    pub(super) fn include(&mut self, scope: &Scope, source: &Source, first: Token, args: &[Token]) -> Outcome {
        let text = &source.text[..];
        let [file, origin] = match args {
            [file] => [*file, *file],
            _ => arguments(text, first, args, "$INCLUDE FILE [ORIGIN]")?,
        };
        let Some(including) = &scope.path else {
            return Err(Fault::new("zone-include-refused", first.range(), "$INCLUDE is not possible here"));
        };
        let origin = if origin == file {
            scope.origin.clone()
        } else {
            let mut wire = [0; NAME_MAX];
            let len = names::parse(text, origin, scope.origin.as_wire(), &mut wire, "zone-bad-name")?;
            Name::from_wire(&wire[..len]).unwrap_or_else(|_| scope.origin.clone())
        };
        if self.open.len() > DEPTH_MAX {
            let message = format!("$INCLUDE within more than {DEPTH_MAX} others");
            return Err(Fault::new("zone-include-depth", file.range(), message));
        }
        self.includes += 1;
        if self.includes > INCLUDES_MAX {
            let message = format!("more than {INCLUDES_MAX} $INCLUDEs in one zone");
            return Err(Fault::new("zone-include-depth", file.range(), message));
        }
        let mut name = Vec::new();
        super::rdata::unescape(text, file, &mut name)?;
        let name = Path::new(std::ffi::OsStr::from_bytes(&name));
        let beside = |path: &Path| path.parent().map_or_else(|| name.to_owned(), |folder| folder.join(name));
        let path = beside(including);
        let shown = beside(&source.shown);
        let unreadable = |error: &dyn std::fmt::Display| {
            Fault::new("zone-unreadable", file.range(), format!("cannot read {}: {error}", shown.display()))
        };
        let number = self.files.read(&path, shown.clone()).map_err(|error| unreadable(&error))?;
        let canonical = path.canonicalize().map_err(|error| unreadable(&error))?;
        if self.open.contains(&canonical) {
            let message = format!("{} is included from itself", Shown(name.as_os_str().as_bytes()));
            return Err(Fault::new("zone-include-cycle", file.range(), message));
        }
        self.open.push(canonical);
        let mut inner = Scope::new(number, Some(&path), origin);
        inner.is_origin_lost = scope.is_origin_lost;
        self.file(inner);
        self.open.pop();
        Ok(())
    }

    /// `$GENERATE RANGE LHS [TTL] [CLASS] TYPE RHS`; the owner before stays the owner before.
    pub(super) fn generate(&mut self, scope: &Scope, text: &[u8], tokens: &[Token], entry: Entry) -> Outcome {
        let form = "the form is: $GENERATE START-STOP[/STEP] LHS [TTL] [CLASS] TYPE RHS";
        let [_, range, lhs, head @ .., rhs] = tokens else {
            let end = tokens.last().map_or(entry.at, |t| t.range().end);
            return Err(Fault::new("zone-bad-directive", end..end, "$GENERATE with something missing").help(form));
        };
        let steps = Steps::parse(text, *range)?;
        if lhs.quoted {
            return Err(Fault::new("zone-bad-generate", lhs.range(), "the left side cannot be in quotes"));
        }
        let heads = head.iter().take_while(|t| super::reader::is_ttl_or_class(t.text(text))).count() + 1;
        if head.len() < heads {
            let message = "$GENERATE without a right side";
            return Err(Fault::new("zone-bad-directive", rhs.range(), message).help(form));
        }
        if head.len() > heads {
            let range = head[heads].range().start..rhs.range().end;
            return Err(Fault::new("zone-bad-generate", range, "the right side is several words")
                .label("put all of this in quotes"));
        }
        let left = Template::parse(lhs.text(text), *lhs)?;
        let right = Template::parse(&right_text(text, *rhs), *rhs)?;
        let Some(rest) = self.generate_left.checked_sub(steps.count()) else {
            let message = format!("{} records from $GENERATE, where {} are left", steps.count(), self.generate_left);
            return Err(Fault::new("zone-generate-too-many", range.range(), message)
                .help("a zone may generate 1,048,576 records in all; write the others out"));
        };
        self.generate_left = rest;
        let place = Place {
            file: scope.file,
            at: u32::try_from(entry.at).unwrap_or(u32::MAX),
            len: u16::try_from(rhs.range().end - entry.at).unwrap_or(u16::MAX),
        };
        let mut inner = Scope::new(scope.file, None, scope.origin.clone());
        inner.is_origin_lost = scope.is_origin_lost;
        // Each piece of the line that is made: where it ends there, and where it comes from.
        let mut pieces: Vec<(usize, Range<usize>)> = Vec::new();
        let (mut line, mut words, mut note) = (Vec::new(), Vec::new(), None);
        for number in steps.numbers() {
            let negative = |token: &Token| {
                Fault::new("zone-bad-generate", token.range(), format!("a number below zero, where $ is {number}"))
            };
            line.clear();
            pieces.clear();
            left.expand(number, &mut line).map_err(|_| negative(lhs))?;
            pieces.push((line.len(), lhs.range()));
            for token in head {
                line.push(b' ');
                line.extend_from_slice(token.text(text));
                pieces.push((line.len(), token.range()));
            }
            line.push(b' ');
            right.expand(number, &mut line).map_err(|_| negative(rhs))?;
            let outcome = match Lexer::resume(&line, 0).entry(&mut words) {
                Ok(_) => self.record(&mut inner, &line, &words, false, place),
                Err(fault) => Err(fault),
            };
            let from =
                |at: usize| pieces.iter().find(|(end, _)| at < *end).map_or(rhs.range(), |(_, from)| from.clone());
            // One note is enough for all that the line makes.
            if let Some(mut first) = self.notes.drain(..).next().filter(|_| note.is_none()) {
                first.range = from(first.range.start);
                note = Some(first);
            }
            outcome.map_err(|mut fault| {
                fault.range = from(fault.range.start);
                fault.help(format!("where $ is {number}, the record is: {}", String::from_utf8_lossy(&line)))
            })?;
        }
        self.notes.extend(note);
        Ok(())
    }
}

/// The right side as it is read again: quotes around it are gone, and `\"` is a quote.
fn right_text(text: &[u8], rhs: Token) -> Vec<u8> {
    let raw = rhs.text(text);
    if !rhs.quoted {
        return raw.to_vec();
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        match (byte, raw.get(at + 1)) {
            (b'\\', Some(b'"')) => {
                out.push(b'"');
                at += 2;
            }
            (b'\\', Some(&next)) => {
                out.extend([byte, next]);
                at += 2;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}
