//! Who gives an order, and why: what every write to a node carries.

use std::env;
use std::fs;

use serde::Serialize;

/// What the API takes, in characters.
const AUTHOR_CHARS_MAX: usize = 100;
const REASON_CHARS_MAX: usize = 500;

/// Who writes.
#[derive(Debug, clap::Args)]
pub(crate) struct AuthorArg {
    /// Who you are; by default SUDO_USER or USER, an @ and the name of this host
    #[arg(long, value_name = "NAME", value_parser = author)]
    author: Option<String>,
}

/// The part that all writes have.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Signed {
    author: String,
    reason: String,
}

impl AuthorArg {
    /// Signs with a reason.
    pub(crate) fn sign(&self, reason: &str) -> Signed {
        Signed { author: self.author.clone().unwrap_or_else(own_name), reason: reason.to_owned() }
    }
}

fn own_name() -> String {
    let variable = |name| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let account = || {
        let uid = nix::unistd::Uid::current();
        let user = nix::unistd::User::from_uid(uid).ok().flatten();
        user.map_or_else(|| format!("uid {uid}"), |user| user.name)
    };
    let user = variable("SUDO_USER").or_else(|| variable("USER")).unwrap_or_else(account);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "localhost" } else { host.trim() };
    let all = format!("{}@{host}", user.trim());
    all.chars().filter(|c| !c.is_control()).take(AUTHOR_CHARS_MAX).collect()
}

fn author(text: &str) -> Result<String, String> {
    bounded(text, "the author", AUTHOR_CHARS_MAX)
}

/// Reads a reason.
pub(crate) fn reason(text: &str) -> Result<String, String> {
    bounded(text, "the reason", REASON_CHARS_MAX)
}

fn bounded(text: &str, what: &str, most: usize) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(format!("{what} is empty; those who look at it at night will want to know")),
        length if length > most => Err(format!("{what} has {length} characters, at most {most} are kept")),
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_reason() {
        assert_eq!(reason(" deploy \n").as_deref(), Ok("deploy"));
        assert!(reason("  ").is_err());
        assert!(reason(&"x".repeat(501)).is_err_and(|fault| fault.contains("501")));
        assert!(own_name().contains('@') && own_name().len() <= 400);
    }
}
