//! Counts what must not be cut off when the server stops.

use std::sync::Arc;

use tokio::sync::watch;

/// The things in flight: calls, and what connections have yet to deliver.
#[derive(Clone, Debug)]
pub struct InFlight(Arc<watch::Sender<usize>>);

/// One thing in flight, until it is dropped.
#[derive(Debug)]
pub struct Flight(InFlight);

// === impl InFlight ===

impl Default for InFlight {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl InFlight {
    /// Begins to count one thing more.
    pub fn begin(&self) -> Flight {
        self.0.send_modify(|count| *count += 1);
        Flight(self.clone())
    }

    /// Returns how many things are in flight.
    pub fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until nothing is in flight.
    pub async fn none(&self) {
        let waited = self
            .0
            .subscribe()
            .wait_for(|count| *count == 0)
            .await
            .map(drop);
        waited.expect("the sender lives as long as this borrow of it");
    }
}

// === impl Flight ===

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
