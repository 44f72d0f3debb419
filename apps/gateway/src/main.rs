//! The binary: `clowder serve` and all other commands.

mod admin;
mod arguments;
mod auditing;
mod care;
mod doctor;
mod inspect;
mod jobs;
mod keyring;
mod manual;
mod output;
mod permissions;
mod reading;
mod search;
mod serving;
mod users;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use arguments::{Cli, Command, ConfigCommand, Sources};
use clap::{CommandFactory, Parser};
use clowder_core::{Error, Result};
use clowder_gateway::{
    app,
    config::{Config, Faults, Layers, reachable},
    docs,
    public_url::PublicUrl,
    routes, stop,
    telemetry::{self, Stream},
};
use clowder_infra::{DatabaseUrl, Store};
use output::{Outcome, Output, complain};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Everything that this process or a library creates is closed to other users from the start.
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o077));
    let Cli { sources, command } = Cli::parse();
    let mut out = Output::default();
    let outcome = run(sources, command, &mut out).unwrap_or_else(Failure::tell);
    out.end(outcome)
}

/// Why a command failed.
enum Failure {
    Settings(Faults),
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Failure {
    fn tell(self) -> Outcome {
        match self {
            Self::Settings(faults) => complain(faults.to_string().trim_end()),
            Self::Error(Error::Invalid(errors)) => {
                for error in errors {
                    complain(format_args!("{} {}", error.pointer.trim_start_matches('/'), error.message));
                }
            }
            Self::Error(error) => {
                match error {
                    Error::Refused(refusal)
                    | Error::Explained { refusal, .. }
                    | Error::Pointed { refusal, .. }
                    | Error::Stale { refusal, .. }
                    | Error::TooEarly { refusal, .. } => {
                        complain(format_args!("{} ({})", refusal.title, refusal.code));
                    }
                    error => complain(error.to_string().trim_start_matches("internal: ")),
                }
                return Outcome::Failed;
            }
        }
        Outcome::Misused
    }
}

fn run(sources: Sources, command: Command, out: &mut Output) -> std::result::Result<Outcome, Failure> {
    let mut arguments = sources.set;
    if let Command::Serve { bind, port } = &command {
        let given = [("server.bind", bind), ("server.port", port)];
        arguments.extend(given.into_iter().filter_map(|(path, value)| Some((path.to_owned(), value.clone()?))));
    }
    let settings = || Layers::load(sources.config.clone(), &arguments);
    let config = || settings().map_err(Failure::Settings);
    Ok(match command {
        Command::Serve { .. } => {
            let config = config()?;
            let _logging = telemetry::log(&config.log, Stream::Output)?;
            actix_web::rt::System::new().block_on(serve(config))?;
            Outcome::Done
        }
        Command::Migrate { form } => migrate(&config()?, form.json, out)?,
        Command::Config(ConfigCommand::Print { form }) => show(&config()?, form.json, out),
        Command::Config(ConfigCommand::Default { form }) => show(&Config::default(), form.json, out),
        Command::Jobs(command) => {
            let config = config()?;
            let is_service = matches!(command, jobs::JobsCommand::Run);
            let _logging = telemetry::log(&config.log, if is_service { Stream::Output } else { Stream::Errors })?;
            wait(jobs::run(&config, command, out))?
        }
        Command::Users(command) => carry_out(&config()?, |config| wait(users::run(config, command, out)))?,
        Command::Readers(command) => carry_out(&config()?, |config| wait(reading::run(config, command, out)))?,
        Command::Search(command) => carry_out(&config()?, |config| wait(search::run(config, command, out)))?,
        Command::Files(command) => carry_out(&config()?, |config| wait(care::run(config, command, out)))?,
        Command::Keys(command) => carry_out(&config()?, |config| wait(keyring::run(config, command, out)))?,
        Command::Audit(command) => carry_out(&config()?, |config| wait(auditing::run(config, command, out)))?,
        Command::Admin(command) => carry_out(&config()?, |config| wait(admin::run(config, command, out)))?,
        Command::Doctor { form } => match settings() {
            Ok(config) => carry_out(&config, |config| wait(async { Ok(doctor::examine(config, form, out).await) }))?,
            Err(faults) => doctor::unusable(&faults, form, out),
        },
        Command::Openapi => {
            out.line(format_args!("{:#}", docs::openapi(&routes::table(true), &config()?.reached_at())));
            Outcome::Done
        }
        Command::Asyncapi => {
            out.line(format_args!("{:#}", docs::asyncapi(&config()?.reached_at())));
            Outcome::Done
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "clowder", &mut script);
            out.print(String::from_utf8_lossy(&script));
            Outcome::Done
        }
        Command::Manual => {
            out.print(manual::markdown());
            Outcome::Done
        }
        Command::InspectFile(command) => inspect::run(&command, out),
    })
}

/// Runs a command that opens the store, and logs problems to the standard error.
fn carry_out(config: &Config, command: impl FnOnce(&Config) -> Result<Outcome>) -> Result<Outcome> {
    let _logging = telemetry::log(&config.log, Stream::Errors)?;
    command(config)
}

fn wait(command: impl Future<Output = Result<Outcome>>) -> Result<Outcome> {
    actix_web::rt::System::new().block_on(command)
}

fn show(config: &Config, json: bool, out: &mut Output) -> Outcome {
    if json {
        out.json(&config.json());
    } else {
        out.print(config.print());
    }
    Outcome::Done
}

fn migrate(config: &Config, json: bool, out: &mut Output) -> Result<Outcome> {
    let url = DatabaseUrl::parse(&config.direct_url())?;
    let ran = Store::migrate(&url)?;
    if json {
        out.json(&json!({"ran": ran}));
    } else {
        ran.iter().for_each(|name| out.line(name));
        out.line(format_args!("{} migrations ran; the schema is up to date", ran.len()));
    }
    Ok(Outcome::Done)
}

async fn serve(config: Config) -> Result<()> {
    let internal = |error: io::Error| Error::internal(error.to_string());
    let mut terminate = signal(SignalKind::terminate()).map_err(internal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(internal)?;
    let mut told = std::pin::pin!(async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop::end_at_the_latest();
    });
    permissions::close(&config);
    let (folder, public) = (config.data_dir.clone(), config.server.public_url.clone());
    let inspector = config.media.inspector()?;
    let running = tokio::select! {
        running = app::start(config) => running?,
        () = &mut told => return Ok(()),
    };
    let _serving = serving::announce(&folder, running.addr)
        .inspect_err(|error| tracing::debug!(%error, "`clowder doctor` will not recognise this server"));
    greet(&format!("http://{}", reachable(running.addr)), &public, running.metrics_addr);
    actix_web::rt::spawn(inspect::look(inspector));
    told.await;
    tracing::info!("stopping");
    running.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// Prints two lines that can be pasted repeatedly into any POSIX shell: they register somebody and open their socket.
/// If nobody reads the output, the server runs all the same.
fn greet(here: &str, public: &PublicUrl, metrics: Option<std::net::SocketAddr>) {
    let (url, reached) = match public.base() {
        "" => (here, String::new()),
        public => (public, format!(", for clients {public}")),
    };
    let metrics = metrics.map_or_else(String::new, |address| format!("; metrics: http://{address}/metrics"));
    let _ = writeln!(
        io::stdout(),
        r#"Clowder {version} listens on {here}{reached} (API: {url}/api/swagger{metrics}). Paste these into a shell:

NAME=ada$(date +%s); TOKEN=$(curl -s {url}/api/auth/register -H 'Content-Type: application/json' -d "{{\"username\":\"$NAME\",\"email\":\"$NAME@example.org\",\"password\":\"correct horse battery\"}}" -w '\n' | tee /dev/stderr | sed -E 's/.*"access":"([^"]+)".*/\1/')
curl -sN --http1.1 --output - {url}/api/ws -H "Authorization: Bearer $TOKEN" -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: Y2xvd2RlciBpcyBjYXRzIQ=='
"#,
        version = env!("CARGO_PKG_VERSION"),
    );
}
