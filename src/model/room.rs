//! How much room large vectors ask for.

/// Smaller vectors ask for what they need.
const LARGE_BYTES: usize = 4 << 20;
/// What is larger than 32 MiB glibc takes from the system by itself and gives back as soon as it is freed.
/// Of smaller pieces it keeps more and more with the process.
const APART_BYTES: usize = (32 << 20) + (64 << 10);

/// The capacity of a vector that is to hold `count` values: where that is large, enough to be a piece of
/// memory of its own. What of it is never touched takes no memory.
pub(crate) fn roomy<T>(count: usize) -> usize {
    let one = size_of::<T>().max(1);
    if count.saturating_mul(one) < LARGE_BYTES { count } else { count.max(APART_BYTES / one) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_vectors_ask_for_more() {
        assert_eq!(roomy::<u64>(1_000), 1_000);
        assert!(roomy::<u64>(1 << 20) * size_of::<u64>() > 32 << 20);
        assert_eq!(roomy::<u8>(64 << 20), 64 << 20);
    }
}
