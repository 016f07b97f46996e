//! Bad input as data: one fault per case, with the diagnostics that it must give, word for word.
//!
//! A case is a file `tests/bad/NAME.txt` of parts that begin with `-- PATH --`, or a folder of the
//! same files. The part `expected` holds what is to be said. A case without `pharos.toml` has an empty one.
//! `PHAROS_BLESS=1` writes what is said now; read the difference before you commit it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const EXPECTED: &str = "expected";

/// Files of a case by path.
type Parts = BTreeMap<String, Vec<u8>>;

fn cases() -> Vec<(PathBuf, Parts)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.clone(), if path.is_dir() { read_folder(&path) } else { read_parts(&path) }))
        .collect()
}

fn read_parts(path: &Path) -> Parts {
    let mut parts = Parts::new();
    let mut current = None;
    for line in std::fs::read_to_string(path).unwrap().split_inclusive('\n') {
        match line.trim_end().strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --")) {
            Some(name) => {
                parts.insert(name.to_owned(), Vec::new());
                current = Some(name.to_owned());
            }
            None => match &current {
                Some(name) => parts.get_mut(name).unwrap().extend_from_slice(line.as_bytes()),
                None => panic!("{}: text before the first part", path.display()),
            },
        }
    }
    parts
}

fn read_folder(root: &Path) -> Parts {
    let mut parts = Parts::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                parts.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    parts
}

fn bless(case: &Path, said: &str) {
    if case.is_dir() {
        std::fs::write(case.join(EXPECTED), said).unwrap();
        return;
    }
    let text = std::fs::read_to_string(case).unwrap();
    let head = text.split("-- expected --\n").next().unwrap();
    std::fs::write(case, format!("{head}-- expected --\n{said}")).unwrap();
}

/// What `pharos check` prints of a case.
fn say(parts: &Parts) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in parts.iter().filter(|(name, _)| *name != EXPECTED) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let node = folder.path().join("pharos.toml");
    if !node.exists() {
        std::fs::write(&node, "").unwrap();
    }
    let program = Command::new(env!("CARGO_BIN_EXE_pharos")).arg("check").arg("--config").arg(&node).output().unwrap();
    let said = String::from_utf8(program.stdout).unwrap();
    let wants = if said.contains("error[") { 1 } else { 0 };
    assert_eq!(program.status.code(), Some(wants), "{said}{}", String::from_utf8_lossy(&program.stderr));
    assert!(program.stderr.is_empty(), "{}", String::from_utf8_lossy(&program.stderr));
    said
}

#[test]
fn every_fault_is_told_in_these_words() {
    let mut wrong = Vec::new();
    let cases = cases();
    for (path, parts) in &cases {
        let said = say(parts);
        let expected = parts.get(EXPECTED).map(|text| String::from_utf8(text.clone()).unwrap()).unwrap_or_default();
        if std::env::var_os("PHAROS_BLESS").is_some() {
            bless(path, &said);
        } else if said != expected || said.is_empty() {
            wrong.push(format!("{}\n=== expected\n{expected}=== said\n{said}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() >= 60, "only {} cases", cases.len());
}
