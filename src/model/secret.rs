//! Secrets: where they are read from, and their text, which is never shown.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

/// Where a secret is read from: `{ env = "NAME" }` or `{ file = "PATH" }`. Both names may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SecretSource {
    /// This environment variable of the node.
    Env(Arc<str>),
    /// This file; white space at its end does not count.
    File(PathBuf),
}

impl fmt::Display for SecretSource {
    /// `environment variable SLACK_URL`, `/etc/pharos/slack.url`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// The text of a secret. It is overwritten when it is dropped, and `{:?}` does not show it.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text as it is.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for whoever needs it; not for messages.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret(..) Some(Secret(..))");
        assert_eq!(secret.reveal(), "hunter2");
    }
}
