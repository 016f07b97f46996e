//! The hash under which names are found: folded, and extended label by label from the root, so that
//! one pass over a name gives the hash of each of its ancestors too.

/// The hash of a name; [`Hash::ROOT`] is that of the root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hash(pub u64);

impl Hash {
    /// The hash of the root.
    pub const ROOT: Self = Self(0x9e37_79b9_7f4a_7c15);

    /// Of a folded name in uncompressed wire form.
    #[must_use]
    pub fn of(folded: &[u8]) -> Self {
        let mut starts = [0u8; super::LABELS_MAX];
        let (mut count, mut at) = (0, 0);
        while let Some(&len) = folded.get(at).filter(|l| **l != 0) {
            // At most 255 bytes of name.
            starts[count] = u8::try_from(at).unwrap_or(u8::MAX);
            count += 1;
            at += usize::from(len) + 1;
        }
        starts[..count].iter().rev().fold(Self::ROOT, |parent, &start| {
            let start = usize::from(start);
            hash_label(parent, &folded[start..=start + usize::from(folded[start])])
        })
    }
}

const K: u64 = 0xa076_1d64_78bd_642f;

/// Extends the hash of a parent by one folded label, its length byte included.
#[must_use]
#[inline]
pub fn hash_label(parent: Hash, label: &[u8]) -> Hash {
    let mut state = parent.0;
    for chunk in label.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = mix(state ^ u64::from_le_bytes(word), K);
    }
    Hash(state)
}

/// As [`hash_label`] for the label that starts at `start` of `buffer`, which goes on for at least
/// seven bytes behind it: so that no byte is copied.
#[must_use]
#[inline(always)]
pub(super) fn hash_label_at(parent: Hash, buffer: &[u8], start: usize) -> Hash {
    let mut left = usize::from(buffer[start]) + 1;
    let mut at = start;
    let mut state = parent.0;
    while left > 8 {
        state = mix(state ^ word_at(buffer, at), K);
        at += 8;
        left -= 8;
    }
    Hash(mix(state ^ (word_at(buffer, at) & front_of_word(left)), K))
}

/// The eight bytes from `at` on; 0 where there are fewer.
#[inline]
fn word_at(buffer: &[u8], at: usize) -> u64 {
    buffer[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// The mask of the first `count` bytes of a word, from 1 to 8.
#[inline]
fn front_of_word(count: usize) -> u64 {
    u64::MAX >> (64 - count * 8)
}

/// Whether both buffers begin with the same `len` bytes. Quickest where both go on for seven bytes more.
#[must_use]
#[inline(always)]
pub fn begin_alike(a: &[u8], b: &[u8], len: usize) -> bool {
    let mut at = 0;
    while len - at > 8 {
        let (Some(x), Some(y)) = (a[at..].first_chunk::<8>(), b[at..].first_chunk::<8>()) else { return false };
        if x != y {
            return false;
        }
        at += 8;
    }
    let left = len - at;
    match (a[at..].first_chunk::<8>(), b[at..].first_chunk::<8>()) {
        (Some(x), Some(y)) if left > 0 => (u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y)) & front_of_word(left) == 0,
        _ => a[at..len] == b[at..len],
    }
}

#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    #[allow(clippy::cast_possible_truncation)] // both halves are taken
    let (low, high) = (wide as u64, (wide >> 64) as u64);
    low ^ high
}

/// Turns the ASCII capitals among eight bytes into small letters.
#[inline(always)]
pub(super) fn fold_word(word: [u8; 8]) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(word);
    let low = word & (0x7f * ONES);
    // Bit 7 of each byte: at least 'A', and more than 'Z'; neither for bytes over 127.
    let capital = (low + (0x80 - 0x41) * ONES) & !(low + (0x80 - 0x5b) * ONES) & !word & (0x80 * ONES);
    (word | (capital >> 2)).to_le_bytes()
}

/// Copies a name in lower case; length bytes are at most 63 and pass unchanged.
#[inline]
pub fn fold_into(wire: &[u8], out: &mut [u8]) {
    for (to, from) in out.iter_mut().zip(wire) {
        *to = from.to_ascii_lowercase();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fold_as_bytes_do() {
        for byte in 0..=255u8 {
            for place in 0..8 {
                let mut word = [0x5a; 8];
                word[place] = byte;
                assert_eq!(fold_word(word), word.map(|b| b.to_ascii_lowercase()));
            }
        }
    }

    #[test]
    fn both_hashes_are_one() {
        for len in 0..=63u8 {
            let mut buffer = vec![len];
            buffer.extend((0..len).map(|i| b'a' + i % 26));
            let hash = hash_label(Hash::ROOT, &buffer);
            buffer.extend([0xff; 8]);
            assert_eq!(hash_label_at(Hash::ROOT, &buffer, 0), hash, "{len}");
        }
    }

    #[test]
    fn every_byte_within_counts_and_none_behind() {
        let a: Vec<u8> = (0..40).collect();
        for slack in [0, 8] {
            for len in 0..=32 {
                let mut b = a.clone();
                b[len..].fill(0xee);
                b.truncate(len + slack);
                assert!(begin_alike(&a, &b, len) && begin_alike(&b, &a, len), "{len}");
                for at in 0..len {
                    b[at] ^= 0x80;
                    assert!(!begin_alike(&a, &b, len), "{len} {at}");
                    b[at] ^= 0x80;
                }
            }
        }
    }
}
