//! What holds for every call, whatever it asks for.
//!
//! | module | what it does |
//! |---|---|
//! | [`size_limit`] | refuses a message by its announced length, before a byte of it is kept |
//! | [`deadline`] | ends a call when its deadline passes, also in the middle of a response |
//! | [`panic_guard`] | keeps a panic to the call it happens in |
//! | [`sampling`] | spares the log the lines of tiny calls when there are very many |
//! | [`observation`] | keeps a call in flight to the last byte of its answer, and writes its log line |

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::{Service, ServiceExt};

use crate::{
    call::{Call, REQUEST_ID},
    error,
    in_flight::InFlight,
};

pub mod deadline;
pub mod observation;
pub mod panic_guard;
pub mod sampling;
pub mod size_limit;

use deadline::WithDeadline;
use observation::{Observation, Observed};
use panic_guard::Guarded;
use sampling::Sampler;
use size_limit::SizeLimited;

/// Handles one call: from the headers of its request to the end of its response.
pub async fn handle<S, I, O>(
    service: S,
    in_flight: InFlight,
    sampler: Arc<Sampler>,
    max_message_bytes: usize,
    request: Request<I>,
) -> Result<Response<impl Body<Data = Bytes, Error = O::Error>>, Infallible>
where
    S: Service<Request<SizeLimited<I>>, Response = Response<O>, Error = Infallible>,
    O: Body<Data = Bytes> + Default + Unpin,
{
    let call = Call::begin(request.uri().path(), request.headers());
    let observation = Observation::begin(call.clone(), &in_flight, &sampler);
    let mut request = request.map(|body| SizeLimited::new(call.clone(), body, max_message_bytes));
    request.extensions_mut().insert(call.clone());

    // On the heap, since every layer around it would move it.
    let answer = Box::pin(service.oneshot(request));
    let answer = panic_guard::guarded(call.method(), answer);
    let answer = deadline::within(call.deadline(), answer).await.flatten();
    let mut response = match answer {
        Ok(Ok(response)) => response,
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    error::complete(headers, call.method());
    headers.insert(REQUEST_ID, call.request_id().clone());
    observation.note_status(headers);
    Ok(response.map(|body| {
        let body = Guarded::new(body, call.clone());
        Observed::new(WithDeadline::new(body, call.deadline()), observation)
    }))
}
