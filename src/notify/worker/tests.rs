//! A sink that fails as it is told, in paused time.

use std::sync::Mutex;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::super::selection::tests::{filter, record};
use super::super::selection::{Open, Selection};
use super::super::sink::Failure;
use super::*;
use crate::control::Stage;
use crate::model::event::Severity;

/// No code of HTTP: there is no reply.
const CLOSED: u16 = 1;

/// Takes what it is told, or fails as often as it shall.
#[derive(Default)]
struct Fake {
    /// How often to fail yet.
    fails: Mutex<u32>,
    /// What it says then; 503 where it is 0.
    code: u16,
    /// Only of this one does it say so.
    poison: Option<u64>,
    reminds: Option<Duration>,
    /// When it was told, and of what.
    told: Mutex<Vec<(Instant, u64)>>,
    states: Mutex<Vec<Stage>>,
    reminded: Mutex<Vec<(Instant, usize)>>,
}

impl Speak for Fake {
    async fn tell(&self, record: &Record, _: &[Arc<Record>]) -> Result<String, Failure> {
        self.told.lock().expect("lock").push((Instant::now(), record.id.0));
        self.states.lock().expect("lock").push(record.state);
        let mut fails = self.fails.lock().expect("lock");
        if *fails == 0 || self.poison.is_some_and(|id| id != record.id.0) {
            return Ok(String::new());
        }
        *fails -= 1;
        if self.code == CLOSED {
            return Err(Failure::NoReply("closed".to_owned()));
        }
        let code = if self.code == 0 { 503 } else { self.code };
        Err(Failure::Status { code, said: "no".to_owned(), after: None })
    }

    fn reminds(&self) -> Option<Duration> {
        self.reminds
    }

    async fn remind(&self, open: &[Arc<Record>]) -> Result<(), Failure> {
        self.reminded.lock().expect("lock").push((Instant::now(), open.len()));
        Ok(())
    }

    fn words(&self, failure: &Failure) -> String {
        failure.to_string()
    }
}

#[derive(Clone, Default)]
struct Ears(Arc<Mutex<Vec<Kind>>>);

impl Tell for Ears {
    async fn tell(&self, kind: Kind) {
        self.0.lock().expect("lock").push(kind);
    }
}

struct Bench {
    fake: Arc<Fake>,
    progress: Arc<Progress>,
    ears: Ears,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Events as fresh as the clock says.
fn fresh(id: u64, kind: &str, state: Stage) -> Record {
    Record { time: SystemTime::now(), ..record(id, kind, Severity::Warning, state) }
}

impl Bench {
    /// A worker at the first of these events.
    fn new(fake: Fake, records: Vec<Record>, position: Option<u64>) -> Self {
        let history = Arc::new(History::of(records));
        let selection = Selection::new("ops".into(), filter(Severity::Info, &[]), false, Open::new());
        let progress = Progress::new(EventId(1), position, selection, Arc::new(Notify::new()));
        let (fake, progress, ears) = (Arc::new(fake), Arc::new(progress), Ears::default());
        let stop = watch::Sender::new(false);
        let worker = Worker {
            name: "ops".into(),
            channel: Arc::clone(&fake),
            progress: Arc::clone(&progress),
            history,
            tell: ears.clone(),
            stop: stop.subscribe(),
        };
        Self { fake, progress, ears, stop, task: tokio::spawn(worker.run()) }
    }

    async fn until(&self, id: u64) {
        while self.progress.lock().cursor < EventId(id) {
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn ids(&self) -> Vec<u64> {
        self.fake.told.lock().expect("lock").iter().map(|(_, id)| *id).collect()
    }

    fn told_failures(&self) -> Vec<String> {
        let kinds = self.ears.0.lock().expect("lock");
        let error = |kind: &Kind| match kind {
            Kind::Hook { error, .. } => error.clone(),
            other => panic!("{other:?}"),
        };
        kinds.iter().map(error).collect()
    }
}

fn three() -> Vec<Record> {
    (1..=3).map(|id| fresh(id, "answer-changed", Stage::Note)).collect()
}

#[tokio::test(start_paused = true)]
async fn it_tries_again_and_opens_once() {
    let bench = Bench::new(Fake { fails: Mutex::new(9), ..Fake::default() }, three(), Some(1));
    let began = Instant::now();
    bench.until(3).await;
    assert_eq!(bench.ids(), [vec![2; 10], vec![3]].concat());
    // 1 + 2 + 4 + ... + 256 s at the most.
    assert!(began.elapsed() > Duration::from_secs(1) && began.elapsed() < Duration::from_secs(520));
    assert_eq!(bench.told_failures(), ["it replied 503: no"]);
    let inner = bench.progress.lock();
    assert_eq!((inner.state, inner.delivered, inner.failed, inner.lost), (State::Ok, 2, 9, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_tried_once_and_told_once() {
    let fake = Fake { fails: Mutex::new(2), code: 422, ..Fake::default() };
    let bench = Bench::new(fake, three(), Some(1));
    bench.until(3).await;
    assert_eq!(bench.ids(), [2, 3]);
    assert_eq!(bench.told_failures(), ["event 2 is given up: it replied 422: no"]);
    assert_eq!(bench.progress.lock().lost, 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_a_day_old_is_tried_once() {
    let mut records = three();
    records[1].time = SystemTime::now() - Duration::from_secs(25 * 3600);
    let bench = Bench::new(Fake { fails: Mutex::new(2), ..Fake::default() }, records, Some(1));
    bench.until(3).await;
    assert_eq!(bench.ids(), [2, 3, 3]);
    assert_eq!(bench.told_failures(), ["event 2 is given up after a day: it replied 503: no"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_history_forgot_is_counted_and_told_once() {
    let records: Vec<_> = (5..=7).map(|id| fresh(id, "answer-changed", Stage::Note)).collect();
    // The cursor stood at no event of this history, whose first is its first.
    let bench = Bench::new(Fake::default(), records, None);
    bench.until(7).await;
    assert_eq!(bench.ids(), [5, 6, 7]);
    assert_eq!(bench.told_failures().len(), 1);
    assert_eq!(bench.progress.lock().lost, 1);
}

#[tokio::test(start_paused = true)]
async fn what_this_run_forgot_is_counted_one_by_one() {
    let max = crate::control::HISTORY_MAX as u64;
    let records: Vec<_> = (2..=max + 6).map(|id| fresh(id, "answer-changed", Stage::Note)).collect();
    let bench = Bench::new(Fake::default(), records, Some(0));
    bench.until(max + 6).await;
    assert_eq!(bench.ids().first(), Some(&7));
    assert_eq!(bench.told_failures(), ["5 events were not delivered before the history forgot them"]);
    let inner = bench.progress.lock();
    assert_eq!((inner.lost, inner.delivered), (5, max));
}

#[tokio::test(start_paused = true)]
async fn what_lasts_is_told_every_minute() {
    let fake = Fake { reminds: Some(Duration::from_secs(60)), ..Fake::default() };
    let down = fresh(2, "endpoint-down", Stage::Firing);
    let bench = Bench::new(fake, vec![fresh(1, "node-ready", Stage::Note), down], Some(1));
    bench.until(2).await;
    let began = Instant::now();
    sleep(Duration::from_secs(200)).await;
    let reminded = bench.fake.reminded.lock().expect("lock").clone();
    let first = reminded[0].0;
    assert!(first.duration_since(began) < Duration::from_secs(1));
    let at: Vec<u64> = reminded.iter().map(|(at, _)| at.duration_since(first).as_secs()).collect();
    // At once, since what it told before the start may be forgotten there, and then each minute.
    assert_eq!(at, [0, 60, 120, 180]);
    assert!(reminded.iter().all(|(_, open)| *open == 1));
}

#[tokio::test(start_paused = true)]
async fn it_stops_in_the_middle_of_a_wait_and_the_next_goes_on_there() {
    let bench = Bench::new(Fake { fails: Mutex::new(100), ..Fake::default() }, three(), Some(1));
    while bench.fake.told.lock().expect("lock").len() < 8 {
        sleep(Duration::from_millis(10)).await;
    }
    bench.stop.send_replace(true);
    bench.task.await.expect("ended");
    assert_eq!(bench.progress.lock().cursor, EventId(1));
    assert_eq!(bench.progress.lock().state, State::Open);
}

/// Each about something else.
fn apart(ids: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    let apart = |id| Record { subject: format!("answer/{id}"), ..fresh(id, "answer-changed", Stage::Note) };
    ids.map(apart).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_not_taken_while_others_are_is_given_up_soon() {
    let fake = Fake { fails: Mutex::new(u32::MAX), code: 500, poison: Some(2), ..Fake::default() };
    let bench = Bench::new(fake, apart(1..=4), Some(1));
    let began = Instant::now();
    bench.until(4).await;
    let took = began.elapsed();
    assert!(took >= PATIENCE && took < PATIENCE * 3, "{took:?}");
    let ids = bench.ids();
    let tries = ids.iter().filter(|id| **id == 2).count();
    assert!(tries >= 10, "{tries}");
    // The next one was taken before its turn, and not again.
    assert_eq!(ids[tries - 1..], [3, 2, 4]);
    let told = ["it replied 500: no", "event 2 is given up since others are taken: it replied 500: no"];
    assert_eq!(bench.told_failures(), told);
    let inner = bench.progress.lock();
    assert_eq!((inner.delivered, inner.lost), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_out_of_order_loses_nothing() {
    for code in [500, 401, CLOSED] {
        let fake = Fake { fails: Mutex::new(35), code, ..Fake::default() };
        let bench = Bench::new(fake, apart(1..=4), Some(1));
        let began = Instant::now();
        bench.until(4).await;
        assert!(began.elapsed() > PATIENCE);
        let inner = bench.progress.lock();
        assert_eq!((inner.delivered, inner.lost), (3, 0), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_of_one_subject_overtakes() {
    let (down, up) = (fresh(2, "endpoint-down", Stage::Firing), fresh(3, "endpoint-up", Stage::Resolved));
    let fake = Fake { fails: Mutex::new(40), code: 500, poison: Some(2), ..Fake::default() };
    let bench = Bench::new(fake, vec![fresh(1, "node-ready", Stage::Note), down, up], Some(1));
    bench.until(3).await;
    assert_eq!(bench.ids(), [vec![2; 41], vec![3]].concat());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_what_was_told_is_tried_however_old_it_is() {
    let old = |id, kind: &str, state| Record {
        time: SystemTime::now() - Duration::from_secs(25 * 3600),
        ..fresh(id, kind, state)
    };
    // A history that forgot the beginning made a note of the end.
    for state in [Stage::Resolved, Stage::Note] {
        let down = fresh(2, "endpoint-down", Stage::Firing);
        let records = vec![fresh(1, "node-ready", Stage::Note), down, old(3, "endpoint-up", state)];
        let fake = Fake { fails: Mutex::new(50), poison: Some(3), ..Fake::default() };
        let bench = Bench::new(fake, records, Some(1));
        bench.until(3).await;
        assert_eq!(bench.ids(), [vec![2], vec![3; 51]].concat());
        assert_eq!(bench.fake.states.lock().expect("lock").last(), Some(&Stage::Resolved));
        assert_eq!(bench.progress.lock().lost, 0);
    }
}
