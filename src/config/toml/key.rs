//! The value of one key, or why there is none.

use std::ops::Range;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given<T> {
    pub(crate) value: T,
    pub(crate) at: Range<usize>,
}

/// What one key of a table says.
///
/// A wrong value is kept apart from an absent one: it has its diagnostic already, and must not lead
/// to a second one further on ("missing", or a comparison with a default that nobody meant).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Key<T> {
    /// Not there.
    #[default]
    Absent,
    /// There, wrong, and reported.
    Wrong,
    /// From the defaults of the node: its place is in another file.
    Inherited(T),
    /// There.
    Given(Given<T>),
}

impl<T> Key<T> {
    /// The value, own or inherited.
    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Self::Absent | Self::Wrong => None,
            Self::Inherited(value) | Self::Given(Given { value, .. }) => Some(value),
        }
    }

    /// The value with its place, where it stands in this file.
    pub(crate) fn given(&self) -> Option<&Given<T>> {
        match self {
            Self::Given(given) => Some(given),
            _ => None,
        }
    }

    /// Where it stands in this file.
    pub(crate) fn at(&self) -> Option<Range<usize>> {
        self.given().map(|given| given.at.clone())
    }

    pub(crate) fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong)
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<T: Clone> Key<T> {
    /// This key as the defaults of the node hand it on, without its place.
    pub(crate) fn inherit(self) -> Self {
        match self {
            Self::Given(Given { value, .. }) => Self::Inherited(value),
            other => other,
        }
    }

    /// This key, or what the defaults say. A wrong default is reported at its own place.
    pub(crate) fn or(self, default: &Self) -> Self {
        match (self, default) {
            (Self::Absent, default) => default.clone().inherit(),
            (own, _) => own,
        }
    }

    /// The value, or `default` where there is none.
    pub(crate) fn unwrap_or(&self, default: T) -> T {
        self.value().cloned().unwrap_or(default)
    }
}
