//! `ModelStatistics`: how often kernels ran, and how long the parts of their calls took.

use std::sync::atomic::Ordering;

use super::VERSION;
use crate::{
    proto::inference::{
        InferStatistics, ModelStatistics, ModelStatisticsResponse, StatisticDuration,
    },
    statistics::{KernelStatistics, Statistics, Total},
};

/// Returns the statistics of the kernel of a name, or of all if there is no name.
pub(super) fn answer(statistics: &Statistics, name: &str) -> ModelStatisticsResponse {
    let wanted = statistics
        .iter()
        .filter(|(kernel, _)| name.is_empty() || *kernel == name);
    ModelStatisticsResponse {
        model_stats: wanted
            .map(|(kernel, statistics)| of_kernel(kernel, statistics))
            .collect(),
    }
}

fn of_kernel(kernel: &str, statistics: &KernelStatistics) -> ModelStatistics {
    let (count, _) = statistics.success.get();
    ModelStatistics {
        name: kernel.into(),
        version: VERSION.into(),
        last_inference: statistics.last_call_ms.load(Ordering::Relaxed),
        inference_count: count,
        execution_count: count,
        inference_stats: Some(InferStatistics {
            success: total(&statistics.success),
            fail: total(&statistics.failure),
            queue: total(&statistics.queue),
            compute_input: total(&statistics.input),
            compute_infer: total(&statistics.infer),
            compute_output: total(&statistics.output),
        }),
    }
}

fn total(total: &Total) -> Option<StatisticDuration> {
    let (count, ns) = total.get();
    Some(StatisticDuration { count, ns })
}
