//! Sockets and HTTP/2: from a listener to calls.
//!
//! [`listeners`] binds, [`acceptor`] accepts and drains, [`peers`] knows who rests, [`tls`] encrypts, [`preface`]
//! sees the first bytes, [`connection`] holds the limits of HTTP/2, [`delivery`] sees the last bytes off,
//! [`descriptors`] knows how many connections there is room for.

mod acceptor;
mod connection;
mod delivery;
mod descriptors;
mod listeners;
mod peers;
mod preface;
mod tls;

pub use acceptor::{Acceptor, Options};
pub use listeners::{BindError, Listeners};
pub use tls::{Tls, TlsFiles};
