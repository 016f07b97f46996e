//! What a node replied.

use http::{StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::Response;
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Fault;
use crate::cli::shape::Text;

/// Of a reply. The status of 10,000 endpoints with their last 60 checks is some 30 MB.
const BODY_BYTES_MAX: usize = 256 << 20;

/// A reply in full.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// As it came.
    pub(crate) body: String,
    is_json: bool,
    place: String,
}

/// How the API says no.
#[derive(Debug, Deserialize)]
struct Refusal {
    code: Text,
    message: Text,
}

impl Reply {
    /// Reads it to its end.
    pub(super) async fn read(reply: Response<Incoming>, place: &str) -> Result<Self, Fault> {
        let (head, body) = reply.into_parts();
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_json = kind.is_some_and(|kind| kind.starts_with("application/json"));
        let place = place.to_owned();
        let bytes = match Limited::new(body, BODY_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(fault) if fault.is::<LengthLimitError>() => return Err(Fault::TooLong { place }),
            Err(fault) => {
                return Err(match fault.downcast::<hyper::Error>() {
                    Ok(source) => Fault::Broken { place, source: *source },
                    Err(_) => Fault::NotPharos { place },
                });
            }
        };
        let body = String::from_utf8(bytes.into()).map_err(|_| Fault::NotPharos { place: place.clone() })?;
        Ok(Self { status: head.status, body, is_json, place })
    }

    /// Itself, where the node did what it was asked.
    pub(crate) fn good(self) -> Result<Self, Fault> {
        if self.status.is_success() { Ok(self) } else { Err(self.refusal()) }
    }

    /// Why the node did not.
    pub(crate) fn refusal(&self) -> Fault {
        match serde_json::from_str::<Refusal>(&self.body) {
            Ok(Refusal { code, message }) => Fault::Refused { status: self.status, code, message },
            Err(_) => Fault::NotPharos { place: self.place.clone() },
        }
    }

    /// Reads it as what this path replies.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        self.parse_borrowed()
    }

    /// As [`Reply::parse`], for what points into the reply.
    pub(crate) fn parse_borrowed<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Fault> {
        let other = |fault: serde_json::Error| Fault::Shape { place: self.place.clone(), fault };
        serde_json::from_str(&self.body).map_err(other)
    }

    /// For programs: as it came, with an end of line; nothing where it is not JSON.
    pub(crate) fn raw(&self) -> String {
        if self.is_json { format!("{}\n", self.body.trim_end()) } else { String::new() }
    }
}
