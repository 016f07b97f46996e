//! One table, whose keys are asked for by name; what nobody asked for is unknown.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Cell, File, Given, Key, type_of};
use crate::config::diag::{listed, nearest};

/// A table under reading.
pub(crate) struct Table<'f> {
    pub(crate) file: &'f File,
    /// How messages call it: `check "web"`.
    pub(crate) what: String,
    /// Its header, or where it stands as a value.
    pub(crate) at: Range<usize>,
    entries: &'f DeTable<'f>,
    asked: Vec<&'static str>,
    later: Vec<&'static str>,
    missing: Vec<&'static str>,
    hints: Vec<(&'static str, &'static str)>,
}

impl<'f> Table<'f> {
    pub(crate) fn new(file: &'f File, what: impl Into<String>, at: Range<usize>, entries: &'f DeTable<'f>) -> Self {
        Self {
            file,
            what: what.into(),
            at,
            entries,
            asked: Vec::new(),
            later: Vec::new(),
            missing: Vec::new(),
            hints: Vec::new(),
        }
    }

    fn entry(&self, key: &str) -> Option<(&'f Spanned<toml::de::DeString<'f>>, &'f Spanned<DeValue<'f>>)> {
        self.entries.get_key_value(key)
    }

    /// Reads a key that may be absent.
    pub(crate) fn take<T>(&mut self, key: &'static str, read: impl FnOnce(&Cell<'f>) -> Option<T>) -> Key<T> {
        self.asked.push(key);
        let Some((_, value)) = self.entry(key) else { return Key::Absent };
        let cell = Cell { file: self.file, key: key.to_owned(), value: value.get_ref(), at: value.span() };
        match read(&cell) {
            Some(value) => Key::Given(Given { value, at: cell.at }),
            None => Key::Wrong,
        }
    }

    /// Reads a key that must be there.
    pub(crate) fn require<T>(&mut self, key: &'static str, read: impl FnOnce(&Cell<'f>) -> Option<T>) -> Key<T> {
        match self.take(key, read) {
            // Told at the end, when it is known whether it is only misspelt.
            Key::Absent => {
                self.missing.push(key);
                Key::Wrong
            }
            key => key,
        }
    }

    /// Enters a table below this one.
    pub(crate) fn table(&mut self, key: &'static str, what: impl Into<String>) -> Option<Self> {
        self.asked.push(key);
        let (name, value) = self.entry(key)?;
        self.enter(name.span(), name.get_ref(), value, what.into(), &format!("write [{key}]"))
    }

    /// Enters each table of a table of tables such as `[check.NAME]`, in the order of the file. `all` is
    /// how they are called together.
    pub(crate) fn named(&mut self, key: &'static str, all: &str) -> Vec<(Given<String>, Self)> {
        let Some(outer) = self.table(key, key) else { return Vec::new() };
        let mut found: Vec<_> = outer
            .entries
            .iter()
            .filter_map(|(name, value)| {
                let what = format!("{key} \"{}\"", name.get_ref());
                let form = format!("a table of {all} has tables: [{key}.NAME]");
                let inner = self.enter(name.span(), name.get_ref(), value, what, &form)?;
                Some((Given { value: name.get_ref().clone().into_owned(), at: name.span() }, inner))
            })
            .collect();
        found.sort_by_key(|(name, _)| name.at.start);
        found
    }

    /// Enters each table of an array of tables such as `[[pool.app.endpoint]]`. The flag tells whether
    /// the key is there at all.
    pub(crate) fn each(&mut self, key: &'static str, what: impl Fn(usize) -> String) -> (bool, Vec<Self>) {
        self.asked.push(key);
        let Some((name, value)) = self.entry(key) else { return (false, Vec::new()) };
        let form = match self.what.split_once(' ') {
            Some((kind, quoted)) => format!("write [[{kind}.{}.{key}]]", quoted.trim_matches('"')),
            None => format!("write [[{key}]]"),
        };
        let DeValue::Array(array) = value.get_ref() else {
            let message = format!("\"{key}\": expected an array of tables, found {}", type_of(value.get_ref()));
            let at = if value.get_ref().is_table() { value.span() } else { name.span() };
            self.file.push(self.file.error("wrong-type", at, message).label(form));
            return (true, Vec::new());
        };
        let enter =
            |(i, value): (usize, &'f Spanned<DeValue<'f>>)| self.enter(value.span(), key, value, what(i), &form);
        (!array.is_empty(), array.iter().enumerate().filter_map(enter).collect())
    }

    /// `form` says how it is to be written.
    fn enter(
        &self,
        name: Range<usize>,
        key: &str,
        value: &'f Spanned<DeValue<'f>>,
        what: String,
        form: &str,
    ) -> Option<Self> {
        let Some(entries) = value.get_ref().as_table() else {
            let message = format!("\"{key}\": expected a table, found {}", type_of(value.get_ref()));
            self.file.push(self.file.error("wrong-type", name, message).label(form));
            return None;
        };
        Some(Self::new(self.file, what, value.span(), entries))
    }

    /// Every key with its value, in the order of the file, for tables whose keys are the user's.
    pub(crate) fn cells(&self) -> Vec<(Given<String>, Cell<'f>)> {
        let mut cells: Vec<_> = self
            .entries
            .iter()
            .map(|(name, value)| {
                let key = name.get_ref().clone().into_owned();
                let cell = Cell { file: self.file, key: key.clone(), value: value.get_ref(), at: value.span() };
                (Given { value: key, at: name.span() }, cell)
            })
            .collect();
        cells.sort_by_key(|(name, _)| name.at.start);
        cells
    }

    /// Refuses keys that the design has and this version does not.
    pub(crate) fn not_yet(&mut self, keys: &[&'static str]) {
        for &key in keys {
            self.later.push(key);
            let Some((name, value)) = self.entry(key) else { continue };
            // An empty list asks for nothing.
            if value.get_ref().as_array().is_some_and(|list| list.is_empty()) {
                continue;
            }
            let message = format!("\"{key}\" of {} is not there yet", self.what);
            self.file.push(self.file.error("not-yet", name.span(), message).label("not in this version"));
        }
    }

    /// Says something particular where this unknown key is found.
    pub(crate) fn hint(&mut self, key: &'static str, help: &'static str) {
        self.hints.push((key, help));
    }

    /// Reports what had to be there and is not, where which other keys there can be is not known.
    pub(crate) fn finish_unknown(mut self) {
        self.report_missing();
    }

    fn report_missing(&mut self) {
        for key in std::mem::take(&mut self.missing) {
            let message = format!("{} has no \"{key}\"", self.what);
            self.file.push(self.file.error("missing-key", self.at.clone(), message).label(format!("needs \"{key}\"")));
        }
    }

    /// Reports every key that nobody asked for, and those that had to be there and are not.
    pub(crate) fn finish(mut self) {
        self.asked.sort_unstable();
        for (name, _) in self.entries {
            let key: &str = name.get_ref();
            if self.asked.contains(&key) || self.later.contains(&key) {
                continue;
            }
            let message = format!("{} has no key \"{key}\"", self.what);
            let mut fault = self.file.error("unknown-key", name.span(), message);
            if let Some(near) = nearest(key, self.asked.iter().chain(&self.later).copied()) {
                fault = fault.label(format!("did you mean \"{near}\"?"));
                self.missing.retain(|missing| *missing != near);
            }
            if let Some((_, help)) = self.hints.iter().find(|(hint, _)| *hint == key) {
                fault = fault.help(*help);
            }
            self.file.push(fault.help(format!("known keys: {}", listed(self.asked.iter().copied()))));
        }
        self.report_missing();
    }
}
