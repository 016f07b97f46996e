//! Values of HTTP checks.

use std::net::IpAddr;
use std::path::PathBuf;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::text::is_host_name;
use crate::config::diag::nearest;
use crate::config::files::reason;
use crate::config::toml::Cell;
use crate::model::check::{BodyMatch, JsonValue};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Headers that the prober sets, and what to write instead.
const OWN_HEADERS: [(&str, &str); 4] = [
    ("host", "write host = \"...\" in the check"),
    ("connection", "each probe has a connection of its own"),
    ("content-length", "probes have no body"),
    ("transfer-encoding", "probes have no body"),
];

pub(crate) fn method(cell: &Cell<'_>) -> Option<String> {
    let text = cell.text()?;
    if METHODS.contains(&text) {
        return Some(text.to_owned());
    }
    let mut fault = cell.error("unknown-value", format!("\"method\" cannot be \"{text}\""));
    if let Some(near) = nearest(text, METHODS) {
        fault = fault.label(format!("did you mean \"{near}\"?"));
    }
    cell.fail(fault.help(format!("allowed: {}", METHODS.join(", "))))
}

pub(crate) fn path(cell: &Cell<'_>) -> Option<String> {
    let text = cell.full_text()?;
    if !text.starts_with('/') {
        let fault = cell.error("bad-path", format!("\"path\": \"{text}\" does not begin with \"/\""));
        return cell.fail(match text.split_once("://") {
            Some(_) => fault.label("a path, not a URL").help("the address that is asked is the endpoint's; see host"),
            None => fault.label(format!("did you mean \"/{text}\"?")),
        });
    }
    let found = match text.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '#' | '"' | '<' | '>' | '\\')) {
        Some('#') => cell.error("bad-path", "\"path\" has a \"#\"").help("a fragment is never sent"),
        Some(c) => cell
            .error("bad-path", format!("\"path\" has the character {c:?}"))
            .help("write it percent-encoded, as %20 for a blank"),
        None => match text.parse::<http::uri::PathAndQuery>() {
            Ok(_) => return Some(text.to_owned()),
            Err(fault) => cell.error("bad-path", format!("\"path\": {fault}")),
        },
    };
    cell.fail(found)
}

pub(crate) fn host(cell: &Cell<'_>) -> Option<String> {
    let text = cell.full_text()?;
    let bare = text.strip_suffix('.').unwrap_or(text);
    if is_host_name(bare) || text.parse::<IpAddr>().is_ok() {
        return Some(bare.to_owned());
    }
    let fault = cell.error("bad-host", format!("\"host\": \"{text}\" is not a host name"));
    cell.fail(match text.split_once(':') {
        Some((name, port)) if is_host_name(name) && port.bytes().all(|b| b.is_ascii_digit()) => {
            fault.label("without a port").help(format!("write host = \"{name}\" and port = {port}"))
        }
        Some((_, rest)) if rest.starts_with("//") => fault.label("a host name, not a URL"),
        _ => fault,
    })
}

pub(crate) fn headers(cell: &Cell<'_>) -> Option<Vec<(String, String)>> {
    let table = cell.table("headers")?;
    let cells = table.cells();
    let count = cells.len();
    let mut headers: Vec<(String, String)> = Vec::with_capacity(count);
    for (name, value) in cells {
        let fault = |message: String| cell.file.error("bad-header", name.at.clone(), message);
        if http::HeaderName::from_bytes(name.value.as_bytes()).is_err() {
            cell.file.push(fault(format!("\"{}\" is not the name of a header", name.value)));
        } else if let Some((_, help)) = OWN_HEADERS.iter().find(|(own, _)| name.value.eq_ignore_ascii_case(own)) {
            cell.file.push(fault(format!("the header \"{}\" is set by the prober", name.value)).help(*help));
        } else if headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name.value)) {
            cell.file.push(fault(format!("the header \"{}\" is given twice", name.value)));
        } else if let Some(text) = value.text() {
            if http::HeaderValue::from_str(text).is_ok() && text.is_ascii() {
                headers.push((name.value, text.to_owned()));
            } else {
                let message = format!("the header \"{}\" has a character that headers cannot hold", name.value);
                cell.file.push(value.error("bad-header", message));
            }
        }
    }
    (headers.len() == count).then_some(headers)
}

pub(crate) fn expect_status(cell: &Cell<'_>) -> Option<Vec<(u16, u16)>> {
    let ranges = cell.one_or_more(status_range)?;
    Some(ranges.into_iter().map(|given| given.value).collect())
}

fn status_range(cell: &Cell<'_>) -> Option<(u16, u16)> {
    if cell.value.is_integer() {
        let code = cell.integer(&(100..=599))?;
        return Some((code, code));
    }
    let Some(text) = cell.value.as_str() else { return cell.fail(cell.wrong_type("a status such as 200 or \"2xx\"")) };
    let code = |text: &str| text.parse::<u16>().ok().filter(|c| text.len() == 3 && (100..=599).contains(c));
    let range = match text.split_once('-') {
        Some((low, high)) => code(low).zip(code(high)),
        None => match text.strip_suffix("xx") {
            Some(class) => code(&format!("{class}00")).filter(|_| class.len() == 1).map(|low| (low, low + 99)),
            None => code(text).map(|c| (c, c)),
        },
    };
    let fault = match range {
        Some((low, high)) if low <= high => return Some((low, high)),
        Some(_) => format!("\"expect_status\": \"{text}\" ends before it begins"),
        None => format!("\"expect_status\": \"{text}\" is not a status"),
    };
    cell.fail(cell.error("bad-status", fault).help("a status is 200, \"2xx\" or \"200-204\", from 100 to 599"))
}

pub(crate) fn expect_body(cell: &Cell<'_>) -> Option<BodyMatch> {
    if cell.value.as_str().is_some() {
        return cell.full_text().map(|text| BodyMatch::Substring(text.to_owned()));
    }
    if !cell.value.is_table() {
        return cell.fail(cell.wrong_type("a string or { regex = \"...\" }"));
    }
    let mut table = cell.table("expect_body")?;
    let pattern = table.require("regex", |cell| {
        let text = cell.full_text()?;
        match regex::bytes::Regex::new(text) {
            Ok(_) => Some(text.to_owned()),
            Err(fault) => {
                let fault = fault.to_string();
                let last = fault.lines().last().unwrap_or_default();
                let reason = last.strip_prefix("error: ").unwrap_or(last);
                cell.fail(cell.error("bad-regex", format!("\"regex\" does not compile: {reason}")))
            }
        }
    });
    table.finish();
    pattern.value().cloned().map(BodyMatch::Regex)
}

pub(crate) fn expect_json(cell: &Cell<'_>) -> Option<Vec<(String, JsonValue)>> {
    let cells = cell.table("expect_json")?.cells();
    if cells.is_empty() {
        return cell.fail(cell.error("empty-list", "\"expect_json\" is empty").label("at least one pointer"));
    }
    let count = cells.len();
    let mut expected = Vec::with_capacity(count);
    for (pointer, value) in cells {
        if let Some(fault) = pointer_fault(&pointer.value) {
            let message = format!("\"{}\" is not a JSON Pointer: {fault}", pointer.value);
            let found = cell.file.error("bad-pointer", pointer.at, message);
            cell.file
                .push(found.help("a JSON Pointer names a place in the body, as \"/region\" or \"/nodes/0/state\""));
        } else if let Some(value) = json_value(&value) {
            expected.push((pointer.value, value));
        }
    }
    (expected.len() == count).then_some(expected)
}

/// RFC 6901, 3.
fn pointer_fault(text: &str) -> Option<&'static str> {
    if !text.is_empty() && !text.starts_with('/') {
        return Some("it does not begin with \"/\"");
    }
    let bad = text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
    bad.then_some("\"~\" is written \"~0\"")
}

fn json_value(cell: &Cell<'_>) -> Option<JsonValue> {
    use toml::de::DeValue;
    match cell.value {
        DeValue::String(text) => {
            let placeholder = text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
            for word in placeholder.filter(|word| !["region", "endpoint"].contains(word)) {
                if let Some(near) = nearest(word, ["region", "endpoint"]) {
                    let fault = cell.error("unknown-placeholder", format!("\"{{{word}}}\" stands for nothing"));
                    return cell.fail(fault.label(format!("did you mean \"{{{near}}}\"?")));
                }
            }
            Some(JsonValue::String(text.clone().into_owned()))
        }
        DeValue::Integer(_) => cell.wide().map(JsonValue::Integer),
        DeValue::Float(number) => match number.as_str().replace('_', "").parse::<f64>() {
            Ok(number) if number.is_finite() => Some(JsonValue::Float(number.to_bits())),
            _ => cell.fail(cell.error("bad-value", format!("\"{}\": JSON has no such number", cell.key))),
        },
        DeValue::Boolean(value) => Some(JsonValue::Bool(*value)),
        _ => cell.fail(cell.wrong_type("a string, a number, true or false")),
    }
}

/// Reads the certificates that a file holds, and notes the file.
pub(crate) fn ca_file(cell: &Cell<'_>) -> Option<(PathBuf, Vec<u8>)> {
    let text = cell.full_text()?;
    let path = cell.file.resolve(text);
    cell.file.depends_on(path.clone());
    let pem = match std::fs::read(&path) {
        Ok(pem) => pem,
        Err(fault) => {
            return cell.fail(
                cell.error("file-unreadable", format!("\"ca_file\": cannot read \"{text}\": {}", reason(&fault))),
            );
        }
    };
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let fault = match &certificate {
            Ok(der) => x509_parser::parse_x509_certificate(der).err().map(|fault| fault.to_string()),
            Err(fault) => Some(fault.to_string()),
        };
        if let Some(fault) = fault {
            let message = format!("\"ca_file\": certificate {} of \"{text}\" is broken: {fault}", count + 1);
            return cell.fail(cell.error("bad-ca-file", message));
        }
        count += 1;
    }
    if count == 0 {
        let message = format!("\"ca_file\": \"{text}\" holds no PEM certificate");
        return cell.fail(cell.error("bad-ca-file", message).help("one begins with -----BEGIN CERTIFICATE-----"));
    }
    Some((path, pem))
}
