//! How many bytes of requests and results this process holds at once.
//!
//! One half is for requests. A call takes bytes of it before it keeps them, as they arrive, and is refused at once if
//! they would go over: waiting for bytes while holding others could last for ever. The other half is for what calls
//! need on the way to their results and for the results; for it they wait in order, and none that has it waits for
//! anything but its own work. All is given back when the answer has left and the job has stopped.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;

/// A call that holds no more than this may use the last part of each half too, so that small calls get through
/// beside large ones.
pub const SMALL: usize = 64 * 1024;
/// One part in so many of each half is for small calls alone.
const PART_FOR_SMALL: usize = 8;
/// For so long after a refusal the budget counts as short.
const SHORT_FOR: Duration = Duration::from_secs(1);
/// A caller that was refused may come back after this time, give or take half of it, so that not all come at once.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Memory for results is counted in units of so many bytes.
const UNIT: usize = 1024;

/// The bytes that all calls may hold together. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    /// How long a call waits for memory for its results.
    patience: Duration,
    requests: AtomicUsize,
    results: Units,
    results_of_small: Units,
    began: Instant,
    /// When a call was last refused, in milliseconds since the beginning, plus one; 0: never.
    refused: AtomicU64,
}

#[derive(Debug)]
struct Units {
    free: Arc<Semaphore>,
    all: usize,
}

/// The bytes of one call; given back when this is dropped.
#[derive(Debug)]
pub struct Holding {
    budget: Budget,
    requests: AtomicUsize,
    results: Mutex<Vec<OwnedSemaphorePermit>>,
}

// === impl Budget ===

impl Budget {
    /// Returns a budget of so many bytes; a call waits for at most `patience` for the memory of its results.
    pub fn new(limit: usize, patience: Duration) -> Self {
        let half = limit / 2;
        let of_small = half / PART_FOR_SMALL;
        Self(Arc::new(Inner {
            limit,
            patience,
            requests: AtomicUsize::new(0),
            results: Units::new(half - of_small),
            results_of_small: Units::new(of_small),
            began: Instant::now(),
            refused: AtomicU64::new(0),
        }))
    }

    /// Returns a holding of no bytes yet.
    pub fn hold(&self) -> Holding {
        Holding {
            budget: self.clone(),
            requests: AtomicUsize::new(0),
            results: Mutex::default(),
        }
    }

    /// Returns how many bytes are taken.
    pub fn taken(&self) -> usize {
        let Inner {
            requests,
            results,
            results_of_small,
            ..
        } = &*self.0;
        requests.load(Ordering::Relaxed) + results.taken() + results_of_small.taken()
    }

    /// Returns how many bytes all calls may hold.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Returns how many bytes one call may have for its results; more would never be free at once.
    pub fn most_for_results(&self) -> usize {
        self.0.results.all * UNIT
    }

    /// Returns whether a call was refused a moment ago, so that others should not hold bytes idly.
    pub fn is_short(&self) -> bool {
        let refused = self.0.refused.load(Ordering::Relaxed);
        refused > 0 && self.now().saturating_sub(refused) < SHORT_FOR.as_millis() as u64
    }

    fn refuse(&self, bytes: usize) -> Error {
        self.0.refused.store(self.now(), Ordering::Relaxed);
        self.refusal(bytes)
    }

    /// Returns the error of a call that cannot have so many bytes now.
    pub fn refusal(&self, bytes: usize) -> Error {
        Error::OutOfMemory {
            bytes,
            limit: self.0.limit,
            retry_after: RETRY_AFTER.mul_f64(0.5 + fastrand::f64()),
        }
    }

    fn now(&self) -> u64 {
        self.0.began.elapsed().as_millis() as u64 + 1
    }
}

// === impl Units ===

impl Units {
    fn new(bytes: usize) -> Self {
        let all = (bytes / UNIT).min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(all)),
            all,
        }
    }

    fn taken(&self) -> usize {
        (self.all - self.free.available_permits()) * UNIT
    }
}

// === impl Holding ===

impl Holding {
    /// Takes so many bytes more for a request.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] if they would go over the half for requests.
    pub fn take(&self, bytes: usize) -> Result<(), Error> {
        self.take_if(bytes, self.of_request().saturating_add(bytes) <= SMALL)
    }

    /// Takes so many bytes more for a message that is not complete, which may never be: none of those that small calls
    /// alone may have.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] if they would go over.
    pub fn take_unfinished(&self, bytes: usize) -> Result<(), Error> {
        self.take_if(bytes, false)
    }

    fn take_if(&self, bytes: usize, is_small: bool) -> Result<(), Error> {
        let Inner {
            limit, requests, ..
        } = &*self.budget.0;
        let half = limit / 2;
        let most = if is_small {
            half
        } else {
            half - half / PART_FOR_SMALL
        };
        let grow = |taken: usize| taken.checked_add(bytes).filter(|sum| *sum <= most);
        match requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow) {
            Ok(_) => {
                self.requests.fetch_add(bytes, Ordering::Relaxed);
                Ok(())
            }
            Err(_) => Err(self.budget.refuse(bytes)),
        }
    }

    /// Takes so many bytes for results, and for what is needed on the way to them; waits until others have given
    /// enough back.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] if it takes too long.
    pub async fn take_for_results(&self, bytes: usize) -> Result<(), Error> {
        let Inner {
            results,
            results_of_small,
            patience,
            ..
        } = &*self.budget.0;
        let refused = || self.budget.refuse(bytes);
        let units = u32::try_from(bytes.div_ceil(UNIT)).map_err(|_| refused())?;
        if units == 0 {
            return Ok(());
        }
        let at_once = Arc::clone(&results.free).try_acquire_many_owned(units);
        let taken = match at_once {
            Ok(permit) => permit,
            Err(_) if bytes <= SMALL => {
                let last = Arc::clone(&results_of_small.free).try_acquire_many_owned(units);
                last.map_err(|_| refused())?
            }
            // It would wait for ever.
            Err(_) if units as usize > results.all => return Err(refused()),
            Err(_) => {
                let waiting = Arc::clone(&results.free).acquire_many_owned(units);
                let waited = tokio::time::timeout(*patience, waiting).await;
                let permit = waited.map_err(|_| refused())?;
                permit.expect("the semaphore is never closed")
            }
        };
        let mut held = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        held.push(taken);
        Ok(())
    }

    /// Returns a holding of all that this one has taken so far, which is then empty.
    pub fn split_off(&self) -> Self {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            budget: self.budget.clone(),
            requests: AtomicUsize::new(self.requests.swap(0, Ordering::Relaxed)),
            results: Mutex::new(std::mem::take(&mut results)),
        }
    }

    /// Returns how many bytes it has taken for its request.
    pub fn of_request(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Returns the budget that it takes from.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let taken = &self.budget.0.requests;
        taken.fetch_sub(self.of_request(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const MIB: usize = 1 << 20;
    /// Seven MiB of each half are for large calls.
    const LIMIT: usize = 16 * MIB;
    const PATIENCE: Duration = Duration::from_secs(5);

    fn budget() -> Budget {
        Budget::new(LIMIT, PATIENCE)
    }

    #[test]
    fn counts_what_is_taken_until_it_is_dropped() {
        let budget = budget();
        let holding = budget.hold();
        holding.take(5 * MIB).expect("there is room");
        holding.take(MIB).expect("there is room");
        let results = holding.take_for_results(2 * MIB).now_or_never();
        results.expect("at once").expect("there is room");
        let all = holding.split_off();
        assert_eq!((holding.of_request(), all.of_request()), (0, 6 * MIB));
        drop(holding);
        assert_eq!(budget.taken(), 8 * MIB);
        drop(all);
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn refuses_what_goes_over_it_and_takes_nothing_for_that() {
        let budget = budget();
        let (first, second) = (budget.hold(), budget.hold());
        first.take(6 * MIB).expect("there is room");
        assert!(!budget.is_short());
        let refused = second.take(2 * MIB).expect_err("too much");
        assert!(matches!(refused, Error::OutOfMemory { limit: LIMIT, .. }));
        assert!(second.take(usize::MAX).is_err());
        assert!(budget.is_short());
        assert_eq!(budget.taken(), 6 * MIB);
        drop(first);
        second.take(2 * MIB).expect("there is room again");
    }

    #[tokio::test]
    async fn keeps_a_part_for_small_calls() {
        let budget = budget();
        let large = budget.hold();
        large.take(7 * MIB).expect("all but the part");
        assert!(large.take(1).is_err());
        large
            .take_for_results(7 * MIB)
            .await
            .expect("all but the part");
        let small = budget.hold();
        small.take(SMALL).expect("it is small");
        assert!(small.take(1).is_err(), "it no longer is");
        small.take_for_results(SMALL).await.expect("it is small");
    }

    #[tokio::test(start_paused = true)]
    async fn lets_calls_wait_for_the_memory_of_their_results_in_order() {
        let budget = budget();
        let (first, second, third) = (budget.hold(), budget.hold(), budget.hold());
        first
            .take_for_results(5 * MIB)
            .await
            .expect("there is room");
        let mut waiting = Box::pin(second.take_for_results(4 * MIB));
        assert!(waiting.as_mut().now_or_never().is_none());
        let mut behind = Box::pin(third.take_for_results(3 * MIB));
        assert!(behind.as_mut().now_or_never().is_none());
        drop(first);
        waiting.await.expect("it has its turn");
        behind.await.expect("and the next");
        let late = budget.hold();
        let refused = late.take_for_results(MIB).await;
        assert!(matches!(refused, Err(Error::OutOfMemory { .. })));
        let never = budget.hold().take_for_results(8 * MIB).now_or_never();
        assert!(never.expect("at once").is_err());
    }
}
