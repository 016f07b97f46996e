//! Witnesses: addresses outside that answer TCP, asked only while every check of a family fails.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::control::Witnesses;
use crate::policy::Family;

/// How long a witness may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes the word of the witnesses.
pub trait Court: Send + Sync + 'static {
    /// Whether one of them answered, for a family.
    fn testify(&self, family: Family, reached: bool) -> impl Future<Output = ()> + Send;
}

/// Asks for as long as somebody wants to know. Ends when `wanted` has no writer any more.
pub async fn run(mut wanted: watch::Receiver<Witnesses>, court: impl Court) {
    loop {
        let now = wanted.borrow_and_update().clone();
        if now.asked.is_empty() || now.addresses.is_empty() {
            if wanted.changed().await.is_err() {
                return;
            }
            continue;
        }
        for family in &now.asked {
            let reached = is_one_reached(&addresses_for(*family, &now.addresses)).await;
            court.testify(*family, reached).await;
        }
        tokio::select! {
            changed = wanted.changed() => if changed.is_err() { return },
            () = sleep(PAUSE) => {}
        }
    }
}

/// Those of the family; all, where there is none: better another way out than no word at all.
fn addresses_for(family: Family, all: &[SocketAddr]) -> Vec<SocketAddr> {
    let of_family: Vec<_> = all.iter().filter(|address| Family::of(address.ip()) == family).copied().collect();
    if of_family.is_empty() { all.to_vec() } else { of_family }
}

/// Whether one of them accepts a connection. A refusal may come from the node's own firewall, and does not
/// count.
async fn is_one_reached(addresses: &[SocketAddr]) -> bool {
    let mut asked = JoinSet::new();
    for address in addresses.iter().copied() {
        asked.spawn(async move { matches!(timeout(PATIENCE, TcpStream::connect(address)).await, Ok(Ok(_))) });
    }
    while let Some(answer) = asked.join_next().await {
        if answer.unwrap_or(false) {
            return true; // the others are dropped, and their connections with them
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn one_that_accepts_is_enough() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for (addresses, reached) in
            [(vec![open], true), (vec![closed, open], true), (vec![closed], false), (vec![], false)]
        {
            assert_eq!(is_one_reached(&addresses).await, reached, "{addresses:?}");
        }
    }

    #[test]
    fn a_family_asks_its_own() {
        let (four, six) = (SocketAddr::from(([9, 9, 9, 9], 53)), "[2620:fe::fe]:53".parse().unwrap());
        assert_eq!(addresses_for(Family::V4, &[four, six]), [four]);
        assert_eq!(addresses_for(Family::V6, &[four, six]), [six]);
        assert_eq!(addresses_for(Family::V6, &[four]), [four]);
    }
}
