//! `ModelInfer`, `ModelStreamInfer` and the REST form of the former.

use std::time::Duration;

use offgil_kernels::Arguments;
use prost::Message;
use tonic::Status;

use super::{VERSION, check_version};
use crate::{
    call::Call,
    codec::{
        inference_json::{self, Body},
        tensors,
    },
    config::Limits,
    error::Error,
    invocation::{Invocation, Invoker},
    proto::{
        InvokeInferenceRequest, InvokeInferenceResponse,
        inference::{ModelInferRequest, ModelInferResponse, ModelStreamInferResponse},
    },
    service::{invoke::cost_of_bytes, invoke_json::cost_of_text},
};

pub(super) async fn answer(
    invoker: &Invoker,
    call: &Call,
    mut request: ModelInferRequest,
) -> Result<ModelInferResponse, Error> {
    let kernel = invoker.kernel(&request.model_name)?;
    check_version(&request.model_name, &request.model_version)?;
    let spec = kernel.spec();
    let wanted = tensors::wanted(
        spec,
        request.outputs.iter().map(|output| output.name.as_str()),
    )?;
    let is_typed = tensors::is_typed(&request);
    let id = std::mem::take(&mut request.id);
    let invocation = Invocation {
        kernel,
        cost_of_read: cost_of_bytes(request.encoded_len()),
        has_read_for: Duration::ZERO,
        cost_of_write: cost_of_bytes(request.encoded_len()),
        text: false,
        read: move || Ok((Arguments::bind(spec, tensors::read(spec, request)?)?, ())),
        write: move |results, ()| ModelInferResponse {
            model_name: spec.name.to_owned(),
            model_version: VERSION.to_owned(),
            id,
            ..tensors::write(spec, results, &wanted, is_typed)
        },
    };
    invoker.invoke(call, invocation).await
}

/// Answers one request of a stream; its error is a part of the answer, and the stream goes on.
pub(super) async fn answer_in_stream(
    invoker: &Invoker,
    call: &Call,
    limits: Limits,
    request: ModelInferRequest,
) -> Result<ModelStreamInferResponse, Status> {
    let id = request.id.clone();
    let answered = answer(invoker, call, request).await.and_then(|response| {
        let limit = limits.max_message_bytes;
        if response.encoded_len() > limit {
            let what = "response";
            return Err(Error::TooLarge { what, limit });
        }
        Ok(response)
    });
    match answered {
        Ok(response) => Ok(ModelStreamInferResponse {
            error_message: String::new(),
            infer_response: Some(response),
        }),
        // The call itself is over; there is nothing to go on for.
        Err(error @ Error::GivenUp(_)) => Err(error.into()),
        Err(error) => Ok(ModelStreamInferResponse {
            error_message: error.to_string(),
            // So that the caller knows which request it is about.
            infer_response: Some(ModelInferResponse {
                id,
                ..ModelInferResponse::default()
            }),
        }),
    }
}

/// Answers a request of the REST form.
pub(in crate::service) async fn answer_rest(
    invoker: &Invoker,
    call: &Call,
    request: InvokeInferenceRequest,
) -> Result<InvokeInferenceResponse, Error> {
    let kernel = invoker.kernel(&request.model)?;
    check_version(&request.model, &request.version)?;
    let spec = kernel.spec();
    let cost_of_form = cost_of_text(request.body.len());
    let body = Body {
        bytes: request.body,
        header_bytes: request.header_bytes.map(|length| length as usize),
    };
    let invocation = Invocation {
        kernel,
        cost_of_read: cost_of_form,
        has_read_for: Duration::ZERO,
        cost_of_write: cost_of_form,
        text: true,
        read: move || {
            let (values, form) = inference_json::read(spec, &body)?;
            Ok((Arguments::bind(spec, values)?, form))
        },
        write: move |results, form| inference_json::write(spec, VERSION, results, form),
    };
    let body = invoker.invoke(call, invocation).await?;
    Ok(InvokeInferenceResponse {
        body: body.bytes,
        header_bytes: body
            .header_bytes
            .map(|length| u32::try_from(length).unwrap_or(u32::MAX)),
    })
}
