//! What can be wrong with a zone as a whole.

use crate::dns::{Name, Rtype};

/// Where in the source a record stands: for diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Which of the files that make the zone.
    pub file: u16,
    /// How many bytes it has there, as far as that fits.
    pub len: u16,
    /// Its first byte, counted from the file's start.
    pub at: u32,
}

/// What is wrong with a zone as a whole, or worth a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneFault {
    /// Which rule.
    pub kind: FaultKind,
    /// The name it is about.
    pub owner: Name,
    /// The type it is about.
    pub rtype: Rtype,
    /// The record that breaks the rule; none where something is missing.
    pub place: Option<Place>,
    /// The record that it collides with.
    pub other: Option<Place>,
    /// The name that the record points to, where the fault is about that.
    pub target: Option<Name>,
}

/// The rules of a zone as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The owner does not lie in the zone.
    OutOfZone,
    /// A second SOA.
    SecondSoa,
    /// A SOA elsewhere than at the apex.
    SoaBelowApex,
    /// No SOA at the apex (RFC 1035, 5.2).
    NoSoa,
    /// No NS at the apex.
    NoNs,
    /// A CNAME and other data at one name (RFC 1034, 3.6.2), or two CNAMEs.
    CnameAndOther,
    /// Two DNAMEs at one name (RFC 6672, 2.4).
    SecondDname,
    /// An RRset that does not fit into a message of 64 KiB.
    RrsetTooLarge,
    /// Warning: TTLs differ within an RRset (RFC 2181, 5.2); the lowest holds.
    MixedTtl,
    /// Warning: the same record twice (RFC 2181, 5); kept once.
    Duplicate,
    /// Warning: data at or below a delegation that is neither NS, DS nor glue; nobody can see it
    /// (RFC 1034, 4.2.1).
    BelowCut,
    /// Warning: data below a DNAME; nobody can see it (RFC 6672, 2.4).
    BelowDname,
    /// Warning: NS, MX or SRV points to a name of the zone without an address. A pool may give it
    /// one: who knows the pools asks again.
    TargetNoAddress,
    /// Warning: NS, MX or SRV points to an alias (RFC 2181, 10.3).
    TargetAlias,
}

impl FaultKind {
    /// Whether the zone is served all the same.
    #[must_use]
    pub fn is_warning(self) -> bool {
        matches!(
            self,
            Self::MixedTtl
                | Self::Duplicate
                | Self::BelowCut
                | Self::BelowDname
                | Self::TargetNoAddress
                | Self::TargetAlias
        )
    }
}

impl ZoneFault {
    pub(super) fn new(kind: FaultKind, owner: Name, rtype: Rtype) -> Self {
        Self { kind, owner, rtype, place: None, other: None, target: None }
    }

    pub(super) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    pub(super) fn beside(mut self, other: Place) -> Self {
        self.other = Some(other);
        self
    }

    pub(super) fn points_to(mut self, target: Name) -> Self {
        self.target = Some(target);
        self
    }
}
