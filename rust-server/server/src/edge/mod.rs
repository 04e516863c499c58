//! What holds for every call, whatever it asks for.
//!
//! | module | what it does |
//! |---|---|
//! | [`auth`] | lets only callers in that know a token |
//! | [`intake`] | takes messages in, within their limit and the budget of the process |
//! | [`deadline`] | ends a call when its deadline passes, also in the middle of a response |
//! | [`panic_guard`] | keeps a panic to the call it happens in |
//! | [`sampling`] | spares the log the lines of tiny calls when there are very many |
//! | [`observation`] | keeps a call in flight to the last byte of its answer; then its log line, metrics and span |

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::{Service, ServiceExt};

use crate::{
    budget::Budget,
    call::{Call, REQUEST_ID},
    error,
    in_flight::InFlight,
    metrics::Metrics,
    peer::Peer,
    spans::Spans,
};

pub mod auth;
pub mod deadline;
pub mod intake;
pub mod observation;
pub mod panic_guard;
pub mod sampling;

use auth::Tokens;
use deadline::WithDeadline;
use intake::{Intake, IntakeLimits};
use observation::{Observation, Observed};
use panic_guard::Guarded;
use sampling::Sampler;

/// Services whose calls may stay open for as long as their connection, and carry no work.
const ATTENDANT: [&str; 2] = ["grpc.health.", "grpc.reflection."];
/// Bytes of the requests of their calls.
const BUDGET_OF_ATTENDANTS: usize = 16 << 20;

/// What every call passes on its way in and out. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Edge(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: EdgeParts,
    /// For calls that may stay open and carry no work, so that they hold nothing of what work needs.
    of_attendants: Budget,
    sampler: Sampler,
}

/// What an edge needs to know and to tell.
#[derive(Debug)]
pub struct EdgeParts {
    /// What holds for every message.
    pub limits: IntakeLimits,
    /// Where calls take their bytes from.
    pub budget: Budget,
    /// Where calls count until they have ended.
    pub in_flight: InFlight,
    /// Where calls count when they have ended.
    pub metrics: Metrics,
    /// The tokens of which a call needs one; none is needed if there are none.
    pub tokens: Option<Arc<Tokens>>,
    /// Where spans go.
    pub spans: Option<Arc<Spans>>,
    /// A call that takes longer has a warning in the log.
    pub slow_call: Duration,
}

// === impl Edge ===

impl Edge {
    /// Returns the edge of a server.
    pub fn new(parts: EdgeParts) -> Self {
        let limit = BUDGET_OF_ATTENDANTS;
        Self(Arc::new(Inner {
            parts,
            of_attendants: Budget::new(limit, Duration::ZERO),
            sampler: Sampler::default(),
        }))
    }

    /// Handles one call: from the headers of its request to the end of its response.
    pub async fn handle<S, I, O>(
        self,
        service: S,
        request: Request<I>,
    ) -> Result<Response<impl Body<Data = Bytes, Error = O::Error>>, Infallible>
    where
        S: Service<Request<Intake<I>>, Response = Response<O>, Error = Infallible>,
        O: Body<Data = Bytes> + Default + Unpin,
    {
        let EdgeParts {
            limits,
            budget,
            in_flight,
            tokens,
            spans,
            ..
        } = &self.0.parts;
        let path = request.uri().path();
        let works = carries_work(path);
        let budget = if works { budget } else { &self.0.of_attendants };
        let call = Call::begin(path, request.headers(), budget);
        let parent = spans
            .as_ref()
            .and_then(|spans| spans.parent(request.headers()));
        let authenticated = match tokens {
            Some(tokens) => tokens.check(call.method(), request.headers()),
            None => Ok(()),
        };
        let mut request = request.map(|body| Intake::new(call.clone(), body, *limits));
        request.extensions_mut().insert(call.clone());
        let peer = request.extensions().get::<Arc<Peer>>().cloned();
        let peer = peer.filter(|_| works);
        let in_flight = works.then(|| in_flight.begin());
        let observation = Observation::begin(call.clone(), in_flight, peer, parent, &self);

        let answer = match authenticated {
            Err(error) => Err(error),
            Ok(()) => {
                // On the heap, since every layer around it would move it.
                let answer = Box::pin(service.oneshot(request));
                let answer = panic_guard::guarded(call.method(), answer);
                deadline::within(call.deadline(), answer).await.flatten()
            }
        };
        let mut response = match answer {
            Ok(Ok(response)) => response,
            Err(error) => error.into_response(),
        };
        let headers = response.headers_mut();
        error::complete(headers, call.method());
        headers.insert(REQUEST_ID, call.request_id().clone());
        observation.end_with(headers);
        Ok(response.map(|body| {
            let body = Guarded::new(body, call.clone());
            Observed::new(WithDeadline::new(body, call.deadline()), observation)
        }))
    }
}

/// Returns whether a call of this path is more than an attendant.
fn carries_work(path: &str) -> bool {
    let method = path.trim_start_matches('/');
    !ATTENDANT.iter().any(|name| method.starts_with(name))
}
