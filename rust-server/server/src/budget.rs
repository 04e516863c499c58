//! How many bytes of requests and results this process holds at once.
//!
//! A call takes bytes before it keeps them, and gives them back when its answer has left or its job has stopped,
//! whichever is later. Who would go over the budget is refused at once: waiting for bytes while holding others
//! could last for ever.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::error::Error;

/// A call that holds no more than this may use the last part of the budget too, so that small calls get through
/// beside large ones.
pub const SMALL: usize = 64 * 1024;
/// One part in so many is for small calls alone.
const PART_FOR_SMALL: usize = 8;
/// For so long after a refusal the budget counts as short.
const SHORT_FOR: Duration = Duration::from_secs(1);
/// A caller that was refused may come back after this time.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The bytes that all calls may hold together. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    taken: AtomicUsize,
    began: Instant,
    /// When a call was last refused, in milliseconds since the beginning, plus one; 0: never.
    refused: AtomicU64,
}

/// The bytes of one call; given back when this is dropped.
#[derive(Debug)]
pub struct Holding {
    budget: Budget,
    bytes: AtomicUsize,
}

// === impl Budget ===

impl Budget {
    /// Returns a budget of so many bytes.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Inner {
            limit,
            taken: AtomicUsize::new(0),
            began: Instant::now(),
            refused: AtomicU64::new(0),
        }))
    }

    /// Returns a holding of no bytes yet.
    pub fn hold(&self) -> Holding {
        Holding {
            budget: self.clone(),
            bytes: AtomicUsize::new(0),
        }
    }

    /// Returns how many bytes there are.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Returns how many bytes are taken.
    pub fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Returns whether a call was refused a moment ago, so that others should not hold bytes idly.
    pub fn is_short(&self) -> bool {
        let refused = self.0.refused.load(Ordering::Relaxed);
        refused > 0 && self.now().saturating_sub(refused) < SHORT_FOR.as_millis() as u64
    }

    fn now(&self) -> u64 {
        self.0.began.elapsed().as_millis() as u64 + 1
    }
}

// === impl Holding ===

impl Holding {
    /// Takes so many bytes more.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] if they would go over the budget.
    pub fn take(&self, bytes: usize) -> Result<(), Error> {
        let Inner { limit, taken, .. } = &*self.budget.0;
        let is_small = self.bytes().saturating_add(bytes) <= SMALL;
        let most = if is_small {
            *limit
        } else {
            limit - limit / PART_FOR_SMALL
        };
        let grow = |taken: usize| taken.checked_add(bytes).filter(|sum| *sum <= most);
        match taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow) {
            Ok(_) => {
                self.bytes.fetch_add(bytes, Ordering::Relaxed);
                Ok(())
            }
            Err(_) => {
                let budget = &self.budget;
                budget.0.refused.store(budget.now(), Ordering::Relaxed);
                Err(Error::OutOfMemory {
                    bytes,
                    limit: *limit,
                    retry_after: RETRY_AFTER,
                })
            }
        }
    }

    /// Returns a holding of all that this one has taken so far, which is then empty.
    pub fn split_off(&self) -> Self {
        Self {
            budget: self.budget.clone(),
            bytes: AtomicUsize::new(self.bytes.swap(0, Ordering::Relaxed)),
        }
    }

    /// Returns how many bytes it has taken.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns the budget that it takes from.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let taken = &self.budget.0.taken;
        taken.fetch_sub(self.bytes(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 8 << 20;

    #[test]
    fn counts_what_is_taken_until_it_is_dropped() {
        let budget = Budget::new(LIMIT);
        let holding = budget.hold();
        holding.take(5 << 20).expect("there is room");
        holding.take(1 << 20).expect("there is room");
        let all = holding.split_off();
        assert_eq!((holding.bytes(), all.bytes()), (0, 6 << 20));
        drop(holding);
        assert_eq!(budget.taken(), 6 << 20);
        drop(all);
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn refuses_what_goes_over_it_and_takes_nothing_for_that() {
        let budget = Budget::new(LIMIT);
        let (first, second) = (budget.hold(), budget.hold());
        first.take(6 << 20).expect("there is room");
        assert!(!budget.is_short());
        let refused = second.take(2 << 20).expect_err("too much");
        assert!(matches!(refused, Error::OutOfMemory { limit: LIMIT, .. }));
        assert!(second.take(usize::MAX).is_err());
        assert!(budget.is_short());
        assert_eq!(budget.taken(), 6 << 20);
        drop(first);
        second.take(2 << 20).expect("there is room again");
    }

    #[test]
    fn keeps_a_part_for_small_calls() {
        let budget = Budget::new(LIMIT);
        let large = budget.hold();
        large.take(7 << 20).expect("all but the part");
        assert!(large.take(1).is_err());
        let small = budget.hold();
        small.take(SMALL).expect("it is small");
        assert!(small.take(1).is_err(), "it no longer is");
    }
}
