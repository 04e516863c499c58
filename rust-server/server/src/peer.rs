//! What is known of one connection while it is open: what it calls, and what it does not read.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use crate::in_flight::{Flight, InFlight};

/// One peer. Travels in the extensions of its requests.
#[derive(Debug)]
pub struct Peer {
    began: Instant,
    calls: InFlight,
    called: AtomicUsize,
    /// When it last began or ended a call, in milliseconds since the beginning.
    active: AtomicU64,
    deliveries: Mutex<Vec<Weak<Delivery>>>,
    leave: CancellationToken,
}

/// A call of a peer, until it is dropped.
#[derive(Debug)]
pub struct PeerCall {
    peer: Arc<Peer>,
    _flight: Flight,
}

/// A large answer on its way to a peer.
#[derive(Debug)]
pub struct Delivery {
    began: Instant,
    /// When the connection last took a piece of it, in milliseconds since the beginning.
    moved: AtomicU64,
    /// When it became worthless.
    deadline: Option<Instant>,
}

/// How much a peer would lose if its connection were closed: the least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    calls_now: bool,
    has_called: bool,
    active: u64,
}

// === impl Peer ===

impl Peer {
    /// Returns a peer that has just come, by the clock of all peers.
    pub fn new(began: Instant) -> Self {
        Self {
            began,
            calls: InFlight::default(),
            called: AtomicUsize::new(0),
            active: AtomicU64::new(millis(began.elapsed())),
            deliveries: Mutex::default(),
            leave: CancellationToken::new(),
        }
    }

    /// Notes a call that begins now.
    pub fn call(self: &Arc<Self>, now: Instant) -> PeerCall {
        self.called.fetch_add(1, Ordering::Relaxed);
        self.note_activity(now);
        PeerCall {
            peer: Arc::clone(self),
            _flight: self.calls.begin(),
        }
    }

    /// Begins to deliver a large answer, which is wanted until the deadline.
    pub fn deliver(&self, deadline: Option<Instant>) -> Arc<Delivery> {
        let delivery = Arc::new(Delivery {
            began: self.began,
            moved: AtomicU64::new(millis(self.began.elapsed())),
            deadline,
        });
        let mut deliveries = self.deliveries();
        if deliveries.len() == deliveries.capacity() {
            deliveries.retain(|known| known.strong_count() > 0);
        }
        deliveries.push(Arc::downgrade(&delivery));
        delivery
    }

    /// Returns whether an answer has not moved for so long.
    pub fn leaves_unread(&self, patience: Duration) -> bool {
        self.delivers(|delivery| delivery.rests_for(patience))
    }

    /// Returns whether an answer has not moved for so long although its deadline passed that long ago. A caller that
    /// lives has broken the call off by then.
    pub fn leaves_expired(&self, patience: Duration) -> bool {
        let now = Instant::now();
        let has_expired = |deadline| now.saturating_duration_since(deadline) > patience;
        self.delivers(|delivery| {
            delivery.deadline.is_some_and(has_expired) && delivery.rests_for(patience)
        })
    }

    fn delivers(&self, such: impl Fn(&Delivery) -> bool) -> bool {
        self.deliveries()
            .iter()
            .any(|known| known.upgrade().is_some_and(|delivery| such(&delivery)))
    }

    /// Returns what it would lose.
    pub fn standing(&self) -> Standing {
        Standing {
            calls_now: self.calls.count() > 0,
            has_called: self.called.load(Ordering::Relaxed) > 0,
            active: self.active.load(Ordering::Relaxed),
        }
    }

    /// Asks the peer to leave.
    pub fn dismiss(&self) {
        self.leave.cancel();
    }

    /// Waits until it is to leave.
    pub async fn dismissed(&self) {
        self.leave.cancelled().await;
    }

    /// Waits until it has no call any more.
    pub async fn rests(&self) {
        self.calls.none().await;
    }

    fn note_activity(&self, now: Instant) {
        let since = now.saturating_duration_since(self.began);
        self.active.store(millis(since), Ordering::Relaxed);
    }

    fn deliveries(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Delivery>>> {
        self.deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl PeerCall ===

impl PeerCall {
    /// Returns the peer whose call it is.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Notes that it ends now.
    pub fn end(&self, now: Instant) {
        self.peer.note_activity(now);
    }
}

// === impl Delivery ===

impl Delivery {
    /// Notes that a piece was taken.
    pub fn moves(&self) {
        let now = millis(self.began.elapsed());
        self.moved.store(now, Ordering::Relaxed);
    }

    fn rests_for(&self, patience: Duration) -> bool {
        let now = millis(self.began.elapsed());
        now.saturating_sub(self.moved.load(Ordering::Relaxed)) > millis(patience)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_call_stand_above_those_that_have_and_those_that_never_did() {
        let peer = || Arc::new(Peer::new(Instant::now()));
        let (silent, former, busy) = (peer(), peer(), peer());
        drop(former.call(Instant::now()));
        let _call = busy.call(Instant::now());
        assert!(silent.standing() < former.standing());
        assert!(former.standing() < busy.standing());
    }

    #[test]
    fn knows_the_answers_that_are_not_read() {
        let peer = Peer::new(Instant::now());
        let (moving, resting) = (peer.deliver(None), peer.deliver(None));
        std::thread::sleep(Duration::from_millis(30));
        moving.moves();
        let patience = Duration::from_millis(15);
        assert!(peer.leaves_unread(patience));
        drop(resting);
        assert!(!peer.leaves_unread(patience));
    }

    #[test]
    fn knows_the_answers_that_nobody_wants_any_more() {
        let peer = Peer::new(Instant::now());
        let now = Instant::now();
        let _endless = peer.deliver(None);
        let _wanted = peer.deliver(Some(now + Duration::from_secs(60)));
        let expired = peer.deliver(Some(now));
        std::thread::sleep(Duration::from_millis(30));
        let patience = Duration::from_millis(15);
        assert!(peer.leaves_expired(patience));
        expired.moves();
        assert!(!peer.leaves_expired(patience));
    }
}
