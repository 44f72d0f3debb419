//! `clowder inspect-file`: the process that looks at an uploaded file. The server starts it; it is not for people.

use std::path::PathBuf;

use clap::Args;
use clowder_infra::inspect::{Contained, Inspector, Reach, SelfTest, answer, test_sandbox};

use crate::output::{Outcome, Output};

#[derive(Debug, Args)]
pub struct InspectFile {
    /// The media type of the file
    #[arg(long = "type", value_name = "TYPE", required_unless_present = "self_test")]
    media_type: Option<String>,
    /// Try what the sandbox must prevent, instead of looking at the file
    #[arg(long, conflicts_with = "media_type")]
    self_test: bool,
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
    let (file, into, ffmpeg) = (&command.file, &command.into, command.ffmpeg.as_deref());
    out.line(match &command.media_type {
        Some(media_type) => answer(file, media_type, into, ffmpeg),
        None => test_sandbox(&Reach { file, folder: into, ffmpeg }),
    });
    Outcome::Done
}

/// Finds out what these processes can reach on this machine, for the log and the metrics.
pub async fn look(inspector: Inspector) {
    match inspector.self_test().await {
        Ok(found) => {
            let is_whole = found == whole();
            metrics::gauge!("clowder_inspection_contained").set(if is_whole { 1.0 } else { 0.0 });
            match is_whole {
                true => tracing::debug!("{}", sentence(&found)),
                false => tracing::warn!("{}", sentence(&found)),
            }
        }
        Err(error) => tracing::warn!(%error, "the process that looks at files could not be tested"),
    }
}

/// What is found where everything works.
pub fn whole() -> SelfTest {
    SelfTest { contained: Contained { files: true, calls: true }, ..SelfTest::default() }
}

/// What was found, in words.
pub fn sentence(found: &SelfTest) -> String {
    let mut lacks = Vec::new();
    if !found.contained.files {
        lacks.push("the kernel does not offer Landlock, which closes other files to it".to_owned());
    }
    if !found.contained.calls {
        lacks.push(
            "the kernel does not offer seccomp, which keeps it from the network and from other programs".to_owned(),
        );
    }
    if !found.reached.is_empty() {
        lacks.push(format!("it can {}", found.reached.join(", ")));
    }
    if !found.lost.is_empty() {
        lacks.push(format!("it cannot {}", found.lost.join(", ")));
    }
    match lacks.is_empty() {
        true => "a process that looks at a file reaches nothing else".to_owned(),
        false => format!("the sandbox of the process that looks at files is not whole: {}", lacks.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(sentence(&whole()), "a process that looks at a file reaches nothing else");
        let all = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
        let open = SelfTest { reached: all(&["read a file", "start a program"]), ..SelfTest::default() };
        let told = sentence(&open);
        for part in ["Landlock", "seccomp", "it can read a file, start a program"] {
            assert!(told.contains(part), "{told}");
        }
        let narrow = SelfTest { lost: all(&["start ffmpeg"]), ..whole() };
        let told = sentence(&narrow);
        assert!(told.ends_with(": it cannot start ffmpeg"), "{told}");
    }
}
