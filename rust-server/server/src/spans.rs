//! Spans of calls for OpenTelemetry, sent to a collector over OTLP.
//!
//! A call has a span if its caller sent a W3C trace context (`traceparent`) that is sampled: who began the trace
//! decides. The span is made when the call has ended, so a call without one costs nothing.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use http::HeaderMap;
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator},
    trace::{Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};

use crate::call::{Call, Stage};

/// The name of this service, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` gives another one.
const SERVICE: &str = "offgil-server";
/// The longest trace context that is looked at: the standard's, and some to spare.
const LONGEST: usize = 128;
/// Time for the last spans to be sent.
const FLUSH: Duration = Duration::from_secs(2);

/// Makes spans and sends them.
pub struct Spans {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

struct Headers<'a>(&'a HeaderMap);

// === impl Spans ===

impl Spans {
    /// Sends spans to the collector at an address such as `http://127.0.0.1:4317`, from inside a tokio runtime.
    /// What it does not take in time is dropped.
    ///
    /// # Errors
    ///
    /// Why the address cannot be used, in words.
    pub fn to(endpoint: &str) -> Result<Self, String> {
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint);
        let exporter = exporter.build().map_err(|error| error.to_string())?;
        let resource = Resource::builder()
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let resource = if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource.with_service_name(SERVICE)
        } else {
            resource
        };
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)))
            .with_resource(resource.build())
            .with_batch_exporter(exporter)
            .build();
        Ok(Self {
            tracer: provider.tracer(SERVICE),
            provider,
            propagator: TraceContextPropagator::new(),
        })
    }

    /// Returns the span that a call belongs to, if there is one that is sampled among its headers.
    pub fn parent(&self, headers: &HeaderMap) -> Option<Context> {
        headers.get("traceparent")?;
        let context = self.propagator.extract(&Headers(headers));
        context
            .span()
            .span_context()
            .is_sampled()
            .then_some(context)
    }

    /// Makes the span of a call that has ended with a gRPC code after so long.
    pub fn record(&self, parent: &Context, call: &Call, code: i32, took: Duration) {
        let end = SystemTime::now();
        let (service, method) = call.method().split_once('/').unwrap_or((call.method(), ""));
        let mut attributes = vec![
            KeyValue::new("rpc.system", "grpc"),
            KeyValue::new("rpc.service", service.to_owned()),
            KeyValue::new("rpc.method", method.to_owned()),
            KeyValue::new("rpc.grpc.status_code", i64::from(code)),
        ];
        if let Ok(id) = call.request_id().to_str() {
            attributes.push(KeyValue::new("offgil.request_id", id.to_owned()));
        }
        if let Some(kernel) = call.kernel() {
            attributes.push(KeyValue::new("offgil.kernel", kernel));
            let count = i64::try_from(call.count()).unwrap_or(i64::MAX);
            attributes.push(KeyValue::new("offgil.count", count));
            for stage in Stage::ALL {
                let micros = call.spent(stage).as_micros() as i64;
                attributes.push(KeyValue::new(stage.attribute(), micros));
            }
        }
        let builder = self
            .tracer
            .span_builder(call.method().to_owned())
            .with_kind(SpanKind::Server)
            .with_start_time(end.checked_sub(took).unwrap_or(end))
            .with_attributes(attributes);
        let mut span = self.tracer.build_with_context(builder, parent);
        if is_of_server(code) {
            span.set_status(Status::error(""));
        }
        span.end_with_timestamp(end);
    }

    /// Sends what has not been sent yet; blocks for some seconds at most.
    pub fn flush(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spans").finish_non_exhaustive()
    }
}

/// Returns whether a code is an error of the server rather than of its caller, by OpenTelemetry's conventions for
/// gRPC.
fn is_of_server(code: i32) -> bool {
    // UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS
    matches!(code, 2 | 4 | 12 | 13 | 14 | 15)
}

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let value = self.0.get(key)?;
        (value.len() <= LONGEST).then(|| value.to_str().ok())?
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_sampled(traceparent: Option<&str>) -> bool {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let _inside = runtime.enter();
        let spans = Spans::to("http://127.0.0.1:1").expect("an address");
        let mut headers = HeaderMap::new();
        if let Some(value) = traceparent {
            headers.insert("traceparent", value.parse().expect("a header value"));
        }
        spans.parent(&headers).is_some()
    }

    #[test]
    fn only_a_sound_context_that_is_sampled_counts() {
        let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(is_sampled(Some(sampled)));
        assert!(!is_sampled(None));
        assert!(!is_sampled(Some(&sampled.replace("-01", "-00"))));
        assert!(!is_sampled(Some(&sampled.replace("0af7", "zzzz"))));
        assert!(!is_sampled(Some("00")));
        assert!(!is_sampled(Some(&"0".repeat(4096))));
    }
}
