//! What requests bring: bodies that are JSON and bounded, queries, and who stands behind a change.

use std::time::Duration;

use axum::body::Body as AxumBody;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::fault::Fault;
use crate::control::By;
use crate::dns::Name;
use crate::model::PoolName;
use crate::model::pool::PoolId;

/// The longest body: far more than any request here needs.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;
/// So much of a body that is too long is read before it is refused.
const BODY_BYTES_READ_MAX: usize = 1024 * 1024;
/// How long a client may take to send a body of this length.
pub(super) const BODY_TIME: Duration = Duration::from_secs(30);
/// An author is a name, not a story; it is saved, and sent with each event.
pub(super) const AUTHOR_CHARS_MAX: usize = 100;
/// Enough for a ticket and a sentence.
pub(super) const REASON_CHARS_MAX: usize = 500;

/// The body of a write.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        // What a form of a web page can send without asking first is of another type (Fetch, 2.2.2).
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !kind.is_some_and(is_json) {
            return Err(Fault::NotJson);
        }
        let bytes = timeout(BODY_TIME, read(request.into_body())).await.map_err(|_| Fault::BodySlow)??;
        serde_json::from_slice(&bytes).map(Self).map_err(Fault::BodyWrong)
    }
}

/// Reads a body. One that is too long is read on for a while: a client that is still sending would not
/// see the answer otherwise.
async fn read(mut body: AxumBody) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let mut left = BODY_BYTES_READ_MAX;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Fault::BodyBroken)?.into_data() else { continue };
        let Some(less) = left.checked_sub(data.len()) else { return Err(Fault::BodyTooLarge) };
        left = less;
        if bytes.len() <= BODY_BYTES_MAX {
            bytes.extend_from_slice(&data);
        }
    }
    if bytes.len() > BODY_BYTES_MAX { Err(Fault::BodyTooLarge) } else { Ok(bytes) }
}

fn is_json(kind: &str) -> bool {
    kind.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The query of a read.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let wrong = |error: axum::extract::rejection::QueryRejection| {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            Fault::QueryWrong(format!("the query is not as it must be: {cause}"))
        };
        Query::try_from_uri(&parts.uri).map(|Query(query)| Self(query)).map_err(wrong)
    }
}

/// Who wants a change, and why: both must be said.
pub(super) fn by(author: Option<&str>, reason: Option<&str>) -> Result<By, Fault> {
    let author = author.unwrap_or_default().trim();
    let reason = reason.unwrap_or_default().trim();
    if author.is_empty() {
        return Err(Fault::AuthorMissing);
    }
    if author.chars().count() > AUTHOR_CHARS_MAX {
        return Err(Fault::AuthorLong);
    }
    if reason.is_empty() {
        return Err(Fault::ReasonMissing);
    }
    if reason.chars().count() > REASON_CHARS_MAX {
        return Err(Fault::ReasonLong);
    }
    // They go to logs and terminals: what would move a cursor becomes a space.
    let plain = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    Ok(By { author: plain(author).into(), reason: plain(reason).into() })
}

/// A pool as people write it: `app.example.com/app`. The name of a zone may have a slash (RFC 2317),
/// that of a pool has none.
pub(super) fn pool_id(text: &str) -> Option<PoolId> {
    let (zone, pool) = text.rsplit_once('/')?;
    if pool.is_empty() || zone.is_empty() {
        return None;
    }
    Some(PoolId { zone: Name::parse(zone).ok()?, pool: PoolName::new(pool) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_not_waited_for() {
        let body = AxumBody::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let request = Request::post("/").header(header::CONTENT_TYPE, "application/json").body(body).expect("fine");
        let read = Body::<serde_json::Value>::from_request(request, &()).await;
        assert!(matches!(read, Err(Fault::BodySlow)));
    }

    #[test]
    fn a_pool_is_named_as_it_is_shown() {
        for text in ["app.example.com/app", "0/25.2.0.192.in-addr.arpa/app", "./app"] {
            assert_eq!(pool_id(text).expect("a pool").to_string(), text);
        }
        assert_eq!(pool_id("app.example.com./app").expect("a pool").to_string(), "app.example.com/app");
        for text in ["", "app", "/app", "app.example.com/", "a..b/app"] {
            assert_eq!(pool_id(text), None, "{text}");
        }
    }

    #[test]
    fn a_change_has_an_author_and_a_reason() {
        let of = |author: &str, reason: &str| by(Some(author), Some(reason));
        assert!(matches!(by(None, Some("x")), Err(Fault::AuthorMissing)));
        assert!(matches!(of(" ", "x"), Err(Fault::AuthorMissing)));
        assert!(matches!(of("me", "\n"), Err(Fault::ReasonMissing)));
        assert!(matches!(of(&"m".repeat(101), "x"), Err(Fault::AuthorLong)));
        assert!(matches!(of("me", &"é".repeat(501)), Err(Fault::ReasonLong)));
        let by = of(&"é".repeat(100), " a\u{1b}[2Jb ").expect("fine");
        assert_eq!(&*by.reason, "a [2Jb");
    }
}
