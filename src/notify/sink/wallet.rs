//! The secrets of one sink, and words without them.

use std::collections::HashMap;

use super::Unready;
use crate::config::read_secret;
use crate::model::secret::{Secret, SecretSource};
use crate::model::sink::{Login, Target, Text};

/// A shorter secret may be a piece of any word: to hide it would tell it.
const HIDE_LEN_MIN: usize = 4;
/// Parts of the path of a URL that are shorter are words or numbers of accounts.
const HIDE_PART_LEN_MIN: usize = 10;
/// What stands in its place.
const HIDDEN: &str = "(secret)";

/// What a sink's secrets are now.
#[derive(Debug, Default)]
pub(in crate::notify) struct Wallet(HashMap<SecretSource, Secret>);

impl Wallet {
    /// Reads all that a target needs. Blocks.
    ///
    /// # Errors
    /// [`Unready`] where one cannot be read.
    pub(in crate::notify) fn read(target: &Target) -> Result<Self, Unready> {
        let mut secrets = HashMap::new();
        for source in sources(target) {
            secrets.insert(source.clone(), read_secret(source)?);
        }
        Ok(Self(secrets))
    }

    /// Whether the other holds the same.
    pub(in crate::notify) fn is_as(&self, other: &Self) -> bool {
        let same = |(source, secret): (&SecretSource, &Secret)| {
            other.0.get(source).is_some_and(|other| other.reveal() == secret.reveal())
        };
        self.0.len() == other.0.len() && self.0.iter().all(same)
    }

    pub(super) fn secret(&self, source: &SecretSource) -> Result<&Secret, Unready> {
        self.0.get(source).ok_or(Unready::Unread)
    }

    pub(super) fn text<'a>(&'a self, text: &'a Text) -> Result<&'a str, Unready> {
        match text {
            Text::Plain(text) => Ok(text),
            Text::Secret(source) => self.secret(source).map(Secret::reveal),
        }
    }

    /// Takes every secret out of a text: services and libraries repeat what they were sent.
    pub(super) fn hide(&self, mut text: String) -> String {
        for secret in self.0.values() {
            for piece in pieces(secret.reveal()) {
                text = text.replace(piece, HIDDEN);
            }
        }
        text
    }
}

/// What of a secret must not be shown, the longest first: all of it, and of a URL what follows the host, in
/// parts too.
fn pieces(whole: &str) -> Vec<&str> {
    let mut pieces: Vec<&str> = Some(whole).filter(|whole| whole.len() >= HIDE_LEN_MIN).into_iter().collect();
    if let Some((_, path)) = whole.split_once("://").and_then(|(_, rest)| rest.split_once('/')) {
        let parts = path.split(['/', '?', '&', '=', '#']);
        pieces.extend(std::iter::once(path).chain(parts).filter(|part| part.len() >= HIDE_PART_LEN_MIN));
    }
    pieces
}

/// Where the secrets of a target are.
fn sources(target: &Target) -> Vec<&SecretSource> {
    fn of(text: &Text) -> Option<&SecretSource> {
        match text {
            Text::Plain(_) => None,
            Text::Secret(source) => Some(source),
        }
    }
    match target {
        Target::Slack { url, ca: _ } => vec![url],
        Target::PagerDuty { routing_key, url: _, ca: _ } => vec![routing_key],
        Target::Alertmanager { url: _, login, labels: _, ca: _ } => match login {
            Login::None => Vec::new(),
            Login::Password(_, source) | Login::Token(source) => vec![source],
        },
        Target::Webhook { url, secret, headers, ca: _ } => {
            of(url).into_iter().chain(secret).chain(headers.iter().filter_map(|(_, text)| of(text))).collect()
        }
        Target::Email(email) => email.login.iter().map(|(_, password)| password).collect(),
        Target::Exec { command: _, timeout: _, env } => env.iter().filter_map(|(_, text)| of(text)).collect(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Holds one secret, by any name.
    pub(in crate::notify) fn wallet(name: &str, text: &str) -> Wallet {
        Wallet(HashMap::from([(SecretSource::Env(name.into()), Secret::new(text.to_owned()))]))
    }

    #[test]
    fn secrets_are_taken_out_of_texts() {
        let url = wallet("URL", "https://hooks.slack.com/services/T0/B0/hunter2hunter2?key=abcdefghijkl");
        let said = "https://hooks.slack.com/services/T0/B0/hunter2hunter2?key=abcdefghijkl is wrong: \
                    no service /services/T0/B0/hunter2hunter2?key=abcdefghijkl, no hunter2hunter2, abcdefghijkl";
        assert_eq!(url.hide(said.to_owned()), "(secret) is wrong: no service /(secret), no (secret), (secret)");
        assert_eq!(wallet("KEY", "abc").hide("abc".to_owned()), "abc");
    }

    #[test]
    fn a_changed_secret_shows() {
        assert!(wallet("A", "one").is_as(&wallet("A", "one")));
        assert!(!wallet("A", "one").is_as(&wallet("A", "two")));
        assert!(!wallet("A", "one").is_as(&wallet("B", "one")));
        assert!(!wallet("A", "one").is_as(&Wallet::default()));
    }
}
