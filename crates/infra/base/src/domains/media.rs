//! Files and their bytes.

mod comparing;
mod content;
mod pieces;
mod rows;
mod schema;
mod taking_in;
mod watched;
mod workplace;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use clowder_media::{Blobs, Examiner, Scanner, policy::Limits};

pub use comparing::{Copies, compare, copy};
pub use content::*;
pub use pieces::Pieces;
pub use rows::*;
pub use schema::*;
pub use taking_in::take_in;
pub use watched::*;
pub use workplace::*;

#[derive(Clone)]
pub struct Options {
    /// How much one person can have.
    pub limits: Limits,
    /// Where bytes are stored; without it, there are no files.
    pub blobs: Option<Arc<dyn Blobs>>,
    /// Who looks for viruses; without it, nobody does.
    pub scanner: Option<Arc<dyn Scanner>>,
    /// Whether files wait while the scanner is away, and are refused if it cannot scan them.
    pub scan_required: bool,
    /// Who looks into pictures and recordings; without it, nobody does.
    pub examiner: Option<Arc<dyn Examiner>>,
    /// A folder of this machine for files while they are examined.
    pub work: PathBuf,
    /// How long an upload counts as going on unless its process renews that.
    pub lease: Duration,
    /// How long the sender of a part of a resumable upload may be silent, and how long the upload stays held when the process
    /// that receives the part has died: then another call goes on with it.
    pub silence: Duration,
    /// How long an upload can be continued.
    pub resumable_for: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            blobs: None,
            scanner: None,
            scan_required: true,
            examiner: None,
            work: PathBuf::from("examined"),
            lease: Duration::from_secs(120),
            silence: Duration::from_secs(30),
            resumable_for: Duration::from_secs(24 * 3600),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blobs = self.blobs.as_ref().map(|blobs| blobs.name());
        f.debug_struct("Options")
            .field("limits", &self.limits)
            .field("blobs", &blobs)
            .field("scans", &self.scanner.is_some())
            .field("scan_required", &self.scan_required)
            .field("examines", &self.examiner.is_some())
            .finish_non_exhaustive()
    }
}
