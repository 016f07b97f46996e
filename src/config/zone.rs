//! Loading one zone: its master file, its steering, and what is known of both from the last load.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::diag::{Diagnostic, Source};
use super::files::{Print, Renewed, reason, renew};
use super::folder::Found;
use super::load::shown;
use super::lower::{Context, Facts, Statics, lower_zone, steers, steers_as};
use super::master::{self, Parsed, Target};
use super::spec::{Defaults, PoolSpec, read_zone};
use super::toml::File;
use crate::model::node::ZoneSetup;
use crate::model::zone::{Records, Zone};

/// What is known of a good zone.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) setup: Arc<ZoneSetup>,
    master: Option<Arc<Master>>,
    /// `NAME.toml` and the files it names; empty where there is none.
    steering: Vec<Print>,
    defaults: Arc<Defaults>,
    /// Of the steering, and of both together.
    warnings: Vec<Diagnostic>,
}

/// What is known of a master file.
#[derive(Debug, Clone)]
struct Master {
    /// `NAME.zone` and the files it includes.
    prints: Vec<Print>,
    records: Arc<Records>,
    /// For the names that are steered.
    facts: Facts,
    warnings: Vec<Diagnostic>,
    targets: Vec<Target>,
}

/// A zone to load.
pub(super) struct Loading<'a> {
    pub(super) found: &'a Found,
    /// The folder of `pharos.toml`.
    pub(super) base: &'a Path,
    pub(super) defaults: &'a Arc<Defaults>,
    pub(super) previous: Option<&'a Arc<Entry>>,
}

/// What came of it.
pub(super) enum Outcome {
    /// The zone, or that of the last load where nothing changed.
    Good(Arc<Entry>),
    /// There is an error.
    Broken(Seen),
}

/// What was found on the way to an error.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Everything that was read.
    pub(super) files: Vec<PathBuf>,
}

impl Entry {
    /// The warnings of its files.
    pub(super) fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.master.iter().flat_map(|master| &master.warnings).chain(&self.warnings)
    }

    /// Everything that was read for it.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.master.iter().flat_map(|master| &master.prints).chain(&self.steering).map(Print::path)
    }
}

#[cfg(test)]
impl Entry {
    /// As if its files were read much later than they were written.
    pub(super) fn aged(&self) -> Self {
        let aged = |prints: &[Print]| prints.iter().cloned().map(Print::aged).collect();
        let master = |master: &Arc<Master>| Arc::new(Master { prints: aged(&master.prints), ..(**master).clone() });
        let (setup, defaults, warnings) = (self.setup.clone(), self.defaults.clone(), self.warnings.clone());
        Self { setup, master: self.master.as_ref().map(master), steering: aged(&self.steering), defaults, warnings }
    }
}

impl Loading<'_> {
    /// Loads the zone, or takes what is known.
    pub(super) fn run(&self) -> Outcome {
        let mut seen = Seen::default();
        let (mut master, is_new) = self.load_master(&mut seen);
        if let (false, Some(known)) = (is_new, self.take_known(&master)) {
            return Outcome::Good(known);
        }
        // Where the master file is broken, the steering is looked through all the same: all faults at once.
        let loaded = self.load_steering(&mut master, &mut seen);
        if let (Some(master), Some((setup, _))) = (&master, &loaded) {
            let steered = || setup.pools.iter().flat_map(|pool| &pool.names);
            let idle = master.targets.iter().filter(|target| !steers(steered(), &target.name));
            seen.diagnostics.extend(idle.map(|target| target.warning.clone()));
        }
        let warnings_only = seen.diagnostics.iter().all(Diagnostic::is_warning);
        match loaded.filter(|_| warnings_only && master.is_some() == self.found.master.is_some()) {
            Some((setup, steering)) => {
                let (defaults, warnings) = (self.defaults.clone(), seen.diagnostics);
                Outcome::Good(Arc::new(Entry { setup, master, steering, defaults, warnings }))
            }
            None => {
                let master = master.iter();
                seen.files.extend(master.clone().flat_map(|m| &m.prints).map(|print| print.path().to_owned()));
                seen.diagnostics.extend(master.flat_map(|m| &m.warnings).cloned());
                Outcome::Broken(seen)
            }
        }
    }

    /// The last load's entry, with fresh prints, where nothing has changed.
    fn take_known(&self, master: &Option<Arc<Master>>) -> Option<Arc<Entry>> {
        let known = self.previous?;
        let same_defaults = Arc::ptr_eq(&known.defaults, self.defaults);
        // Another file of the same zone: the stem was written otherwise.
        if !same_defaults || !is_of(&known.steering, self.found.steering.as_deref()) {
            return None;
        }
        let same_master = match (master, &known.master) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let steering = match renew(&known.steering) {
            Renewed::Same if same_master => return Some(Arc::clone(known)),
            Renewed::Same => known.steering.clone(),
            Renewed::Fresh(steering) => steering,
            Renewed::Changed => return None,
        };
        Some(Arc::new(Entry {
            setup: known.setup.clone(),
            master: master.clone(),
            steering,
            defaults: self.defaults.clone(),
            warnings: known.warnings.clone(),
        }))
    }

    /// What the master file says, and whether it was read anew.
    fn load_master(&self, seen: &mut Seen) -> (Option<Arc<Master>>, bool) {
        let known = self.previous.and_then(|known| known.master.as_ref());
        let Some(path) = &self.found.master else { return (None, known.is_some()) };
        if let Some(known) = known.filter(|known| is_of(&known.prints, Some(path))) {
            match renew(&known.prints) {
                Renewed::Same => return (Some(Arc::clone(known)), false),
                Renewed::Fresh(prints) => return (Some(Arc::new(Master { prints, ..(**known).clone() })), false),
                Renewed::Changed => {}
            }
        }
        (self.read_master(path, seen).map(Arc::new), true)
    }

    fn read_master(&self, path: &Path, seen: &mut Seen) -> Option<Master> {
        let began = SystemTime::now();
        // Before it is parsed: what is written in between shows as a change next time.
        let own = Print::of(path).ok();
        let mut found = Vec::new();
        let Parsed { zone, files, targets } = master::parse(&self.found.name, path, shown(path, self.base), &mut found);
        let found: Vec<_> = found.into_iter().map(Diagnostic::cut).collect();
        let Some(zone) = zone else {
            seen.files.extend(files);
            seen.diagnostics.extend(found);
            return None;
        };
        let included = files.iter().filter(|file| *file != path).map(|file| Print::of_read_since(file, began));
        let cut = |target: Target| Target { warning: target.warning.cut(), ..target };
        Some(Master {
            prints: own.into_iter().chain(included).collect(),
            records: Arc::new(Records::new(zone)),
            facts: Facts::default(),
            warnings: found,
            targets: targets.into_iter().map(cut).collect(),
        })
    }

    /// Reads the steering and lowers it; None where nothing can come of it.
    fn load_steering(&self, master: &mut Option<Arc<Master>>, seen: &mut Seen) -> Option<(Arc<ZoneSetup>, Vec<Print>)> {
        let Some(path) = &self.found.steering else {
            self.suit(master, &[], seen);
            let records = master.as_ref()?.records.clone();
            return Some((self.setup_as_before(ZoneSetup { records, pools: Vec::new() }), Vec::new()));
        };
        let began = SystemTime::now();
        seen.files.push(path.clone());
        let shown_path = shown(path, self.base).to_owned();
        let (content, print) = match Print::read(path) {
            Ok(read) => read,
            Err(fault) => {
                let message = format!("cannot read the file: {}", reason(&fault));
                seen.diagnostics.push(Diagnostic::error("file-unreadable", message).in_file(&shown_path));
                return None;
            }
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let file = File::new(Source { shown: shown_path, text: content.into() }, folder);
        let lowered = read_zone(&file, &self.found.name).map(|spec| {
            self.suit(master, &spec.pools, seen);
            let is_known = self.steers_as_before(&spec.pools);
            let statics = match (&master, &self.found.master) {
                (Some(master), Some(path)) => Statics::Zone(&master.facts, shown(path, self.base)),
                (None, Some(_)) => Statics::Broken,
                _ => Statics::None,
            };
            let context = Context { file: &file, zone: &self.found.name, defaults: self.defaults, statics };
            (lower_zone(&context, spec), is_known)
        });
        let (found, named) = file.finish();
        seen.diagnostics.extend(found.into_iter().map(Diagnostic::cut));
        seen.files.extend(named.iter().cloned());
        let ((made, pools), is_known) = lowered?;
        let records = match &master {
            Some(master) => master.records.clone(),
            None => self.records_as_before(made?, is_known),
        };
        let named = named.iter().map(|path| Print::of_read_since(path, began));
        let prints = std::iter::once(print).chain(named).collect();
        Some((self.setup_as_before(ZoneSetup { records, pools }), prints))
    }

    /// Makes what is known of the master file fit for these pools. Where they steer other names than
    /// before, the records are compiled again, and are read again if they were let go.
    fn suit(&self, master: &mut Option<Arc<Master>>, pools: &[PoolSpec], seen: &mut Seen) {
        let (Some(now), Some(path)) = (master.take(), &self.found.master) else { return };
        let is_known = self.steers_as_before(pools);
        let is_read = self.previous.is_none_or(|known| !Arc::ptr_eq(&known.setup.records, &now.records));
        if is_known && !is_read {
            *master = Some(now);
            return;
        }
        let again = if is_read { Some(Arc::unwrap_or_clone(now)) } else { again(&now) };
        let Some(mut suited) = again.or_else(|| self.read_master(path, seen)) else { return };
        let Some(zone) = suited.records.zone() else { return };
        suited.facts = Facts::of(&zone, pools);
        if let Some(known) = self.previous.filter(|known| is_known && known.setup.records.is_same(&suited.records)) {
            suited.records = known.setup.records.clone();
        }
        *master = Some(Arc::new(suited));
    }

    /// Whether these pools steer the names that those of the last load did.
    fn steers_as_before(&self, pools: &[PoolSpec]) -> bool {
        self.previous.is_some_and(|known| steers_as(pools, &known.setup.pools))
    }

    /// Records, or the last load's where they are the same and so are the steered names: its users see
    /// then that there is nothing to compile.
    fn records_as_before(&self, zone: Zone, is_known: bool) -> Arc<Records> {
        let records = Records::new(zone);
        match self.previous {
            Some(known) if is_known && known.setup.records.is_same(&records) => known.setup.records.clone(),
            _ => Arc::new(records),
        }
    }

    /// The last load's value where the new one is equal: its users see then that nothing changed.
    fn setup_as_before(&self, setup: ZoneSetup) -> Arc<ZoneSetup> {
        match self.previous {
            Some(known) if Arc::ptr_eq(&known.setup.records, &setup.records) && known.setup.pools == setup.pools => {
                known.setup.clone()
            }
            _ => Arc::new(setup),
        }
    }
}

/// Whether the first of these is of that file; none is of none.
fn is_of(prints: &[Print], path: Option<&Path>) -> bool {
    match (prints.first(), path) {
        (Some(print), Some(path)) => print.is_of(path),
        (print, path) => print.is_none() && path.is_none(),
    }
}

/// What is known of a master file, with its records for another steering; none where they were let go.
fn again(master: &Master) -> Option<Master> {
    Some(Master { records: Arc::new(master.records.again()?), ..master.clone() })
}
