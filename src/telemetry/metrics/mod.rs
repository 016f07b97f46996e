//! What monitors read: the figures of the node as Prometheus takes them.
//!
//! [`render`] makes the text of one moment; nothing is kept from one to the next, and there is no registry:
//! counters live with the one who counts. How many series there can be is bounded: zones and addresses of
//! endpoints without a row of their own ([`crate::snapshot::Rows`]), and pools beyond [`POOLS_MAX`], are summed
//! as `_other`, or left out where a sum says nothing. `pharos_series_summed` says how many.

mod checks;
mod dns;
mod node;
mod overflow;
mod pools;
mod process;
mod sinks;
mod text;

use std::time::SystemTime;

pub use dns::{Dns, Queries, Transports};
pub use node::NodeFigures;
pub use overflow::udp_overflow;
pub use process::Process;
pub use sinks::Sink;
pub use text::CONTENT_TYPE;

use self::text::Text;
use crate::control::{Figures, Status};
use crate::snapshot::Roll;

/// Pools with series of their own.
pub const POOLS_MAX: usize = 1_000;
/// What shares a series.
const OTHER: &str = "_other";
/// What belongs to no zone.
const NONE: &str = "_none";

/// All that is shown.
#[derive(Debug)]
pub struct Moment<'a> {
    /// The node itself.
    pub node: NodeFigures,
    /// What it answers.
    pub dns: Dns,
    /// What it judges.
    pub status: &'a Status,
    /// What control counted.
    pub figures: &'a Figures,
    /// Who has series of their own.
    pub roll: &'a Roll,
    /// Who is notified.
    pub sinks: Vec<Sink>,
    /// What it takes of the machine.
    pub process: Process,
}

/// The text of a moment.
#[must_use]
pub fn render(moment: &Moment<'_>) -> String {
    let Moment { node, dns, status, figures, roll, sinks, process } = moment;
    let mut text = Text::default();
    node.write(&mut text, status, figures, roll);
    dns.write(&mut text, roll);
    pools::write(&mut text, status, figures, roll);
    checks::write(&mut text, status, figures, roll);
    sinks::write(&mut text, sinks);
    process.write(&mut text);
    text.finish()
}

/// Seconds since 1970.
fn unix(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
