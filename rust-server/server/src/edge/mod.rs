//! What holds for every call, whatever it asks for.
//!
//! | module | what it does |
//! |---|---|
//! | [`auth`] | lets only callers in that know a token |
//! | [`intake`] | takes messages in, within their limit and the budget of the process |
//! | [`deadline`] | ends a call when its deadline passes, also in the middle of a response |
//! | [`panic_guard`] | keeps a panic to the call it happens in |
//! | [`sampling`] | spares the log the lines of tiny calls when there are very many |
//! | [`observation`] | keeps a call in flight to the last byte of its answer, writes its log line and counts it |

use std::{convert::Infallible, sync::Arc};

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

/// What every call passes on its way in and out. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Edge(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: IntakeLimits,
    budget: Budget,
    in_flight: InFlight,
    metrics: Metrics,
    tokens: Option<Arc<Tokens>>,
    sampler: Sampler,
}

// === impl Edge ===

impl Edge {
    /// Returns the edge of a server: calls hold bytes of `budget`, count in `in_flight` and `metrics`, and need one of
    /// the tokens if there are any.
    pub fn new(
        limits: IntakeLimits,
        budget: Budget,
        in_flight: InFlight,
        metrics: Metrics,
        tokens: Option<Arc<Tokens>>,
    ) -> Self {
        Self(Arc::new(Inner {
            limits,
            budget,
            in_flight,
            metrics,
            tokens,
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
        let Inner { limits, budget, .. } = &*self.0;
        let call = Call::begin(request.uri().path(), request.headers(), budget);
        let authenticated = match &self.0.tokens {
            Some(tokens) => tokens.check(call.method(), request.headers()),
            None => Ok(()),
        };
        let mut request = request.map(|body| Intake::new(call.clone(), body, *limits));
        request.extensions_mut().insert(call.clone());
        let observation = Observation::begin(call.clone(), &self);

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
