//! What an operator sees, in the text format of Prometheus.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use offgil_kernels::Catalogue;
#[cfg(target_os = "linux")]
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector,
};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::Code;

use crate::{
    admission::{Lane, Queue},
    call::{Call, Stage},
    proto,
};

/// The code of a call whose answer has none yet.
pub const NO_STATUS: i32 = -1;
/// Panics of this process so far, which its panic hook counts.
pub static PANICS: AtomicU64 = AtomicU64::new(0);
/// The name of what has no name: a call without a kernel, a method that does not exist.
const NONE: &str = "none";
/// Upper bounds of the histograms, in seconds.
const BUCKETS: &[f64] = &[
    20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3, 0.1, 0.2, 0.5,
    1.0, 2.0, 5.0, 10.0, 30.0,
];

/// The metrics of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    /// Methods that exist, so that callers cannot make up labels; with the counters of calls that succeeded, by kernel:
    /// they are the most, and to find one among all counters takes longer than to add to it.
    methods: HashMap<String, Box<[OnceLock<IntCounter>]>>,
    calls: IntCounterVec,
    kernels: HashMap<&'static str, OfKernel>,
    refusals: IntCounterVec,
    cancellations: IntCounter,
    stops: Histogram,
    panics: IntCounter,
    gauges: Gauges,
}

/// The histograms of one kernel.
#[derive(Debug)]
struct OfKernel {
    index: usize,
    whole: Histogram,
    stages: [Histogram; Stage::ALL.len()],
}

/// What is set when somebody looks.
#[derive(Debug)]
struct Gauges {
    in_flight: IntGauge,
    connections: IntGauge,
    queued_jobs: IntGaugeVec,
    queued_seconds: prometheus::GaugeVec,
    running_jobs: IntGaugeVec,
    budget_bytes: IntGauge,
}

/// How a server is doing at a moment.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Calls that are being answered.
    pub in_flight: usize,
    /// Connections that are open.
    pub connections: usize,
    /// Bytes of the memory budget that are taken.
    pub budget_bytes: usize,
    /// Jobs that wait in each lane, and their cost.
    pub queued: [Queue; Lane::ALL.len()],
    /// Jobs that run in each lane.
    pub running: [usize; Lane::ALL.len()],
}

// === impl Metrics ===

impl Metrics {
    /// Returns the metrics of a server with these kernels, so many threads and so large a budget.
    ///
    /// # Panics
    ///
    /// Panics if the names below are not those of metrics, which is a defect.
    pub fn new(catalogue: &Catalogue, threads: usize, memory_budget: usize) -> Self {
        let registry = Registry::new();
        let calls = register(
            &registry,
            IntCounterVec::new(
                Opts::new("offgil_calls_total", "Calls that ended."),
                &["method", "kernel", "code"],
            ),
        );
        let whole = register(
            &registry,
            HistogramVec::new(
                histogram(
                    "offgil_call_seconds",
                    "Time from the headers of a request to the end of its answer.",
                ),
                &["kernel"],
            ),
        );
        let stages = register(
            &registry,
            HistogramVec::new(
                histogram("offgil_stage_seconds", "Time in each stage of a call."),
                &["kernel", "stage"],
            ),
        );
        let kernels = catalogue.iter().enumerate().map(|(index, kernel)| {
            let name = kernel.spec().name;
            let of_kernel = OfKernel {
                index,
                whole: whole.with_label_values(&[name]),
                stages: Stage::ALL.map(|stage| stages.with_label_values(&[name, stage.name()])),
            };
            (name, of_kernel)
        });
        let kernels: HashMap<_, _> = kernels.collect();
        let methods = methods().into_iter().map(|name| {
            let succeeded = (0..kernels.len()).map(|_| OnceLock::new()).collect();
            (name, succeeded)
        });
        let info = register(
            &registry,
            IntGaugeVec::new(
                Opts::new("offgil_build_info", "The build that runs; always 1."),
                &["version", "commit"],
            ),
        );
        let version = [env!("CARGO_PKG_VERSION"), env!("OFFGIL_COMMIT")];
        info.with_label_values(&version).set(1);
        let constant = |name, help, value: usize| {
            register(&registry, IntGauge::new(name, help)).set(value as i64);
        };
        constant(
            "offgil_threads",
            "Threads for computing in each pool.",
            threads,
        );
        constant(
            "offgil_memory_budget_limit_bytes",
            "Bytes that the requests and results of all calls may take together.",
            memory_budget,
        );
        #[cfg(target_os = "linux")]
        registry
            .register(Box::new(ProcessCollector::for_self()))
            .expect("each name is registered once");
        Self(Arc::new(Inner {
            methods: methods.collect(),
            calls,
            kernels,
            refusals: register(
                &registry,
                IntCounterVec::new(
                    Opts::new(
                        "offgil_refusals_total",
                        "Calls that were refused, by the reason.",
                    ),
                    &["reason"],
                ),
            ),
            cancellations: register(
                &registry,
                IntCounter::new("offgil_cancellations_total", "Calls whose caller left."),
            ),
            stops: register(
                &registry,
                Histogram::with_opts(histogram(
                    "offgil_stop_seconds",
                    "Time from when nobody waits for a running job any more to its end.",
                )),
            ),
            panics: register(
                &registry,
                IntCounter::new(
                    "offgil_panics_total",
                    "Panics, of kernels or of the server.",
                ),
            ),
            gauges: Gauges::new(&registry),
            registry,
        }))
    }

    /// Counts a call that has ended with a gRPC code after so long.
    pub fn count_call(&self, call: &Call, code: i32, took: Duration) {
        let inner = &*self.0;
        let method = inner.methods.get_key_value(call.method());
        let of_kernel = call.kernel().and_then(|name| inner.kernels.get(name));
        let code = Code::from_i32(code);
        let labels = [
            method.map_or(NONE, |(name, _)| name),
            call.kernel().unwrap_or(NONE),
            name_of(code),
        ];
        let counter = || inner.calls.with_label_values(&labels);
        match (code, method, of_kernel) {
            (Code::Ok, Some((_, succeeded)), Some(of_kernel)) => {
                succeeded[of_kernel.index].get_or_init(counter).inc();
            }
            _ => counter().inc(),
        }
        if code == Code::Cancelled {
            inner.cancellations.inc();
        }
        let Some(of_kernel) = of_kernel else {
            return;
        };
        of_kernel.whole.observe(took.as_secs_f64());
        for (stage, histogram) in Stage::ALL.into_iter().zip(&of_kernel.stages) {
            let spent = call.spent(stage);
            if !spent.is_zero() {
                histogram.observe(spent.as_secs_f64());
            }
        }
    }

    /// Returns where the executor says how long jobs go on that nobody waits for.
    pub fn stops(&self) -> Histogram {
        self.0.stops.clone()
    }

    /// Counts a call that was refused for a reason.
    pub fn count_refusal(&self, reason: &str) {
        self.0.refusals.with_label_values(&[reason]).inc();
    }

    /// Returns the text that Prometheus reads.
    ///
    /// # Errors
    ///
    /// What the encoder says, in words.
    pub fn text(&self, state: &State) -> Result<String, String> {
        self.0.gauges.set(state);
        let panics = PANICS.load(Ordering::Relaxed);
        self.0
            .panics
            .inc_by(panics.saturating_sub(self.0.panics.get()));
        let families = self.0.registry.gather();
        TextEncoder::new()
            .encode_to_string(&families)
            .map_err(|error| error.to_string())
    }
}

fn histogram(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(BUCKETS.to_vec())
}

fn register<M: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<M>) -> M {
    let metric = made.expect("names and labels are sound");
    let registered = registry.register(Box::new(metric.clone()));
    registered.expect("each name is registered once");
    metric
}

/// Returns every method that this binary knows, as `service/method`.
fn methods() -> HashSet<String> {
    let sets = [
        proto::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    let mut methods = HashSet::new();
    for set in sets {
        let set = FileDescriptorSet::decode(set).expect("the descriptors are sound");
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let names = [file.package(), service.name(), method.name()];
                    let [package, service, method] = names;
                    methods.insert(format!("{package}.{service}/{method}"));
                }
            }
        }
    }
    methods
}

fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

// === impl Gauges ===

impl Gauges {
    fn new(registry: &Registry) -> Self {
        let lane = &["lane"];
        Self {
            in_flight: register(
                registry,
                IntGauge::new("offgil_in_flight", "Calls that are being answered."),
            ),
            connections: register(
                registry,
                IntGauge::new("offgil_connections", "Connections that are open."),
            ),
            queued_jobs: register(
                registry,
                IntGaugeVec::new(Opts::new("offgil_queued_jobs", "Jobs that wait."), lane),
            ),
            queued_seconds: register(
                registry,
                prometheus::GaugeVec::new(
                    Opts::new(
                        "offgil_queued_seconds",
                        "Estimated time on one core of the jobs that wait.",
                    ),
                    lane,
                ),
            ),
            running_jobs: register(
                registry,
                IntGaugeVec::new(Opts::new("offgil_running_jobs", "Jobs that run."), lane),
            ),
            budget_bytes: register(
                registry,
                IntGauge::new(
                    "offgil_memory_budget_bytes",
                    "Bytes that the requests and results of calls take.",
                ),
            ),
        }
    }

    fn set(&self, state: &State) {
        self.in_flight.set(state.in_flight as i64);
        self.connections.set(state.connections as i64);
        self.budget_bytes.set(state.budget_bytes as i64);
        for lane in Lane::ALL {
            let label = [lane.name()];
            let Queue { jobs, cost } = state.queued[lane as usize];
            self.queued_jobs.with_label_values(&label).set(jobs as i64);
            let seconds = self.queued_seconds.with_label_values(&label);
            seconds.set(cost.as_secs_f64());
            let running = state.running[lane as usize];
            self.running_jobs
                .with_label_values(&label)
                .set(running as i64);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::budget::Budget;

    fn metrics() -> Metrics {
        Metrics::new(&Catalogue::built_in(), 2, 1 << 20)
    }

    fn call(method: &str) -> Call {
        Call::begin(method, &HeaderMap::new(), &Budget::new(0, Duration::ZERO))
    }

    #[test]
    fn counts_calls_by_method_kernel_and_code() {
        let metrics = metrics();
        let made = call("/offgil.v1.ComputeService/SumSquares");
        made.note_kernel("sum_squares");
        made.spend(Stage::Compute, Duration::from_micros(30));
        metrics.count_call(&made, 0, Duration::from_micros(60));
        let text = metrics.text(&State::default()).expect("text");
        let line = |line: &str| assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        line(
            r#"offgil_calls_total{code="OK",kernel="sum_squares",method="offgil.v1.ComputeService/SumSquares"} 1"#,
        );
        line(r#"offgil_stage_seconds_bucket{kernel="sum_squares",stage="compute",le="0.00002"} 0"#);
        line(r#"offgil_stage_seconds_bucket{kernel="sum_squares",stage="compute",le="0.00005"} 1"#);
        line(r#"offgil_stage_seconds_count{kernel="sum_squares",stage="queue"} 0"#);
        line(r#"offgil_call_seconds_count{kernel="sum_squares"} 1"#);
    }

    #[test]
    fn callers_cannot_make_up_labels() {
        let metrics = metrics();
        for index in 0..100 {
            let made = call(&format!("/made.Up/Method{index}"));
            metrics.count_call(&made, 12, Duration::ZERO);
        }
        let text = metrics.text(&State::default()).expect("text");
        let lines = text
            .lines()
            .filter(|line| line.starts_with("offgil_calls_total"));
        assert_eq!(
            lines.collect::<Vec<_>>(),
            [r#"offgil_calls_total{code="UNIMPLEMENTED",kernel="none",method="none"} 100"#]
        );
    }
}
