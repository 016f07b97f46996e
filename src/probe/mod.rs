//! One kind of check per file, and the scheduler.
