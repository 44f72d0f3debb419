//! The command line: its commands, their arguments, and the text of `--help`.

#![allow(rustdoc::bare_urls, rustdoc::broken_intra_doc_links, reason = "the comments are what `--help` prints")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::{
    admin::AdminCommand, auditing::AuditCommand, care::FilesCommand, inspect::InspectFile, jobs::JobsCommand,
    keyring::KeysCommand, output::Form, reading::ReadersCommand, search::SearchCommand, users::UsersCommand,
};

/// Social and messaging backend: runs the server and manages it.
#[derive(Debug, Parser)]
#[command(name = "clowder", version, after_help = SHORT_HELP, after_long_help = LONG_HELP, arg_required_else_help = true, max_term_width = 100)]
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
  clowder config print | less                      the current settings, each with its meaning

Settings:
  Each setting comes from the first of these that has it: arguments, the environment, .env, the
  file given by --config (or CLOWDER_CONFIG), config/default.toml, the built-in default.
  `clowder config default` prints all of them with their names in the environment. You will need
  these first:
    DATABASE_URL      postgres://user:password@host:5432/clowder or sqlite:data/clowder.db
    SECRET_KEY        signs tokens; at least 32 characters. SQLite: if unset, kept in DATA_DIR
    DATA_DIR          folder of the database, emails and the secret, when nothing else is set
    SMTP_URL          smtp://user:password@host:587?tls=required; if unset, emails become files
    PUBLIC_URL        how clients reach this server, https://chat.example
  Only serve, migrate, admin create and users import can create a new installation. All other
  commands fail if there is none, and name what is missing.
  A secret can also come from a file: SECRET_KEY_FILE=/run/secrets/key.

Exit codes:
  0    success
  1    the command failed, or a check found a problem
  2    invalid arguments, settings or input; each is named on the standard error
  141  the reader closed the output early, as in `clowder openapi | head`; the work is done";

#[derive(Debug, Args)]
pub struct Sources {
    /// A TOML file with settings that override config/default.toml [environment: CLOWDER_CONFIG]
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override one setting, such as `server.workers=2`; can be repeated
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
    /// On a signal, the server finishes requests in progress, for up to 25 seconds. On SQLite it updates the schema when
    /// it starts; on PostgreSQL, run `clowder migrate` once before the nodes start. Exit code 1: the server could not
    /// start, for example because the port is in use; 2: the settings are invalid. Example:
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
    /// Update the schema of the database
    ///
    /// If several processes run it at once, one does the work. Prints the migrations that ran. Example:
    ///
    /// DATABASE_URL=postgres://user:password@db:5432/clowder clowder migrate
    Migrate {
        #[command(flatten)]
        form: Form,
    },
    /// Show settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Manage background jobs, such as sending email
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Import accounts from another system, and verify erasure receipts
    #[command(subcommand)]
    Users(UsersCommand),
    /// Show how far the readers of the journal are, and set one back
    #[command(subcommand)]
    Readers(ReadersCommand),
    /// Rebuild the index by which messages are found
    #[command(subcommand)]
    Search(SearchCommand),
    /// Clean up files, compare the database with the store, and copy all files to another store
    #[command(subcommand)]
    Files(FilesCommand),
    /// Manage the keys that encrypt fields in the database
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Check the audit log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Create accounts, change roles, suspend accounts, and help people sign in again
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Check that this server can run
    ///
    /// Checks the settings, the folders and who can read them, free disk space, mail, the port, the database, its schema,
    /// its clock and the encryption keys. Changes nothing. Each line begins with `ok`, `WARN` or `FAIL`; the exit code is
    /// 1 if there is a FAIL. A missing database is a FAIL; a port used by this same server is `ok`.
    Doctor {
        #[command(flatten)]
        form: Form,
    },
    /// Print the OpenAPI document of the HTTP API (JSON)
    ///
    /// It names the server by `PUBLIC_URL` or, without it, by the address it listens on.
    Openapi,
    /// Print the AsyncAPI document of the WebSocket API (JSON)
    ///
    /// It names the server by `PUBLIC_URL` or, without it, by the address it listens on.
    Asyncapi,
    /// Print a script for command completion in a shell
    ///
    /// For bash: clowder completions bash > ~/.local/share/bash-completion/completions/clowder
    /// For zsh: clowder completions zsh > "${fpath[1]}/_clowder"
    /// For fish: clowder completions fish > ~/.config/fish/completions/clowder.fish
    #[command(verbatim_doc_comment)]
    Completions {
        /// The shell to print it for
        shell: Shell,
    },
    /// Print the manual of all commands (Markdown)
    Manual,
    /// Look at an uploaded file, in a process with little memory and time
    #[command(hide = true)]
    InspectFile(InspectFile),
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigCommand {
    /// Print the current settings, each with its meaning; secrets are not shown
    Print {
        #[command(flatten)]
        form: Form,
    },
    /// Print the built-in settings, as in config/default.toml
    Default {
        #[command(flatten)]
        form: Form,
    },
}
