//! What replayed changes say, which newer versions may have written: only the members that matter are read, and changed
//! where they stand.

use std::sync::Arc;

use clowder_core::{Recorded, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, value::to_raw_value};

/// What the changes say that something is to be taken out of, each with its index. Those that cannot be read are left out of
/// what is replayed, because nobody can tell what they show.
pub fn said<T: DeserializeOwned>(changes: &mut Vec<Recorded>, concerns: impl Fn(&Recorded) -> bool) -> Vec<(usize, T)> {
    let (mut said, mut kept) = (Vec::new(), Vec::with_capacity(changes.len()));
    for change in changes.drain(..) {
        if concerns(&change) {
            // Serde would also read the members from an array.
            let is_object = change.data.get().starts_with('{');
            let Some(read) = serde_json::from_str(change.data.get()).ok().filter(|_| is_object) else {
                // The error would repeat what it found.
                let Recorded { name, stream, position, .. } = &change;
                tracing::warn!(%name, stream, position, "a change that this version cannot read is not replayed");
                metrics::counter!("clowder_journal_unreadable_total").increment(1);
                continue;
            };
            said.push((kept.len(), read));
        }
        kept.push(change);
    }
    *changes = kept;
    said
}

/// Changes members of what a change says; all others stay.
pub fn rewrite(change: &mut Recorded, rewrite: impl FnOnce(&mut Map<String, Value>)) -> Result<()> {
    let mut members = serde_json::from_str(change.data.get())?;
    rewrite(&mut members);
    change.data = Arc::from(to_raw_value(&members)?);
    Ok(())
}
