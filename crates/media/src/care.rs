//! The care of an operator for files: what is cleaned up, whether rows and bytes agree, and the move to another store.
//!
//! The database says what there is. An object that no row asks for is a *stray*: it goes to the trash of the store first,
//! and is removed from there a week later, unless a row asks for it by then.

mod model;
pub mod permissions;
mod port;

use std::time::Duration;

use clowder_core::{Result, Timestamp};

pub use model::{
    Amount, Checked, Cleaned, Copied, Fault, Moderated, QuarantinedFile, Stray, Strayed, Trashed, Walk, Wanted, Wrong,
};
pub use port::FileCare;

use crate::Key;

/// How old a stray is at least: the row of an upload is there before its bytes, and nothing takes a day to go.
pub const STRAY_AFTER: Duration = Duration::from_secs(24 * 3600);
/// How long it stays in the trash of the store.
pub const TRASH_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// Where the objects are that belong to rows, in the order in which they are walked through.
pub const FOLDERS: [&str; 2] = ["files/", "made/"];
/// Where strays go.
pub const TRASH: &str = "trash/";

/// The place of an object in the trash.
pub fn trashed(key: &Key) -> Result<Key> {
    Key::new(format!("{TRASH}{key}"))
}

/// Where an object of the trash was before; nothing if it is none of ours.
pub fn untrashed(key: &Key) -> Option<Key> {
    let before = key.as_str().strip_prefix(TRASH)?;
    FOLDERS.iter().any(|folder| before.starts_with(folder)).then(|| Key::new(before).ok())?
}

/// Whether something that no row asks for has been there for so long that none will.
pub fn is_stray(now: Timestamp, modified: Timestamp) -> bool {
    modified <= now.minus(STRAY_AFTER)
}

/// Whether an object leaves the trash.
pub fn is_over(now: Timestamp, trashed_at: Timestamp) -> bool {
    trashed_at <= now.minus(TRASH_FOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trash_knows_where_things_were() {
        for (key, back) in [("files/2f/a", true), ("made/2f/a-clean", true), ("parts/a", false), ("files", false)] {
            let trashed = trashed(&Key::new(key).unwrap()).unwrap();
            assert_eq!(trashed.as_str(), format!("trash/{key}"));
            assert_eq!(untrashed(&trashed), back.then(|| Key::new(key).unwrap()), "{key}");
        }
        assert_eq!(untrashed(&Key::new("files/2f/a").unwrap()), None);
    }

    #[test]
    fn nothing_is_a_stray_within_a_day_and_nothing_leaves_the_trash_within_a_week() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let ago = |hours: u64| now.minus(Duration::from_secs(hours * 3600));
        for (hours, stray, over) in
            [(0, false, false), (23, false, false), (24, true, false), (167, true, false), (168, true, true)]
        {
            assert_eq!((is_stray(now, ago(hours)), is_over(now, ago(hours))), (stray, over), "{hours}");
        }
        let later = now.plus(Duration::from_secs(3600));
        assert!(!is_stray(now, later) && !is_over(now, later), "the clock of the store may be ahead");
    }
}
