//! Admin HTTP: health and readiness.
