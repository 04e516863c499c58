//! How many jobs run at once, and how many may wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;

/// A caller that was refused may come back after this time.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// A job that takes longer than this on one core is bulk work.
const BULK: Duration = Duration::from_micros(200);

/// The two kinds of work; a tiny job never waits behind a large one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Jobs of some microseconds.
    Quick,
    /// Jobs that keep a core busy for long enough to be noticed.
    Bulk,
}

/// Admits jobs to their lane.
#[derive(Debug)]
pub struct Admission {
    quick: Gate,
    bulk: Gate,
}

/// The right to run one job. It moves with the job and ends when the job has really stopped.
#[derive(Debug)]
pub struct Permit {
    lane: Lane,
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Gate {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    most_waiting: usize,
}

// === impl Lane ===

impl Lane {
    /// Returns the lane of a job that takes so long on one core.
    pub fn of(cost: Duration) -> Self {
        if cost > BULK { Self::Bulk } else { Self::Quick }
    }
}

// === impl Admission ===

impl Admission {
    /// Admits, in each lane, at most `running` jobs and at most `waiting` behind them.
    pub fn new(running: usize, waiting: usize) -> Self {
        let gate = || Gate {
            permits: Arc::new(Semaphore::new(running)),
            waiting: AtomicUsize::new(0),
            most_waiting: waiting,
        };
        Self {
            quick: gate(),
            bulk: gate(),
        }
    }

    /// Waits until a job may run.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`] at once if too many wait already.
    pub async fn admit(&self, lane: Lane) -> Result<Permit, Error> {
        let gate = match lane {
            Lane::Quick => &self.quick,
            Lane::Bulk => &self.bulk,
        };
        let permit = gate.enter().await?;
        Ok(Permit {
            lane,
            _permit: permit,
        })
    }
}

// === impl Permit ===

impl Permit {
    /// Returns the lane that the job was admitted to.
    pub fn lane(&self) -> Lane {
        self.lane
    }
}

// === impl Gate ===

impl Gate {
    async fn enter(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let place = Place::take(self)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        drop(place);
        Ok(permit.expect("the semaphore is never closed"))
    }
}

/// A place in the queue of a gate; given back also if the caller stops waiting.
struct Place<'a>(&'a Gate);

impl<'a> Place<'a> {
    fn take(gate: &'a Gate) -> Result<Self, Error> {
        let waiting = gate.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Self(gate);
        if waiting < gate.most_waiting {
            Ok(place)
        } else {
            Err(Error::Overloaded {
                waiting,
                retry_after: RETRY_AFTER,
            })
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn sheds_when_queue_is_full() {
        let admission = Admission::new(1, 1);
        let running = admission.admit(Lane::Bulk).await.expect("there is room");
        let mut waiting = Box::pin(admission.admit(Lane::Bulk));
        assert!(waiting.as_mut().now_or_never().is_none());
        let refused = admission.admit(Lane::Bulk).await;
        assert!(matches!(refused, Err(Error::Overloaded { waiting: 1, .. })));
        drop(running);
        assert!(waiting.await.is_ok());
    }

    #[tokio::test]
    async fn gives_the_place_back_when_the_caller_stops_waiting() {
        let admission = Admission::new(1, 1);
        let _running = admission.admit(Lane::Bulk).await.expect("there is room");
        assert!(admission.admit(Lane::Bulk).now_or_never().is_none());
        // Had the abandoned caller kept its place, this one would be refused at once.
        assert!(admission.admit(Lane::Bulk).now_or_never().is_none());
    }

    #[tokio::test]
    async fn keeps_the_lanes_apart() {
        let admission = Admission::new(1, 0);
        let _bulk = admission.admit(Lane::Bulk).await.expect("there is room");
        assert!(admission.admit(Lane::Quick).await.is_ok());
    }
}
