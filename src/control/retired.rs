//! What was replaced, until no reader looks at it any more.
//!
//! To free a large zone, or a snapshot of many, takes a fraction of a millisecond and more. A reader that
//! drops the last share of one would do so between two packets; so a share is kept here, and the last
//! one is dropped where time is plenty.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::snapshot::{Snapshot, ZoneImage};

/// Between two looks. An idle reader renews its view within a fraction of it, a busy one at once.
const LOOK: Duration = Duration::from_secs(1);

/// Replaced snapshots and images. Images are held for no longer than a look after the last reader.
#[derive(Default)]
pub(super) struct Retired {
    /// At most one for each reader, and the latest.
    snapshots: Vec<Arc<Snapshot>>,
    images: Vec<Arc<ZoneImage>>,
    look: Option<Instant>,
}

impl Retired {
    /// Keeps an image. Must come before the snapshot without it is published.
    pub(super) fn keep(&mut self, image: Arc<ZoneImage>) {
        self.images.push(image);
        self.look.get_or_insert_with(|| Instant::now() + LOOK);
    }

    /// Keeps a snapshot that was replaced, and drops those that no reader looks at any more.
    pub(super) fn replace(&mut self, before: Arc<Snapshot>) {
        self.snapshots.push(before);
        self.sweep();
    }

    fn sweep(&mut self) {
        self.snapshots.retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }

    /// Waits until it is time to [`release`](Self::release); forever, where nothing is kept.
    pub(super) async fn wait(&self) {
        match self.look {
            Some(look) => tokio::time::sleep_until(look).await,
            None => std::future::pending().await,
        }
    }

    /// Gives up the images that nobody else holds. Nobody can get hold of one again: no snapshot has it.
    pub(super) fn release(&mut self) -> Vec<Arc<ZoneImage>> {
        self.sweep();
        let free = self.images.extract_if(.., |image| Arc::strong_count(image) == 1).collect();
        self.look = (!self.images.is_empty()).then(|| Instant::now() + LOOK);
        free
    }
}
