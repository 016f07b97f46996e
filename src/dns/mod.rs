//! Words of the wire: names, types, queries, EDNS and a message writer.
//!
//! Everything here is pure: bytes in, bytes out. No sockets, clocks, files or allocation on the
//! paths that a query takes. Absent on purpose: parsing of responses, and DNSSEC.

mod edns;
mod hash;
mod name;
mod query;
mod types;
mod writer;

pub use edns::{Edns, UDP_PAYLOAD_MAX, opt_len, write_opt};
pub use hash::{Hash, begin_alike, fold_into, hash_label};
pub use name::{LabelIter, Name, NameError, is_within};
pub use query::{Header, LookupName, Query, Unparsed, parse};
pub use types::{Class, Opcode, Rcode, Rtype};
pub use writer::{Full, Writer, read_name};

/// Bytes of the fixed header of every message (RFC 1035, 4.1.1).
pub const HEADER_LEN: usize = 12;
/// The longest name on the wire in bytes, the root's zero included (RFC 1035, 2.3.4).
pub const NAME_MAX: usize = 255;
/// The most labels a name can have, the root not counted.
pub const LABELS_MAX: usize = 127;
