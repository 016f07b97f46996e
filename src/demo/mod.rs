//! `pharos demo`: two regions on loopback, and the real node that answers for them.
//!
//! The node is started by the same code as `pharos serve`, from the files of the example. Nothing is
//! simulated: the probes speak HTTP with the regions, and how long an answer took to move is measured
//! by asking over UDP.

mod director;
mod draw;
mod endpoint;
mod files;
mod journey;
mod resolver;
mod scene;
mod script;
mod stage;
mod watch;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::sync::mpsc;

use self::director::Director;
use self::endpoint::Endpoint;
use self::files::Files;
use self::stage::Stage;
use crate::app::{self, AppError};
use crate::serve;

/// The regions of the example, and the addresses that the zone has for them.
const REGIONS: [(&str, IpAddr); 2] =
    [("us-east", IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1))), ("eu-west", IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)))];

/// Keys that are pressed faster than they can be taken are lost.
const KEYS_MAX: usize = 16;

/// How the demo runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// By itself: fails a region, restores it, and ends.
    pub script: bool,
    /// Where DNS listens.
    pub listen: SocketAddr,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The person ended it, or the script saw the answer move both ways in time.
    Done,
    /// The script did not.
    Late,
}

/// Why the demo did not run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Its address is taken.
    #[error(
        "{0} is in use, perhaps by another demo; choose another address with --listen, such as --listen 127.0.0.1:5301"
    )]
    InUse(SocketAddr),
    /// The node did not start, or ended.
    #[error(transparent)]
    Node(AppError),
    /// The regions cannot be played.
    #[error("cannot play the regions on 127.0.0.1 and 127.0.0.2: {0}")]
    Regions(#[source] io::Error),
    /// The files cannot be written.
    #[error("cannot write the example's files: {0}")]
    Files(#[source] io::Error),
    /// The terminal, or the socket to ask with.
    #[error("the demo cannot go on: {0}")]
    Io(#[from] io::Error),
}

impl From<AppError> for DemoError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Bind(serve::BindError::InUse { address, .. }) => Self::InUse(address),
            error => Self::Node(error),
        }
    }
}

/// Runs the demo to its end.
///
/// # Errors
/// [`DemoError`], each with what to do.
pub fn run(options: &Options) -> Result<Outcome, DemoError> {
    let runtime = app::runtime()?;
    runtime.block_on(play(options))
}

async fn play(options: &Options) -> Result<Outcome, DemoError> {
    let regions = Endpoint::start(&REGIONS).await.map_err(DemoError::Regions)?;
    let port = regions[0].address.port();
    let files = Files::write(options.listen, port).map_err(DemoError::Files)?;
    let mut node = app::Node::start(&files.config()).await?;
    let (sender, keys) = mpsc::channel(KEYS_MAX);
    let stage = Stage::open(options.script, sender)?;
    let director = Director::new(&node, &files, regions, stage, options.script).await?;
    let outcome = tokio::select! {
        outcome = director.run(keys) => outcome?,
        error = node.failed() => return Err(DemoError::Node(error)),
    };
    node.stop().await?;
    Ok(outcome)
}
