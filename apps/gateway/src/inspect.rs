//! `clowder inspect-file`: the process that looks at an uploaded file. The server starts it; it is not for people.

use std::path::PathBuf;

use clap::Args;
use clowder_infra::inspect::answer;

use crate::output::{Outcome, Output};

#[derive(Debug, Args)]
pub struct InspectFile {
    /// The media type of the file
    #[arg(long = "type", value_name = "TYPE")]
    media_type: String,
    /// The folder for thumbnails and the file without metadata
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
    /// The ffmpeg that makes posters of videos
    #[arg(long, value_name = "PATH")]
    ffmpeg: Option<PathBuf>,
    /// The file
    file: PathBuf,
}

/// A file that cannot be looked at is an answer, too.
pub fn run(command: &InspectFile, out: &mut Output) -> Outcome {
    out.line(answer(&command.file, &command.media_type, &command.into, command.ffmpeg.as_deref()));
    Outcome::Done
}
