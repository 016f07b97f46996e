//! Loading one zone: its master file, its steering, and what is known of both from the last load.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::diag::{Diagnostic, Source};
use super::files::{Print, reason, renew};
use super::folder::Found;
use super::load::shown;
use super::lower::{Context, Statics, lint_nameservers, lower_zone};
use super::spec::{Defaults, read_zone};
use super::toml::File;
use crate::model::node::ZoneSetup;
use crate::model::zone::Zone;

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
        if let Statics::Zone(zone, shown) = statics {
            lint_nameservers(zone, &setup.pools, shown, &mut outcome.diagnostics);
        }
        let warnings = outcome.diagnostics[before..].to_vec();
        if warnings.iter().all(Diagnostic::is_warning) {
            let setup = self.same_as_before(setup);
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
        outcome.files.push(path.to_owned());
        let fault = Diagnostic::error("not-yet", "zone files are not there yet").in_file(shown(path, self.base));
        outcome.diagnostics.push(fault);
        None
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
        outcome.diagnostics.extend(found);
        outcome.files.extend(named.iter().cloned());
        let (zone, pools) = lowered?;
        let named: Option<Vec<Print>> = named.iter().map(|path| Print::of_read_since(path, began)).collect();
        let prints = std::iter::once(print).chain(named?).collect();
        Some((ZoneSetup { zone: zone?, pools }, prints))
    }

    /// The last load's value where the new one is equal: its users see then that nothing changed.
    fn same_as_before(&self, setup: ZoneSetup) -> Arc<ZoneSetup> {
        match self.previous {
            Some(known) if Arc::ptr_eq(&known.setup.zone, &setup.zone) && known.setup.pools == setup.pools => {
                known.setup.clone()
            }
            _ => Arc::new(setup),
        }
    }
}
