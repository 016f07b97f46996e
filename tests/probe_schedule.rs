//! Checks as they run in a node: many targets over real sockets, reported to one place.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pharos::model::CheckName;
use pharos::model::check::{Ask, Cadence, HttpAsk, Pace, Probe, Watch, WatchId};
use pharos::model::observation::{Failure, Observation};
use pharos::probe::{self, Reporter, Watches};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

const PATIENCE: Duration = Duration::from_secs(10);

/// Passes everything on; the pace is steady.
#[derive(Clone)]
struct Passing {
    interval: Duration,
    reports: mpsc::Sender<(WatchId, Instant, Observation)>,
}

impl Reporter for Passing {
    async fn report(&self, seen: Vec<(WatchId, Observation)>) -> Vec<Pace> {
        let paces = vec![Pace { after: self.interval, more: 0 }; seen.len()];
        for (id, observation) in seen {
            let _ = self.reports.send((id, Instant::now(), observation)).await;
        }
        paces
    }
}

fn watch_of(target: SocketAddr, interval: Duration) -> Arc<Watch> {
    let ask = Ask::Http(Box::new(HttpAsk {
        tls: None,
        method: "GET".into(),
        path: "/".into(),
        host: "app.example.com".into(),
        headers: Vec::new(),
        expect_status: vec![(200, 299)],
        expect_body: None,
        expect_json: Vec::new(),
    }));
    let cadence = Cadence { interval, fall: 3, rise: 2, recheck: interval };
    Arc::new(Watch { check: CheckName::new("web"), probe: Probe { target, timeout: interval, ask }, cadence })
}

/// An HTTP server that says 204, and one that accepts and says nothing.
async fn servers() -> (SocketAddr, SocketAddr) {
    let (good, silent) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let addresses = (good.local_addr().unwrap(), silent.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = good.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            });
        }
    });
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            held.push(stream);
        }
    });
    addresses
}

#[tokio::test]
async fn many_hanging_targets_delay_no_good_one() {
    let (good, silent) = servers().await;
    let interval = Duration::from_millis(400);
    let watches: Watches =
        (0..101).map(|id| (WatchId(id), watch_of(if id == 100 { good } else { silent }, interval))).collect();
    let (_list, receiver) = watch::channel(watches);
    let (reports, mut seen) = mpsc::channel(64);
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(probe::run(receiver, Passing { interval, reports }, Handle::current(), async {
        let _ = stopped.await;
    }));
    let (mut passes, mut hung) = (Vec::new(), 0);
    while passes.len() < 6 {
        let (id, at, observation) = timeout(PATIENCE, seen.recv()).await.expect("reports keep coming").unwrap();
        if id == WatchId(100) {
            assert_eq!(observation.result, Ok(()));
            passes.push(at);
        } else {
            assert_eq!(observation.result, Err(Failure::TimedOut(interval)));
            hung += 1;
        }
    }
    let longest = passes.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest < interval * 2, "{longest:?}");
    assert!(hung >= 200, "{hung} reports of 100 hanging targets");
    stop.send(()).unwrap();
    timeout(PATIENCE, running).await.expect("it stops when told").unwrap();
}

#[tokio::test]
async fn a_target_that_is_gone_is_hung_up_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let interval = Duration::from_secs(60);
    let watches: Watches = Arc::new([(WatchId(1), watch_of(listener.local_addr().unwrap(), interval))]);
    let (list, receiver) = watch::channel(watches);
    let (reports, mut seen) = mpsc::channel(1);
    tokio::spawn(probe::run(receiver, Passing { interval, reports }, Handle::current(), std::future::pending()));
    let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.expect("probed at once").unwrap();
    list.send(Arc::new([])).unwrap();
    let mut request = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut request)).await.expect("long before the time-out").unwrap();
    assert!(seen.try_recv().is_err(), "nothing is reported of it");
}
