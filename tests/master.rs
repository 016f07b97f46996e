//! Master files as data: `master/*.zone` must give the records that `master/*.expected` lists, which
//! were made by BIND (`master/expect`); `master/bad/*.zone` must give the diagnostics beside them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use pharos::config::diag::{Diagnostic, Severity};
use pharos::config::master::{self, Parsed};
use pharos::dns::Name;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/master")
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<_> = entries.filter(|p| p.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

fn parse(path: &Path) -> (Parsed, Vec<Diagnostic>) {
    let mut out = Vec::new();
    let shown = path.strip_prefix(folder()).unwrap();
    let parsed = master::parse(&Name::parse("example").unwrap(), path, shown, &mut out);
    (parsed, out)
}

fn shown(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|d| format!("{d}\n")).collect()
}

/// Every record on a line: owner, TTL, and the generic form of RFC 3597.
fn records(parsed: &Parsed) -> Vec<String> {
    let mut lines = Vec::new();
    for node in parsed.zone.as_ref().expect("a zone").nodes() {
        let owner = Name::from_wire(node.owner).unwrap();
        for set in node.rrsets() {
            for rdata in set.rdatas() {
                let mut line = format!("{owner} {} TYPE{} \\# {}", set.ttl, set.rtype.0, rdata.len());
                if !rdata.is_empty() {
                    line.push(' ');
                }
                rdata.iter().for_each(|byte| write!(line, "{byte:02X}").unwrap());
                lines.push(line);
            }
        }
    }
    lines.sort();
    lines
}

#[test]
fn records_are_those_of_bind() {
    let mut total = 0;
    for path in files(&folder(), "zone") {
        let (parsed, out) = parse(&path);
        assert!(parsed.zone.is_some(), "{}", shown(&out));
        let expected = std::fs::read_to_string(path.with_extension("expected")).unwrap();
        let mut expected: Vec<_> = expected.lines().map(str::to_owned).collect();
        expected.sort();
        let ours = records(&parsed);
        let wrong: Vec<_> = ours.iter().filter(|line| !expected.contains(line)).collect();
        let missing: Vec<_> = expected.iter().filter(|line| !ours.contains(line)).collect();
        assert!(wrong.is_empty() && missing.is_empty(), "{}\n{wrong:#?}\nmissing: {missing:#?}", path.display());
        total += ours.len();
    }
    assert!(total >= 250, "only {total} records");
}

#[test]
fn what_was_written_generically_reads_back_the_same() {
    for path in files(&folder(), "expected") {
        let text = std::fs::read(&path).unwrap();
        let mut out = Vec::new();
        let parsed = master::parse_bytes(&Name::parse("example").unwrap(), &text, &mut out);
        assert!(parsed.zone.is_some(), "{}: {}", path.display(), shown(&out));
        let mut expected: Vec<_> = String::from_utf8(text).unwrap().lines().map(str::to_owned).collect();
        expected.sort();
        assert_eq!(records(&parsed), expected);
    }
}

#[test]
fn bad_files_give_their_diagnostics() {
    let mut codes = Vec::new();
    for path in files(&folder().join("bad"), "zone") {
        let (parsed, mut out) = parse(&path);
        out.extend(parsed.targets.iter().map(|t| t.warning.clone()));
        let is_refused = out.iter().any(|d| d.severity == Severity::Error);
        assert_eq!(parsed.zone.is_none(), is_refused, "{}", path.display());
        assert!(!out.is_empty(), "{} gives no diagnostic", path.display());
        codes.extend(out.iter().map(|d| d.code));
        let want = path.with_extension("txt");
        let got = shown(&out);
        if std::env::var_os("PHAROS_TEST_WRITE").is_some() {
            std::fs::write(&want, &got).unwrap();
        }
        let want = std::fs::read_to_string(&want).unwrap_or_default();
        assert!(got == want, "{}\ngot:\n{got}\nwant:\n{want}", path.display());
    }
    codes.sort_unstable();
    codes.dedup();
    assert!(codes.len() >= 40, "only {} codes are covered: {codes:?}", codes.len());
}

#[test]
fn includes_nest_to_a_limit_and_every_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let apex = "$TTL 60\n@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n";
    // How many files stand below the zone's own, and whether that is fine.
    for (depth, fine) in [(1, true), (16, true), (17, false)] {
        let path = |n: usize| folder.path().join(format!("{depth}-{n}"));
        for n in 0..=depth {
            let own = if n == 0 { apex.to_owned() } else { format!("host{n} A 192.0.2.2\n") };
            let next = if n < depth { format!("$INCLUDE {depth}-{}\n", n + 1) } else { String::new() };
            std::fs::write(path(n), own + &next).unwrap();
        }
        let mut out = Vec::new();
        let parsed = master::parse(&Name::parse("example").unwrap(), &path(0), Path::new("zone"), &mut out);
        assert_eq!(parsed.zone.as_ref().map(pharos::model::zone::Zone::record_count), fine.then_some(3 + depth));
        assert_eq!(
            out.iter().map(|d| d.code).collect::<Vec<_>>(),
            if fine { vec![] } else { vec!["zone-include-depth"] }
        );
        let read = depth.min(16);
        assert_eq!(parsed.files, (0..=read).map(path).collect::<Vec<_>>());
    }
}

#[test]
fn missing_files_are_told_so_that_they_can_be_watched() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Name::parse("example").unwrap();
    let (zone, inner) = (folder.path().join("example.zone"), folder.path().join("missing.inc"));
    let mut out = Vec::new();
    let parsed = master::parse(&origin, &zone, Path::new("example.zone"), &mut out);
    assert_eq!((parsed.zone.is_none(), parsed.files), (true, vec![zone.clone()]));
    std::fs::write(&zone, "$INCLUDE missing.inc\n").unwrap();
    let parsed = master::parse(&origin, &zone, Path::new("example.zone"), &mut out);
    assert_eq!((parsed.zone.is_none(), parsed.files), (true, vec![zone, inner]));
    // The missing file may have the SOA and the NS: nobody says that they are missing too.
    assert_eq!(out.iter().map(|d| d.code).collect::<Vec<_>>(), ["zone-unreadable"; 2]);
    let mut out = Vec::new();
    assert!(master::parse_bytes(&origin, b"$INCLUDE /etc/hostname\n", &mut out).zone.is_none());
    assert_eq!(out[0].code, "zone-include-refused");
}
