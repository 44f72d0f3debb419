//! The output of commands. If the reader closes it early, as `head` does, the command finishes silently. Any other
//! write error is reported at the end.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

use clap::Args;
use serde::Serialize;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// The command failed, or a check found a problem.
    Failed,
    /// The arguments, the settings or the input were invalid.
    Misused,
}

impl Outcome {
    pub fn of(well: bool) -> Self {
        if well { Self::Done } else { Self::Failed }
    }
}

/// The exit code that a shell reports for a program killed by SIGPIPE.
const READER_GONE: u8 = 128 + 13;

/// For commands with a result.
#[derive(Debug, Clone, Copy, Args)]
pub struct Form {
    /// Print one JSON document, for programs.
    #[arg(long)]
    pub json: bool,
}

/// The standard output.
#[derive(Default)]
pub struct Output {
    fault: Option<io::Error>,
}

impl Output {
    pub fn line(&mut self, text: impl Display) {
        self.print(format_args!("{text}\n"));
    }

    /// A JSON document for programs.
    pub fn json(&mut self, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.line(text),
            Err(error) => self.fault = Some(error.into()),
        }
    }

    /// Either text for people or JSON for programs.
    pub fn say(&mut self, form: Form, text: impl Display, document: &impl Serialize) {
        if form.json {
            self.json(document);
        } else {
            self.line(text);
        }
    }

    /// Writes text. After the first error nothing more is written.
    pub fn print(&mut self, text: impl Display) {
        if self.fault.is_none() {
            self.fault = write!(io::stdout(), "{text}").err();
        }
    }

    /// The exit code.
    pub fn end(mut self, outcome: Outcome) -> ExitCode {
        if self.fault.is_none() {
            self.fault = io::stdout().flush().err();
        }
        match (outcome, self.fault) {
            (Outcome::Misused, _) => ExitCode::from(2),
            (Outcome::Failed, _) => ExitCode::FAILURE,
            (Outcome::Done, None) => ExitCode::SUCCESS,
            (Outcome::Done, Some(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(READER_GONE),
            (Outcome::Done, Some(error)) => {
                complain(format_args!("cannot write the output: {error}"));
                ExitCode::FAILURE
            }
        }
    }
}

/// Prints an error on the standard error, which may be closed, too. Prints a note for people beside the output that a
/// script may read.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

pub fn complain(text: impl Display) {
    let _ = writeln!(io::stderr(), "clowder: {text}");
}
