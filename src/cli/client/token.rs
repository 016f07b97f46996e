//! Who asks: the token that stands for it.

use std::path::Path;

use http::HeaderValue;
use zeroize::Zeroizing;

use super::Fault;
use super::place::Places;
use crate::config::{SecretError, read_secret};
use crate::model::node::AdminTokens;
use crate::model::secret::{Secret, SecretSource};

/// Not an option: what stands on a command line can be read by everybody on the machine.
const VARIABLE: &str = "PHAROS_TOKEN";

/// A bearer token (RFC 6750, 2.1).
pub(super) struct Token(Secret);

impl Token {
    /// From the file, else the environment, else what the configuration of the node names.
    pub(super) fn of(file: Option<&Path>, places: &Places) -> Result<Option<Self>, Fault> {
        if let Some(path) = file {
            return Ok(Some(Self(read_secret(&SecretSource::File(path.to_owned()))?)));
        }
        match read_secret(&SecretSource::Env(VARIABLE.into())) {
            Ok(secret) => Ok(Some(Self(secret))),
            Err(SecretError::Unset(_)) => Ok(Self::of_node(places)),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The token that may write, else the one that may read; none where this user may read neither.
    fn of_node(places: &Places) -> Option<Self> {
        let AdminTokens { read, write } = places.own_node()?.admin_tokens.as_ref()?;
        [write, read].into_iter().find_map(|source| read_secret(source).ok()).map(Self)
    }

    /// The value of `Authorization`.
    pub(super) fn header(&self) -> Result<HeaderValue, Fault> {
        let text = Zeroizing::new(format!("Bearer {}", self.0.reveal()));
        let mut value = HeaderValue::from_str(&text).map_err(|_| Fault::TokenForm)?;
        value.set_sensitive(true);
        Ok(value)
    }
}
