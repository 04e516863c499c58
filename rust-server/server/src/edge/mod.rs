//! What holds for every call, whatever it asks for.
//!
//! | module | what it does |
//! |---|---|
//! | [`size_limit`] | refuses a message by its announced length, before a byte of it is kept |
//! | [`deadline`] | ends a call when its deadline passes, also in the middle of a response |
//! | [`observation`] | counts the calls in flight and writes one log line for each |

use std::{convert::Infallible, panic::AssertUnwindSafe};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use tower::{Service, ServiceExt};

use crate::{
    call::{Call, REQUEST_ID},
    error::Error,
};

pub mod deadline;
pub mod observation;
pub mod size_limit;

use deadline::WithDeadline;
use observation::{Calls, Observed};
use size_limit::SizeLimited;

/// Handles one call: from the headers of its request to the end of its response.
pub async fn handle<S, I, O>(
    service: S,
    calls: Calls,
    max_message_bytes: usize,
    request: Request<I>,
) -> Result<Response<impl Body<Data = Bytes, Error = O::Error>>, Infallible>
where
    S: Service<Request<SizeLimited<I>>, Response = Response<O>, Error = Infallible>,
    O: Body<Data = Bytes> + Default + Unpin,
{
    let call = Call::begin(request.uri().path(), request.headers());
    let observation = calls.observe(call.clone());
    let mut request = request.map(|body| SizeLimited::new(body, max_message_bytes));
    request.extensions_mut().insert(call.clone());

    let answer = AssertUnwindSafe(service.oneshot(request)).catch_unwind();
    let mut response = match deadline::within(call.deadline(), answer).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Err(_panic)) => panicked(&call).into_response(),
        Err(error) => error.into_response(),
    };
    let request_id: &HeaderValue = call.request_id();
    response
        .headers_mut()
        .insert(REQUEST_ID, request_id.clone());
    let observation = observation.answered(response.headers());
    Ok(response.map(|body| Observed::new(WithDeadline::new(body, call.deadline()), observation)))
}

fn panicked(call: &Call) -> Error {
    Error::Panicked {
        what: call.method().to_owned(),
        kernel: false,
    }
}
