//! The secrets of one sink, and words without them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

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

/// What a sink's secrets are now; cheap to clone.
#[derive(Debug, Default, Clone)]
pub(in crate::notify) struct Wallet(Arc<HashMap<SecretSource, Secret>>);

/// Where a text was cut before its secrets were hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    No,
    /// What came before it is gone.
    Before,
    /// What comes after it is gone.
    After,
}

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
        Ok(Self(Arc::new(secrets)))
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

    /// Takes every secret out of a text: services and libraries repeat what they were sent. To be done before
    /// the text is cut, since of a part of a secret nobody can tell what it is.
    pub(super) fn hide(&self, text: &str) -> String {
        self.hide_in(text, Cut::No)
    }

    /// The same of a text that was cut already, without what may be a part of a secret there.
    pub(super) fn hide_in(&self, text: &str, cut: Cut) -> String {
        let text = match cut {
            Cut::No => text,
            // What is left of a character.
            Cut::Before => text.trim_start_matches(char::REPLACEMENT_CHARACTER),
            Cut::After => text.trim_end_matches(char::REPLACEMENT_CHARACTER),
        };
        let mut hidden: Vec<Range<usize>> = Vec::new();
        for piece in self.0.values().flat_map(|secret| pieces(secret.reveal())) {
            hidden.extend(text.match_indices(piece).map(|(at, _)| at..at + piece.len()));
            let mut cuts = piece.char_indices().map(|(at, _)| at).filter(|at| *at > 0);
            match cut {
                Cut::No => {}
                Cut::Before => {
                    hidden.extend(cuts.find(|at| text.starts_with(&piece[*at..])).map(|at| 0..piece.len() - at))
                }
                Cut::After => {
                    hidden.extend(cuts.rfind(|at| text.ends_with(&piece[..*at])).map(|at| text.len() - at..text.len()))
                }
            }
        }
        hidden.sort_unstable_by_key(|range| range.start);
        let (mut shown, mut from) = (String::with_capacity(text.len()), 0);
        let mut ranges = hidden.into_iter().peekable();
        while let Some(Range { start, mut end }) = ranges.next() {
            while let Some(next) = ranges.next_if(|next| next.start < end) {
                end = end.max(next.end);
            }
            shown.push_str(&text[from..start]);
            // At a cut more than that is missing.
            if !(cut == Cut::Before && start == 0 || cut == Cut::After && end == text.len()) {
                shown.push_str(HIDDEN);
            }
            from = end;
        }
        shown.push_str(&text[from..]);
        shown
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
        Wallet(Arc::new(HashMap::from([(SecretSource::Env(name.into()), Secret::new(text.to_owned()))])))
    }

    #[test]
    fn secrets_are_taken_out_of_texts() {
        let url = wallet("URL", "https://hooks.slack.com/services/T0/B0/hunter2hunter2?key=abcdefghijkl");
        let said = "https://hooks.slack.com/services/T0/B0/hunter2hunter2?key=abcdefghijkl is wrong: \
                    no service /services/T0/B0/hunter2hunter2?key=abcdefghijkl, no hunter2hunter2, abcdefghijkl";
        assert_eq!(url.hide(said), "(secret) is wrong: no service /(secret), no (secret), (secret)");
        assert_eq!(wallet("KEY", "abc").hide("abc"), "abc");
    }

    #[test]
    fn what_a_cut_left_of_a_secret_is_taken_out() {
        let key = wallet("KEY", "hunter2-hünter2");
        for at in 1.."hunter2-hünter2".len() {
            let (begin, end) = "hunter2-hünter2".as_bytes().split_at(at);
            let said = [b"a key ", begin].concat();
            assert_eq!(key.hide_in(&String::from_utf8_lossy(&said), Cut::After), "a key ", "{at}");
            let said = [end, b" is no key"].concat();
            assert_eq!(key.hide_in(&String::from_utf8_lossy(&said), Cut::Before), " is no key", "{at}");
        }
        assert_eq!(key.hide_in("hunter2-hünter2, hunter", Cut::After), "(secret), ");
        assert_eq!(key.hide_in("no key at all", Cut::After), "no key at all");
    }

    #[test]
    fn secrets_that_overlap_are_hidden_together() {
        let two = [("A", "alpha-beta"), ("B", "beta-gamma")];
        let secret = |(name, text): (&str, &str)| (SecretSource::Env(name.into()), Secret::new(text.to_owned()));
        let both = Wallet(Arc::new(two.into_iter().map(secret).collect()));
        assert_eq!(both.hide("<alpha-beta-gamma>"), "<(secret)>");
        assert_eq!(both.hide("<beta-gamma alpha-beta>"), "<(secret) (secret)>");
    }

    #[test]
    fn a_changed_secret_shows() {
        assert!(wallet("A", "one").is_as(&wallet("A", "one")));
        assert!(!wallet("A", "one").is_as(&wallet("A", "two")));
        assert!(!wallet("A", "one").is_as(&wallet("B", "one")));
        assert!(!wallet("A", "one").is_as(&Wallet::default()));
    }
}
