//! Which jobs run now, which wait, and which are refused: by estimated time, not by count.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;

mod pace;

use pace::Pace;

/// A job that takes longer than this on one core is noticed by others.
const QUICK: Duration = Duration::from_micros(200);
/// A job that takes longer than this on one core is long.
const SHORT: Duration = Duration::from_millis(20);
/// Jobs that run at once for each thread: one computes while others decode.
const QUICK_JOBS: usize = 4;
const JOBS: usize = 2;
/// A job is refused for its deadline only if it would be late even so many times as fast as estimated.
const DOUBT: f64 = 2.0;
/// A caller that was refused comes back no sooner than this, and later by up to as much again as it has to wait.
const SHORTEST_RETRY: Duration = Duration::from_millis(50);

/// The kinds of work, by how long a job takes on one core. None waits behind another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Jobs of some microseconds.
    Quick,
    /// Jobs of some milliseconds.
    Short,
    /// Jobs that keep a core busy for long enough to be noticed.
    Long,
}

/// Admits jobs to their lane.
#[derive(Debug)]
pub struct Admission {
    threads: usize,
    max_queue_time: Duration,
    gates: [Gate; Lane::ALL.len()],
}

/// The right to run one job. It moves with the job and ends when the job has really stopped.
#[derive(Debug)]
pub struct Permit {
    lane: Lane,
    cost: Duration,
    pace: Arc<Pace>,
    _permit: OwnedSemaphorePermit,
}

/// What waits in a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// How many jobs.
    pub jobs: usize,
    /// How long they take on one core, together.
    pub cost: Duration,
}

#[derive(Debug)]
struct Gate {
    permits: Arc<Semaphore>,
    pace: Arc<Pace>,
    jobs: AtomicUsize,
    /// Nanoseconds of all jobs that wait.
    cost: AtomicU64,
}

// === impl Lane ===

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 3] = [Self::Quick, Self::Short, Self::Long];

    /// Returns the lane of a job that takes so long on one core.
    pub fn of(cost: Duration) -> Self {
        if cost <= QUICK {
            Self::Quick
        } else if cost <= SHORT {
            Self::Short
        } else {
            Self::Long
        }
    }

    /// Returns the name for threads and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Short => "short",
            Self::Long => "long",
        }
    }
}

// === impl Admission ===

impl Admission {
    /// Admits jobs for so many threads in each lane; a job waits only if those before it will have begun in
    /// less than `max_queue_time`.
    pub fn new(threads: usize, max_queue_time: Duration) -> Self {
        let gate = |lane| {
            let jobs = match lane {
                Lane::Quick => QUICK_JOBS,
                Lane::Short | Lane::Long => JOBS,
            };
            Gate {
                permits: Arc::new(Semaphore::new(threads * jobs)),
                pace: Arc::new(Pace::new(threads)),
                jobs: AtomicUsize::new(0),
                cost: AtomicU64::new(0),
            }
        };
        Self {
            threads,
            max_queue_time,
            gates: Lane::ALL.map(gate),
        }
    }

    /// Waits until a job may run that takes so long on one core.
    ///
    /// # Errors
    ///
    /// At once: [`Error::Overloaded`] if too much waits already, or so much that the job would end after its
    /// deadline; [`Error::TooLate`] if it would even if nothing waited.
    pub async fn admit(&self, cost: Duration, deadline: Option<Instant>) -> Result<Permit, Error> {
        let lane = Lane::of(cost);
        let gate = &self.gates[lane as usize];
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let runs_for = cost.div_f64(DOUBT * gate.pace.get().max(self.threads as f64));
        if left.is_some_and(|left| runs_for > left) {
            return Err(Error::TooLate);
        }
        let permit = match Arc::clone(&gate.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let wait = gate.wait();
                let is_late = left.is_some_and(|left| wait.div_f64(DOUBT) + runs_for > left);
                if is_late || wait >= self.max_queue_time {
                    return Err(Error::Overloaded {
                        waiting: gate.queue().jobs,
                        retry_after: self.retry_after(wait),
                    });
                }
                gate.wait_for_permit(cost).await
            }
        };
        gate.pace.begin();
        Ok(Permit {
            lane,
            cost,
            pace: Arc::clone(&gate.pace),
            _permit: permit,
        })
    }

    /// Returns how many jobs run in a lane.
    pub fn running(&self, lane: Lane) -> usize {
        self.gates[lane as usize].pace.running()
    }

    /// Returns what waits in a lane.
    pub fn queue(&self, lane: Lane) -> Queue {
        self.gates[lane as usize].queue()
    }

    /// Returns when half of the longest queue will be left; the callers that are refused together come back one
    /// after the other.
    fn retry_after(&self, wait: Duration) -> Duration {
        let until = wait.saturating_sub(self.max_queue_time / 2);
        until.max(SHORTEST_RETRY).mul_f64(1.0 + fastrand::f64())
    }
}

// === impl Permit ===

impl Permit {
    /// Returns the lane that the job was admitted to.
    pub fn lane(&self) -> Lane {
        self.lane
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.pace.end(self.cost);
    }
}

// === impl Gate ===

impl Gate {
    fn queue(&self) -> Queue {
        Queue {
            jobs: self.jobs.load(Ordering::Relaxed),
            cost: Duration::from_nanos(self.cost.load(Ordering::Relaxed)),
        }
    }

    /// Returns how long it takes until all that waits now has begun.
    fn wait(&self) -> Duration {
        self.queue().cost.div_f64(self.pace.get())
    }

    async fn wait_for_permit(&self, cost: Duration) -> OwnedSemaphorePermit {
        let _place = Place::take(self, cost);
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        permit.expect("the semaphore is never closed")
    }
}

/// A place in the queue of a gate; given back also if the caller stops waiting.
struct Place<'a> {
    gate: &'a Gate,
    nanoseconds: u64,
}

impl<'a> Place<'a> {
    fn take(gate: &'a Gate, cost: Duration) -> Self {
        // An estimate of more than some hours is as good as that, and a million of them can be added.
        let nanoseconds = cost.as_nanos().min(1 << 44) as u64;
        gate.jobs.fetch_add(1, Ordering::Relaxed);
        gate.cost.fetch_add(nanoseconds, Ordering::Relaxed);
        Self { gate, nanoseconds }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gate.jobs.fetch_sub(1, Ordering::Relaxed);
        self.gate
            .cost
            .fetch_sub(self.nanoseconds, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const LONG: Duration = Duration::from_secs(1);
    const MOST: Duration = Duration::from_secs(2);

    /// Returns the permits of all jobs of a lane that run at once on one thread.
    fn fill(admission: &Admission, cost: Duration) -> Vec<Permit> {
        let admit = || admission.admit(cost, None).now_or_never();
        std::iter::from_fn(|| admit().transpose().expect("never refused"))
            .take(JOBS)
            .collect()
    }

    #[tokio::test]
    async fn lets_jobs_wait_for_as_long_as_the_queue_may_last() {
        let admission = Admission::new(1, MOST);
        let mut running = fill(&admission, LONG);
        assert_eq!(running.len(), JOBS);
        let mut waiting: Vec<_> = (0..2)
            .map(|_| Box::pin(admission.admit(LONG, None)))
            .collect();
        for job in &mut waiting {
            assert!(job.as_mut().now_or_never().is_none());
        }
        let queue = admission.queue(Lane::Long);
        assert_eq!((queue.jobs, queue.cost), (2, 2 * LONG));
        let Err(Error::Overloaded {
            waiting: 2,
            retry_after,
        }) = admission.admit(LONG, None).await
        else {
            panic!("it should be refused");
        };
        assert!((LONG..=2 * LONG).contains(&retry_after), "{retry_after:?}");
        running.clear();
        for job in waiting {
            assert!(job.await.is_ok());
        }
        assert_eq!(admission.queue(Lane::Long).jobs, 0);
    }

    #[tokio::test]
    async fn gives_the_place_back_when_the_caller_stops_waiting() {
        let admission = Admission::new(1, MOST);
        let _running = fill(&admission, LONG);
        for _ in 0..10 {
            assert!(admission.admit(LONG, None).now_or_never().is_none());
        }
        assert_eq!(admission.queue(Lane::Long).cost, Duration::ZERO);
    }

    #[tokio::test]
    async fn keeps_the_lanes_apart() {
        let admission = Admission::new(1, Duration::ZERO);
        let _long = fill(&admission, LONG);
        let _short = fill(&admission, SHORT);
        assert!(admission.admit(LONG, None).await.is_err());
        assert!(admission.admit(SHORT, None).await.is_err());
        assert!(admission.admit(QUICK, None).await.is_ok());
    }

    #[tokio::test]
    async fn refuses_what_cannot_end_in_time() {
        let admission = Admission::new(1, MOST);
        let soon = || Some(Instant::now() + LONG / 4);
        let refused = admission.admit(LONG, soon()).await.expect_err("too long");
        assert_eq!(refused, Error::TooLate);
        let running = fill(&admission, LONG);
        let _waiting = Box::pin(admission.admit(LONG, None))
            .as_mut()
            .now_or_never();
        let mut waiting = Box::pin(admission.admit(LONG, None));
        assert!(waiting.as_mut().now_or_never().is_none());
        // It would end in time if nothing waited.
        let refused = admission.admit(LONG / 8, soon()).await;
        assert!(matches!(refused, Err(Error::Overloaded { .. })));
        drop(running);
    }
}
