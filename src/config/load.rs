//! Loading: all files at once, and of those that did not change only what is known of them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diag::{Diagnostic, Source};
use super::files::{Print, reason};
use super::folder::{self, Listing};
use super::lower::{check_defaults, lower_node, lower_zones_folder};
use super::spec::{Defaults, NodeSpec, read_node};
use super::toml::File;
use super::zone::{Entry, Loading, Outcome, Seen};
use crate::dns::Name;
use crate::model::node::{Node, Setup, ZoneSetup};

/// What one load gave.
#[derive(Debug)]
pub struct Report {
    /// The model; none where there is any error.
    pub setup: Option<Setup>,
    /// Errors first, then warnings; each by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// Files and folders whose change makes another load worth while; the value of the load before where
    /// they are the same.
    pub watched: Arc<[PathBuf]>,
    /// How many zones the folder has, with and without errors.
    pub zones: usize,
    /// For the next load.
    pub loaded: Loaded,
}

/// What is known of files that were read, so that the next load reads only what has changed. It holds
/// the good zones of a load that failed, too.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    listing: Arc<Listing>,
    /// One for each zone of the listing; none where it was never good.
    zones: Vec<Option<Arc<Entry>>>,
    defaults: Arc<Defaults>,
    /// What is to be watched: of the node, and in all. Nothing, where that had errors.
    own: Vec<PathBuf>,
    watched: Arc<[PathBuf]>,
}

/// What was read for the zones, beside what [`Loaded`] knows.
struct ZoneFiles {
    /// The files of all good zones are those of the load before.
    same: bool,
    /// For zones with errors.
    broken: Vec<PathBuf>,
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
        watched: Arc::default(),
        zones: 0,
        loaded: previous.cloned().unwrap_or_default(),
    };
    let mut own = vec![path.to_owned()];
    let files = load_node(path, &mut report, &mut own);
    Diagnostic::sort(&mut report.diagnostics);
    report.watched = match files {
        Some(files) => report.loaded.watch(own, files),
        None => own.into(),
    };
    if report.diagnostics.iter().any(|diagnostic| !diagnostic.is_warning()) {
        report.setup = None;
    }
    report
}

/// Reads `pharos.toml` alone: what a command must know to find the node. None where it cannot be read or
/// is not TOML; a key that is wrong counts as absent, since the node may run with what stood there before.
#[must_use]
pub fn load_own(path: &Path) -> Option<Node> {
    let (content, _) = Print::read(path).ok()?;
    let file = File::new(Source { shown: path.to_owned(), text: content.into() }, path.parent()?);
    read_node(&file).map(|spec| lower_node(&file, spec, None))
}

/// Adds to `own` what is to be watched beside the files of zones.
fn load_node(path: &Path, report: &mut Report, own: &mut Vec<PathBuf>) -> Option<ZoneFiles> {
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
            return None;
        }
    };
    let file = File::new(Source { shown, text: content.into() }, base);
    let mut files = None;
    if let Some(mut spec) = read_node(&file) {
        check_defaults(&file, &spec.defaults);
        let defaults = std::mem::take(&mut spec.defaults).inherit();
        if *report.loaded.defaults != defaults {
            report.loaded.defaults = Arc::new(defaults);
        }
        if let Some((zones, of_zones)) = load_zones(&file, base, &spec, report, own) {
            let all = (zones.len() == report.zones).then_some(&*zones);
            report.setup = Some(Setup { node: lower_node(&file, spec, all), zones });
            files = Some(of_zones);
        }
    }
    let (found, named) = file.finish();
    report.diagnostics.extend(found);
    own.extend(named);
    files
}

/// Loads every zone of the folder, sorted by name; None where there is no such folder. Zones with
/// errors are left out.
fn load_zones(
    file: &File,
    base: &Path,
    spec: &NodeSpec,
    report: &mut Report,
    own: &mut Vec<PathBuf>,
) -> Option<(Vec<Arc<ZoneSetup>>, ZoneFiles)> {
    let folder = lower_zones_folder(spec, base)?;
    own.push(folder.clone());
    let listing = match folder::scan(&folder, shown(&folder, base), &report.loaded.listing) {
        Ok(listing) => listing,
        Err(fault) => {
            let fault = folder::unreadable(shown(&folder, base), &fault);
            file.push(match spec.zones.at() {
                Some(at) => fault.at(&file.source, at),
                None => fault.in_file(&file.source.shown).help("make it, or name another with zones = \"...\""),
            });
            return None;
        }
    };
    report.zones = listing.zones.len();
    report.diagnostics.extend_from_slice(&listing.diagnostics);
    let mut files = ZoneFiles { same: Arc::ptr_eq(&listing, &report.loaded.listing), broken: Vec::new() };
    let mut zones = Vec::with_capacity(listing.zones.len());
    let mut known = report.loaded.take_entries(&listing);
    for (found, previous) in listing.zones.iter().zip(&mut known) {
        let loading = Loading { found, base, defaults: &report.loaded.defaults, previous: previous.as_ref() };
        match loading.run() {
            Outcome::Good(entry) => {
                zones.push(Arc::clone(&entry.setup));
                report.diagnostics.extend(entry.diagnostics().cloned());
                let had = |before: &Arc<Entry>| Arc::ptr_eq(before, &entry) || before.files().eq(entry.files());
                files.same &= previous.as_ref().is_some_and(had);
                *previous = Some(entry);
            }
            // What is known of its last good state stays: the edit may be undone.
            Outcome::Broken(Seen { diagnostics, files: read }) => {
                report.diagnostics.extend(diagnostics);
                files.broken.extend(read);
            }
        }
    }
    warn_of_hidden_names(&zones, shown(&folder, base), &mut report.diagnostics);
    (report.loaded.listing, report.loaded.zones) = (listing, known);
    Some((zones, files))
}

impl Loaded {
    /// What is known of the zones of a listing, in its order.
    fn take_entries(&mut self, listing: &Arc<Listing>) -> Vec<Option<Arc<Entry>>> {
        let entries = std::mem::take(&mut self.zones);
        if Arc::ptr_eq(listing, &self.listing) {
            return entries;
        }
        let known = self.listing.zones.iter().map(|found| &found.name).zip(entries);
        let mut known: HashMap<_, _> = known.collect();
        listing.zones.iter().map(|found| known.remove(&found.name).flatten()).collect()
    }

    /// All that is to be watched, where `own` is so beside the files of zones.
    fn watch(&mut self, mut own: Vec<PathBuf>, files: ZoneFiles) -> Arc<[PathBuf]> {
        own.sort_unstable();
        if !files.same || !files.broken.is_empty() || self.own != own {
            let known = self.zones.iter().flatten().flat_map(|entry| entry.files()).map(Path::to_owned);
            let is_whole = files.broken.is_empty();
            let mut all: Vec<_> = own.iter().cloned().chain(files.broken).chain(known).collect();
            all.sort_unstable();
            all.dedup();
            self.watched = all.into();
            self.own = if is_whole { own } else { Vec::new() };
        }
        Arc::clone(&self.watched)
    }
}

/// Warns of steered names that lie in another zone of this node, one below the pool's own: questions
/// for them are answered from there.
fn warn_of_hidden_names(zones: &[Arc<ZoneSetup>], folder: &Path, out: &mut Vec<Diagnostic>) {
    // In the order of names, what lies in a zone follows it.
    let above = || zones.windows(2).filter(|pair| pair[1].name().is_within(pair[0].name())).map(|pair| &pair[0]);
    if above().next().is_none() {
        return;
    }
    let origins: HashSet<&Name> = zones.iter().map(|zone| zone.name()).collect();
    for zone in above() {
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

#[cfg(test)]
mod tests {
    use super::super::files::READS;
    use super::*;

    #[test]
    fn of_a_hundred_zones_only_the_changed_file_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).expect("written");
        let steering = |ttl: u32| {
            format!(
                "[pool.app]\nnames = [\"@\"]\nttl = {ttl}\n[[pool.app.endpoint]]\nname = \"a\"\naddress = [\"192.0.2.1\"]\n"
            )
        };
        std::fs::create_dir(folder.path().join("zones")).expect("a folder");
        write("pharos.toml", "");
        for i in 0..100 {
            write(
                &format!("zones/z{i}.test.zone"),
                "@ 60 SOA ns.test. h.test. 1 3600 900 604800 10\n@ 60 NS ns.test.\n",
            );
            write(&format!("zones/z{i}.test.toml"), &steering(10));
        }
        let load_after = |loaded: Option<Loaded>| {
            let aged = loaded.map(|loaded| {
                let zones = loaded.zones.iter().map(|entry| Some(Arc::new(entry.as_ref()?.aged()))).collect();
                Loaded { zones, ..loaded }
            });
            READS.set(0);
            let report = load(&folder.path().join("pharos.toml"), aged.as_ref());
            assert!(report.setup.is_some(), "{:?}", report.diagnostics);
            (report, READS.get())
        };
        // The node's own file is always read.
        let (first, reads) = load_after(None);
        assert_eq!(reads, 201);
        let (second, reads) = load_after(Some(first.loaded));
        assert_eq!(reads, 1);
        assert!(Arc::ptr_eq(&first.watched, &second.watched));
        write("zones/z50.test.toml", &steering(11));
        let (third, reads) = load_after(Some(second.loaded));
        // Once to see that it has changed, and once for what it says.
        assert_eq!(reads, 3);
        let zones = |report: &Option<Setup>| report.as_ref().map(|setup| setup.zones.clone()).unwrap_or_default();
        let (before, after) = (zones(&second.setup), zones(&third.setup));
        let other: Vec<_> = before.iter().zip(&after).filter(|(a, b)| !Arc::ptr_eq(a, b)).map(|(_, b)| b).collect();
        assert_eq!(other.len(), 1);
        assert_eq!((other[0].name().to_string(), other[0].pools[0].ttl), ("z50.test.".to_owned(), 11));
        assert!(Arc::ptr_eq(&second.watched, &third.watched));
        write("zones/new.test.zone", "@ 60 SOA ns.test. h.test. 1 3600 900 604800 10\n@ 60 NS ns.test.\n");
        let (fourth, reads) = load_after(Some(third.loaded));
        assert_eq!((reads, fourth.watched.len()), (2, third.watched.len() + 1));
    }
}
