//! What stops a server: SIGTERM, SIGINT, or the end of the process that started it.

use std::{io, os::unix::process::parent_id, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Time between two looks at the parent.
const PARENT_POLL: Duration = Duration::from_millis(100);

/// Why a server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A signal asked for it.
    Signal(&'static str),
    /// The parent has ended: nobody is left to call or to wait.
    ParentEnded,
}

/// The signals that stop a server; they no longer end the process once this exists.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

// === impl Signals ===

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// An error if the system refuses to deliver signals.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits until there is a cause to stop.
    ///
    /// The parent is watched by its id, which changes when it ends however it ends; a pipe to it would
    /// be kept open by its other children.
    pub async fn cause_to_stop(mut self, parent: Option<u32>) -> Cause {
        tokio::select! {
            _ = self.terminate.recv() => Cause::Signal("SIGTERM"),
            _ = self.interrupt.recv() => Cause::Signal("SIGINT"),
            () = end_of(parent) => Cause::ParentEnded,
        }
    }
}

async fn end_of(parent: Option<u32>) {
    let Some(parent) = parent else {
        return std::future::pending().await;
    };
    while parent_id() == parent {
        tokio::time::sleep(PARENT_POLL).await;
    }
}
