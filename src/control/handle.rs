//! What everybody else holds of the control task.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::PACE_OF_NOBODY;
use super::drill::{DrillEnd, DrillOrder, DrillRefused, NoSuchDrill};
use super::event::{By, Event, Kind};
use super::figures::Figures;
use super::guard::{Consent, Refused};
use super::history::History;
use super::isolation::Witnesses;
use super::orders::{Clear, Order, Ordered, OverrideRefused};
use super::reload::Applied;
use super::status::Status;
use crate::model::check::{Pace, Watch, WatchId};
use crate::model::node::{Node, Setup};
use crate::model::observation::Observation;
use crate::model::pool::PoolId;
use crate::policy::Family;
use crate::snapshot::Store;

/// What must be probed, by rising id.
pub type Watches = Arc<[(WatchId, Arc<Watch>)]>;

/// The way to the control task; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) watches: watch::Receiver<Watches>,
    pub(super) witnesses: watch::Receiver<Witnesses>,
    pub(super) settings: watch::Receiver<Arc<Node>>,
    pub(super) ready: watch::Receiver<bool>,
    pub(super) events: broadcast::Sender<Arc<Event>>,
    pub(super) history: Arc<History>,
    pub(super) store: Arc<Store>,
}

/// What the task is asked to do, with the way back.
pub(super) enum Command {
    Report(Vec<(WatchId, Observation)>, oneshot::Sender<Vec<Pace>>),
    Apply(Setup, Consent, Option<By>, oneshot::Sender<Result<Applied, Refused>>),
    Preview(Setup, Consent, oneshot::Sender<(Result<Applied, Refused>, Setup)>),
    Alive(oneshot::Sender<()>),
    Status(oneshot::Sender<Arc<Status>>),
    Figures(oneshot::Sender<(Status, Figures)>),
    SetOverride(Order, oneshot::Sender<Result<Ordered, OverrideRefused>>),
    ClearOverride(Clear, oneshot::Sender<Result<Ordered, OverrideRefused>>),
    Failback(PoolId, By, oneshot::Sender<Option<usize>>),
    BeginDrill(DrillOrder, oneshot::Sender<Result<(), DrillRefused>>),
    EndDrill(Arc<str>, DrillEnd, oneshot::Sender<Result<(), NoSuchDrill>>),
    JudgeDrill(Arc<str>, bool),
    Tell(Kind),
    Testify(Family, bool),
    Stop(oneshot::Sender<()>),
}

/// The control task is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is stopping")]
pub struct Stopped;

/// Why a failback was not ordered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchPool {
    /// Nothing has this name.
    #[error("there is no pool {0}")]
    Unknown(PoolId),
    /// The node is stopping.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl Handle {
    /// Takes in what probes saw, one after the other; says when the target of each must be probed next.
    /// When verdicts turned, the answers have changed before this returns.
    pub async fn report(&self, seen: Vec<(WatchId, Observation)>) -> Vec<Pace> {
        let count = seen.len();
        self.ask(|back| Command::Report(seen, back)).await.unwrap_or_else(|_| vec![PACE_OF_NOBODY; count])
    }

    /// What must be probed now. Ids stay with their probe for as long as it is asked, reloads
    /// included, and are never given to another.
    #[must_use]
    pub fn watches(&self) -> watch::Receiver<Watches> {
        self.watches.clone()
    }

    /// Whom to ask whether the node is cut off, while that matters.
    #[must_use]
    pub fn witnesses(&self) -> watch::Receiver<Witnesses> {
        self.witnesses.clone()
    }

    /// Takes in whether a witness answered, for the checks of a family.
    pub async fn testify(&self, family: Family, reached: bool) {
        // Where the task is gone, so is the node.
        let _ = self.commands.send(Command::Testify(family, reached)).await;
    }

    /// Puts new files in force: their new targets are probed while the old answers stay, then all
    /// changes at once. `consent` says what they may take away.
    ///
    /// # Errors
    /// [`Refused`]; the old answers stay.
    pub async fn apply(&self, setup: Setup, consent: Consent) -> Result<Applied, Refused> {
        self.submit(setup, consent, None).await.await
    }

    /// As [`apply`](Self::apply), in two steps: once this returns, the files have their turn before all
    /// that are submitted later. What it returns tells what became of them. `by` is told with it.
    pub async fn submit(
        &self,
        setup: Setup,
        consent: Consent,
        by: Option<By>,
    ) -> impl Future<Output = Result<Applied, Refused>> + Send + use<> {
        let (back, reply) = oneshot::channel();
        // Where the task is gone, the reply tells.
        let _ = self.commands.send(Command::Apply(setup, consent, by, back)).await;
        async { reply.await.unwrap_or(Err(Refused::Stopped)) }
    }

    /// What [`apply`](Self::apply) would do, as far as that can be known before new targets are probed. The
    /// files come back, since to let go of them may take its time.
    ///
    /// # Errors
    /// [`Stopped`] where the task is gone.
    pub async fn preview(&self, setup: Setup, consent: Consent) -> Result<(Result<Applied, Refused>, Setup), Stopped> {
        self.ask(|back| Command::Preview(setup, consent, back)).await
    }

    /// Returns once all that was asked before is done.
    ///
    /// # Errors
    /// [`Stopped`] where the task is gone.
    pub async fn alive(&self) -> Result<(), Stopped> {
        self.ask(Command::Alive).await
    }

    /// A view of the world.
    ///
    /// # Errors
    /// [`Stopped`] where the task is gone.
    pub async fn status(&self) -> Result<Arc<Status>, Stopped> {
        self.ask(Command::Status).await
    }

    /// A view of the world and what was counted so far, both of one moment.
    ///
    /// # Errors
    /// [`Stopped`] where the task is gone.
    pub async fn figures(&self) -> Result<(Status, Figures), Stopped> {
        self.ask(Command::Figures).await
    }

    /// Sets an override, in place of one of the same scope. It is in the answers and on disk when this
    /// returns, or what is returned says otherwise.
    ///
    /// # Errors
    /// See [`OverrideRefused`].
    pub async fn set_override(&self, order: Order) -> Result<Ordered, OverrideRefused> {
        self.ask(|back| Command::SetOverride(order, back)).await.unwrap_or(Err(OverrideRefused::Stopped))
    }

    /// Takes an override back, as [`Handle::set_override`] sets it.
    ///
    /// # Errors
    /// See [`OverrideRefused`].
    pub async fn clear_override(&self, clear: Clear) -> Result<Ordered, OverrideRefused> {
        self.ask(|back| Command::ClearOverride(clear, back)).await.unwrap_or(Err(OverrideRefused::Stopped))
    }

    /// Ends the holds of a pool; returns how many there were.
    ///
    /// # Errors
    /// See [`NoSuchPool`].
    pub async fn failback(&self, pool: PoolId, by: By) -> Result<usize, NoSuchPool> {
        let count = self.ask(|back| Command::Failback(pool.clone(), by, back)).await?;
        count.ok_or(NoSuchPool::Unknown(pool))
    }

    /// Fails a region on purpose. It ends by itself when its time is over. A restart knows that there was
    /// one when this returns.
    ///
    /// # Errors
    /// See [`DrillRefused`].
    pub async fn begin_drill(&self, order: DrillOrder) -> Result<(), DrillRefused> {
        self.ask(|back| Command::BeginDrill(order, back)).await.unwrap_or(Err(DrillRefused::Stopped))
    }

    /// Takes a drill back at once, as if it had never been.
    ///
    /// # Errors
    /// [`NoSuchDrill`] where it neither fails its region nor waits for it to come back.
    pub async fn end_drill(&self, id: Arc<str>, why: DrillEnd) -> Result<(), NoSuchDrill> {
        let ended = self.ask(|back| Command::EndDrill(Arc::clone(&id), why, back)).await;
        ended.unwrap_or(Err(NoSuchDrill(id)))
    }

    /// Notes whether a running drill meets its target: the event of its end says so.
    pub async fn judge_drill(&self, id: Arc<str>, met: bool) {
        // Where the task is gone, so is the drill.
        let _ = self.commands.send(Command::JudgeDrill(id, met)).await;
    }

    /// What `pharos.toml` says of the node; other after a reload.
    #[must_use]
    pub fn settings(&self) -> watch::Receiver<Arc<Node>> {
        self.settings.clone()
    }

    /// Whether queries may be answered: every target was observed since the start.
    #[must_use]
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.clone()
    }

    /// What happens from now on. Who reads too slowly misses the oldest.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// What happened, as far as it is kept.
    #[must_use]
    pub fn history(&self) -> &Arc<History> {
        &self.history
    }

    /// Has something told that happened elsewhere in the node.
    pub async fn tell(&self, kind: Kind) {
        // Where the task is gone, so is the node.
        let _ = self.commands.send(Command::Tell(kind)).await;
    }

    /// What queries are answered from.
    #[must_use]
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// Saves the state and ends the task. Returns when that is done; answers go on from the last
    /// snapshot.
    pub async fn stop(&self) {
        // An error says that it has ended already.
        let _: Result<(), Stopped> = self.ask(Command::Stop).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Stopped> {
        let (back, reply) = oneshot::channel();
        self.commands.send(command(back)).await.map_err(|_| Stopped)?;
        reply.await.map_err(|_| Stopped)
    }
}
