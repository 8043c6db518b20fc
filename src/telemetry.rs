//! Structured logs to standard error, and figures for Prometheus. Nothing secret goes in, at any level.

use std::{io, str::FromStr, sync::OnceLock};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

use crate::{
    crypto::feature::Feature,
    figures::{self, Figure, Kind},
};

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("a log format is json or text"),
        }
    }
}

/// Upper bounds of the buckets for changes that share a commit; more than 256 never do.
const SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Upper bounds of the latency histograms' buckets, seconds.
const BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// Starts the log at `level`, for example `info` or `aegis_custodian=trace,actix_http=warn`.
///
/// # Errors
/// A sentence about the level.
pub fn start(level: &str, format: Format) -> Result<(), String> {
    let filter = filter(level)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // It would say on standard error that standard error is gone, and panic in the middle of a request.
        .log_internal_errors(false)
        .with_span_events(FmtSpan::NONE);
    let started = match format {
        Format::Json => lines.json().flatten_event(true).try_init(),
        Format::Text => lines.with_ansi(false).try_init(),
    };
    started.map_err(|error| format!("the log was started already: {error}"))
}

/// The same level, if [`start`] understands it.
///
/// # Errors
/// A sentence about it.
pub fn level(level: String) -> Result<String, String> {
    filter(&level).map(|_| level)
}

fn filter(level: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(level).map_err(|error| {
        format!("the log level is not understood: {error}; it is such as info, or aegis_custodian=debug,warn")
    })
}

/// The figures of this process.
///
/// # Errors
/// If the recorder cannot be built.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let sizes = Matcher::Full(figures::COMMIT_CHANGES.to_owned());
    let recorder = PrometheusBuilder::new()
        .set_buckets(&BUCKETS)?
        .set_buckets_for_metric(sizes, &SIZES)?
        .build_recorder();
    let handle = HANDLE.get_or_init(|| recorder.handle()).clone();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::debug!("another recorder of figures was there first");
    }
    describe();
    Ok(handle)
}

/// Looks at what this process takes of the machine: memory, time, files, threads.
pub fn look_at_process() {
    Collector::default().collect();
}

/// Says what each figure is, and what was built.
fn describe() {
    for Figure {
        name,
        kind,
        unit,
        help,
    } in figures::ALL
    {
        match kind {
            Kind::Counter => metrics::describe_counter!(*name, *unit, *help),
            Kind::Gauge => metrics::describe_gauge!(*name, *unit, *help),
            Kind::Histogram => metrics::describe_histogram!(*name, *unit, *help),
        }
    }
    Collector::default().describe();
    let built = Feature::ALL.into_iter().filter(|one| one.is_built());
    let built: Vec<_> = built.map(Feature::name).collect();
    let version = env!("CARGO_PKG_VERSION");
    metrics::gauge!(figures::BUILD, "version" => version, "features" => built.join(",")).set(1);
}
