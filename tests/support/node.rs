//! The program itself: started, listened to, signalled, stopped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::time::Instant;

use super::LONG;
use super::dns::Client;
use super::folder::Folder;

pub fn pharos() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pharos"));
    for variable in ["PHAROS_CONFIG", "PHAROS_LOG", "NOTIFY_SOCKET", "WATCHDOG_USEC", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command
}

#[derive(Default)]
struct Log {
    lines: Mutex<(Vec<String>, bool)>,
    news: Condvar,
}

impl Log {
    /// The lines so far, and whether there will be more; also after a failed assertion.
    fn lines(&self) -> MutexGuard<'_, (Vec<String>, bool)> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running `pharos serve`. Killed on drop.
pub struct Node {
    child: Child,
    log: Arc<Log>,
    pub dns: SocketAddr,
    pub dns_all: Vec<SocketAddr>,
    pub admin: Vec<String>,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the node\n{}", self.log().join("\n"));
        }
    }
}

impl Node {
    /// Starts, and waits until it is ready.
    pub fn start(folder: &Folder) -> Self {
        let node = Self::begin(folder);
        node.wait_log("answering", LONG);
        node
    }

    /// Starts, and waits until it listens.
    pub fn begin(folder: &Folder) -> Self {
        Self::begin_with(pharos(), folder)
    }

    pub fn begin_with(mut command: Command, folder: &Folder) -> Self {
        command.args(["serve", "--log-format", "json", "--log-level", "debug", "--config"]).arg(folder.config());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Log::default());
        let stderr = child.stderr.take().unwrap();
        let copy = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let Ok(line) = line else { break };
                copy.lines().0.push(line);
                copy.news.notify_all();
            }
            copy.lines().1 = true;
            copy.news.notify_all();
        });
        let mut node = Self { child, log, dns: ([0, 0, 0, 0], 0).into(), dns_all: Vec::new(), admin: Vec::new() };
        let listening = node.wait_log("listening", LONG);
        let list = |key: &str| -> Vec<String> {
            listening[key].as_str().unwrap().split_whitespace().map(str::to_owned).collect()
        };
        node.dns_all = list("dns").iter().map(|text| text.parse().unwrap()).collect();
        node.dns = node.dns_all[0];
        node.admin = list("admin");
        node
    }

    pub fn client(&self) -> Client {
        Client::new(self.dns)
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lines().0.clone()
    }

    /// How many log lines there are: where to look from, for what comes next.
    pub fn mark(&self) -> usize {
        self.log.lines().0.len()
    }

    /// The first log line whose message begins like this.
    #[track_caller]
    pub fn wait_log(&self, message: &str, within: Duration) -> Value {
        self.wait_log_from(0, message, within)
    }

    /// The first such line from a mark on.
    #[track_caller]
    pub fn wait_log_from(&self, mark: usize, message: &str, within: Duration) -> Value {
        let began = Instant::now();
        let mut lines = self.log.lines();
        loop {
            let found = lines.0[mark.min(lines.0.len())..]
                .iter()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok())
                .find(|line| line["message"].as_str().is_some_and(|text| text.starts_with(message)));
            if let Some(found) = found {
                return found;
            }
            let left = within.saturating_sub(began.elapsed());
            assert!(!left.is_zero() && !lines.1, "no {message:?} in the log:\n{}", lines.0.join("\n"));
            lines = self.log.news.wait_timeout(lines, left).unwrap().0;
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// SIGHUP, and waits for its outcome: the log line that tells it.
    pub fn reload(&self) -> Value {
        let mark = self.mark();
        self.signal(Signal::SIGHUP);
        self.wait_log_from(mark, "reload", LONG)
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.ended(LONG)
    }

    /// SIGKILL: no last words.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.ended(LONG);
    }

    #[track_caller]
    pub fn ended(&mut self, within: Duration) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < within, "still running; log:\n{}", self.log().join("\n"));
            super::pause(Duration::from_millis(2));
        }
    }

    /// A GET of the admin API: status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        let host = self.admin[0].clone();
        self.get_as(path, &host)
    }

    pub fn get_as(&self, path: &str, host: &str) -> (u16, String) {
        let stream = TcpStream::connect(&self.admin[0]).unwrap();
        http_get(stream, path, host)
    }

    /// `/v1/status`.
    pub fn status(&self) -> Value {
        let (status, body) = self.get("/v1/status");
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

pub fn http_get(mut stream: impl Read + Write, path: &str, host: &str) -> (u16, String) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
