//! The example of `zones/`, written to a folder of its own for as long as the demo runs.

use std::fs::DirBuilder;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const NODE: &str = include_str!("../../zones/pharos.toml");
const ZONE: &str = include_str!("../../zones/zones/app.example.com.zone");
const STEERING: &str = include_str!("../../zones/zones/app.example.com.toml");

/// The zone of the example.
pub(super) const ZONE_NAME: &str = "app.example.com.";

/// What the example has and the demo must choose: each stands there exactly once.
const DNS_LINE: &str = "dns   = [\"127.0.0.1:5300\"]";
const ADMIN_LINE: &str = "admin = [\"127.0.0.1:8053\"]";
const STATE_LINE: &str = "state = \"/tmp/pharos-example\"";
const PORT_LINE: &str = "port          = 8080";

/// A folder with the example in it; removed with everything in it on drop.
pub(super) struct Files {
    folder: PathBuf,
}

impl Drop for Files {
    fn drop(&mut self) {
        // A folder below the system's temporary one that stays behind harms nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Files {
    /// Writes the example: DNS on `dns`, the endpoints checked on `port`.
    pub(super) fn write(dns: SocketAddr, port: u16) -> io::Result<Self> {
        let files = Self { folder: private_folder()? };
        let state = files.folder.join("state");
        std::fs::create_dir(&state)?;
        std::fs::create_dir(files.folder.join("zones"))?;
        let node = NODE
            .replace(DNS_LINE, &format!("dns   = [\"{dns}\"]"))
            .replace(ADMIN_LINE, "admin = [\"127.0.0.1:0\"]")
            .replace(STATE_LINE, &format!("state = {:?}", state.display().to_string()));
        let steering = STEERING.replace(PORT_LINE, &format!("port          = {port}"));
        std::fs::write(files.config(), node)?;
        std::fs::write(files.folder.join("zones/app.example.com.zone"), ZONE)?;
        std::fs::write(files.steering(), steering)?;
        Ok(files)
    }

    /// The `pharos.toml`.
    pub(super) fn config(&self) -> PathBuf {
        self.folder.join("pharos.toml")
    }

    /// The steering of the zone: a person may edit it while the demo runs.
    pub(super) fn steering(&self) -> PathBuf {
        self.folder.join("zones/app.example.com.toml")
    }
}

/// A new folder that only this user can enter.
fn private_folder() -> io::Result<PathBuf> {
    let parent = std::env::temp_dir();
    let process = std::process::id();
    for attempt in 0..100 {
        let folder: &Path = &parent.join(format!("pharos-demo-{process}-{attempt}"));
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| folder.to_owned()),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_demo_chooses_stands_in_the_example_once() {
        for (text, line) in [(NODE, DNS_LINE), (NODE, ADMIN_LINE), (NODE, STATE_LINE), (STEERING, PORT_LINE)] {
            assert_eq!(text.matches(line).count(), 1, "{line}");
        }
    }

    #[test]
    fn the_folder_goes_away() {
        let files = Files::write("127.0.0.1:5300".parse().unwrap(), 4711).unwrap();
        let folder = files.folder.clone();
        assert!(std::fs::read_to_string(files.steering()).unwrap().contains("port          = 4711"));
        assert!(std::fs::read_to_string(files.config()).unwrap().contains("127.0.0.1:5300"));
        drop(files);
        assert!(!folder.exists());
    }
}
