//! How fast a lane gets through its work, measured: estimates of cost are for one idle core, and jobs share the
//! cores with each other and with other processes.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Until so much time has been measured, an ideal pace counts too.
const PRIOR: f64 = 0.2;
/// Seconds after which what was measured counts half.
const HALF_LIFE: f64 = 5.0;
/// A pace is never taken to be slower or faster than the ideal by more than this.
const SPREAD: f64 = 20.0;

/// Seconds of estimated cost that are worked off in a second.
#[derive(Debug)]
pub(super) struct Pace {
    ideal: f64,
    measured: Mutex<Measured>,
}

#[derive(Debug, Default)]
struct Measured {
    running: usize,
    /// Since when jobs run without a pause, as far as not yet counted.
    since: Option<Instant>,
    /// Seconds in which jobs ran.
    busy: f64,
    /// Seconds of the cost of jobs that have ended.
    done: f64,
}

// === impl Pace ===

impl Pace {
    /// Returns the pace of a lane that has done nothing yet.
    pub(super) fn new(threads: usize) -> Self {
        Self {
            ideal: threads as f64,
            measured: Mutex::default(),
        }
    }

    /// Counts a job that begins.
    pub(super) fn begin(&self) {
        let mut measured = self.lock();
        measured.running += 1;
        measured.since.get_or_insert_with(Instant::now);
    }

    /// Counts a job that has ended, whose cost was estimated so.
    pub(super) fn end(&self, cost: Duration) {
        let now = Instant::now();
        let mut measured = self.lock();
        measured.running -= 1;
        if let Some(since) = measured.since.take() {
            measured.busy += (now - since).as_secs_f64();
        }
        if measured.running > 0 {
            measured.since = Some(now);
        }
        measured.done += cost.as_secs_f64();
        if measured.busy > HALF_LIFE {
            measured.busy /= 2.0;
            measured.done /= 2.0;
        }
    }

    /// Returns how many jobs run.
    pub(super) fn running(&self) -> usize {
        self.lock().running
    }

    /// Returns the pace.
    pub(super) fn get(&self) -> f64 {
        let (busy, done) = {
            let measured = self.lock();
            (measured.busy, measured.done)
        };
        let pace = (done + self.ideal * PRIOR) / (busy + PRIOR);
        pace.clamp(self.ideal / SPREAD, self.ideal * SPREAD)
    }

    fn lock(&self) -> MutexGuard<'_, Measured> {
        // Numbers are sound whatever panicked beside them.
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_as_ideal_and_follows_what_is_measured() {
        let pace = Pace::new(4);
        assert_eq!(pace.get(), 4.0);
        // Jobs that were thought to take ten times as long as they do.
        for _ in 0..10 {
            pace.begin();
            std::thread::sleep(Duration::from_millis(10));
            pace.end(Duration::from_millis(1000));
        }
        assert!(pace.get() > 8.0, "{}", pace.get());
        assert!(pace.get() <= 4.0 * SPREAD);
    }

    #[test]
    fn is_bounded_whatever_is_estimated() {
        let pace = Pace::new(2);
        pace.begin();
        pace.end(Duration::MAX);
        assert_eq!(pace.get(), 2.0 * SPREAD);
    }
}
