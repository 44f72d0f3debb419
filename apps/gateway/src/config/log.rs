//! `[log]`: what is logged, and where.

use std::{
    iter,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use tracing_subscriber::EnvFilter;

use super::{
    checks::Checked,
    settings::{Setting, checked, setting},
    suggest::closest,
};

#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    pub filter: String,
    pub format: Format,
    /// Log file, instead of the standard output.
    pub file: Option<PathBuf>,
    pub rotation: Rotation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Pretty,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    Never,
    Hourly,
    Daily,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info,actix_server=warn".to_owned(),
            format: Format::Pretty,
            file: None,
            rotation: Rotation::Daily,
        }
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    checked(log_filter, setting("log", "filter", "LOG", |c| &mut c.log.filter,
        "What is logged: a level, or directives with a level each, such as `warn,clowder_gateway=debug`.")),
    setting("log", "format", "LOG_FORMAT", |c| &mut c.log.format,
        "`pretty` for people, `json` for machines."),
    checked(log_file, setting("log", "file", "", |c| &mut c.log.file,
        "Log file. Empty: the standard output.")),
    setting("log", "rotation", "", |c| &mut c.log.rotation,
        "When to start a new log file: `never`, `hourly` or `daily`."),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[
    ("log.filter", &["inof", "warn,clowder_gateway=debgu", "a=b=c"]),
    ("log.format", &["", "xml"]),
    ("log.file", &["src", "logs/"]),
    ("log.rotation", &["", "weekly"]),
];

const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// Our own parts: the binary, and all packages of the workspace. Those of libraries cannot all be known.
static PARTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let manifest: toml::Table = include_str!("../../../../Cargo.toml").parse().unwrap_or_default();
    let packages = manifest["workspace"]["dependencies"].as_table().into_iter().flat_map(toml::Table::keys);
    let packages = packages.filter(|name| name.starts_with("clowder-")).map(|name| name.replace('-', "_"));
    iter::once("clowder".to_owned()).chain(packages).collect()
});

fn log_file(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let path = Path::new(text);
    if text.ends_with('/') || path.file_name().is_none() || path.is_dir() {
        return Err("must be the path of a file, but this is a folder".to_owned());
    }
    Ok(())
}

/// Each directive is a level, or assigns a level to a part of the program. A single word that is not a level would name
/// a part and silence all others.
fn log_filter(text: &str) -> Checked {
    let right = "must be a level (off, error, warn, info, debug, trace) or directives such as \
                 `warn,clowder_gateway=debug`";
    for directive in text.split(',').map(str::trim) {
        let (part, word) = match directive.rfind('=').filter(|at| !directive[*at..].contains(']')) {
            Some(at) => (directive[..at].trim(), directive[at + 1..].trim()),
            None => ("", directive),
        };
        if !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word)) {
            let slip = closest(&word.to_lowercase(), LEVELS.iter().copied())
                .or_else(|| (word.eq_ignore_ascii_case("warning")).then_some("warn"));
            let meant = slip.map_or_else(String::new, |slip| format!("; did you mean `{slip}`?"));
            return Err(format!("{right}; `{directive}` has no level{meant}"));
        }
        let own = part.split([':', '[']).next().unwrap_or_default();
        if own.starts_with("clowder") && !PARTS.iter().any(|part| part == own) {
            return Err(format!("{right}; the parts are {}; there is no `{own}`", PARTS.join(", ")));
        }
    }
    EnvFilter::try_new(text).map(drop).map_err(|error| format!("{right}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_parts_are_the_packages() {
        for part in ["clowder", "clowder_gateway", "clowder_core", "clowder_infra_base", "clowder_accounts"] {
            assert!(log_filter(&format!("info,{part}=debug")).is_ok(), "{part} in {:?}", *PARTS);
        }
        for part in ["clowder_acounts", "clowder-core", "clowder_"] {
            assert!(log_filter(&format!("info,{part}=debug")).is_err(), "{part}");
        }
    }
}
