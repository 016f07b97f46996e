//! Rooms import only from layers below their own, and no room of a layer imports another of it.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Layers of DESIGN, lowest first. Rooms of layers 0, 1 and 7 may use their neighbours.
const LAYERS: [&[&str]; 8] = [
    &["dns", "model"],
    &["config", "health", "geo"],
    &["policy"],
    &["snapshot"],
    &["answer"],
    &["control"],
    &["serve", "probe", "admin", "notify", "cluster", "telemetry"],
    &["app", "cli", "drill", "import", "demo"],
];
const NEIGHBOURS: [usize; 2] = [0, 7];

/// What the pure rooms must not know.
const PURE: [&str; 6] = ["dns", "model", "health", "policy", "snapshot", "answer"];
const IMPURE: [&str; 9] = [
    "tokio",
    "socket2",
    "nix::",
    "std::net::Udp",
    "std::net::Tcp",
    "std::fs",
    "SystemTime::now",
    "Instant::now",
    "rand::",
];

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Room by file, lines of it before its unit tests.
fn rooms() -> BTreeMap<PathBuf, (String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    files
        .into_iter()
        .map(|path| {
            let inner = path.strip_prefix(&src).unwrap().to_owned();
            let room = inner.components().next().unwrap().as_os_str().to_str().unwrap();
            let room = room.strip_suffix(".rs").unwrap_or(room).to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
            (inner, (room, text))
        })
        .collect()
}

fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(n, l)| (n + 1, l)).filter(|(_, l)| !l.trim_start().starts_with("//"))
}

/// Each `crate::room` of a line, the members of `crate::{a, b::c}` one by one.
fn imports(line: &str) -> Vec<String> {
    let word = |s: &str| s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for part in line.split("crate::").skip(1) {
        match part.strip_prefix('{') {
            None => found.push(word(part)),
            Some(list) => {
                let mut depth = 0;
                let mut start = true;
                for (i, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && !c.is_whitespace() => {
                            found.push(word(&list[i..]));
                            start = false;
                        }
                        _ => {}
                    }
                    if depth < 0 {
                        break;
                    }
                }
            }
        }
    }
    found
}

#[test]
fn every_room_has_a_layer() {
    for (path, (room, _)) in rooms() {
        if !matches!(room.as_str(), "lib" | "main") {
            assert!(layer(&room).is_some(), "{} is in no layer", path.display());
        }
    }
}

#[test]
fn rooms_import_only_from_below() {
    let mut broken = Vec::new();
    for (path, (room, text)) in rooms() {
        let Some(own) = layer(&room) else { continue };
        for (line_number, line) in code(&text) {
            for other in imports(line) {
                let Some(theirs) = layer(&other) else { continue };
                let fine = other == room || theirs < own || (theirs == own && NEIGHBOURS.contains(&own));
                if !fine {
                    broken.push(format!("{}:{line_number}: {room} imports {other}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "layers are broken:\n{}", broken.join("\n"));
}

#[test]
fn pure_rooms_know_no_world() {
    let mut broken = Vec::new();
    for (path, (room, text)) in rooms() {
        if !PURE.contains(&room.as_str()) {
            continue;
        }
        for (line_number, line) in code(&text) {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                broken.push(format!("{}:{line_number}: {room} knows {word}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "pure rooms reach outside:\n{}", broken.join("\n"));
}

#[test]
fn serde_stays_where_text_is() {
    for (path, (room, text)) in rooms() {
        if matches!(room.as_str(), "dns" | "model" | "health" | "policy" | "snapshot" | "answer" | "serve") {
            for (line_number, line) in code(&text) {
                assert!(!line.contains("serde"), "{}:{line_number}: {room} knows serde", path.display());
            }
        }
    }
}

#[test]
fn the_reader_of_imports_finds_them_all() {
    assert_eq!(imports("use crate::dns::{Name, Rtype};"), ["dns"]);
    assert_eq!(imports("use crate::{dns::{Name, Rtype}, model::pool::Pool};"), ["dns", "model"]);
    assert_eq!(imports("let x: crate::control::Handle = crate::app::y();"), ["control", "app"]);
    assert!(imports("use std::fmt;").is_empty());
}
