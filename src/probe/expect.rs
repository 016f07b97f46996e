//! What a reply must be: its status, its body.

use std::sync::Arc;

use regex::bytes::Regex;
use serde_json::{Number, Value};

use super::shared::Shared;
use crate::model::check::{BodyMatch, HttpAsk, JsonValue};
use crate::model::observation::Failure;

/// How much of a body is read and searched.
pub(super) const BODY_SIZE_BYTES_MAX: usize = 64 * 1024;

/// How much of a wrong value is shown.
const SHOWN_CHARS_MAX: usize = 200;

/// Compiled patterns, one for all targets with the same.
pub(super) type Patterns = Shared<String, Regex>;

/// A body as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// At most [`BODY_SIZE_BYTES_MAX`].
    pub(super) bytes: Vec<u8>,
    /// Whether there was more.
    pub(super) is_cut: bool,
}

/// The pattern that the body must match, where there is one.
pub(super) fn pattern(ask: &HttpAsk, patterns: &mut Patterns) -> Result<Option<Arc<Regex>>, regex::Error> {
    match &ask.expect_body {
        Some(BodyMatch::Regex(pattern)) => patterns.get(pattern, |p| Regex::new(p)).map(Some),
        Some(BodyMatch::Substring(_)) | None => Ok(None),
    }
}

/// Whether the body matters.
pub(super) fn needs_body(ask: &HttpAsk) -> bool {
    ask.expect_body.is_some() || !ask.expect_json.is_empty()
}

/// Whether the status is one of those expected.
pub(super) fn check_status(ask: &HttpAsk, got: u16) -> Result<(), Failure> {
    if ask.expect_status.iter().any(|&(low, high)| (low..=high).contains(&got)) {
        return Ok(());
    }
    Err(Failure::Status { got, expected: ask.expect_status.clone() })
}

/// Whether the body is as expected; `pattern` is that of [`pattern`].
pub(super) fn check_body(ask: &HttpAsk, pattern: Option<&Regex>, body: &Body) -> Result<(), Failure> {
    match &ask.expect_body {
        Some(BodyMatch::Substring(text)) if !contains(&body.bytes, text.as_bytes()) => {
            return Err(Failure::Body(text.clone()));
        }
        Some(BodyMatch::Regex(text)) if !pattern.is_some_and(|p| p.is_match(&body.bytes)) => {
            return Err(Failure::Pattern(text.clone()));
        }
        _ => {}
    }
    if ask.expect_json.is_empty() {
        return Ok(());
    }
    if body.is_cut {
        return Err(Failure::NotJson(format!("longer than {} KiB", BODY_SIZE_BYTES_MAX / 1024)));
    }
    // Some frameworks begin JSON with a byte order mark; RFC 8259 (8.1) lets a reader skip it.
    let text = body.bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&body.bytes);
    let value: Value = serde_json::from_slice(text).map_err(|e| Failure::NotJson(e.to_string()))?;
    ask.expect_json.iter().try_for_each(|(pointer, expected)| check_pointer(&value, pointer, expected))
}

fn check_pointer(value: &Value, pointer: &str, expected: &JsonValue) -> Result<(), Failure> {
    let Some(got) = value.pointer(pointer) else {
        return Err(Failure::JsonMissing { pointer: pointer.to_owned(), expected: expected.to_string() });
    };
    if is_same(got, expected) {
        return Ok(());
    }
    let mut shown: String = got.to_string();
    if let Some((at, _)) = shown.char_indices().nth(SHOWN_CHARS_MAX) {
        shown.truncate(at);
        shown.push('…');
    }
    Err(Failure::Json { pointer: pointer.to_owned(), got: shown, expected: expected.to_string() })
}

/// JSON has one kind of number: `1.0` is 1.
fn is_same(got: &Value, expected: &JsonValue) -> bool {
    match (got, expected) {
        (Value::String(got), JsonValue::String(expected)) => got == expected,
        (Value::Bool(got), JsonValue::Bool(expected)) => got == expected,
        (Value::Number(got), JsonValue::Integer(expected)) => {
            got.as_i64() == Some(*expected) || got.is_f64() && is_number(got, expected.to_string().parse().ok())
        }
        (Value::Number(got), JsonValue::Float(bits)) => is_number(got, Some(f64::from_bits(*bits))),
        _ => false,
    }
}

fn is_number(got: &Number, expected: Option<f64>) -> bool {
    expected.is_some() && got.as_f64() == expected
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || text.windows(wanted.len()).any(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(expect_body: Option<BodyMatch>, expect_json: &[(&str, JsonValue)]) -> HttpAsk {
        HttpAsk {
            tls: None,
            method: "GET".into(),
            path: "/".into(),
            host: "app.example.com".into(),
            headers: Vec::new(),
            expect_status: vec![(200, 299)],
            expect_body,
            expect_json: expect_json.iter().map(|(p, v)| ((*p).to_owned(), v.clone())).collect(),
        }
    }

    fn said(ask: &HttpAsk, body: &str) -> String {
        let pattern = pattern(ask, &mut Patterns::default()).unwrap();
        let body = Body { bytes: body.into(), is_cut: false };
        check_body(ask, pattern.as_deref(), &body).map_or_else(|e| e.to_string(), |()| "ok".into())
    }

    #[test]
    fn bodies_are_searched() {
        let text = ask(Some(BodyMatch::Substring("OK".into())), &[]);
        assert_eq!(said(&text, "all OK here"), "ok");
        assert_eq!(said(&text, "all ko"), "body does not contain \"OK\"");
        assert_eq!(said(&text, ""), "body does not contain \"OK\"");
        let regex = ask(Some(BodyMatch::Regex("^up [0-9]+$".into())), &[]);
        assert_eq!(said(&regex, "up 12"), "ok");
        assert_eq!(said(&regex, "up"), "body does not match /^up [0-9]+$/");
    }

    #[test]
    fn json_values_are_compared_by_meaning() {
        let of = |pointer: &str, value: JsonValue, body: &str| said(&ask(None, &[(pointer, value)]), body);
        let text = |t: &str| JsonValue::String(t.into());
        assert_eq!(of("/region", text("us-east"), r#"{"region":"us-east"}"#), "ok");
        assert_eq!(of("/region", text("us-east"), "\u{feff}{\"region\":\"us-east\"}"), "ok");
        assert_eq!(
            of("/region", text("us-east"), r#"{"region":"eu-west"}"#),
            "/region is \"eu-west\", expected \"us-east\""
        );
        assert_eq!(of("/region", text("us-east"), "{}"), "/region is missing, expected \"us-east\"");
        assert_eq!(of("/a~1b/1", text("x"), r#"{"a/b":[0,"x"]}"#), "ok");
        assert_eq!(of("/n", JsonValue::Integer(3), r#"{"n":3}"#), "ok");
        assert_eq!(of("/n", JsonValue::Integer(3), r#"{"n":3.0}"#), "ok");
        assert_eq!(of("/n", JsonValue::Integer(3), r#"{"n":"3"}"#), "/n is \"3\", expected 3");
        assert_eq!(of("/n", JsonValue::Float(1.5f64.to_bits()), r#"{"n":1.5}"#), "ok");
        assert_eq!(of("/up", JsonValue::Bool(true), r#"{"up":false}"#), "/up is false, expected true");
        assert_eq!(of("/up", JsonValue::Bool(true), r#"{"up":true}"#), "ok");
        assert!(of("/up", JsonValue::Bool(true), "<html>").starts_with("body is not JSON: "));
    }

    #[test]
    fn a_cut_body_is_not_json() {
        let ask = ask(None, &[("/a", JsonValue::Bool(true))]);
        let body = Body { bytes: br#"{"a":true}"#.to_vec(), is_cut: true };
        assert_eq!(check_body(&ask, None, &body).unwrap_err().to_string(), "body is not JSON: longer than 64 KiB");
    }
}
