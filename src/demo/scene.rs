//! What the demo shows: regions, the answer, and what happened, as plain values.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::resolver::Answer;

/// Notes kept for the screen.
const NOTES_MAX: usize = 200;

/// The whole picture.
#[derive(Debug)]
pub(super) struct Scene {
    /// The name that is asked for, as people write it.
    pub(super) name: String,
    /// Where DNS listens.
    pub(super) dns: SocketAddr,
    /// Where the admin API listens.
    pub(super) admin: String,
    /// The steering file, to be edited.
    pub(super) steering: String,
    /// Each region, in the order of its key.
    pub(super) regions: Vec<RegionRow>,
    /// What UDP answers now.
    pub(super) answer: Option<Answer>,
    /// What happened, newest last.
    pub(super) notes: VecDeque<Note>,
}

/// One region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RegionRow {
    /// Its name.
    pub(super) name: &'static str,
    /// Where it serves HTTP; its address is what DNS answers.
    pub(super) http: SocketAddr,
    /// What it was told to do.
    pub(super) working: bool,
    /// What pharos thinks of it.
    pub(super) verdict: String,
    /// What the last probe saw, and how many are still missing to change the verdict.
    pub(super) evidence: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// Since the node was ready.
    pub(super) at: Duration,
    /// Who or what: a region, `answer`, `you`.
    pub(super) about: String,
    /// What.
    pub(super) text: String,
    /// How it reads.
    pub(super) mood: Mood,
}

/// Whether a note is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// Neither.
    Plain,
    /// Good.
    Good,
    /// Bad.
    Bad,
}

impl Scene {
    /// Keeps a note.
    pub(super) fn note(&mut self, note: Note) {
        if self.notes.len() == NOTES_MAX {
            self.notes.pop_front();
        }
        self.notes.push_back(note);
    }

    /// The region that an address belongs to.
    pub(super) fn region_of(&self, ip: IpAddr) -> &str {
        self.regions.iter().find(|row| row.http.ip() == ip).map_or("no region", |row| row.name)
    }

    /// The index of the region that is answered, where one is.
    pub(super) fn answered(&self) -> Option<usize> {
        let ip = self.answer.as_ref()?.ip;
        self.regions.iter().position(|row| row.http.ip() == ip)
    }

    /// An answer in words: `127.0.0.1 (us-east)`.
    pub(super) fn words(&self, answer: Option<&Answer>) -> String {
        match answer {
            Some(Answer { ip, .. }) => format!("{ip} ({})", self.region_of(*ip)),
            None => "no address".to_owned(),
        }
    }

    /// Commands for another terminal.
    pub(super) fn to_try(&self) -> Vec<String> {
        let (ip, port, name) = (self.dns.ip(), self.dns.port(), &self.name);
        let mut lines = vec![
            format!("dig @{ip} -p {port} {name} A"),
            format!("dig @{ip} -p {port} www.{name} AAAA"),
            format!("pharos status --admin {}", self.admin),
            format!("a browser at http://{}/", self.admin),
        ];
        lines.extend(self.regions.first().map(|row| format!("curl -i http://{}/healthz", row.http)));
        lines
    }
}

/// Seconds as people read them: `0.43 s`, `12.1 s`.
pub(super) fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.2} s") } else { format!("{seconds:.1} s") }
}
