//! Values that many targets need and one makes: found again while anyone holds them, dropped after.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};

/// Made values by what they were made from.
#[derive(Debug)]
pub(super) struct Shared<K, V>(HashMap<K, Weak<V>>);

impl<K, V> Default for Shared<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash, V> Shared<K, V> {
    /// The value for a key, made where nobody holds one.
    ///
    /// # Errors
    /// Those of `make`.
    pub(super) fn get<E>(&mut self, key: &K, make: impl FnOnce(&K) -> Result<V, E>) -> Result<Arc<V>, E> {
        if let Some(held) = self.0.get(key).and_then(Weak::upgrade) {
            return Ok(held);
        }
        let made = Arc::new(make(key)?);
        self.0.retain(|_, held| held.strong_count() > 0);
        self.0.insert(key.clone(), Arc::downgrade(&made));
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_serves_all_and_none_stays() {
        let mut shared = Shared::<u8, String>::default();
        let make = |n: &u8| Ok::<_, ()>(n.to_string());
        let (a, b) = (shared.get(&1, make).unwrap(), shared.get(&1, make).unwrap());
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!(shared.get(&2, |_| Err(())), Err(()));
        drop((a, b));
        let _other = shared.get(&3, make);
        assert_eq!(shared.0.len(), 1, "only what is held is kept");
    }
}
