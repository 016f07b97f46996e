//! The zones folder: which files make which zone.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diag::{Diagnostic, nearest};
use super::files::reason;
use crate::dns::{Name, NameError};

/// The files of one zone; at least one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: Name,
    /// `NAME.zone`.
    pub(super) master: Option<PathBuf>,
    /// `NAME.toml`.
    pub(super) steering: Option<PathBuf>,
}

/// Why the stem of a file is not the name of a zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum StemError {
    #[error("\"%\" is not followed by two hexadecimal digits")]
    BadPercent,
    #[error("it has the character {0:?}")]
    BadCharacter(char),
    #[error("it has a wildcard")]
    Wildcard,
    #[error("{0}")]
    Name(#[from] NameError),
}

/// The zones folder as it was listed.
#[derive(Debug, Default)]
pub(super) struct Listing {
    folder: PathBuf,
    /// Everything in it, and whether that is a folder; sorted.
    content: Vec<(OsString, bool)>,
    /// Its zones by name.
    pub(super) zones: Vec<Found>,
    /// What is odd there.
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Lists the zones of a folder; gives `previous` where it holds the same.
///
/// # Errors
/// Where the folder cannot be read.
pub(super) fn scan(folder: &Path, shown: &Path, previous: &Arc<Listing>) -> std::io::Result<Arc<Listing>> {
    let mut content = Vec::with_capacity(previous.content.len());
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        content.push((entry.file_name(), entry.file_type().is_ok_and(|kind| kind.is_dir())));
    }
    content.sort_unstable();
    if previous.folder == folder && previous.content == content {
        return Ok(Arc::clone(previous));
    }
    let mut diagnostics = Vec::new();
    let zones = zones_of(folder, shown, &content, &mut diagnostics);
    Ok(Arc::new(Listing { folder: folder.to_owned(), content, zones, diagnostics }))
}

/// Which files make which zones; what is odd goes to `out`.
fn zones_of(folder: &Path, shown: &Path, content: &[(OsString, bool)], out: &mut Vec<Diagnostic>) -> Vec<Found> {
    let mut files: Vec<(&str, bool)> = Vec::with_capacity(content.len());
    for (name, is_folder) in content {
        match name.to_str() {
            Some(name) => files.push((name, *is_folder)),
            None => {
                let path = shown.join(name);
                out.push(Diagnostic::warning("zones-odd-file", "the file's name is not UTF-8").in_file(&path));
            }
        }
    }
    let mut zones: BTreeMap<Name, (String, Found)> = BTreeMap::new();
    for (file, is_folder) in files {
        // Hidden files, and what editors and scripts leave for a moment.
        if file.starts_with(['.', '#']) || file.ends_with(['~', '#']) {
            continue;
        }
        let Some((stem, extension)) = file.rsplit_once('.') else { continue };
        let path = shown.join(file);
        if !matches!(extension, "zone" | "toml") {
            if !is_folder && let Some(meant) = odd(extension) {
                let fault = Diagnostic::warning("zones-odd-file", format!("the file is not read: \".{extension}\""));
                out.push(fault.in_file(&path).help(format!("did you mean \".{meant}\"?")));
            }
            continue;
        }
        if is_folder {
            out.push(Diagnostic::warning("zones-odd-file", "a folder, not a zone").in_file(&path));
            continue;
        }
        let name = match zone_name(stem) {
            Ok(name) => name,
            Err(fault) => {
                let message = format!("\"{stem}\" is not the name of a zone: {fault}");
                let fault = Diagnostic::error("zone-name", message).in_file(&path);
                out.push(fault.help("the file is called as its zone, with %2F for a slash: app.example.com.zone"));
                continue;
            }
        };
        let new = || (stem.to_owned(), Found { name: name.clone(), master: None, steering: None });
        let (first_stem, found) = zones.entry(name.clone()).or_insert_with(new);
        if first_stem != stem {
            let message = format!("{name} is the zone of \"{first_stem}\" already");
            out.push(Diagnostic::error("zone-duplicate", message).in_file(&path).help("one stem for one zone"));
            continue;
        }
        let full = Some(folder.join(file));
        if extension == "zone" {
            found.master = full;
        } else {
            found.steering = full;
        }
    }
    if zones.is_empty() && out.iter().all(Diagnostic::is_warning) {
        let fault = Diagnostic::warning("zones-empty", "no zone in the folder").in_file(shown);
        out.push(fault.help("a zone is a file NAME.zone, NAME.toml, or both; every query is refused without one"));
    }
    zones.into_values().map(|(_, found)| found).collect()
}

/// What an extension was probably meant to be.
fn odd(extension: &str) -> Option<&'static str> {
    match extension.to_lowercase().as_str() {
        "tmp" | "bak" | "orig" | "old" | "swp" | "inc" | "txt" | "md" | "pem" | "crt" | "jnl" | "json" => None,
        "conf" | "cfg" | "ini" | "yaml" | "yml" => Some("toml"),
        "db" | "master" | "rpz" => Some("zone"),
        lower => nearest(lower, ["zone", "toml"]).map(|near| if near == "zone" { "zone" } else { "toml" }),
    }
}

/// A stem as a name. A character that file names cannot hold is written as `%2F`.
fn zone_name(stem: &str) -> Result<Name, StemError> {
    let mut text = Vec::with_capacity(stem.len());
    let mut rest = stem.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            text.push(byte);
            continue;
        }
        let digits = rest.get(..2).and_then(|d| std::str::from_utf8(d).ok());
        let digits = digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit())).ok_or(StemError::BadPercent)?;
        text.push(u8::from_str_radix(digits, 16).map_err(|_| StemError::BadPercent)?);
        rest = &rest[2..];
    }
    // What copies are called: "example.com (1)". Escapes of names are for the rest.
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_./\\*".contains(c);
    if let Some(c) = String::from_utf8_lossy(&text).chars().find(|c| !fine(*c)) {
        return Err(StemError::BadCharacter(c));
    }
    let name = Name::parse_relative(&text, &Name::root())?;
    if name.labels().any(|label| label == b"*") {
        return Err(StemError::Wildcard);
    }
    Ok(name)
}

/// The error of a folder that cannot be read.
pub(super) fn unreadable(shown: &Path, fault: &std::io::Error) -> Diagnostic {
    let message = format!("cannot read the folder of zones \"{}\": {}", shown.display(), reason(fault));
    Diagnostic::error("zones-unreadable", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_are_names() {
        for (stem, name) in [
            ("app.example.com", "app.example.com."),
            ("Example.com.", "Example.com."),
            ("0%2F25.2.0.192.in-addr.arpa", "0/25.2.0.192.in-addr.arpa."),
            ("_tcp.example", "_tcp.example."),
        ] {
            assert_eq!(zone_name(stem).map(|n| n.to_string()), Ok(name.to_owned()));
        }
        for (stem, fault) in [
            ("a..b", StemError::Name(NameError::EmptyLabel)),
            ("", StemError::Name(NameError::EmptyLabel)),
            ("a%2", StemError::BadPercent),
            ("a%+1", StemError::BadPercent),
            ("example (1)", StemError::BadCharacter(' ')),
            ("bücher.de", StemError::BadCharacter('ü')),
            ("*.example", StemError::Wildcard),
        ] {
            assert_eq!(zone_name(stem), Err(fault), "{stem}");
        }
    }

    #[test]
    fn near_misses_are_told() {
        for (extension, meant) in
            [("tml", "toml"), ("zones", "zone"), ("ZONE", "zone"), ("yaml", "toml"), ("db", "zone")]
        {
            assert_eq!(odd(extension), Some(meant));
        }
        for extension in ["tmp", "bak", "inc", "key", "sh"] {
            assert_eq!(odd(extension), None, "{extension}");
        }
    }
}
