//! `GET /v1/explain`.

use serde::Deserialize;

use super::{Endpoint, Text};

/// Each step from question to answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Explain {
    pub(crate) question: Question,
    #[serde(default)]
    pub(crate) zone: Option<Text>,
    #[serde(default)]
    pub(crate) node: Option<Found>,
    #[serde(default)]
    pub(crate) pool: Option<Steered>,
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) endpoints: Vec<Endpoint>,
    #[serde(default)]
    pub(crate) client: Option<Asker>,
    pub(crate) answer: Answered,
    pub(crate) summary: Text,
}

/// What was asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Question {
    pub(crate) name: Text,
    #[serde(rename = "type")]
    pub(crate) rtype: Text,
}

/// What stands at the name.
#[derive(Debug, Deserialize)]
pub(crate) struct Found {
    /// `exact`, `wildcard`, `empty-non-terminal`, `none`, `cut`, `alias`, `out-of-zone`.
    pub(crate) found: Text,
    #[serde(default)]
    pub(crate) name: Option<Text>,
    #[serde(default)]
    pub(crate) types: Vec<Text>,
    #[serde(default)]
    pub(crate) steered_by: Option<Text>,
}

/// The pool that answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Steered {
    pub(crate) id: Text,
    #[serde(default)]
    pub(crate) policy: Vec<Text>,
    pub(crate) mode: Text,
    #[serde(default)]
    pub(crate) why: Option<Text>,
}

/// One rule and what it did.
#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    pub(crate) stage: Text,
    pub(crate) text: Text,
    #[serde(default)]
    pub(crate) kept: Vec<Kept>,
    #[serde(default)]
    pub(crate) dropped: Vec<Dropped>,
}

/// Who stayed.
#[derive(Debug, Deserialize)]
pub(crate) struct Kept {
    pub(crate) endpoint: Text,
    pub(crate) address: Text,
    /// Of the answers, from 0 to 1.
    #[serde(default)]
    pub(crate) share: Option<f64>,
}

/// Who left.
#[derive(Debug, Deserialize)]
pub(crate) struct Dropped {
    pub(crate) endpoint: Text,
    pub(crate) address: Text,
    pub(crate) text: Text,
}

/// Who asks.
#[derive(Debug, Deserialize)]
pub(crate) struct Asker {
    #[serde(default)]
    pub(crate) address: Option<Text>,
    /// `given`, `default`.
    #[serde(default)]
    pub(crate) source: Option<Text>,
    #[serde(default)]
    pub(crate) used_by: Vec<Text>,
}

/// What is sent.
#[derive(Debug, Deserialize)]
pub(crate) struct Answered {
    pub(crate) rcode: Text,
    #[serde(default)]
    pub(crate) flags: Vec<Text>,
    #[serde(default)]
    pub(crate) ttl: Option<u32>,
    #[serde(default)]
    pub(crate) records: Vec<Text>,
    #[serde(default)]
    pub(crate) authority: Vec<Text>,
    #[serde(default)]
    pub(crate) bytes: usize,
    /// In hexadecimal.
    #[serde(default)]
    pub(crate) wire: Text,
}
