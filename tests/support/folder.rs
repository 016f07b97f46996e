//! The files of one node, in a temporary folder.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The zone most tests use.
pub const ZONE: &str = "app.example.com";

pub const MASTER: &str = "\
$TTL 300
@    IN SOA ns1 hostmaster 1 1h 15m 2w 5
     IN NS  ns1
ns1  IN A   192.0.2.53
static IN A 192.0.2.99
";

pub struct Folder {
    dir: TempDir,
}

impl Default for Folder {
    fn default() -> Self {
        let folder = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(folder.path("zones")).unwrap();
        folder.node("");
        folder
    }
}

impl Folder {
    /// A node with one zone, its master file plain and its steering as given.
    pub fn steered(steering: &str) -> Self {
        let folder = Self::default();
        folder.zone(MASTER);
        folder.steering(steering);
        folder
    }

    pub fn path(&self, inner: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(inner)
    }

    pub fn config(&self) -> PathBuf {
        self.path("pharos.toml")
    }

    /// Writes `pharos.toml`: free ports, and what the test adds.
    pub fn node(&self, more: &str) -> &Self {
        self.node_with("dns = [\"127.0.0.1:0\"]\nadmin = [\"127.0.0.1:0\"]\nudp_threads = 1", more)
    }

    /// Writes `pharos.toml` with these listeners.
    pub fn node_with(&self, listen: &str, more: &str) -> &Self {
        let state = self.path("state");
        std::fs::create_dir_all(&state).unwrap();
        self.write("pharos.toml", &format!("state = {state:?}\n{more}\n[listen]\n{listen}\n"))
    }

    /// Writes the master file of [`ZONE`].
    pub fn zone(&self, text: &str) -> &Self {
        self.write(format!("zones/{ZONE}.zone"), text)
    }

    /// Writes the steering of [`ZONE`].
    pub fn steering(&self, text: &str) -> &Self {
        self.write(format!("zones/{ZONE}.toml"), text)
    }

    pub fn read(&self, inner: impl AsRef<Path>) -> String {
        std::fs::read_to_string(self.path(inner)).unwrap()
    }

    /// Writes a file whole, as a careful editor does: under another name first.
    pub fn write(&self, inner: impl AsRef<Path>, text: &str) -> &Self {
        let path = self.path(inner);
        let new = path.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &path).unwrap();
        self
    }
}
