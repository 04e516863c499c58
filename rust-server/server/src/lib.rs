//! The offgil server: runs compute kernels for gRPC callers, in a process of its own.
//!
//! A request goes one way through; only its result and its cancellation come back:
//!
//! | module | what it does |
//! |---|---|
//! | [`config`] | flags and environment, read once |
//! | [`transport`] | TCP and Unix sockets, HTTP/2 limits, draining |
//! | [`edge`] | what holds for every call: size limit, deadline, panic guard, log line |
//! | [`service`] | the RPCs: decode, validate, run, encode |
//! | [`codec`] | arrays, tensors and JSON |
//! | [`invocation`] | from a kernel and its arguments to results |
//! | [`statistics`] | how often kernels ran, and how long they took |
//! | [`budget`] | how many bytes all calls hold together |
//! | [`admission`] | which jobs run, which wait, and which are refused |
//! | [`executor`], [`parallel`] | where they run |
//! | [`reload`] | what is read from files, and read again |
//! | [`peer`] | one connection: what it calls, and what it does not read |
//! | [`in_flight`] | what a stopping server waits for |
//! | [`error`] | every error, and the one place that turns it into a gRPC status |
//! | [`metrics`], [`admin`], [`spans`] | what an operator sees |
//! | [`signals`] | what stops the server |
//! | [`logging`], [`command`] | the process around it |

pub mod admin;
pub mod admission;
pub mod budget;
pub mod call;
pub mod codec;
pub mod command;
pub mod config;
pub mod edge;
pub mod error;
pub mod executor;
pub mod in_flight;
pub mod invocation;
pub mod logging;
pub mod metrics;
pub mod parallel;
pub mod peer;
pub mod proto;
pub mod reload;
pub mod server;
pub mod service;
pub mod signals;
pub mod spans;
pub mod statistics;
pub mod transport;

pub use config::Config;
pub use offgil_kernels as kernels;
pub use server::Server;
