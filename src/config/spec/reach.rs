//! Where sinks are: URLs, mail servers, commands, and what goes with them.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;

use super::text::{is_host_name, label_fault};
use crate::config::diag::Diagnostic;
use crate::config::files::reason;
use crate::config::secret::secret;
use crate::config::toml::{Cell, Given};
use crate::model::sink::{MailServer, Text};

/// Labels of alerts that pharos sets.
const OWN_LABELS: [&str; 9] =
    ["alertname", "severity", "node", "zone", "pool", "endpoint", "region", "address", "check"];
/// Headers of webhooks that pharos sets.
const OWN_HEADERS: [&str; 7] =
    ["host", "connection", "content-length", "content-type", "transfer-encoding", "user-agent", "x-pharos-signature"];

/// `app.example.com/app`, or a zone's name; without the final dot.
pub(super) fn pool_pattern(cell: &Cell<'_>) -> Option<String> {
    let text = cell.full_text()?;
    let (zone, pool) = text.split_once('/').map_or((text, None), |(zone, pool)| (zone, Some(pool)));
    let bare = if zone.len() > 1 { zone.trim_end_matches('.') } else { zone };
    if crate::dns::Name::parse(bare).is_err() || pool.is_some_and(|pool| label_fault(pool).is_some()) {
        let fault = cell.error("bad-pool", format!("\"pools\": \"{text}\" is neither a pool nor a zone"));
        return cell.fail(fault.help("write \"app.example.com/app\" for a pool, \"app.example.com\" for a zone"));
    }
    Some(pool.map_or_else(|| bare.to_owned(), |pool| format!("{bare}/{pool}")))
}

pub(super) fn url(cell: &Cell<'_>) -> Option<String> {
    let text = cell.full_text()?;
    let fault = |why: &str| cell.error("bad-url", format!("\"{}\": {why}", cell.key));
    let Ok(uri) = text.parse::<http::Uri>() else {
        return cell.fail(fault("this is not a URL").help("write \"https://HOST/PATH\""));
    };
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        // Diagnostics show the line that they are about, and are logged: this one must not.
        let message = format!("\"{}\" of a sink has a user or password in it", cell.key);
        let found = Diagnostic::error("bad-url", message).in_file(&cell.file.source.shown);
        return cell.fail(found.help("a secret does not stand in this file; see the other keys of this type"));
    }
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => Some(text.to_owned()),
        _ => cell.fail(fault("this is not a URL of HTTP").help("write \"https://HOST/PATH\"")),
    }
}

/// A URL that paths are put behind.
pub(super) fn base_url(cell: &Cell<'_>) -> Option<String> {
    let text = url(cell)?;
    if text.contains('?') {
        let fault = cell.error("bad-url", format!("\"{}\" has a query", cell.key));
        return cell.fail(fault.help("write where the service is, as \"http://127.0.0.1:9093\""));
    }
    let bare = text.trim_end_matches('/');
    if bare.ends_with("/api/v2/alerts") || bare.ends_with("/api/v2") {
        let fault = cell.error("bad-url", format!("\"{}\" has the path of the API", cell.key));
        return cell
            .fail(fault.label("without /api/v2").help("write where the service is, as \"http://127.0.0.1:9093\""));
    }
    Some(bare.to_owned())
}

pub(super) fn url_or_secret(cell: &Cell<'_>) -> Option<Text> {
    text_or_secret(cell, url)
}

/// Reads a text, as `plain` does, or a secret.
fn text_or_secret(cell: &Cell<'_>, plain: impl FnOnce(&Cell<'_>) -> Option<String>) -> Option<Text> {
    if cell.value.as_str().is_some() {
        return plain(cell).map(Text::Plain);
    }
    if !cell.value.is_table() {
        return cell.fail(cell.wrong_type("a string, { env = \"NAME\" } or { file = \"PATH\" }"));
    }
    secret(cell).map(Text::Secret)
}

fn any_text(cell: &Cell<'_>) -> Option<String> {
    cell.text().map(str::to_owned)
}

/// Reads a table whose keys are the user's; `fault` says what is wrong with a key.
fn entries<'f, T>(
    cell: &Cell<'f>,
    code: &'static str,
    fault: impl Fn(&str) -> Option<String>,
    read: impl Fn(&Cell<'f>) -> Option<T>,
) -> Option<Vec<(String, Given<T>)>> {
    let cells = cell.table(cell.key.clone())?.cells();
    let count = cells.len();
    let mut found = Vec::with_capacity(count);
    for (name, value) in cells {
        if let Some(message) = fault(&name.value) {
            cell.file.push(cell.file.error(code, name.at, message));
        } else if let Some(read) = read(&value) {
            found.push((name.value, Given { value: read, at: value.at }));
        }
    }
    (found.len() == count).then_some(found)
}

pub(super) fn headers(cell: &Cell<'_>) -> Option<Vec<(String, Given<Text>)>> {
    let fault = |name: &str| {
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Some(format!("\"{name}\" is not the name of a header"));
        }
        let own = OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) || name.starts_with("ce-");
        own.then(|| format!("the header \"{name}\" is set by pharos"))
    };
    entries(cell, "bad-header", fault, |cell| match text_or_secret(cell, any_text)? {
        Text::Plain(text) if http::HeaderValue::from_str(&text).is_err() || !text.is_ascii() => {
            let message = format!("the header \"{}\" has a character that headers cannot hold", cell.key);
            cell.fail(cell.error("bad-header", message))
        }
        text => Some(text),
    })
}

/// Names of environment variables and of labels have the same form.
fn is_word(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.starts_with(|c: char| c.is_ascii_digit())
}

pub(super) fn labels(cell: &Cell<'_>) -> Option<Vec<(String, String)>> {
    let fault = |name: &str| {
        if name.is_empty() || !is_word(name) {
            return Some(format!("\"{name}\" is not the name of a label"));
        }
        OWN_LABELS.contains(&name).then(|| format!("the label \"{name}\" is set by pharos"))
    };
    let labels = entries(cell, "bad-label", fault, |cell| cell.full_text().map(str::to_owned))?;
    Some(labels.into_iter().map(|(name, value)| (name, value.value)).collect())
}

pub(super) fn environment(cell: &Cell<'_>) -> Option<Vec<(String, Given<Text>)>> {
    let fault = |name: &str| {
        if name.is_empty() || !is_word(name) {
            return Some(format!("\"{name}\" is not the name of an environment variable"));
        }
        name.starts_with("PHAROS_").then(|| format!("the variable \"{name}\" is set by pharos"))
    };
    entries(cell, "bad-env", fault, |cell| match text_or_secret(cell, any_text)? {
        Text::Plain(text) if text.contains('\0') => cell.fail(cell.error("bad-env", "a variable cannot hold NUL")),
        text => Some(text),
    })
}

pub(super) fn mail_server(cell: &Cell<'_>) -> Option<MailServer> {
    let text = cell.full_text()?;
    let found = text.rsplit_once(':').and_then(|(host, port)| {
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_host = match bare {
            Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_host_name(host) || host.parse::<std::net::Ipv4Addr>().is_ok(),
        };
        is_host.then(|| MailServer { host: bare.unwrap_or(host).to_owned(), port })
    });
    if found.is_some() {
        return found;
    }
    let fault = cell.error("bad-server", format!("\"server\": \"{text}\" is not HOST:PORT"));
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    cell.fail(if is_host_name(bare) || bare.parse::<IpAddr>().is_ok() {
        fault.label("no port").help("587 with tls = \"starttls\", 465 with tls = \"tls\"")
    } else {
        fault.help("write \"mail.example.com:587\"")
    })
}

pub(super) fn mail_address(cell: &Cell<'_>) -> Option<String> {
    let text = cell.full_text()?;
    match text.parse::<lettre::message::Mailbox>() {
        Ok(_) => Some(text.to_owned()),
        Err(_) => {
            let fault = cell.error("bad-mail", format!("\"{}\": \"{text}\" is not a mail address", cell.key));
            cell.fail(fault.help("write \"ops@example.com\" or \"pharos <ops@example.com>\""))
        }
    }
}

pub(super) fn command(cell: &Cell<'_>) -> Option<Vec<String>> {
    if let Some(text) = cell.value.as_str() {
        let list = text.split_whitespace().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        let fault = cell.wrong_type("an array").label(format!("write [{list}]"));
        return cell.fail(fault.help("no shell reads it: each argument is one string"));
    }
    let words = cell.full_list(|cell| {
        let text = cell.text()?;
        if text.contains('\0') {
            return cell.fail(cell.error("bad-command", "an argument cannot hold NUL"));
        }
        Some(text.to_owned())
    })?;
    let program = &words[0];
    let file = cell.file;
    if !program.value.starts_with('/') {
        let message = format!("\"command\": \"{}\" is not an absolute path", program.value);
        let fault = file.error("bad-command", program.at.clone(), message);
        return cell.fail(fault.help("neither a shell nor PATH is asked where it is"));
    }
    let why = match std::fs::metadata(&program.value) {
        Err(fault) => Some(format!("cannot be run: {}", reason(&fault))),
        Ok(found) if !found.is_file() => Some("is not a file".to_owned()),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Some("is not executable".to_owned()),
        Ok(_) => None,
    };
    if let Some(why) = why {
        // It may be there when it is needed.
        let message = format!("\"command\": {} {why}", program.value);
        file.push(file.warning("command-unusable", program.at.clone(), message));
    }
    Some(words.into_iter().map(|word| word.value).collect())
}
