//! The one binary: `clowder serve`, and what surrounds it.

mod admin;
mod auditing;
mod doctor;
mod jobs;
mod keyring;
mod users;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use clowder_core::{Error, Result};
use clowder_gateway::{
    app,
    config::{Config, Faults, Layers},
    docs,
    public_url::PublicUrl,
    routes, stop, telemetry, ws,
};
use clowder_infra::{DatabaseUrl, Store};
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Social and messaging backend.
#[derive(Debug, Parser)]
#[command(name = "clowder", version)]
struct Cli {
    #[command(flatten)]
    sources: Sources,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Sources {
    /// A TOML file laid over config/default.toml; also CLOWDER_CONFIG.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, such as `server.workers=2`; may be repeated.
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve HTTP and WebSocket until SIGTERM or SIGINT.
    Serve {
        /// Address and port to listen on.
        #[arg(long)]
        bind: Option<String>,
        /// Replaces the port of the address.
        #[arg(long)]
        port: Option<String>,
    },
    /// Bring the schema of the database up to date.
    Migrate,
    /// Show settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look after jobs: work that was put off until later.
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    /// Look after accounts.
    #[command(subcommand)]
    Users(users::UsersCommand),
    /// Look after the keys that seal fields at rest.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Look into the audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Look after roles and suspensions: the way in for the first administrator.
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Look whether this server could do its work.
    Doctor,
    /// Print the OpenAPI document.
    Openapi,
    /// Print the AsyncAPI document.
    Asyncapi,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum ConfigCommand {
    /// Print the settings in force, without secrets.
    Print,
    /// Print the built-in settings: what config/default.toml holds.
    Default,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum KeysCommand {
    /// Seal everything anew that is not under the active key. Safe while the server runs; may be stopped and repeated.
    Rotate,
    /// Tell how many values stand under which key.
    Status,
}

#[derive(Debug, Clone, Subcommand)]
enum AuditCommand {
    /// Walk the chain and tell the first entry that is broken; fails when there is one.
    Verify {
        /// An end of the chain that was noted earlier, as this command prints it: the log must still contain it.
        #[arg(long, value_name = "POSITION:HASH")]
        noted: Option<String>,
    },
}

fn pair(text: &str) -> std::result::Result<(String, String), String> {
    let (path, value) = text.split_once('=').ok_or("must be SECTION.KEY=VALUE")?;
    Ok((path.to_owned(), value.to_owned()))
}

fn main() -> ExitCode {
    let Cli { sources, command } = Cli::parse();
    match run(sources, command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("clowder: {}", error.to_string().trim_start_matches("internal: "));
            ExitCode::FAILURE
        }
    }
}

fn run(sources: Sources, command: Command) -> Result<ExitCode> {
    let mut arguments = sources.set;
    if let Command::Serve { bind, port } = &command {
        let given = [("server.bind", bind), ("server.port", port)];
        arguments.extend(given.into_iter().filter_map(|(path, value)| Some((path.to_owned(), value.clone()?))));
    }
    let config = || {
        Layers::load(sources.config.clone(), &arguments)
            .map_err(|Faults(faults)| Error::internal(format!("the settings are wrong:\n  {}", faults.join("\n  "))))
    };
    match command {
        Command::Serve { .. } => {
            let config = config()?;
            let _logging = telemetry::log(&config.log)?;
            actix_web::rt::System::new().block_on(serve(config))?;
        }
        Command::Migrate => migrate(&config()?)?,
        Command::Config(ConfigCommand::Print) => print!("{}", config()?.print()),
        Command::Config(ConfigCommand::Default) => print!("{}", Config::default().print()),
        Command::Jobs(command) => {
            let config = config()?;
            let _logging = telemetry::log(&config.log)?;
            actix_web::rt::System::new().block_on(jobs::run(&config, command))?;
        }
        Command::Users(command) => {
            let config = config()?;
            let _logging = telemetry::log(&config.log)?;
            let all = actix_web::rt::System::new().block_on(users::run(&config, command))?;
            return Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Keys(KeysCommand::Rotate) => return wait(keyring::rotate(&config()?)),
        Command::Keys(KeysCommand::Status) => return wait(keyring::status(&config()?)),
        Command::Audit(AuditCommand::Verify { noted }) => return wait(auditing::verify(&config()?, noted.as_deref())),
        Command::Admin(command) => return wait(admin::run(&config()?, command)),
        Command::Doctor => return wait(async { Ok(doctor::examine(&config()?).await) }),
        Command::Openapi => println!("{:#}", docs::openapi(&routes::table(true), &PublicUrl::default())),
        Command::Asyncapi => println!("{:#}", docs::asyncapi(&ws::frames(), &PublicUrl::default())),
    }
    Ok(ExitCode::SUCCESS)
}

fn wait(command: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    actix_web::rt::System::new().block_on(command)
}

fn migrate(config: &Config) -> Result<()> {
    let url = DatabaseUrl::parse(&config.database_url())?;
    let ran = Store::migrate(&url)?;
    ran.iter().for_each(|name| println!("{name}"));
    println!("{} migrations ran; the schema is up to date", ran.len());
    Ok(())
}

async fn serve(config: Config) -> Result<()> {
    let internal = |error: std::io::Error| Error::internal(error.to_string());
    let mut terminate = signal(SignalKind::terminate()).map_err(internal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(internal)?;
    let mut told = std::pin::pin!(async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop::end_at_the_latest();
    });
    let public = config.server.public_url.clone();
    let running = tokio::select! {
        running = app::start(config) => running?,
        () = &mut told => return Ok(()),
    };
    greet(&format!("http://{}", reachable(running.addr)), &public, running.metrics_addr);
    told.await;
    tracing::info!("stopping");
    running.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// Who listens everywhere is also here.
fn reachable(address: std::net::SocketAddr) -> std::net::SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// Two lines that work as pasted into a shell: somebody new, and their socket.
fn greet(here: &str, public: &PublicUrl, metrics: Option<std::net::SocketAddr>) {
    let (url, reached) = match public.base() {
        "" => (here, String::new()),
        public => (public, format!(", for clients {public}")),
    };
    let metrics = metrics.map_or_else(String::new, |address| format!("; metrics: http://{address}/metrics"));
    println!(
        r#"Clowder {version} listens on {here}{reached} (API: {url}/api/swagger{metrics}). Paste these into a shell:

TOKEN=$(curl -s {url}/api/auth/register -H 'Content-Type: application/json' -d "{{\"username\":\"ada$RANDOM\",\"email\":\"ada$RANDOM@example.org\",\"password\":\"correct horse battery\"}}" | tee /dev/stderr | sed -E 's/.*"access":"([^"]+)".*/\1/')
curl -sN --http1.1 --output - {url}/api/ws -H "Authorization: Bearer $TOKEN" -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: Y2xvd2RlciBpcyBjYXRzIQ=='
"#,
        version = env!("CARGO_PKG_VERSION"),
    );
}
