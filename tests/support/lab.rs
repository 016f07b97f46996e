//! A node with a pool of two regions, and an operator at its command line.

use std::net::Ipv4Addr;
use std::process::{Command, Output};

use hickory_proto::rr::RecordType;

use super::dns;
use super::endpoint::{Behaviour, Endpoint};
use super::folder::Folder;
use super::node::{Node, pharos};

/// Two endpoints in two regions; `more` goes to the pool.
pub fn steering(east: &Endpoint, west: &Endpoint, more: &str) -> String {
    format!(
        "[check.web]\ntype = \"http\"\ninterval = \"300ms\"\nrecheck = \"100ms\"\ntimeout = \"200ms\"\nfall = 2\nrise = 1\n\
         [pool.app]\nnames = [\"@\"]\npolicy = [\"priority\"]\ncheck = \"web\"\nttl = 10\n{more}\n\
         [[pool.app.endpoint]]\nname = \"us-east\"\nregion = \"us\"\npriority = 1\naddress = [\"192.0.2.10\"]\n\
         check_address = \"{}\"\n\
         [[pool.app.endpoint]]\nname = \"eu-west\"\nregion = \"eu\"\npriority = 2\naddress = [\"198.51.100.20\"]\n\
         check_address = \"{}\"\n",
        east.address, west.address
    )
}

pub struct Lab {
    pub east: Endpoint,
    pub west: Endpoint,
    pub folder: Folder,
    pub node: Node,
}

impl Lab {
    pub fn new(more: &str) -> Self {
        Self::with(more, "")
    }

    /// As [`Lab::new`]; `node_keys` goes to `pharos.toml`.
    pub fn with(more: &str, node_keys: &str) -> Self {
        let (east, west) = (Endpoint::new(Behaviour::healthy("us")), Endpoint::new(Behaviour::healthy("eu")));
        let folder = Folder::steered(&steering(&east, &west, more));
        let socket = folder.path("admin.sock");
        let listen = format!("dns = [\"127.0.0.1:0\"]\nadmin = [\"unix:{}\", \"127.0.0.1:0\"]", socket.display());
        folder.node_with(&listen, node_keys);
        let node = Node::start(&folder);
        Self { east, west, folder, node }
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// The command, to be run otherwise.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = pharos();
        command.args(args).arg("--config").arg(self.folder.config());
        command
    }

    /// What is answered to A.
    pub fn answer(&self) -> Vec<Ipv4Addr> {
        let message = dns::query("app.example.com.", RecordType::A);
        dns::addresses(&self.node.client().exchange(&message).unwrap())
    }

    /// What it prints; it must end well.
    #[track_caller]
    pub fn said(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it complains about, and how it ends.
    #[track_caller]
    pub fn refused(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args);
        assert!(output.stdout.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}
