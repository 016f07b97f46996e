//! Pools and endpoints by themselves, each with its place.

use serde::Serialize;
use utoipa::ToSchema;

use super::status::{EndpointJson, PoolJson};
use super::trace::{StepJson, steps};
use crate::control::PoolStatus;
use crate::policy::Family;

/// A pool with its place.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct PoolItemJson {
    /// `app.example.com/app`
    id: String,
    #[serde(flatten)]
    pool: PoolJson,
}

/// A pool with the steps that led to its answers.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct TracedPoolJson {
    /// `app.example.com/app`
    id: String,
    #[serde(flatten)]
    pool: PoolJson,
    steps: StepsJson,
}

/// The steps of each family; none where a pool has no address of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
struct StepsJson {
    a: Vec<StepJson>,
    aaaa: Vec<StepJson>,
}

/// An endpoint with its place.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct PoolEndpointJson {
    /// `app.example.com/app`
    pool: String,
    #[serde(flatten)]
    endpoint: EndpointJson,
}

impl PoolItemJson {
    pub(in crate::admin) fn of(pool: &PoolStatus) -> Self {
        Self { id: pool.id.to_string(), pool: PoolJson::of(pool) }
    }
}

impl TracedPoolJson {
    pub(in crate::admin) fn of(pool: &PoolStatus) -> Self {
        let steps = StepsJson { a: steps(pool, Family::V4), aaaa: steps(pool, Family::V6) };
        Self { id: pool.id.to_string(), pool: PoolJson::of(pool), steps }
    }
}

impl PoolEndpointJson {
    pub(in crate::admin) fn all_of(pool: &PoolStatus) -> Vec<Self> {
        let of = |endpoint| Self { pool: pool.id.to_string(), endpoint: EndpointJson::of(endpoint) };
        pool.endpoints.iter().map(of).collect()
    }
}
