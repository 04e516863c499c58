//! The RPCs: decode, validate, run, encode. One file an RPC, or two that differ in framing only.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use prost::Message;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming, async_trait, service::Routes};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_reflection::pb::{v1 as reflection_v1, v1alpha as reflection_v1alpha};

use crate::{
    call::Call,
    config::Limits,
    error::Error,
    invocation::Invoker,
    proto::{
        self, BatchSumSquaresRequest, BatchSumSquaresResponse, InvokeBatchRequest,
        InvokeBatchResponse, InvokeInferenceRequest, InvokeInferenceResponse, InvokeJsonRequest,
        InvokeJsonResponse, InvokeJsonStreamRequest, InvokeJsonStreamResponse, InvokeRequest,
        InvokeResponse, InvokeStructRequest, InvokeStructResponse, ListKernelsRequest,
        ListKernelsResponse, ProcessNumbersRequest, ProcessNumbersResponse,
        ProcessNumbersStreamRequest, ProcessNumbersStreamResponse, SumSquaresRequest,
        SumSquaresResponse,
        compute_service_server::{ComputeService, ComputeServiceServer, SERVICE_NAME},
        inference::grpc_inference_service_server::{
            GrpcInferenceServiceServer, SERVICE_NAME as INFERENCE_SERVICE_NAME,
        },
    },
};

mod inference;
mod invoke;
mod invoke_batch;
mod invoke_json;
mod list_kernels;
pub mod probe;
mod process_numbers;
mod process_numbers_stream;
mod sum_squares;

use inference::Inference;

type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Tells health checks whether this server wants calls.
#[derive(Clone, Debug)]
pub struct Health {
    reporter: HealthReporter,
    readiness: Readiness,
}

/// Whether this server wants calls.
#[derive(Clone, Debug, Default)]
struct Readiness(Arc<AtomicBool>);

/// Answers the RPCs of `offgil.v1.ComputeService`.
#[derive(Debug)]
struct Compute {
    invoker: Invoker,
    limits: Limits,
}

/// Returns everything that is served on one port: compute, health and, if wanted, reflection.
///
/// # Panics
///
/// Panics if the descriptors in this binary cannot be decoded, which is a defect of its build.
pub fn routes(invoker: Invoker, limits: Limits, reflects: bool) -> (Routes, Health) {
    let (reporter, health_server) = tonic_health::server::health_reporter();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .include_reflection_service(false)
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(reflection_v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(reflection_v1alpha::FILE_DESCRIPTOR_SET)
            // The details of errors, so that grpcurl can show them.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let readiness = Readiness::default();
    let inference = Inference {
        invoker: invoker.clone(),
        limits,
        readiness: readiness.clone(),
    };
    let inference = GrpcInferenceServiceServer::new(inference)
        .max_decoding_message_size(limits.max_message_bytes)
        .max_encoding_message_size(limits.max_message_bytes);
    let compute = ComputeServiceServer::new(Compute { invoker, limits })
        .max_decoding_message_size(limits.max_message_bytes)
        .max_encoding_message_size(limits.max_message_bytes);
    let mut routes = Routes::new(compute)
        .add_service(inference)
        .add_service(health_server);
    if reflects {
        let v1 = reflection().build_v1().expect("the descriptors are sound");
        let v1alpha = reflection().build_v1alpha();
        routes = routes
            .add_service(v1)
            .add_service(v1alpha.expect("the descriptors are sound"));
    }
    let routes = routes.prepare();
    let health = Health {
        reporter,
        readiness,
    };
    (routes, health)
}

// === impl Health ===

impl Health {
    /// Announces that this server takes calls, or that it takes no more.
    pub async fn set_serving(&self, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        self.readiness.0.store(serving, Ordering::Relaxed);
        for service in ["", SERVICE_NAME, INFERENCE_SERVICE_NAME] {
            self.reporter.set_service_status(service, status).await;
        }
    }

    /// Returns whether this server takes calls.
    pub fn is_serving(&self) -> bool {
        self.readiness.get()
    }
}

// === impl Readiness ===

impl Readiness {
    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Compute ===

#[async_trait]
impl ComputeService for Compute {
    async fn process_numbers(
        &self,
        request: Request<ProcessNumbersRequest>,
    ) -> Result<Response<ProcessNumbersResponse>, Status> {
        let (call, request) = open(request);
        let response = process_numbers::answer(&self.invoker, &call, request).await?;
        respond(response, self.limits)
    }

    async fn sum_squares(
        &self,
        request: Request<SumSquaresRequest>,
    ) -> Result<Response<SumSquaresResponse>, Status> {
        let (call, request) = open(request);
        let response = sum_squares::answer(&self.invoker, &call, request).await?;
        respond(response, self.limits)
    }

    async fn batch_sum_squares(
        &self,
        request: Request<BatchSumSquaresRequest>,
    ) -> Result<Response<BatchSumSquaresResponse>, Status> {
        let (call, request) = open(request);
        let response = sum_squares::answer_batch(&self.invoker, &call, request).await?;
        respond(response, self.limits)
    }

    type ProcessNumbersStreamStream = ResponseStream<ProcessNumbersStreamResponse>;

    async fn process_numbers_stream(
        &self,
        request: Request<Streaming<ProcessNumbersStreamRequest>>,
    ) -> Result<Response<Self::ProcessNumbersStreamStream>, Status> {
        let (call, requests) = open(request);
        let stream = process_numbers_stream::answer(self.invoker.clone(), call, requests).await?;
        Ok(Response::new(Box::pin(stream)))
    }

    async fn invoke(
        &self,
        request: Request<InvokeRequest>,
    ) -> Result<Response<InvokeResponse>, Status> {
        let (call, request) = open(request);
        let response = invoke::answer(&self.invoker, &call, request).await?;
        respond(response, self.limits)
    }

    async fn invoke_batch(
        &self,
        request: Request<InvokeBatchRequest>,
    ) -> Result<Response<InvokeBatchResponse>, Status> {
        let (call, request) = open(request);
        let response = invoke_batch::answer(&self.invoker, &call, request).await?;
        respond(response, self.limits)
    }

    async fn invoke_struct(
        &self,
        request: Request<InvokeStructRequest>,
    ) -> Result<Response<InvokeStructResponse>, Status> {
        let (call, request) = open(request);
        let response = invoke::answer_struct(&self.invoker, &call, request).await?;
        respond(response, self.limits)
    }

    async fn invoke_inference(
        &self,
        request: Request<InvokeInferenceRequest>,
    ) -> Result<Response<InvokeInferenceResponse>, Status> {
        let (call, request) = open(request);
        let response = inference::infer::answer_rest(&self.invoker, &call, request).await?;
        respond(response, self.limits)
    }

    async fn invoke_json(
        &self,
        request: Request<InvokeJsonRequest>,
    ) -> Result<Response<InvokeJsonResponse>, Status> {
        let (call, request) = open(request);
        let response = invoke_json::answer(&self.invoker, &call, request).await?;
        respond(response, self.limits)
    }

    type InvokeJsonStreamStream = ResponseStream<InvokeJsonStreamResponse>;

    async fn invoke_json_stream(
        &self,
        request: Request<Streaming<InvokeJsonStreamRequest>>,
    ) -> Result<Response<Self::InvokeJsonStreamStream>, Status> {
        let (call, requests) = open(request);
        let stream =
            invoke_json::answer_stream(&self.invoker, &call, self.limits, requests).await?;
        let mut response = Response::new(Box::pin(stream) as Self::InvokeJsonStreamStream);
        // All is computed: who passes the answer on can say so before its first byte.
        call.write_spent(response.metadata_mut().as_mut());
        Ok(response)
    }

    async fn list_kernels(
        &self,
        _request: Request<ListKernelsRequest>,
    ) -> Result<Response<ListKernelsResponse>, Status> {
        respond(list_kernels::answer(self.invoker.catalogue()), self.limits)
    }
}

fn open<T>(request: Request<T>) -> (Call, T) {
    (Call::of(request.extensions()), request.into_inner())
}

/// Returns a response, unless it is longer than the longest message.
fn respond<T: Message>(message: T, limits: Limits) -> Result<Response<T>, Status> {
    let limit = limits.max_message_bytes;
    if message.encoded_len() > limit {
        let what = "response (a streaming RPC answers in pieces)";
        return Err(Error::TooLarge { what, limit }.into());
    }
    Ok(Response::new(message))
}

/// Cuts `bytes` into pieces of at most `size` bytes, without copying them.
fn pieces(mut bytes: Bytes, size: usize) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let piece = bytes.split_to(size.min(bytes.len()));
        (!piece.is_empty()).then_some(piece)
    })
}
