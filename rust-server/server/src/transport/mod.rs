//! Sockets and HTTP/2: from a listener to calls.
//!
//! [`listeners`] binds, [`acceptor`] accepts and drains, [`connection`] holds the limits of HTTP/2,
//! [`delivery`] sees the last bytes off.

mod acceptor;
mod connection;
mod delivery;
mod listeners;

pub use acceptor::{Acceptor, Options};
pub use listeners::{BindError, Listeners};
