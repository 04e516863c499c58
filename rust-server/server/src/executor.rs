//! Where jobs run: on rayon pools, and on a thread that serves connections only for some microseconds.
//!
//! A job that comes to a pool waits until a thread of it has nothing else to do, and a parallel job occupies all of
//! them. So every lane has a pool of its own, and long jobs have two: what is to share the cores runs on different
//! pools, and the system divides the time. Threads of long jobs give way to all others there; see [`priority`].

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use offgil_kernels::{Context, Stopped};
use prometheus::Histogram;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::oneshot;

use crate::{
    admission::{Lane, Permit},
    error::GivenUp,
};

mod priority;

/// Pools of the lane of long jobs, so that two of them share the cores.
const LONG_POOLS: usize = 2;

/// Runs jobs on the pools of their lanes.
#[derive(Debug)]
pub struct Executor {
    lanes: [Vec<Pool>; Lane::ALL.len()],
    stopping: Arc<AtomicBool>,
    /// How long jobs go on that nobody waits for.
    stops: Histogram,
}

#[derive(Debug)]
struct Pool {
    pool: ThreadPool,
    /// Jobs that are there.
    jobs: Arc<AtomicUsize>,
}

/// A job in a pool, until it is dropped.
struct Turn(Arc<AtomicUsize>);

/// Why a job has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It panicked. Its thread goes on with the next job.
    Panicked,
    /// Nobody wanted its result any more when its turn came.
    Stopped,
}

/// Whether the caller of a job no longer waits for it.
#[derive(Debug, Default)]
struct Abandoned {
    flag: Arc<AtomicBool>,
    since: OnceLock<Instant>,
}

/// Stops a job when its caller no longer waits for it.
struct StopOnDrop(Arc<Abandoned>);

// === impl Executor ===

impl Executor {
    /// Starts the pools, each with so many threads; `stops` is told in seconds how long jobs go on that nobody waits
    /// for any more.
    ///
    /// # Errors
    ///
    /// An error if the system refuses the threads.
    pub fn new(threads: usize, stops: Histogram) -> Result<Self, ThreadPoolBuildError> {
        let pools = |lane: Lane| {
            let count = match lane {
                Lane::Quick | Lane::Short => 1,
                Lane::Long => LONG_POOLS,
            };
            (0..count)
                .map(|_| Pool::new(lane, threads))
                .collect::<Result<_, _>>()
        };
        Ok(Self {
            lanes: [pools(Lane::Quick)?, pools(Lane::Short)?, pools(Lane::Long)?],
            stopping: Arc::default(),
            stops,
        })
    }

    /// Runs a job and waits for its result.
    ///
    /// The job's context stops it when the deadline passes, when this future is dropped, and when
    /// the server stops. The permit is given back when the job has ended, whoever waits for it.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the job panicked, or was not begun because its result is worthless.
    pub async fn run<T: Send + 'static>(
        &self,
        permit: Permit,
        deadline: Option<Instant>,
        job: impl FnOnce(&Context) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let abandoned = Arc::new(Abandoned::default());
        let context = Context::default()
            .with_deadline(deadline)
            .with_stop_flag(Arc::clone(&abandoned.flag))
            .with_stop_flag(Arc::clone(&self.stopping));
        let _stop = StopOnDrop(Arc::clone(&abandoned));
        let stops = self.stops.clone();
        let (sender, receiver) = oneshot::channel();
        let pool = self.least_busy(permit.lane());
        let turn = pool.take_turn();
        pool.pool.spawn(move || {
            let result = attempt(&context, job);
            let Some(since) = abandoned.since.get() else {
                drop((permit, turn));
                // The caller may go at this moment; then nobody wants the result.
                let _ = sender.send(result);
                return;
            };
            let has_run = !matches!(result, Err(Failure::Stopped));
            drop((result, permit, turn));
            if has_run {
                stops.observe(since.elapsed().as_secs_f64());
            }
        });
        receiver.await.unwrap_or(Err(Failure::Panicked))
    }

    /// Runs a job of some microseconds on this thread; it stops as in [`run`](Self::run), but for a caller that
    /// goes.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the job panicked, or was not begun because its result is worthless.
    pub fn run_here<T>(
        &self,
        deadline: Option<Instant>,
        job: impl FnOnce(&Context) -> T,
    ) -> Result<T, Failure> {
        let context = Context::default()
            .with_deadline(deadline)
            .with_stop_flag(Arc::clone(&self.stopping));
        attempt(&context, job)
    }

    /// Stops every job, now and from now on.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn least_busy(&self, lane: Lane) -> &Pool {
        let pools = &self.lanes[lane as usize];
        let by_jobs = pools
            .iter()
            .min_by_key(|pool| pool.jobs.load(Ordering::Relaxed));
        by_jobs.expect("every lane has a pool")
    }

    /// Returns who gave up on a job that was stopped while its caller still waits.
    pub fn who_gave_up(&self, deadline: Option<Instant>) -> GivenUp {
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            GivenUp::DeadlineExceeded
        } else if self.stopping.load(Ordering::Relaxed) {
            GivenUp::Draining
        } else {
            GivenUp::Cancelled
        }
    }
}

fn attempt<T>(context: &Context, job: impl FnOnce(&Context) -> T) -> Result<T, Failure> {
    match context.check() {
        Ok(()) => {
            catch_unwind(AssertUnwindSafe(|| job(context))).map_err(|_payload| Failure::Panicked)
        }
        Err(Stopped) => Err(Failure::Stopped),
    }
}

// === impl Pool ===

impl Pool {
    fn new(lane: Lane, threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(move |index| format!("{}-{index}", lane.name()))
            .start_handler(move |_| {
                if lane == Lane::Long {
                    priority::give_way();
                }
            })
            .build()?;
        Ok(Self {
            pool,
            jobs: Arc::default(),
        })
    }

    fn take_turn(&self) -> Turn {
        self.jobs.fetch_add(1, Ordering::Relaxed);
        Turn(Arc::clone(&self.jobs))
    }
}

// === impl Turn ===

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl StopOnDrop ===

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        // First the time, so that a job that has seen the flag can tell it.
        self.0.since.get_or_init(Instant::now);
        self.0.flag.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use futures_util::FutureExt;
    use prometheus::HistogramOpts;

    use super::*;
    use crate::admission::Admission;

    /// An executor with one thread, and where it says how long jobs go on.
    fn executor() -> (Executor, Histogram) {
        let stops = HistogramOpts::new("stops", "Of a test.");
        let stops = Histogram::with_opts(stops).expect("a sound name");
        (Executor::new(1, stops.clone()).expect("threads"), stops)
    }

    async fn permit() -> Permit {
        Admission::new(1, Duration::ZERO)
            .admit(Duration::from_secs(1), None)
            .await
            .expect("there is room")
    }

    /// Spins until the context says stop.
    fn wait_for_stop(context: &Context) {
        while context.check().is_ok() {
            std::thread::yield_now();
        }
    }

    #[tokio::test]
    async fn survives_a_panic() {
        let (executor, stops) = executor();
        let panicked: Result<(), _> = executor.run(permit().await, None, |_| panic!("test")).await;
        assert_eq!(panicked, Err(Failure::Panicked));
        assert_eq!(executor.run(permit().await, None, |_| 7).await, Ok(7));
        assert_eq!(stops.get_sample_count(), 0, "somebody waited");
    }

    #[tokio::test]
    async fn stops_the_job_of_a_caller_that_has_gone() {
        let (executor, stops) = executor();
        let (progress, reports) = mpsc::channel();
        let mut call = Box::pin(executor.run(permit().await, None, move |context| {
            progress.send("begun").expect("the test waits");
            wait_for_stop(context);
            progress.send("stopped").expect("the test waits");
        }));
        assert!(call.as_mut().now_or_never().is_none());
        let patience = Duration::from_secs(30);
        assert_eq!(reports.recv_timeout(patience), Ok("begun"));
        drop(call);
        assert_eq!(reports.recv_timeout(patience), Ok("stopped"));
        let end = Instant::now() + patience;
        while stops.get_sample_count() == 0 {
            assert!(Instant::now() < end, "it says when the job has ended");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn stops_jobs_at_the_deadline_and_when_the_server_stops() {
        let (executor, _) = executor();
        let deadline = Some(Instant::now() + Duration::from_millis(1));
        let ended = executor.run(permit().await, deadline, wait_for_stop).await;
        // On a busy machine the deadline may pass before the job begins.
        assert!(matches!(ended, Ok(()) | Err(Failure::Stopped)), "{ended:?}");
        assert_eq!(executor.who_gave_up(deadline), GivenUp::DeadlineExceeded);
        let (running, stop) = oneshot::channel();
        let job = executor.run(permit().await, None, |context| {
            running.send(()).expect("the test waits");
            wait_for_stop(context);
        });
        let (ended, ()) = tokio::join!(job, async {
            stop.await.expect("the job begins");
            executor.stop();
        });
        assert_eq!(ended, Ok(()));
        assert_eq!(executor.who_gave_up(None), GivenUp::Draining);
    }

    #[tokio::test]
    async fn two_long_jobs_run_side_by_side_on_one_thread_each() {
        let (executor, _) = executor();
        let barrier = Arc::new(std::sync::Barrier::new(2));
        let job = || {
            let barrier = Arc::clone(&barrier);
            move |_: &Context| barrier.wait().is_leader()
        };
        let first = executor.run(permit().await, None, job());
        let second = executor.run(permit().await, None, job());
        let (first, second) = tokio::join!(first, second);
        assert_ne!(first, second);
    }

    #[tokio::test]
    async fn does_not_begin_a_job_that_is_too_late() {
        let (executor, _) = executor();
        let job = executor.run(permit().await, Some(Instant::now()), |_| panic!("begun"));
        let failure: Result<(), _> = job.await;
        assert_eq!(failure, Err(Failure::Stopped));
    }
}
