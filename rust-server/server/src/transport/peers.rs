//! The peers that are connected, and the one of them that has rested for longest.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio::sync::Notify;

/// The peers of a server.
#[derive(Debug)]
pub(super) struct Peers {
    began: Instant,
    known: Vec<Weak<Peer>>,
}

/// One peer.
#[derive(Debug)]
pub(super) struct Peer {
    began: Instant,
    /// When it last sent something, in milliseconds since the beginning.
    heard: AtomicU64,
    leave: Notify,
}

// === impl Peers ===

impl Default for Peers {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            known: Vec::new(),
        }
    }
}

impl Peers {
    /// Welcomes a peer, which is known until it is dropped.
    pub(super) fn welcome(&mut self) -> Arc<Peer> {
        if self.known.len() == self.known.capacity() {
            self.known.retain(|peer| peer.strong_count() > 0);
        }
        let peer = Arc::new(Peer {
            began: self.began,
            heard: AtomicU64::new(0),
            leave: Notify::new(),
        });
        peer.hear();
        self.known.push(Arc::downgrade(&peer));
        peer
    }

    /// Asks the peer to leave that has sent nothing for longest; it is asked once.
    pub(super) fn dismiss_one(&mut self) {
        self.known.retain(|peer| peer.strong_count() > 0);
        let peers = self.known.iter().enumerate();
        let heard = peers.filter_map(|(index, peer)| {
            let heard = peer.upgrade()?.heard.load(Ordering::Relaxed);
            Some((heard, index))
        });
        if let Some((_, index)) = heard.min()
            && let Some(peer) = self.known.swap_remove(index).upgrade()
        {
            peer.leave.notify_one();
        }
    }
}

// === impl Peer ===

impl Peer {
    /// Notes that it has sent something.
    pub(super) fn hear(&self) {
        let now = self.began.elapsed().as_millis() as u64;
        self.heard.store(now, Ordering::Relaxed);
    }

    /// Waits until it is to leave.
    pub(super) async fn is_dismissed(&self) {
        self.leave.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn dismisses_the_one_that_has_rested_for_longest() {
        let mut peers = Peers::default();
        let (first, second, third) = (peers.welcome(), peers.welcome(), peers.welcome());
        std::thread::sleep(Duration::from_millis(3));
        first.hear();
        third.hear();
        peers.dismiss_one();
        assert!(second.is_dismissed().now_or_never().is_some());
        drop(first);
        peers.dismiss_one();
        assert!(third.is_dismissed().now_or_never().is_some());
        peers.dismiss_one();
        assert!(second.is_dismissed().now_or_never().is_none());
    }
}
