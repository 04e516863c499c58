//! Sockets and HTTP/2: from a listener to calls.
//!
//! [`listeners`] binds, [`acceptor`] accepts and drains, [`connection`] holds the limits of HTTP/2.

mod acceptor;
mod connection;
mod listeners;

pub use acceptor::{Acceptor, Options};
pub use listeners::{BindError, Listeners};
