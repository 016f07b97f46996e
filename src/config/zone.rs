//! Loading one zone: its master file, its steering, and what is known of both from the last load.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::diag::{Diagnostic, Source};
use super::files::{Print, reason, renew};
use super::folder::Found;
use super::load::shown;
use super::lower::{Context, Statics, lower_zone, steers};
use super::master::{self, Parsed, Target};
use super::spec::{Defaults, read_zone};
use super::toml::File;
use crate::model::node::ZoneSetup;
use crate::model::zone::{Node, Rrset, Zone};

/// What is known of a good zone.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) setup: Arc<ZoneSetup>,
    master: Option<Master>,
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
    zone: Arc<Zone>,
    warnings: Vec<Diagnostic>,
    targets: Vec<Target>,
}

/// A zone to load.
pub(super) struct Loading<'a> {
    pub(super) found: &'a Found,
    /// The folder of `pharos.toml`.
    pub(super) base: &'a Path,
    pub(super) defaults: &'a Arc<Defaults>,
    pub(super) previous: Option<&'a Entry>,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Outcome {
    /// None where there is any error.
    pub(super) entry: Option<Entry>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Everything that was read.
    pub(super) files: Vec<PathBuf>,
}

impl Loading<'_> {
    /// Loads the zone, or takes what is known.
    pub(super) fn run(&self) -> Outcome {
        let mut outcome = Outcome::default();
        let (master, is_new) = self.load_master(&mut outcome);
        if self.found.master.is_some() && master.is_none() {
            // The steering is looked through all the same: all faults at once.
            self.load_steering(Statics::Broken, &mut outcome);
            return outcome;
        }
        if !is_new && let Some(entry) = self.take_known(&master) {
            outcome.files.extend(entry.steering.iter().map(|print| print.path().to_owned()));
            outcome.diagnostics.extend(entry.warnings.iter().cloned());
            outcome.entry = Some(entry);
            return outcome;
        }
        let before = outcome.diagnostics.len();
        let statics = match (&master, &self.found.master) {
            (Some(master), Some(path)) => Statics::Zone(&master.zone, shown(path, self.base)),
            _ => Statics::None,
        };
        let Some((setup, steering)) = self.load_steering(statics, &mut outcome) else { return outcome };
        let steered = || setup.pools.iter().flat_map(|pool| &pool.names);
        for target in master.iter().flat_map(|master| &master.targets) {
            if !steers(steered(), &target.name) {
                outcome.diagnostics.push(target.warning.clone());
            }
        }
        let warnings = outcome.diagnostics[before..].to_vec();
        if warnings.iter().all(Diagnostic::is_warning) {
            let setup = self.setup_as_before(setup);
            outcome.entry = Some(Entry { setup, master, steering, defaults: self.defaults.clone(), warnings });
        }
        outcome
    }

    /// The last load's entry with fresh prints, where nothing of the steering has changed.
    fn take_known(&self, master: &Option<Master>) -> Option<Entry> {
        let known = self.previous?;
        if known.defaults != *self.defaults || known.steering.is_empty() != self.found.steering.is_none() {
            return None;
        }
        let steering = renew(&known.steering)?;
        // Another file of the same zone: the stem was written otherwise.
        if steering.first().map(Print::path) != self.found.steering.as_deref() {
            return None;
        }
        Some(Entry {
            setup: known.setup.clone(),
            master: master.clone(),
            steering,
            defaults: self.defaults.clone(),
            warnings: known.warnings.clone(),
        })
    }

    /// The records of the master file, and whether they were read anew.
    fn load_master(&self, outcome: &mut Outcome) -> (Option<Master>, bool) {
        let Some(path) = &self.found.master else {
            let had_one = self.previous.is_some_and(|known| known.master.is_some());
            return (None, had_one);
        };
        let known = self.previous.and_then(|known| known.master.as_ref());
        let known = known.filter(|known| known.prints.first().map(Print::path) == Some(path.as_path()));
        let renewed = known.and_then(|known| Some(Master { prints: renew(&known.prints)?, ..known.clone() }));
        let (master, is_new) = match renewed {
            Some(master) => (Some(master), false),
            None => (self.read_master(path, outcome), true),
        };
        if let Some(master) = &master {
            outcome.files.extend(master.prints.iter().map(|print| print.path().to_owned()));
            outcome.diagnostics.extend(master.warnings.iter().cloned());
        }
        (master, is_new)
    }

    fn read_master(&self, path: &Path, outcome: &mut Outcome) -> Option<Master> {
        let began = SystemTime::now();
        // Before it is parsed: what is written in between shows as a change next time.
        let own = Print::read(path).map(|(_, print)| print).ok();
        let mut found = Vec::new();
        let Parsed { zone, files, targets } = master::parse(&self.found.name, path, shown(path, self.base), &mut found);
        let found: Vec<_> = found.into_iter().map(Diagnostic::cut).collect();
        outcome.files.extend(files.iter().cloned());
        let Some(zone) = zone else {
            outcome.diagnostics.extend(found);
            return None;
        };
        let included = files.iter().filter(|file| *file != path).map(|file| Print::of_read_since(file, began));
        let cut = |target: Target| Target { warning: target.warning.cut(), ..target };
        Some(Master {
            prints: own.into_iter().chain(included).collect(),
            zone: self.zone_as_before(Arc::new(zone)),
            warnings: found,
            targets: targets.into_iter().map(cut).collect(),
        })
    }

    /// Reads the steering and lowers it; None where nothing can come of it.
    fn load_steering(&self, statics: Statics<'_>, outcome: &mut Outcome) -> Option<(ZoneSetup, Vec<Print>)> {
        let Some(path) = &self.found.steering else {
            let Statics::Zone(zone, _) = statics else { return None };
            return Some((ZoneSetup { zone: zone.clone(), pools: Vec::new() }, Vec::new()));
        };
        let began = SystemTime::now();
        outcome.files.push(path.clone());
        let shown = shown(path, self.base).to_owned();
        let (content, print) = match Print::read(path) {
            Ok(read) => read,
            Err(fault) => {
                let message = format!("cannot read the file: {}", reason(&fault));
                outcome.diagnostics.push(Diagnostic::error("file-unreadable", message).in_file(&shown));
                return None;
            }
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let file = File::new(Source { shown, text: content.into() }, folder);
        let context = Context { file: &file, zone: &self.found.name, defaults: self.defaults, statics };
        let lowered = read_zone(&file, &self.found.name).map(|spec| lower_zone(&context, spec));
        let (found, named) = file.finish();
        outcome.diagnostics.extend(found.into_iter().map(Diagnostic::cut));
        outcome.files.extend(named.iter().cloned());
        let (zone, pools) = lowered?;
        let named = named.iter().map(|path| Print::of_read_since(path, began));
        let prints = std::iter::once(print).chain(named).collect();
        Some((ZoneSetup { zone: zone?, pools }, prints))
    }

    /// The last load's value where the new one is equal: its users see then that nothing changed.
    fn setup_as_before(&self, setup: ZoneSetup) -> Arc<ZoneSetup> {
        let zone = self.zone_as_before(setup.zone);
        match self.previous {
            Some(known) if Arc::ptr_eq(&known.setup.zone, &zone) && known.setup.pools == setup.pools => {
                known.setup.clone()
            }
            _ => Arc::new(ZoneSetup { zone, ..setup }),
        }
    }

    fn zone_as_before(&self, zone: Arc<Zone>) -> Arc<Zone> {
        match self.previous {
            Some(known) if is_same(&known.setup.zone, &zone) => known.setup.zone.clone(),
            _ => zone,
        }
    }
}

/// Whether two zones have the same records in the same order.
fn is_same(a: &Arc<Zone>, b: &Arc<Zone>) -> bool {
    let same_set = |(a, b): (Rrset<'_>, Rrset<'_>)| {
        (a.rtype, a.ttl, a.count) == (b.rtype, b.ttl, b.count) && a.rdatas().eq(b.rdatas())
    };
    let same_node = |(a, b): (Node<'_>, Node<'_>)| {
        a.owner == b.owner && a.rrsets().count() == b.rrsets().count() && a.rrsets().zip(b.rrsets()).all(same_set)
    };
    Arc::ptr_eq(a, b)
        || a.origin().as_wire() == b.origin().as_wire()
            && (a.node_count(), a.record_count()) == (b.node_count(), b.record_count())
            && a.nodes().zip(b.nodes()).all(same_node)
}
