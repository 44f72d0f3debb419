//! Logging and metrics of the process.

use std::{
    io::{self, IsTerminal},
    path::Path,
    sync::OnceLock,
};

use clowder_core::{Error, Result};
use clowder_infra::private;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_appender::{
    non_blocking::{NonBlocking, WorkerGuard},
    rolling,
};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

use crate::config::{Config, Format, Log, Rotation};

/// Flushes buffered lines when it is dropped.
pub struct Logging(#[expect(dead_code, reason = "held for its drop")] WorkerGuard);

/// Where log lines go if they don't go to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// For the server, whose only output is its log.
    Output,
    /// For commands, whose standard output is their result.
    Errors,
}

/// Starts logging. A thread of its own writes the lines, so that a slow disk blocks no request.
pub fn log(settings: &Log, stream: Stream) -> Result<Logging> {
    let (writer, guard) = writer(settings, stream).map_err(|error| Error::internal(format!("log: {error}")))?;
    // Commands log only problems unless more is requested.
    let is_unset = settings.filter == Config::default().log.filter;
    let directives = if stream == Stream::Errors && is_unset { "warn" } else { &settings.filter };
    let filter = EnvFilter::try_new(quiet(directives)).map_err(|error| Error::internal(format!("log: {error}")))?;
    let to_terminal = settings.file.is_none();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_span_events(FmtSpan::NONE);
    let started = match settings.format {
        Format::Json => lines.json().flatten_event(true).with_span_list(false).try_init(),
        Format::Pretty => lines.with_ansi(to_terminal && stream.is_terminal()).try_init(),
    };
    started.map_err(|error| Error::internal(format!("log: {error}")))?;
    Ok(Logging(guard))
}

/// The HTTP library logs invalid requests and frames of clients at ERROR; clients could flood the log with them.
const OF_CLIENTS: [&str; 3] = ["actix_http::h1::dispatcher", "actix_http::h1::decoder", "actix_http::ws::codec"];

/// The filter of the operator, without the faults of clients unless it names the library.
fn quiet(directives: &str) -> String {
    let names = |directive: &str| directive.trim().starts_with("actix_http");
    if directives.split(',').any(names) {
        return directives.to_owned();
    }
    let off = OF_CLIENTS.iter().map(|target| format!("{target}=off"));
    std::iter::once(directives.to_owned())
        .filter(|given| !given.trim().is_empty())
        .chain(off)
        .collect::<Vec<_>>()
        .join(",")
}

impl Stream {
    fn is_terminal(self) -> bool {
        match self {
            Self::Output => io::stdout().is_terminal(),
            Self::Errors => io::stderr().is_terminal(),
        }
    }
}

fn writer(settings: &Log, stream: Stream) -> io::Result<(NonBlocking, WorkerGuard)> {
    let Some(path) = &settings.file else {
        return Ok(match stream {
            Stream::Output => tracing_appender::non_blocking(io::stdout()),
            Stream::Errors => tracing_appender::non_blocking(io::stderr()),
        });
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name =
        path.file_name().ok_or_else(|| io::Error::other("CLOWDER__LOG__FILE must name a file"))?.to_string_lossy();
    private::create_folder(folder)?;
    let rotation = match settings.rotation {
        Rotation::Never => rolling::Rotation::NEVER,
        Rotation::Hourly => rolling::Rotation::HOURLY,
        Rotation::Daily => rolling::Rotation::DAILY,
    };
    let file =
        rolling::Builder::new().rotation(rotation).filename_prefix(name).build(folder).map_err(io::Error::other)?;
    Ok(tracing_appender::non_blocking(file))
}

/// Seconds: from a cached read to a password hash on a busy machine.
const BUCKETS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The metrics recorder of this process; there can be only one, however many servers a test starts.
pub fn recorder() -> Result<PrometheusHandle> {
    static RECORDER: OnceLock<Result<PrometheusHandle>> = OnceLock::new();
    let install = || {
        PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS)
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(|error| Error::internal(format!("metrics: {error}")))
    };
    RECORDER.get_or_init(install).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_clients_are_silenced_unless_they_are_named() {
        for given in ["info", "debug,clowder=trace", "", "clowder_gateway=info"] {
            let filter = quiet(given);
            for target in OF_CLIENTS {
                assert!(filter.contains(&format!("{target}=off")), "{filter}");
            }
            assert!(filter.starts_with(given));
            EnvFilter::try_new(&filter).unwrap();
        }
        for given in ["info,actix_http=error", "actix_http::ws::codec=debug"] {
            assert_eq!(quiet(given), given);
        }
    }
}
