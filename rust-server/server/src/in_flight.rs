//! Counts what must not be cut off when the server stops.

use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

/// The things in flight: calls, and what connections have yet to deliver. Cheap to clone.
#[derive(Clone, Debug)]
pub struct InFlight(TaskTracker);

/// One thing in flight, until it is dropped.
pub type Flight = TaskTrackerToken;

// === impl InFlight ===

impl Default for InFlight {
    fn default() -> Self {
        let tracker = TaskTracker::new();
        // Else it could not be waited for; it counts all the same.
        tracker.close();
        Self(tracker)
    }
}

impl InFlight {
    /// Begins to count one thing more.
    pub fn begin(&self) -> Flight {
        self.0.token()
    }

    /// Returns how many things are in flight.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Waits until nothing is in flight.
    pub async fn none(&self) {
        self.0.wait().await;
    }
}
