//! Faults of the zone as a whole, told with the place in the file.

use std::ops::Range;

use super::Target;
use super::files::Files;
use super::lexer::{Lexer, Token};
use super::reader::is_ttl_or_class;
use super::report::{Report, SHOWN_MAX};
use crate::config::diag::{Diagnostic, Severity, Source};
use crate::dns::Rtype;
use crate::model::zone::{FaultKind, Place, ZoneFault};

/// Reports all faults; those that a pool may mend go to `targets`. `lost` says whether a SOA or a
/// NS may be missing only because an entry was refused.
pub(super) fn report(
    faults: Vec<ZoneFault>,
    files: &Files,
    lost: [bool; 2],
    report: &mut Report<'_>,
    targets: &mut Vec<Target>,
) {
    for mut fault in faults {
        if (fault.kind == FaultKind::NoSoa && lost[0]) || (fault.kind == FaultKind::NoNs && lost[1]) {
            continue;
        }
        let target = fault.target.take();
        let name = target.as_ref().map(ToString::to_string);
        let tell = || tell(&fault, name.as_deref(), files);
        let severity = if fault.kind.is_warning() { Severity::Warning } else { Severity::Error };
        match (fault.kind, target) {
            // A pool or two will steer some; the rest is as much as anybody reads.
            (FaultKind::TargetNoAddress, Some(name)) if targets.len() < SHOWN_MAX * 20 => {
                targets.push(Target { name, warning: tell() });
            }
            (FaultKind::TargetNoAddress, _) => {}
            _ => report.push(severity, tell),
        }
    }
}

fn tell(fault: &ZoneFault, target: Option<&str>, files: &Files) -> Diagnostic {
    let ZoneFault { kind, owner, rtype, place, other, target: _ } = fault;
    let (code, message) = words(*kind, &owner.to_string(), *rtype, target.unwrap_or_default());
    let mut diagnostic =
        if kind.is_warning() { Diagnostic::warning(code, message) } else { Diagnostic::error(code, message) };
    match place {
        Some(place) => {
            let source = files.source(place.file);
            diagnostic = diagnostic.at(source, locate(source, *place, *kind, *rtype));
        }
        None => diagnostic = diagnostic.in_file(&files.source(0).shown),
    }
    if let Some(label) = label(*kind) {
        diagnostic = diagnostic.label(label);
    }
    if let Some(other) = other {
        let source = files.source(other.file);
        let line = source.line_column(other.at as usize).0;
        let file = match place {
            Some(place) if place.file == other.file => String::new(),
            _ => format!("{}:", source.shown.display()),
        };
        let what = if *kind == FaultKind::Duplicate { "the same record" } else { "the other record" };
        let at = if file.is_empty() { format!("in line {line}") } else { format!("at {file}{line}") };
        diagnostic = diagnostic.help(format!("{what} is {at}"));
    }
    match help(*kind) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

fn words(kind: FaultKind, owner: &str, rtype: Rtype, target: &str) -> (&'static str, String) {
    match kind {
        FaultKind::OutOfZone => ("zone-out-of-zone", format!("{owner} does not lie in this zone")),
        FaultKind::SecondSoa => ("zone-second-soa", format!("{owner} has a second SOA")),
        FaultKind::SoaBelowApex => ("zone-soa-below-apex", format!("SOA at {owner}, which is not the zone's name")),
        FaultKind::NoSoa => ("zone-no-soa", format!("{owner} has no SOA")),
        FaultKind::NoNs => ("zone-no-ns", format!("{owner} has no NS")),
        FaultKind::CnameAndOther if rtype == Rtype::CNAME => {
            ("zone-cname-and-other", format!("{owner} has a CNAME beside another record"))
        }
        FaultKind::CnameAndOther => ("zone-cname-and-other", format!("{owner} has {rtype} beside a CNAME")),
        FaultKind::SecondDname => ("zone-second-dname", format!("{owner} has a second DNAME")),
        FaultKind::RrsetTooLarge => {
            ("zone-rrset-too-large", format!("{rtype} records of {owner} do not fit into one message"))
        }
        FaultKind::MixedTtl => ("zone-mixed-ttl", format!("{rtype} records of {owner} have different TTLs")),
        FaultKind::Duplicate => ("zone-duplicate", format!("{rtype} record of {owner} is there twice")),
        FaultKind::BelowCut => ("zone-below-delegation", format!("{rtype} at {owner} is hidden by a delegation")),
        FaultKind::BelowDname => ("zone-below-dname", format!("{rtype} at {owner} is hidden by a DNAME")),
        FaultKind::TargetNoAddress => {
            ("zone-target-no-address", format!("{rtype} points to {target}, which has no address"))
        }
        FaultKind::TargetAlias => ("zone-target-alias", format!("{rtype} points to {target}, which is a CNAME")),
    }
}

fn label(kind: FaultKind) -> Option<&'static str> {
    Some(match kind {
        FaultKind::MixedTtl => "the lowest holds for all",
        FaultKind::Duplicate => "kept once",
        FaultKind::BelowCut | FaultKind::BelowDname => "never answered",
        _ => return None,
    })
}

fn help(kind: FaultKind) -> Option<&'static str> {
    Some(match kind {
        FaultKind::OutOfZone => "is a dot too many at its end, or $ORIGIN another than meant?",
        FaultKind::NoSoa => "a zone begins with: @ SOA ns1 hostmaster 1 1h 15m 4w 5m",
        FaultKind::NoNs => "name the servers of the zone: @ NS ns1",
        FaultKind::CnameAndOther => "a name with a CNAME has no other record (RFC 1034, 3.6.2)",
        FaultKind::BelowCut => "only NS, DS, and addresses of the delegation's own servers belong there",
        FaultKind::TargetNoAddress => "give it an A or AAAA record, or name it in a pool",
        FaultKind::TargetAlias => "it must have an address of its own (RFC 2181, 10.3)",
        _ => return None,
    })
}

/// What to underline of the entry at `place`.
fn locate(source: &Source, place: Place, kind: FaultKind, rtype: Rtype) -> Range<usize> {
    let text = &source.text[..];
    let at = place.at as usize;
    let mut tokens: Vec<Token> = Vec::new();
    let Ok(Some(entry)) = Lexer::resume(text, at).entry(&mut tokens) else { return at..at };
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return at..at };
    let all = first.range().start..last.range().end;
    if first.text(text).starts_with(b"$") {
        return all;
    }
    let words = &tokens[usize::from(!entry.blank)..];
    let Some(type_at) = words.iter().position(|t| !is_ttl_or_class(t.text(text))) else { return all };
    let (head, record) = words.split_at(type_at);
    let data = &record[1..];
    let target = match rtype {
        Rtype::NS => data.first(),
        Rtype::MX => data.get(1),
        Rtype::SRV => data.get(3),
        _ => None,
    };
    let one = match kind {
        FaultKind::OutOfZone if !entry.blank => Some(first),
        FaultKind::MixedTtl => {
            head.iter().find(|t| t.text(text).first().is_some_and(u8::is_ascii_digit)).or(record.first())
        }
        FaultKind::TargetNoAddress | FaultKind::TargetAlias => target,
        FaultKind::RrsetTooLarge => record.first(),
        _ => None,
    };
    one.map_or(record[0].range().start..all.end, Token::range)
}
