//! The tokens of the admin API, read once at start.

use super::error::AppError;
use crate::admin::Access;
use crate::config::read_secret;
use crate::model::node::{AdminTokens, Node};
use crate::model::secret::{Secret, SecretSource};

/// The shortest token. What is shorter can be tried out over a network.
pub(super) const TOKEN_BYTES_MIN: usize = 16;

/// Who may do what by the admin API.
///
/// # Errors
/// Where a token cannot be read, or is none.
pub(super) async fn load(node: &Node) -> Result<Access, AppError> {
    let hosts = node.admin_hosts.clone();
    let Some(AdminTokens { read, write }) = node.admin_tokens.clone() else { return Ok(Access::open(hosts)) };
    let read_both = move || Ok::<_, AppError>((token("read_token", &read)?, token("write_token", &write)?));
    let tokens = tokio::task::spawn_blocking(read_both).await;
    let (read, write) = tokens.map_err(|_| AppError::Died("reading the tokens"))??;
    if read.reveal() == write.reveal() {
        return Err(AppError::SameTokens);
    }
    Ok(Access::guarded(&read, &write, hosts))
}

fn token(key: &'static str, source: &SecretSource) -> Result<Secret, AppError> {
    let token = read_secret(source).map_err(|source| AppError::Token { key, source })?;
    if token.reveal().len() < TOKEN_BYTES_MIN {
        return Err(AppError::ShortToken(key));
    }
    Ok(token)
}
