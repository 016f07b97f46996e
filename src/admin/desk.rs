//! What the API asks of parts of the node that it must not know: each is a small trait that `app`
//! puts into the [`View`](super::View).
//!
//! Values here are the domain's: moments, durations, addresses. How they look in JSON is said in
//! `shape`.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::control::{Applied, By, Refused};
use crate::model::Region;

/// What a trait object promises for later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The parts of the node that stand behind the API, beside `control`.
#[derive(Clone)]
pub struct Desks {
    /// Reads the files again.
    pub reload: Arc<dyn Reloads>,
    /// Fails regions on purpose.
    pub drills: Arc<dyn Drills>,
    /// Tells the world.
    pub sinks: Arc<dyn Sinks>,
    /// Counts.
    pub metrics: Arc<dyn Metrics>,
    /// Says whether the node makes progress.
    pub pulse: Arc<dyn Pulse>,
}

/// Why a desk does not do what it was asked: becomes an error of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which kind of error.
    pub kind: RefusalKind,
    /// A stable word: `drill-running`.
    pub code: &'static str,
    /// Lower case, without a full stop; says what to do.
    pub message: String,
}

/// Which kind of error a [`Refusal`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// What was asked for makes no sense: 400.
    Wrong,
    /// What it is about is not there: 404.
    Missing,
    /// It cannot be done as things stand: 409.
    Conflict,
    /// Not now: 503.
    Unavailable,
}

/// Reads the files again.
pub trait Reloads: Send + Sync + 'static {
    /// Reads, and puts in force what was read or says what would change.
    fn reload(&self, ask: ReloadAsk) -> Later<'_, Result<Reloaded, ReloadFailed>>;
}

/// A reload that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReloadAsk {
    /// Even where a pool loses its last healthy endpoint.
    pub force: bool,
    /// Only say what would change.
    pub dry_run: bool,
    /// Who, and why.
    pub by: By,
}

/// What became of a reload, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// What changed.
    pub applied: Applied,
    /// Diagnostics that are no errors, as `pharos check` prints them.
    pub warnings: Vec<String>,
    /// When the changes were put in force by themselves, where that was shortly before the reload was asked for.
    pub taken_up: Option<SystemTime>,
}

/// Why a reload came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReloadFailed {
    /// The files have errors: the diagnostics, errors first.
    #[error("the files have errors; the old answers stay")]
    Invalid(Vec<String>),
    /// Nobody reads files again yet.
    #[error("the first checks are running; ask again when the node is ready (/readyz tells)")]
    NotReady,
    /// The files are fine, and what they would do is not.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Fails regions on purpose.
pub trait Drills: Send + Sync + 'static {
    /// Begins one.
    fn begin(&self, ask: DrillAsk) -> Later<'_, Result<Arc<DrillReport>, Refusal>>;

    /// All that are known, the newest first.
    fn list(&self) -> Later<'_, Vec<Arc<DrillReport>>>;

    /// One by its id.
    fn find<'a>(&'a self, id: &'a str) -> Later<'a, Option<Arc<DrillReport>>>;

    /// One by its id, as Markdown.
    fn markdown<'a>(&'a self, id: &'a str) -> Later<'a, Option<String>>;

    /// Ends a running one now, and restores.
    fn end<'a>(&'a self, id: &'a str, by: By) -> Later<'a, Result<Arc<DrillReport>, Refusal>>;
}

/// A drill that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillAsk {
    /// Which region shall fail.
    pub region: Region,
    /// For how long.
    pub lasts: Duration,
    /// The target for the recovery time, where there is one.
    pub rto: Option<Duration>,
    /// Resolvers that are watched, too.
    pub resolvers: Vec<SocketAddr>,
    /// Who, and why.
    pub by: By,
}

/// What is known of a drill.
#[derive(Debug, Clone, PartialEq)]
pub struct DrillReport {
    /// `20261121T053819Z-us-east`
    pub id: String,
    /// How far it is.
    pub state: DrillState,
    /// Which region failed.
    pub region: Region,
    /// Who, and why.
    pub by: By,
    /// The name of the schedule that began it.
    pub scheduled: Option<String>,
    /// When it began.
    pub begun: SystemTime,
    /// For how long the region was to fail.
    pub lasts: Duration,
    /// When it was over.
    pub ended: Option<SystemTime>,
    /// The target, where there was one.
    pub rto: Option<Duration>,
    /// Whether the target was met.
    pub met: Option<bool>,
    /// From the beginning to the first verdict that turned.
    pub detect: Option<Duration>,
    /// From the beginning to the first changed answer.
    pub answer: Option<Duration>,
    /// To the moment in which nobody has to hold an address of the region any more.
    pub recovery: Option<DrillRecovery>,
    /// From the beginning to the moment in which the checks were let alone again.
    pub restored: Option<Duration>,
    /// From there to the answers of before.
    pub failback: Option<Duration>,
    /// What each pool did.
    pub pools: Vec<DrillPool>,
    /// What each resolver did.
    pub resolvers: Vec<DrillResolver>,
    /// Queries that were sent to this node's own listeners.
    pub queries: DrillQueries,
    /// Why it was aborted.
    pub note: Option<String>,
}

/// How far a drill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DrillState {
    /// The region fails.
    Running,
    /// The checks are let alone again, and the answers of before are waited for.
    Restoring,
    /// Over.
    Done,
    /// Cut short.
    Aborted,
}

/// What one pool did in a drill.
#[derive(Debug, Clone, PartialEq)]
pub struct DrillPool {
    /// Which.
    pub pool: String,
    /// The name that was asked.
    pub name: String,
    /// The type that was asked.
    pub rtype: String,
    /// From the beginning to the verdict that turned.
    pub detect: Option<Duration>,
    /// From the beginning to the first changed answer.
    pub answer: Option<Duration>,
    /// From the end to the answer of before.
    pub failback: Option<Duration>,
    /// The largest TTL with which the region was answered.
    pub ttl: Option<Duration>,
    /// The answer before.
    pub before: Vec<IpAddr>,
    /// The answer while the region failed.
    pub during: Vec<IpAddr>,
    /// The answer afterwards.
    pub after: Vec<IpAddr>,
    /// Each answer that was seen first at its time.
    pub seen: Vec<DrillSeen>,
}

/// What the recovery time of a drill is made of, in the pool that took longest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrillRecovery {
    /// To the answer without the region.
    pub answer: Duration,
    /// How long a resolver may hold the one before.
    pub ttl: Duration,
    /// Both.
    pub total: Duration,
}

/// An answer that was seen in a drill.
#[derive(Debug, Clone, PartialEq)]
pub struct DrillSeen {
    /// From the beginning.
    pub at: Duration,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// As DNS calls it: `NOERROR`, or `TIMEOUT` where nothing came.
    pub rcode: String,
}

/// What one resolver did in a drill.
#[derive(Debug, Clone, PartialEq)]
pub struct DrillResolver {
    /// Which.
    pub address: SocketAddr,
    /// From the beginning to the first changed answer it gave.
    pub seen: Option<Duration>,
    /// Why it was of no use.
    pub error: Option<String>,
}

/// Queries of a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DrillQueries {
    /// How many were sent.
    pub sent: u64,
    /// How many were answered.
    pub answered: u64,
    /// How many were answered with something else than addresses of the pool.
    pub bad: u64,
}

/// Tells the world.
pub trait Sinks: Send + Sync + 'static {
    /// Every sink, in the order of the file.
    fn list(&self) -> Later<'_, Vec<SinkView>>;

    /// Sends a test event through one now. None where there is no such sink.
    fn test<'a>(&'a self, name: &'a str, by: By) -> Later<'a, Option<SinkTested>>;
}

/// One sink.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkView {
    /// `notify.NAME`.
    pub name: String,
    /// As the key `type` has it: `slack`.
    pub kind: &'static str,
    /// How it is.
    pub state: SinkState,
    /// Events that wait for delivery.
    pub pending: u64,
    /// Events delivered by this run.
    pub delivered: u64,
    /// Deliveries that failed in this run, and were tried again or given up.
    pub failed: u64,
    /// Events that this run gave up: refused, too old, or gone from the history.
    pub lost: u64,
    /// Why the last one failed; none after a success.
    pub last_error: Option<String>,
    /// When the last event was delivered.
    pub last_delivered: Option<SystemTime>,
}

/// How a sink is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SinkState {
    /// It takes what it is sent.
    Ok,
    /// The last delivery failed, and is tried again.
    Failing,
    /// It failed so often that it is given a rest.
    Open,
}

/// What became of a test event.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkTested {
    /// How long it took.
    pub took: Duration,
    /// Why it was not delivered.
    pub error: Option<String>,
}

/// Counts.
pub trait Metrics: Send + Sync + 'static {
    /// What `/metrics` answers.
    fn text(&self) -> Later<'_, Exposition>;
}

/// Metrics as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposition {
    /// The MIME type with its version.
    pub content_type: &'static str,
    /// The text.
    pub text: String,
}

/// Whether the node makes progress, beside control.
pub trait Pulse: Send + Sync + 'static {
    /// Whether every thread that answers and the checks make progress. Must not wait.
    ///
    /// # Errors
    /// [`Stalled`]: what does not.
    fn progress(&self) -> Result<(), Stalled>;

    /// Queries received so far, over all listeners. Must not wait.
    fn queries(&self) -> u64;
}

/// Something makes no progress.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stalled {
    /// A thread that answers queries.
    #[error("the thread {thread}, which answers queries, has not moved for {}", humantime::format_duration(*.still))]
    Answers {
        /// Its name.
        thread: String,
        /// For how long.
        still: Duration,
    },
    /// The checks: none has reported.
    #[error("no check has reported for {}", humantime::format_duration(*.still))]
    Checks {
        /// For how long.
        still: Duration,
    },
}
