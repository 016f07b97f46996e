//! Master files (RFC 1035, 5) to the static records of a zone.
//!
//! The file is walked once, in place: [`lexer`] finds entries and tokens, [`reader`] follows the
//! directives and reads what stands before the data of a record, [`rdata`] the data. All faults are
//! reported, each with the field underlined; an entry with a fault is left out, and reading goes on
//! with the next. Rules of the zone as a whole are those of [`ZoneBuilder`], told by [`zone_faults`].
//!
//! Absent on purpose: classes other than IN, and signed zones.

mod directives;
mod fault;
mod files;
mod generate;
mod lexer;
mod names;
mod rdata;
mod reader;
mod report;
mod ttl;
mod zone_faults;

use std::path::{Path, PathBuf};

use super::diag::{Diagnostic, Severity};
use crate::dns::Name;
use crate::model::zone::Zone;
#[cfg(doc)]
use crate::model::zone::ZoneBuilder;
use reader::{Reader, Scope};
use report::Report;

/// Records that `$GENERATE` may make in one zone.
const GENERATE_MAX: u32 = 1 << 20;
/// The same, where the text is not from a file.
const GENERATE_BYTES_MAX: u32 = 1 << 12;

/// What came of a master file.
#[derive(Debug)]
pub struct Parsed {
    /// The zone; none where there was an error.
    pub zone: Option<Zone>,
    /// Every file that was read or was to be read: the file itself and what it includes.
    pub files: Vec<PathBuf>,
    /// Records that point to a name of the zone without an address of its own.
    pub targets: Vec<Target>,
}

/// A NS, MX or SRV record that points to a name of the zone without an address in the file. It is
/// worth its warning unless a pool steers the name.
#[derive(Debug, Clone)]
pub struct Target {
    /// The name.
    pub name: Name,
    /// What to say then.
    pub warning: Diagnostic,
}

/// Reads the master file of the zone `origin`. `shown` is the path as people should see it.
/// Adds at most 50 errors and 50 warnings to `out`, and says how many there were more.
pub fn parse(origin: &Name, path: &Path, shown: &Path, out: &mut Vec<Diagnostic>) -> Parsed {
    let mut reader = Reader::new(origin.clone(), GENERATE_MAX, Report::new(out));
    let opened = reader.files.read(path, shown.to_owned());
    let canonical = path.canonicalize();
    let scope = match opened.and_then(|file| Ok((file, canonical?))) {
        Ok((file, canonical)) => {
            reader.open.push(canonical);
            Scope::new(file, Some(path), origin.clone())
        }
        Err(error) => {
            let message = format!("cannot read the zone file: {error}");
            reader.report.push(Severity::Error, || Diagnostic::error("zone-unreadable", message).in_file(shown));
            return Parsed { zone: None, files: reader.files.tried, targets: Vec::new() };
        }
    };
    finish(reader, scope)
}

/// As [`parse`], from bytes: `$INCLUDE` is refused, and `$GENERATE` may make 4,096 records.
pub fn parse_bytes(origin: &Name, bytes: &[u8], out: &mut Vec<Diagnostic>) -> Parsed {
    let mut reader = Reader::new(origin.clone(), GENERATE_BYTES_MAX, Report::new(out));
    match reader.files.add("zone".into(), bytes.into()) {
        Ok(file) => finish(reader, Scope::new(file, None, origin.clone())),
        Err(error) => {
            reader.report.push(Severity::Error, || Diagnostic::error("zone-unreadable", error.to_string()));
            Parsed { zone: None, files: Vec::new(), targets: Vec::new() }
        }
    }
}

fn finish(mut reader: Reader<'_>, scope: Scope) -> Parsed {
    reader.file(scope);
    let Reader { files, mut report, builder, lost, .. } = reader;
    let mut targets = Vec::new();
    let zone = match builder.finish() {
        Ok((zone, faults)) => {
            zone_faults::report(faults, &files, lost, &mut report, &mut targets);
            Some(zone).filter(|_| !report.has_errors())
        }
        Err(faults) => {
            zone_faults::report(faults, &files, lost, &mut report, &mut targets);
            None
        }
    };
    report.finish(Some(files.source(0)));
    Parsed { zone, files: files.tried, targets }
}
