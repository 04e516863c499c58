//! How often each kernel ran since the server has started, and how long the parts of its calls took.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use offgil_kernels::Catalogue;

use crate::call::{Call, Stage};

/// The statistics of all kernels of a catalogue.
#[derive(Debug)]
pub struct Statistics(BTreeMap<&'static str, Arc<KernelStatistics>>);

/// The statistics of one kernel.
#[derive(Debug, Default)]
pub struct KernelStatistics {
    /// When it was last called, in milliseconds since 1970; 0 for never.
    pub last_call_ms: AtomicU64,
    /// Calls that gave a result, from the arrival of their arguments to the end of their job.
    pub success: Total,
    /// Calls that gave none.
    pub failure: Total,
    /// Waiting for a thread.
    pub queue: Total,
    /// Reading the arguments.
    pub input: Total,
    /// Running the kernel.
    pub infer: Total,
    /// Writing the results.
    pub output: Total,
}

/// How often something was done, and how long it took in all.
#[derive(Debug, Default)]
pub struct Total {
    count: AtomicU64,
    nanoseconds: AtomicU64,
}

/// The times of one call, which counts as failed unless it succeeds before this is dropped.
#[derive(Debug)]
pub struct Timing {
    began: Instant,
    succeeded: bool,
    statistics: Option<Arc<KernelStatistics>>,
    call: Call,
    /// Waiting for a thread.
    pub queue: Duration,
    /// Reading the arguments.
    pub input: Duration,
    /// Running the kernel.
    pub infer: Duration,
    /// Writing the results.
    pub output: Duration,
}

// === impl Statistics ===

impl Statistics {
    /// Returns statistics of calls that are still to come.
    pub fn new(catalogue: &Catalogue) -> Self {
        let kernels = catalogue
            .iter()
            .map(|kernel| (kernel.spec().name, Arc::default()));
        Self(kernels.collect())
    }

    /// Begins to time what `call` wants of a kernel; the call is told what each stage took.
    pub fn begin(&self, call: &Call, kernel: &str) -> Timing {
        Timing {
            call: call.clone(),
            began: Instant::now(),
            succeeded: false,
            statistics: self.0.get(kernel).cloned(),
            queue: Duration::ZERO,
            input: Duration::ZERO,
            infer: Duration::ZERO,
            output: Duration::ZERO,
        }
    }

    /// Returns the statistics of each kernel, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &KernelStatistics)> {
        self.0
            .iter()
            .map(|(name, statistics)| (*name, statistics.as_ref()))
    }
}

// === impl Total ===

impl Total {
    /// Returns how often, and how many nanoseconds in all.
    pub fn get(&self) -> (u64, u64) {
        (
            self.count.load(Ordering::Relaxed),
            self.nanoseconds.load(Ordering::Relaxed),
        )
    }

    fn add(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

// === impl Timing ===

impl Timing {
    /// Counts the call as one that gave a result.
    pub fn succeed(mut self) {
        self.succeeded = true;
    }
}

impl Drop for Timing {
    fn drop(&mut self) {
        self.call.spend(Stage::Queue, self.queue);
        self.call.spend(Stage::Decode, self.input);
        self.call.spend(Stage::Compute, self.infer);
        self.call.spend(Stage::Encode, self.output);
        let Some(statistics) = &self.statistics else {
            return;
        };
        // Before 1970 there were no calls.
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        statistics.last_call_ms.store(now, Ordering::Relaxed);
        let took = self.began.elapsed();
        if !self.succeeded {
            statistics.failure.add(took);
            return;
        }
        statistics.success.add(took);
        statistics.queue.add(self.queue);
        statistics.input.add(self.input);
        statistics.infer.add(self.infer);
        statistics.output.add(self.output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    #[test]
    fn counts_what_succeeds_and_what_does_not() {
        let statistics = Statistics::new(&Catalogue::built_in());
        let call = Call::begin("", &http::HeaderMap::new(), &Budget::new(0, Duration::ZERO));
        let mut timing = statistics.begin(&call, "sum_squares");
        timing.infer = Duration::from_nanos(7);
        timing.succeed();
        drop(statistics.begin(&call, "sum_squares"));
        let mut all = statistics.iter();
        let (_, counted) = all
            .find(|(name, _)| *name == "sum_squares")
            .expect("built in");
        assert_eq!(call.spent(Stage::Compute), Duration::from_nanos(7));
        assert_eq!(counted.success.get().0, 1);
        assert_eq!(counted.failure.get().0, 1);
        assert_eq!(counted.infer.get(), (1, 7));
        assert_ne!(counted.last_call_ms.load(Ordering::Relaxed), 0);
        assert!(all.all(|(_, other)| other.success.get() == (0, 0)));
    }
}
