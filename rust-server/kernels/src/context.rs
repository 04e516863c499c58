//! What a running kernel may ask of its surroundings.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use thiserror::Error;

/// Tells a running kernel whether its result is still wanted, and lends it what it needs.
///
/// A kernel polls [`Context::check`] at least once a millisecond of work, and returns when it fails.
#[derive(Clone, Debug, Default)]
pub struct Context {
    deadline: Option<Instant>,
    stop_flags: Vec<Arc<AtomicBool>>,
    polls: Option<Arc<AtomicUsize>>,
}

/// The result of a kernel is no longer wanted: the caller has gone, or the deadline has passed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("stopped before the result was complete")]
pub struct Stopped;

// === impl Context ===

impl Context {
    /// Returns this context with the instant after which a result is worthless.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Returns this context with one more flag that stops the kernel once it is true.
    #[must_use]
    pub fn with_stop_flag(mut self, flag: Arc<AtomicBool>) -> Self {
        self.stop_flags.push(flag);
        self
    }

    /// Returns this context with a counter of its polls, for tests that a kernel polls often enough.
    #[must_use]
    pub fn with_poll_counter(mut self, polls: Arc<AtomicUsize>) -> Self {
        self.polls = Some(polls);
        self
    }

    /// Returns how many threads the work may be spread over: those of the rayon pool that the kernel is called
    /// in, which `par_iter` and the like use by themselves.
    pub fn threads(&self) -> usize {
        rayon::current_num_threads()
    }

    /// Returns a reproducible stream of random numbers: one of 2⁶⁴ independent ones for each seed.
    ///
    /// Give each block of the work a stream of its own, and cut the work into blocks by its size, not by the
    /// number of threads: then the same seed gives the same result on any machine.
    pub fn rng(&self, seed: u64, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        rng
    }

    /// Returns an error if the kernel should stop. Takes some tens of nanoseconds.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if a stop flag is set or the deadline has passed.
    pub fn check(&self) -> Result<(), Stopped> {
        if let Some(polls) = &self.polls {
            polls.fetch_add(1, Ordering::Relaxed);
        }
        let flagged = self
            .stop_flags
            .iter()
            .any(|flag| flag.load(Ordering::Relaxed));
        let expired = self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        if flagged || expired {
            Err(Stopped)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn goes_on_without_a_reason_to_stop() {
        let later = Instant::now() + Duration::from_secs(60);
        let context = Context::default().with_deadline(Some(later));
        assert_eq!(context.check(), Ok(()));
    }

    #[test]
    fn gives_the_same_random_numbers_for_the_same_stream() {
        use rand_chacha::rand_core::Rng;

        let first = |seed, stream| Context::default().rng(seed, stream).next_u64();
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(1, 3));
        assert_ne!(first(1, 2), first(2, 2));
    }

    #[test]
    fn stops_when_the_deadline_has_passed() {
        let context = Context::default().with_deadline(Some(Instant::now()));
        assert_eq!(context.check(), Err(Stopped));
    }

    #[test]
    fn stops_when_any_flag_is_set() {
        let flag = Arc::new(AtomicBool::new(false));
        let context = Context::default()
            .with_stop_flag(Arc::default())
            .with_stop_flag(Arc::clone(&flag));
        assert_eq!(context.check(), Ok(()));
        flag.store(true, Ordering::Relaxed);
        assert_eq!(context.check(), Err(Stopped));
    }
}
