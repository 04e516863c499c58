//! Spares the log the lines of tiny calls, and of those that were broken off, when there are very many of them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

/// Lines of tiny calls in one second.
const LINES_PER_SECOND: u64 = 1000;

/// Counts the lines of tiny calls, second by second.
#[derive(Debug)]
pub struct Sampler {
    began: Instant,
    /// The second that is counted, since the beginning.
    second: AtomicU64,
    /// Lines of that second.
    lines: AtomicU64,
    /// Tiny calls without a line since the last one that had one.
    skipped: AtomicU64,
}

// === impl Sampler ===

impl Default for Sampler {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            second: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
        }
    }
}

impl Sampler {
    /// Decides whether a call has a line; returns how many before it had none. All but `common` calls have one.
    ///
    /// Calls that end at the turn of a second may have a few lines more.
    pub fn sample(&self, common: bool, now: Instant) -> Option<u64> {
        if common {
            let second = now.saturating_duration_since(self.began).as_secs();
            if self.second.swap(second, Ordering::Relaxed) != second {
                self.lines.store(0, Ordering::Relaxed);
            }
            if self.lines.fetch_add(1, Ordering::Relaxed) >= LINES_PER_SECOND {
                self.skipped.fetch_add(1, Ordering::Relaxed);
                return None;
            }
        }
        Some(self.skipped.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_tiny_calls_alone_and_says_how_many() {
        let sampler = Sampler::default();
        let tiny = || sampler.sample(true, Instant::now());
        let shown = (0..10 * LINES_PER_SECOND).filter_map(|_| tiny()).count() as u64;
        // The loop may run into the next seconds.
        assert!((LINES_PER_SECOND..10 * LINES_PER_SECOND).contains(&shown));
        let skipped = sampler.sample(false, Instant::now());
        assert!(
            skipped.is_some_and(|skipped| skipped > 0 && skipped <= 10 * LINES_PER_SECOND - shown)
        );
        assert_eq!(sampler.sample(false, Instant::now()), Some(0));
    }
}
