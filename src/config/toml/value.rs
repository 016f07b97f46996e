//! Values, read as what their key takes.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::de::DeValue;

use super::{File, Given, Table};
use crate::config::diag::{Diagnostic, listed, nearest};
use crate::config::duration;
use crate::model::zone::TTL_MAX;

/// One value with its key and place.
pub(crate) struct Cell<'f> {
    pub(crate) file: &'f File,
    /// The key, for messages.
    pub(crate) key: String,
    pub(crate) value: &'f DeValue<'f>,
    pub(crate) at: Range<usize>,
}

/// The words that a key takes, what they mean, and those that will be taken later.
pub(crate) struct Choice<T: 'static> {
    pub(crate) words: &'static [(&'static str, T)],
    pub(crate) later: &'static [&'static str],
}

/// A type of TOML with its article.
pub(crate) fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

impl<'f> Cell<'f> {
    /// An error at the value.
    pub(crate) fn error(&self, code: &'static str, message: impl Into<String>) -> Diagnostic {
        self.file.error(code, self.at.clone(), message)
    }

    /// Reports that the value has another type than `expected`.
    pub(crate) fn wrong_type(&self, expected: &str) -> Diagnostic {
        self.error("wrong-type", format!("\"{}\": expected {expected}, found {}", self.key, type_of(self.value)))
    }

    /// Reports a fault; there is no value then.
    pub(crate) fn fail<T>(&self, diagnostic: Diagnostic) -> Option<T> {
        self.file.push(diagnostic);
        None
    }

    /// Reads text.
    pub(crate) fn text(&self) -> Option<&'f str> {
        match self.value.as_str() {
            Some(text) => Some(text),
            None => self.fail(self.wrong_type("a string")),
        }
    }

    /// Reads text that is not empty.
    pub(crate) fn full_text(&self) -> Option<&'f str> {
        let text = self.text()?;
        if text.is_empty() {
            return self.fail(self.error("bad-value", format!("\"{}\" is empty", self.key)));
        }
        Some(text)
    }

    /// Reads true or false.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.value.as_bool() {
            Some(value) => Some(value),
            None => self.fail(self.wrong_type("true or false")),
        }
    }

    /// Reads a whole number, as wide as TOML has them.
    pub(crate) fn wide(&self) -> Option<i64> {
        let Some(number) = self.value.as_integer() else {
            let fault = self.wrong_type("an integer");
            return self.fail(match self.value.as_str().filter(|text| text.parse::<i64>().is_ok()) {
                Some(text) => fault.label(format!("write {text}, without quotes")),
                None => fault,
            });
        };
        match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Some(number),
            Err(_) => self.fail(self.error("out-of-range", format!("\"{}\" is too large a number", self.key))),
        }
    }

    /// Reads a whole number within a range.
    pub(crate) fn integer<T>(&self, range: &RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        let number = self.wide()?;
        match T::try_from(number) {
            Ok(value) if range.contains(&value) => Some(value),
            _ => self.fail(self.out_of_range(number, range.start(), range.end())),
        }
    }

    fn out_of_range(&self, value: impl Display, low: impl Display, high: impl Display) -> Diagnostic {
        self.error("out-of-range", format!("\"{}\" is {value}, allowed is {low} to {high}", self.key))
            .label(format!("{low} to {high}"))
    }

    /// Reads a TTL, in seconds.
    pub(crate) fn ttl(&self) -> Option<u32> {
        match self.value.as_str().and_then(|text| duration::parse(text).ok()) {
            Some(value) => {
                self.fail(self.wrong_type("an integer").label(format!("write {}, in seconds", value.as_secs())))
            }
            None => self.integer(&(0..=TTL_MAX)),
        }
    }

    /// Reads a duration within a range.
    pub(crate) fn duration(&self, range: &RangeInclusive<Duration>) -> Option<Duration> {
        let Some(text) = self.value.as_str() else {
            let fault = self.wrong_type("a duration such as \"10s\"");
            return self.fail(match self.value.as_integer() {
                Some(number) => fault.label(format!("write \"{}s\" for seconds", number.as_str())),
                None => fault,
            });
        };
        let value = match duration::parse(text) {
            Ok(value) => value,
            Err(fault) => {
                let found = self.error("bad-duration", format!("\"{}\": {fault}", self.key));
                let found = match duration::guess(text) {
                    Some(guess) => found.label(format!("did you mean \"{guess}\"?")),
                    None => found,
                };
                return self.fail(found.help(duration::HELP));
            }
        };
        if range.contains(&value) {
            return Some(value);
        }
        self.fail(self.out_of_range(text, duration::show(*range.start()), duration::show(*range.end())))
    }

    /// Enters a table.
    pub(crate) fn table(&self, what: impl Into<String>) -> Option<Table<'f>> {
        match self.value.as_table() {
            Some(entries) => Some(Table::new(self.file, what, self.at.clone(), entries)),
            None => self.fail(self.wrong_type("a table")),
        }
    }

    /// Reads one of several words.
    pub(crate) fn choice<T: Copy>(&self, choice: &Choice<T>) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = choice.words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let allowed = listed(choice.words.iter().map(|(word, _)| *word));
        if choice.later.contains(&text) {
            let fault = self.error("not-yet", format!("\"{}\": \"{text}\" is not there yet", self.key));
            return self.fail(fault.label("not in this version").help(format!("what is there: {allowed}")));
        }
        let mut fault = self.error("unknown-value", format!("\"{}\" cannot be \"{text}\"", self.key));
        let words = choice.words.iter().map(|(word, _)| *word).chain(choice.later.iter().copied());
        if let Some(near) = nearest(text, words) {
            fault = fault.label(format!("did you mean \"{near}\"?"));
        }
        self.fail(fault.help(format!("allowed: {allowed}")))
    }

    /// Reads a list; elements that are wrong are reported and left out, and make the whole wrong.
    pub(crate) fn list<T>(&self, read: impl Fn(&Self) -> Option<T>) -> Option<Vec<Given<T>>> {
        let Some(array) = self.value.as_array() else {
            let fault = self.wrong_type("an array");
            return self.fail(match self.value.as_str() {
                Some(text) => fault.label(format!("write [\"{text}\"]")),
                None => fault,
            });
        };
        let mut list = Vec::with_capacity(array.len());
        for value in array.iter() {
            let cell = Cell { file: self.file, key: self.key.clone(), value: value.get_ref(), at: value.span() };
            if let Some(value) = read(&cell) {
                list.push(Given { value, at: cell.at });
            }
        }
        (list.len() == array.len()).then_some(list)
    }

    /// Reads a list of at least one.
    pub(crate) fn full_list<T>(&self, read: impl Fn(&Self) -> Option<T>) -> Option<Vec<Given<T>>> {
        let list = self.list(read)?;
        if list.is_empty() {
            return self.fail(self.error("empty-list", format!("\"{}\" is empty", self.key)).label("at least one"));
        }
        Some(list)
    }

    /// Reads a list of at least one, or one value that stands for a list of it.
    pub(crate) fn one_or_more<T>(&self, read: impl Fn(&Self) -> Option<T>) -> Option<Vec<Given<T>>> {
        if self.value.is_array() {
            return self.full_list(read);
        }
        Some(vec![Given { value: read(self)?, at: self.at.clone() }])
    }
}
