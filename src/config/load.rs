//! Loading: all files at once, and of those that did not change only what is known of them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diag::{Diagnostic, Source};
use super::files::{Print, reason};
use super::folder;
use super::lower::{check_defaults, lower_node, lower_zones_folder};
use super::spec::{Defaults, NodeSpec, read_node};
use super::toml::File;
use super::zone::{Entry, Loading, Outcome};
use crate::dns::Name;
use crate::model::node::{Setup, ZoneSetup};

/// What one load gave.
#[derive(Debug)]
pub struct Report {
    /// The model; none where there is any error.
    pub setup: Option<Setup>,
    /// Errors first, then warnings; each by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// Files and folders whose change makes another load worth while.
    pub watched: Vec<PathBuf>,
    /// How many zones the folder has, with and without errors.
    pub zones: usize,
    /// For the next load.
    pub loaded: Loaded,
}

/// What is known of files that were read, so that the next load reads only what has changed. It holds
/// the good zones of a load that failed, too.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    zones: HashMap<Name, Arc<Entry>>,
}

/// Reads `pharos.toml` and the zones folder that it names, and checks all of it. Blocks.
///
/// Zones whose files did not change since `previous` keep their `Arc`, with the warnings they gave.
///
/// ```
/// let report = pharos::config::load(std::path::Path::new("/nonexistent/pharos.toml"), None);
/// assert!(report.setup.is_none());
/// assert_eq!(report.diagnostics[0].code, "file-unreadable");
/// ```
#[must_use]
pub fn load(path: &Path, previous: Option<&Loaded>) -> Report {
    let mut report = Report {
        setup: None,
        diagnostics: Vec::new(),
        watched: vec![path.to_owned()],
        zones: 0,
        loaded: previous.cloned().unwrap_or_default(),
    };
    load_node(path, &mut report);
    Diagnostic::sort(&mut report.diagnostics);
    report.watched.sort();
    report.watched.dedup();
    if report.diagnostics.iter().any(|diagnostic| !diagnostic.is_warning()) {
        report.setup = None;
    }
    report
}

fn load_node(path: &Path, report: &mut Report) {
    let base = path.parent().unwrap_or(Path::new(""));
    let shown = path.file_name().map_or_else(|| path.to_owned(), PathBuf::from);
    let content = match Print::read(path) {
        Ok((content, _)) => content,
        Err(fault) => {
            let message = format!("cannot read the file: {}", reason(&fault));
            let mut found = Diagnostic::error("file-unreadable", message).in_file(path);
            if fault.kind() == std::io::ErrorKind::NotFound {
                found = found.help("name another with --config FILE; `pharos demo` needs none");
            }
            report.diagnostics.push(found);
            return;
        }
    };
    let file = File::new(Source { shown, text: content.into() }, base);
    if let Some(mut spec) = read_node(&file) {
        check_defaults(&file, &spec.defaults);
        let defaults = Arc::new(std::mem::take(&mut spec.defaults).inherit());
        if let Some(zones) = load_zones(&file, base, &spec, &defaults, report) {
            report.setup = Some(Setup { node: lower_node(spec), zones });
        }
    }
    let (found, named) = file.finish();
    report.diagnostics.extend(found);
    report.watched.extend(named);
}

/// Loads every zone of the folder, sorted by name; None where there is no such folder. Zones with
/// errors are left out.
fn load_zones(
    file: &File,
    base: &Path,
    spec: &NodeSpec,
    defaults: &Arc<Defaults>,
    report: &mut Report,
) -> Option<Vec<Arc<ZoneSetup>>> {
    let folder = lower_zones_folder(spec, base)?;
    report.watched.push(folder.clone());
    let found = match folder::scan(&folder, shown(&folder, base), &mut report.diagnostics) {
        Ok(found) => found,
        Err(fault) => {
            let fault = folder::unreadable(shown(&folder, base), &fault);
            file.push(match spec.zones.at() {
                Some(at) => fault.at(&file.source, at),
                None => fault.in_file(&file.source.shown).help("make it, or name another with zones = \"...\""),
            });
            return None;
        }
    };
    report.zones = found.len();
    let mut known = std::mem::take(&mut report.loaded.zones);
    let mut zones = Vec::with_capacity(found.len());
    for found in found {
        let previous = known.remove(&found.name);
        let loading = Loading { found: &found, base, defaults, previous: previous.as_deref() };
        let Outcome { entry, diagnostics, files } = loading.run();
        report.diagnostics.extend(diagnostics);
        report.watched.extend(files);
        zones.extend(entry.as_ref().map(|entry| entry.setup.clone()));
        // A broken zone leaves what is known of its last good state: the edit may be undone.
        if let Some(entry) = entry.map(Arc::new).or(previous) {
            report.loaded.zones.insert(found.name, entry);
        }
    }
    warn_of_hidden_names(&zones, shown(&folder, base), &mut report.diagnostics);
    Some(zones)
}

/// Warns of steered names that lie in another zone of this node, one below the pool's own: questions
/// for them are answered from there.
fn warn_of_hidden_names(zones: &[Arc<ZoneSetup>], folder: &Path, out: &mut Vec<Diagnostic>) {
    let origins: HashSet<&Name> = zones.iter().map(|zone| zone.name()).collect();
    for zone in zones {
        for pool in &zone.pools {
            for name in &pool.names {
                let up = std::iter::successors(Some(name.clone()), Name::parent).take_while(|up| up != zone.name());
                let Some(other) = up.into_iter().find(|up| origins.contains(up)) else { continue };
                let message = format!("{name} of pool \"{}\" is answered from the zone {other}", pool.name);
                let text = zone.name().to_string();
                let file = folder.join(format!("{}.toml", text.trim_end_matches('.').replace('/', "%2F")));
                let fault = Diagnostic::warning("pool-name-hidden", message).in_file(&file);
                out.push(fault.help("steer it in that zone"));
            }
        }
    }
}

/// A path as people see it: relative to the folder of `pharos.toml` where it lies below that.
pub(super) fn shown<'a>(path: &'a Path, base: &Path) -> &'a Path {
    path.strip_prefix(base).unwrap_or(path)
}
