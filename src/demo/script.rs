//! `pharos demo --script`: fail the first region, wait, restore it, wait, end.

use std::time::Duration;

use tokio::time::Instant;

use super::journey::{Bounds, Way};

/// Time to read what was printed.
const BREATH: Duration = Duration::from_millis(1500);
/// How long the first region may take to be answered at all.
const START: Duration = Duration::from_secs(10);

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cue {
    /// Nothing yet.
    Wait,
    /// Fail or restore the first region.
    Turn,
    /// The answer does not move.
    GiveUp(Way),
    /// It moved both ways.
    End,
}

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The first region.
    Home,
    /// Another region.
    Away,
    /// No region's address, or nothing: no move.
    Nowhere,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    AtHome,
    Leaving,
    Away,
    Returning,
    Back,
}

/// Where the script is, and since when.
#[derive(Debug)]
pub(super) struct Script {
    scene: Scene,
    since: Instant,
}

impl Script {
    pub(super) fn new(now: Instant) -> Self {
        Self { scene: Scene::AtHome, since: now }
    }

    /// The next cue, after this was answered.
    pub(super) fn next(&mut self, now: Instant, place: Place, bounds: &Bounds) -> Cue {
        let (at_home, away) = (place == Place::Home, place == Place::Away);
        let waited = now - self.since;
        let (scene, cue) = match self.scene {
            Scene::AtHome if at_home && waited >= BREATH => (Scene::Leaving, Cue::Turn),
            Scene::AtHome if waited >= START => return Cue::GiveUp(Way::Failback),
            Scene::Leaving if away => (Scene::Away, Cue::Wait),
            Scene::Leaving if waited >= bounds.patience(Way::Failover) => return Cue::GiveUp(Way::Failover),
            Scene::Away if waited >= BREATH => (Scene::Returning, Cue::Turn),
            Scene::Returning if at_home => (Scene::Back, Cue::Wait),
            Scene::Returning if waited >= bounds.patience(Way::Failback) => return Cue::GiveUp(Way::Failback),
            Scene::Back if waited >= BREATH => return Cue::End,
            _ => return Cue::Wait,
        };
        self.scene = scene;
        self.since = now;
        cue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::check::Cadence;

    fn bounds() -> Bounds {
        let ms = Duration::from_millis;
        let cadence = Cadence { interval: ms(1000), fall: 3, rise: 2, recheck: ms(200) };
        Bounds::new(cadence, ms(500), ms(2000))
    }

    #[test]
    fn it_goes_there_and_back() {
        let began = Instant::now();
        let mut script = Script::new(began);
        let mut next = |seconds: f64, place| script.next(began + Duration::from_secs_f64(seconds), place, &bounds());
        assert_eq!(next(0.1, Place::Home), Cue::Wait);
        assert_eq!(next(2.0, Place::Home), Cue::Turn);
        assert_eq!(next(2.5, Place::Home), Cue::Wait);
        assert_eq!(next(3.0, Place::Away), Cue::Wait);
        assert_eq!(next(5.0, Place::Away), Cue::Turn);
        assert_eq!(next(8.0, Place::Home), Cue::Wait);
        assert_eq!(next(10.0, Place::Home), Cue::End);
    }

    #[test]
    fn no_address_is_no_move() {
        let began = Instant::now();
        let mut script = Script::new(began);
        let mut next = |seconds, place| script.next(began + Duration::from_secs(seconds), place, &bounds());
        assert_eq!(next(2, Place::Home), Cue::Turn);
        assert_eq!(next(3, Place::Nowhere), Cue::Wait);
        assert_eq!(next(10, Place::Nowhere), Cue::GiveUp(Way::Failover));
    }

    #[test]
    fn it_gives_up() {
        let began = Instant::now();
        let mut script = Script::new(began);
        let mut next = |seconds| script.next(began + Duration::from_secs(seconds), Place::Home, &bounds());
        assert_eq!(next(2), Cue::Turn);
        assert_eq!(next(10), Cue::GiveUp(Way::Failover));
    }
}
