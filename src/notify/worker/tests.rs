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

/// Takes what it is told, or fails as often as it shall.
#[derive(Default)]
struct Fake {
    /// How often to fail yet.
    fails: Mutex<u32>,
    refuses: bool,
    reminds: Option<Duration>,
    /// When it was told, and of what.
    told: Mutex<Vec<(Instant, u64)>>,
    reminded: Mutex<Vec<(Instant, usize)>>,
}

impl Speak for Fake {
    async fn tell(&self, record: &Record, _: &[Arc<Record>]) -> Result<String, Failure> {
        self.told.lock().expect("lock").push((Instant::now(), record.id.0));
        let mut fails = self.fails.lock().expect("lock");
        if *fails == 0 {
            return Ok(String::new());
        }
        *fails -= 1;
        let code = if self.refuses { 404 } else { 503 };
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
            sleep(Duration::from_millis(10)).await;
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
    let fake = Fake { fails: Mutex::new(2), refuses: true, ..Fake::default() };
    let bench = Bench::new(fake, three(), Some(1));
    bench.until(3).await;
    assert_eq!(bench.ids(), [2, 3]);
    assert_eq!(bench.told_failures(), ["event 2 is given up: it replied 404: no"]);
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
