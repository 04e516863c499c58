//! The peers that are connected, and the one of them that loses least if it has to leave.

use std::{
    sync::{Arc, Weak},
    time::Instant,
};

use crate::peer::Peer;

/// The peers of a server.
#[derive(Debug)]
pub(super) struct Peers {
    began: Instant,
    known: Vec<Weak<Peer>>,
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
        let peer = Arc::new(Peer::new(self.began));
        self.known.push(Arc::downgrade(&peer));
        peer
    }

    /// Asks a peer to leave: one that has never called, else the one that has not called for longest. It is asked once.
    pub(super) fn dismiss_one(&mut self) {
        self.known.retain(|peer| peer.strong_count() > 0);
        let peers = self.known.iter().enumerate();
        let standing = peers.filter_map(|(index, peer)| Some((peer.upgrade()?.standing(), index)));
        if let Some((_, index)) = standing.min()
            && let Some(peer) = self.known.swap_remove(index).upgrade()
        {
            peer.dismiss();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    fn is_dismissed(peer: &Peer) -> bool {
        peer.dismissed().now_or_never().is_some()
    }

    #[test]
    fn dismisses_who_has_never_called_and_then_who_has_rested_for_longest() {
        let mut peers = Peers::default();
        let (first, second, silent) = (peers.welcome(), peers.welcome(), peers.welcome());
        drop(second.call(Instant::now()));
        std::thread::sleep(Duration::from_millis(3));
        drop(first.call(Instant::now()));
        peers.dismiss_one();
        assert!(is_dismissed(&silent) && !is_dismissed(&second));
        peers.dismiss_one();
        assert!(is_dismissed(&second) && !is_dismissed(&first));
        drop(first);
        peers.dismiss_one();
    }
}
