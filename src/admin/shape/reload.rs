//! Reloads.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time;
use crate::admin::ask::by;
use crate::admin::desk::{ReloadAsk, Reloaded};
use crate::admin::fault::Fault;
use crate::control::{Applied, Change, Detail, How, What};

/// Reads the files again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ReloadBody {
    /// Even where a pool loses its last healthy endpoint.
    #[serde(default)]
    force: bool,
    /// Only say what would change.
    #[serde(default)]
    dry_run: bool,
    /// Who; up to 100 characters.
    #[schema(value_type = String)]
    author: Option<String>,
    /// Why; up to 500 characters.
    #[schema(value_type = String)]
    reason: Option<String>,
}

/// What a reload changed, or would.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct ReloadJson {
    /// Whether it is in force.
    applied: bool,
    dry_run: bool,
    changes: Vec<ChangeJson>,
    /// Targets that were not checked before.
    checks_started: usize,
    /// Targets that are checked no longer.
    checks_stopped: usize,
    /// Keys of `pharos.toml` whose new value waits for a restart.
    restart_needed: Vec<&'static str>,
    /// Diagnostics that are no errors, as `pharos check` prints them.
    warnings: Vec<String>,
    /// When the changes were put in force by the file watch: the reload found nothing else, and somebody who
    /// saves a file and asks at once means these. Null otherwise.
    taken_up_by_watch: Option<String>,
}

/// One thing that changed.
#[derive(Debug, Serialize, ToSchema)]
struct ChangeJson {
    how: HowJson,
    what: WhatJson,
    /// `app.example.com/app/us-east`
    name: String,
    details: Vec<DetailJson>,
}

/// A key that changed.
#[derive(Debug, Serialize, ToSchema)]
struct DetailJson {
    key: String,
    /// Null where there was none.
    before: Option<String>,
    /// Null where there is none.
    after: Option<String>,
}

/// How a thing changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum HowJson {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is other than before.
    Changed,
}

/// What changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum WhatJson {
    /// A zone, or its records.
    Zone,
    /// A pool.
    Pool,
    /// An endpoint.
    Endpoint,
    /// The node.
    Node,
}

impl ReloadBody {
    pub(in crate::admin) fn lower(self) -> Result<ReloadAsk, Fault> {
        let Self { force, dry_run, author, reason } = self;
        Ok(ReloadAsk { force, dry_run, by: by(author.as_deref(), reason.as_deref())? })
    }
}

impl ReloadJson {
    pub(in crate::admin) fn of(reloaded: Reloaded, dry_run: bool) -> Self {
        let Reloaded { applied, warnings, taken_up } = reloaded;
        let Applied { changes, checks_started, checks_stopped, by: _, restart_needed } = applied;
        let changes = changes.into_iter().map(ChangeJson::of).collect();
        Self {
            applied: !dry_run,
            dry_run,
            changes,
            checks_started,
            checks_stopped,
            restart_needed,
            warnings,
            taken_up_by_watch: taken_up.map(time),
        }
    }
}

impl ChangeJson {
    fn of(change: Change) -> Self {
        let Change { how, what, details } = change;
        let how = match how {
            How::Added => HowJson::Added,
            How::Removed => HowJson::Removed,
            How::Changed => HowJson::Changed,
        };
        let (what, name) = match what {
            What::Zone(zone) => (WhatJson::Zone, zone.to_string()),
            What::Pool(pool) => (WhatJson::Pool, pool.to_string()),
            What::Endpoint(pool, endpoint) => (WhatJson::Endpoint, format!("{pool}/{endpoint}")),
            What::Node => (WhatJson::Node, "pharos.toml".to_owned()),
            What::Sink(name) => (WhatJson::Node, format!("notify.{name}")),
            What::Drill(name) => (WhatJson::Node, format!("drill.{name}")),
        };
        Self { how, what, name, details: details.into_iter().map(DetailJson::of).collect() }
    }
}

impl DetailJson {
    fn of(detail: Detail) -> Self {
        let Detail { key, before, after } = detail;
        Self { key: key.to_owned(), before, after }
    }
}
