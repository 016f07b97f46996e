//! Random bits for the draws of policies: fast, one source for each thread, not for secrets.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A wyrand generator.
#[derive(Debug, Clone)]
pub(super) struct Entropy(u64);

impl Entropy {
    /// Seeded from the operating system, which seeds the keys of [`RandomState`].
    pub(super) fn from_system() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }

    /// The next 64 bits.
    #[inline]
    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0xa076_1d64_78bd_642f);
        let product = u128::from(self.0) * u128::from(self.0 ^ 0xe703_7ed1_a0b4_28db);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves are folded on purpose")]
        let folded = (product >> 64) as u64 ^ product as u64;
        folded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_drawn_half_of_the_time() {
        let mut entropy = Entropy::from_system();
        let mut ones = [0_u32; 64];
        for _ in 0..10_000 {
            let bits = entropy.draw();
            for (i, count) in ones.iter_mut().enumerate() {
                *count += u32::from(bits >> i & 1 == 1);
            }
        }
        assert!(ones.iter().all(|&n| (4_600..5_400).contains(&n)), "{ones:?}");
    }

    #[test]
    fn two_sources_differ() {
        assert_ne!(Entropy::from_system().draw(), Entropy::from_system().draw());
    }
}
