//! The command line: which commands there are, what they take, and what `--help` says of them.

#![allow(rustdoc::bare_urls, rustdoc::broken_intra_doc_links, reason = "the comments are what `--help` prints")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::{
    admin::AdminCommand, auditing::AuditCommand, jobs::JobsCommand, keyring::KeysCommand, output::Form,
    users::UsersCommand,
};

/// Social and messaging backend: the server, and everything that looks after it.
#[derive(Debug, Parser)]
#[command(name = "clowder", version, after_help = SHORT_HELP, after_long_help = LONG_HELP, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub sources: Sources,
    #[command(subcommand)]
    pub command: Command,
}

const SHORT_HELP: &str = "Use `clowder --help` for examples, settings and exit codes.";

/// Also the end of docs/command-line.md.
pub const LONG_HELP: &str = "\
Examples:
  clowder serve                                    serve on http://127.0.0.1:8080, with SQLite in ./data
  clowder serve --bind 0.0.0.0:80                  listen on all addresses
  DATABASE_URL=postgres://db/clowder clowder migrate
  clowder admin create --username ada --email ada@example.org
  clowder doctor                                   find out what is wrong
  clowder config print | less                      the settings in force, each with its meaning

Settings:
  Each setting comes from the first of these that has it: arguments, the environment, .env, the file of --config (or
  CLOWDER_CONFIG), config/default.toml, the built-in default. `clowder config default` prints all of them with their
  names in the environment. The first ones to know:
    DATABASE_URL      postgres://user:password@host:5432/clowder or sqlite:data/clowder.db
    SECRET_KEY        signs tokens; at least 32 characters. On SQLite it is created once and kept in DATA_DIR
    DATA_DIR          folder of the database, emails and the secret, when nothing else is set
    SMTP_URL          smtp://user:password@host:587?tls=required; without it emails are files in DATA_DIR/mail
    PUBLIC_URL        how clients reach this server, https://chat.example
  Only serve, migrate, admin create and users import begin a new installation; other commands fail and name what is
  missing when there is none.
  A secret can also come from a file: SECRET_KEY_FILE=/run/secrets/key.

Exit codes:
  0    done
  1    it could not be done, or a check found something wrong
  2    wrong arguments, settings or input; each is named on the standard error
  141  whoever read the output went away before its end, as in `clowder openapi | head`; the work itself is done";

#[derive(Debug, Args)]
pub struct Sources {
    /// A TOML file with settings; they replace those of config/default.toml [environment: CLOWDER_CONFIG]
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Replace one setting, such as `server.workers=2`; may be repeated
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "SECTION.KEY=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (path, value) = text.split_once('=').ok_or("must be SECTION.KEY=VALUE")?;
    Ok((path.to_owned(), value.to_owned()))
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve HTTP and WebSocket until SIGTERM or SIGINT
    ///
    /// Requests that have begun are finished first, for up to 25 seconds. On SQLite the schema is brought up to date at
    /// the start; on PostgreSQL run `clowder migrate` once before the nodes start. Exit code 1: it could not start, for
    /// example because the port is taken; 2: the settings are wrong. Example:
    ///
    /// clowder serve --bind 0.0.0.0:8080 --set server.public_url=https://chat.example
    Serve {
        /// IP address and port to listen on, such as 0.0.0.0:80 [environment: BIND]
        #[arg(long, value_name = "ADDRESS:PORT")]
        bind: Option<String>,
        /// Replace the port of that address [environment: PORT]
        #[arg(long)]
        port: Option<String>,
    },
    /// Bring the schema of the database up to date
    ///
    /// Of several that are started at once, one does the work. Prints the migrations that ran. Example:
    ///
    /// DATABASE_URL=postgres://user:password@db:5432/clowder clowder migrate
    Migrate {
        #[command(flatten)]
        form: Form,
    },
    /// Show settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look after jobs: work that is done later, such as emails
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Bring accounts over from another system, and check receipts of erasures
    #[command(subcommand)]
    Users(UsersCommand),
    /// Look after the keys that encrypt fields in the database
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Check the audit log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Create accounts with a role, change roles, suspend and help people back in
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Find out whether this server can do its work
    ///
    /// Looks at the settings, the folders and who may read them, free disk space, mail, the port, the database, its
    /// schema, its clock and the encryption keys, and changes nothing. Each line begins with `ok`, `WARN` or `FAIL`; the
    /// exit code is 1 when there is a FAIL; a database that is not there yet is one. A port that is taken by this very server is fine.
    Doctor {
        #[command(flatten)]
        form: Form,
    },
    /// Print the OpenAPI document of the HTTP API (JSON)
    ///
    /// It names the server by `PUBLIC_URL` or, without one, by the address that it listens on.
    Openapi,
    /// Print the AsyncAPI document of the WebSocket API (JSON)
    ///
    /// It names the server by `PUBLIC_URL` or, without one, by the address that it listens on.
    Asyncapi,
    /// Print a script that completes commands in a shell
    ///
    /// For bash: clowder completions bash > ~/.local/share/bash-completion/completions/clowder
    /// For zsh: clowder completions zsh > "${fpath[1]}/_clowder"
    /// For fish: clowder completions fish > ~/.config/fish/completions/clowder.fish
    #[command(verbatim_doc_comment)]
    Completions {
        /// The shell that is to complete commands
        shell: Shell,
    },
    /// Print the manual of all commands (Markdown)
    Manual,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigCommand {
    /// Print the settings in force, each with its meaning; secrets are not shown
    Print {
        #[command(flatten)]
        form: Form,
    },
    /// Print the built-in settings, as config/default.toml holds them
    Default {
        #[command(flatten)]
        form: Form,
    },
}
