//! `inference.GRPCInferenceService`: kernels as models of the Open Inference Protocol.
//!
//! [`infer`] runs them, also for the REST form; [`metadata`] and [`statistics`] describe them.

use futures_util::StreamExt;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{Readiness, ResponseStream, open, respond};
use crate::{
    config::Limits,
    error::Error,
    invocation::Invoker,
    proto::inference::{self as oip, grpc_inference_service_server::GrpcInferenceService},
};

pub(super) mod infer;
mod metadata;
mod statistics;

/// The one version of every kernel.
const VERSION: &str = "1";
/// Requests of one stream that are under way at once.
const CONCURRENT: usize = 4;

/// Answers the RPCs of the inference service.
#[derive(Debug)]
pub(super) struct Inference {
    pub(super) invoker: Invoker,
    pub(super) limits: Limits,
    pub(super) readiness: Readiness,
}

#[async_trait]
impl GrpcInferenceService for Inference {
    async fn server_live(
        &self,
        _request: Request<oip::ServerLiveRequest>,
    ) -> Result<Response<oip::ServerLiveResponse>, Status> {
        Ok(Response::new(oip::ServerLiveResponse { live: true }))
    }

    async fn server_ready(
        &self,
        _request: Request<oip::ServerReadyRequest>,
    ) -> Result<Response<oip::ServerReadyResponse>, Status> {
        let ready = self.readiness.get();
        Ok(Response::new(oip::ServerReadyResponse { ready }))
    }

    async fn model_ready(
        &self,
        request: Request<oip::ModelReadyRequest>,
    ) -> Result<Response<oip::ModelReadyResponse>, Status> {
        let request = request.into_inner();
        let is_known = self.invoker.catalogue().get(&request.name).is_some();
        let ready = is_known && is_version(&request.version) && self.readiness.get();
        Ok(Response::new(oip::ModelReadyResponse { ready }))
    }

    async fn server_metadata(
        &self,
        _request: Request<oip::ServerMetadataRequest>,
    ) -> Result<Response<oip::ServerMetadataResponse>, Status> {
        respond(metadata::of_server(), self.limits)
    }

    async fn model_metadata(
        &self,
        request: Request<oip::ModelMetadataRequest>,
    ) -> Result<Response<oip::ModelMetadataResponse>, Status> {
        let request = request.into_inner();
        let kernel = self.invoker.kernel(&request.name)?;
        check_version(&request.name, &request.version)?;
        respond(metadata::of_model(kernel.spec()), self.limits)
    }

    async fn model_infer(
        &self,
        request: Request<oip::ModelInferRequest>,
    ) -> Result<Response<oip::ModelInferResponse>, Status> {
        let (call, request) = open(request);
        let response = infer::answer(&self.invoker, &call, request).await?;
        respond(response, self.limits)
    }

    type ModelStreamInferStream = ResponseStream<oip::ModelStreamInferResponse>;

    async fn model_stream_infer(
        &self,
        request: Request<Streaming<oip::ModelInferRequest>>,
    ) -> Result<Response<Self::ModelStreamInferStream>, Status> {
        let (call, requests) = open(request);
        let (invoker, limits) = (self.invoker.clone(), self.limits);
        let answers = requests.map(move |request| {
            let (invoker, call) = (invoker.clone(), call.part());
            async move { infer::answer_in_stream(&invoker, &call, limits, request?).await }
        });
        Ok(Response::new(Box::pin(answers.buffered(CONCURRENT))))
    }

    async fn model_config(
        &self,
        request: Request<oip::ModelConfigRequest>,
    ) -> Result<Response<oip::ModelConfigResponse>, Status> {
        let request = request.into_inner();
        let kernel = self.invoker.kernel(&request.name)?;
        check_version(&request.name, &request.version)?;
        respond(metadata::configuration(kernel.spec()), self.limits)
    }

    async fn model_statistics(
        &self,
        request: Request<oip::ModelStatisticsRequest>,
    ) -> Result<Response<oip::ModelStatisticsResponse>, Status> {
        let request = request.into_inner();
        if !request.name.is_empty() {
            self.invoker.kernel(&request.name)?;
            check_version(&request.name, &request.version)?;
        }
        let response = statistics::answer(self.invoker.statistics(), &request.name);
        respond(response, self.limits)
    }

    async fn repository_index(
        &self,
        _request: Request<oip::RepositoryIndexRequest>,
    ) -> Result<Response<oip::RepositoryIndexResponse>, Status> {
        respond(metadata::index(self.invoker.catalogue()), self.limits)
    }
}

fn is_version(version: &str) -> bool {
    version.is_empty() || version == VERSION
}

fn check_version(model: &str, version: &str) -> Result<(), Error> {
    if is_version(version) {
        return Ok(());
    }
    Err(Error::VersionNotFound {
        model: model.to_owned(),
        version: version.chars().take(16).collect(),
        known: VERSION,
    })
}
