//! Runs the play: keys or a script on one side, what DNS answers on the other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::endpoint::Endpoint;
use super::files::{Files, ZONE_NAME};
use super::journey::{Arrival, Bounds, Journey, Way};
use super::resolver::Resolver;
use super::scene::{Mood, Note, RegionRow, Scene, seconds};
use super::script::{Cue, Place, Script};
use super::stage::{Key, Stage};
use super::{DemoError, Outcome, watch};
use crate::app::Node;
use crate::control::{Event, Handle, Kind};
use crate::dns::Name;
use crate::policy::Mode;

/// How often DNS is asked: how exactly a move can be timed.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// How often the picture is renewed.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// The one who knows everything.
pub(super) struct Director {
    control: Handle,
    events: broadcast::Receiver<Arc<Event>>,
    resolver: Resolver,
    name: Name,
    endpoints: Vec<Endpoint>,
    bounds: Bounds,
    scene: Scene,
    stage: Stage,
    script: Option<Script>,
    began: Instant,
    journey: Option<Journey>,
    /// The first failed check of the journey was told.
    refusal_told: bool,
    arrivals: Vec<Arrival>,
}

impl Director {
    /// Looks at a node that answers.
    pub(super) async fn new(
        node: &Node,
        files: &Files,
        endpoints: Vec<Endpoint>,
        stage: Stage,
        script: bool,
    ) -> Result<Self, DemoError> {
        let dns = node.dns()[0];
        let name = Name::parse(ZONE_NAME).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let row = |endpoint: &Endpoint| RegionRow {
            name: endpoint.region,
            http: endpoint.address,
            working: true,
            verdict: "unknown".to_owned(),
            evidence: String::new(),
        };
        let scene = Scene {
            name: ZONE_NAME.trim_end_matches('.').to_owned(),
            dns,
            admin: node.admin().first().map(ToString::to_string).unwrap_or_default(),
            steering: files.steering().display().to_string(),
            regions: endpoints.iter().map(row).collect(),
            answer: None,
            notes: std::collections::VecDeque::new(),
        };
        let began = Instant::now();
        Ok(Self {
            control: node.control().clone(),
            events: node.control().events(),
            resolver: Resolver::new(dns).await?,
            name,
            endpoints,
            bounds: watch::bounds(&files.config())?,
            scene,
            stage,
            script: script.then(|| Script::new(began)),
            began,
            journey: None,
            refusal_told: false,
            arrivals: Vec::new(),
        })
    }

    /// Plays until somebody quits, or the script is over.
    pub(super) async fn run(mut self, mut keys: mpsc::Receiver<Key>) -> Result<Outcome, DemoError> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut ask = interval(ASK_EVERY);
        let mut draw = interval(DRAW_EVERY);
        ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
        draw.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.scene.answer = self.resolver.ask(&self.name).await?.flatten();
        self.look().await;
        self.stage.begin(&self.scene)?;
        for row in self.scene.regions.clone() {
            self.note(row.name, format!("{}: {}", row.verdict, row.evidence), Mood::Plain)?;
        }
        let words = format!("{}. is {}", self.scene.name, self.scene.words(self.scene.answer.as_ref()));
        self.note("answer", words, Mood::Plain)?;
        let outcome = loop {
            tokio::select! {
                Some(key) = keys.recv() => match key {
                    Key::Quit => break Outcome::Done,
                    Key::Region(index) => self.turn(index)?,
                },
                _ = ask.tick() => {
                    self.ask().await?;
                    if let Some(outcome) = self.follow_script()? {
                        break outcome;
                    }
                }
                _ = draw.tick() => {
                    self.look().await;
                    self.stage.draw(&self.scene)?;
                }
                Ok(event) = self.events.recv() => self.hear(&event)?,
                _ = terminate.recv() => break Outcome::Done,
                _ = interrupt.recv() => break Outcome::Done,
            }
        };
        let summary = self.summary(outcome);
        self.stage.end(&summary)?;
        Ok(outcome)
    }

    fn note(&mut self, about: &str, text: String, mood: Mood) -> io::Result<()> {
        let note = Note { at: self.began.elapsed(), about: about.to_owned(), text, mood };
        self.stage.note(&note)?;
        self.scene.note(note);
        Ok(())
    }

    /// Fails a region that works, or restores one that does not.
    fn turn(&mut self, index: usize) -> io::Result<()> {
        let Some(endpoint) = self.endpoints.get(index) else { return Ok(()) };
        let working = !endpoint.is_working();
        let region = endpoint.region;
        endpoint.set_working(working);
        self.scene.regions[index].working = working;
        let way = if working { Way::Failback } else { Way::Failover };
        self.journey = Some(Journey { way, region: index, since: Instant::now() });
        self.refusal_told = false;
        if working {
            self.note("you", format!("{region} works again from now on"), Mood::Plain)
        } else {
            self.note("you", format!("{region} fails from now on: every request gets a 503"), Mood::Plain)
        }
    }

    /// Asks DNS, and tells what moved. No reply says nothing.
    async fn ask(&mut self) -> io::Result<()> {
        let Some(answer) = self.resolver.ask(&self.name).await? else { return Ok(()) };
        let now = Instant::now();
        let refused = self.journey.and_then(|j| self.endpoints[j.region].first_refusal());
        if let (Some(journey), Some(_), false) = (self.journey, refused, self.refusal_told) {
            self.refusal_told = true;
            if journey.way == Way::Failover {
                let region = self.endpoints[journey.region].region;
                self.note(region, "fails its first check".to_owned(), Mood::Bad)?;
            }
        }
        let moved = answer.as_ref().map(|a| a.ip) != self.scene.answer.as_ref().map(|a| a.ip);
        let before = std::mem::replace(&mut self.scene.answer, answer);
        if !moved {
            return Ok(());
        }
        let words =
            |scene: &Scene| format!("{} -> {}", scene.words(before.as_ref()), scene.words(scene.answer.as_ref()));
        let mut text = words(&self.scene);
        let mut mood = Mood::Good;
        let arrives = |journey: &mut Journey| match (journey.way, self.scene.answered()) {
            (Way::Failover, Some(region)) => region != journey.region,
            (Way::Failback, region) => region == Some(journey.region),
            (Way::Failover, None) => false,
        };
        if let Some(journey) = self.journey.take_if(arrives) {
            let arrival = journey.arrive(now, refused, &self.bounds);
            text = format!("{text}, {}", arrival.words());
            mood = if arrival.is_in_time() { Mood::Good } else { Mood::Bad };
            self.arrivals.push(arrival);
        }
        self.note("answer", text, mood)
    }

    /// What the node says happened. Moves between regions that work are told as DNS shows them.
    fn hear(&mut self, event: &Event) -> io::Result<()> {
        match &event.kind {
            Kind::Ready { .. } => Ok(()),
            Kind::Answer { after, .. } if after.mode == Mode::Healthy => Ok(()),
            _ if event.is_warning() => self.note("pharos", event.to_string(), Mood::Bad),
            _ => self.note("pharos", event.to_string(), Mood::Plain),
        }
    }

    /// Takes the verdicts from the node.
    async fn look(&mut self) {
        // A node that is stopping has nothing new to say.
        if let Ok(status) = self.control.status().await {
            watch::verdicts(&status, &mut self.scene.regions);
        }
    }

    fn follow_script(&mut self) -> io::Result<Option<Outcome>> {
        let place = match self.scene.answered() {
            Some(0) => Place::Home,
            Some(_) => Place::Away,
            None => Place::Nowhere,
        };
        let Some(script) = &mut self.script else { return Ok(None) };
        match script.next(Instant::now(), place, &self.bounds) {
            Cue::Wait => Ok(None),
            Cue::Turn => self.turn(0).map(|()| None),
            Cue::GiveUp(way) => {
                let (what, patience) = match way {
                    Way::Failover => ("the answer did not leave us-east", self.bounds.patience(way)),
                    Way::Failback => ("the answer did not return to us-east", self.bounds.patience(way)),
                };
                self.note("answer", format!("{what} within {}", seconds(patience)), Mood::Bad)?;
                Ok(Some(Outcome::Late))
            }
            Cue::End if self.arrivals.iter().all(Arrival::is_in_time) => Ok(Some(Outcome::Done)),
            Cue::End => Ok(Some(Outcome::Late)),
        }
    }

    /// What remains on the terminal.
    fn summary(&self, outcome: Outcome) -> Vec<String> {
        let mut lines = vec![String::new()];
        for arrival in &self.arrivals {
            let way = match arrival.way {
                Way::Failover => "failover",
                Way::Failback => "failback",
            };
            lines.push(format!("{way}  {}", arrival.words()));
        }
        match (self.script.is_some(), outcome) {
            (true, Outcome::Done) => lines.push("The answer moved both ways in time.".to_owned()),
            (true, Outcome::Late) => lines.push("The answer did NOT move in time.".to_owned()),
            (false, _) => {}
        }
        lines
    }
}
