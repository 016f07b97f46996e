//! The files: two lines a case, comments and short names for long RRsets.

use std::collections::HashMap;

use super::expect::Expect;
use super::question::Question;

/// A question and what is expected of the reply.
pub(crate) struct Case {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) question: Question,
    pub(crate) expect: Expect,
    /// The peers that gave this reply when the file was made.
    pub(crate) by: Vec<String>,
}

/// Every case of every file.
pub(crate) fn load() -> Vec<Case> {
    let mut paths: Vec<_> = std::fs::read_dir(super::folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "test"))
        .collect();
    paths.sort();
    paths
        .iter()
        .flat_map(|path| read(path.file_name().unwrap().to_str().unwrap(), &std::fs::read_to_string(path).unwrap()))
        .collect()
}

fn read(file: &str, text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut short = HashMap::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some((name, rrset)) = line.strip_prefix("let ").and_then(|rest| rest.split_once(" = ")) {
            short.insert(name, rrset);
            continue;
        }
        let at = format!("{file}:{}", number + 1);
        let question = Question::parse(line).unwrap_or_else(|| panic!("{at}: no question: {line}"));
        let (_, body) = lines.next().unwrap_or_else(|| panic!("{at}: no expectation"));
        let (body, by) = body.rsplit_once("| by ").unwrap_or_else(|| panic!("{at}: no peers"));
        let by = by.split(' ').filter(|peer| *peer != "none").map(str::to_owned).collect();
        let expect = Expect::parse(body, &short).unwrap_or_else(|| panic!("{at}: cannot read {body}"));
        cases.push(Case { file: file.to_owned(), line: number + 1, question, expect, by });
    }
    cases
}
