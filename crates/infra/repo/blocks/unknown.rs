//! People of whom somebody knows no more, in what is replayed to them.

use std::{collections::HashSet, sync::Arc};

use clowder_accounts::privacy::tombstone;
use clowder_core::{Card, Recorded, Result, UserId};
use clowder_social::{FriendRequest, friends::change::FRIEND_REQUEST};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{
    super::{dialect::Conn, people::Viewer},
    known_among,
};
use crate::tombstones::without;

/// Changes that show somebody the card of one other person, with whom nothing else needs to connect them.
const SHOW_SOMEBODY: &[&str] = &[FRIEND_REQUEST, "friend.added", "block.added", "mute.added"];

/// The cards in them.
#[derive(Deserialize)]
struct Shown {
    user: Option<Card>,
    from: Option<Card>,
    to: Option<Card>,
}

/// Shows people of whom the viewer knows no more, because of a block or because they are hidden by now, as if they had been
/// erased; what they wrote with a request is taken away.
pub fn conceal(conn: &mut Conn, viewer: Viewer, changes: &mut [Recorded]) -> Result<()> {
    let mut shown = Vec::new();
    for change in changes.iter_mut().filter(|change| SHOW_SOMEBODY.contains(&&*change.name)) {
        let Shown { user, from, to } = serde_json::from_str(change.data.get())?;
        let people: Vec<UserId> = [user, from, to].into_iter().flatten().map(|card| card.id).collect();
        shown.push((change, people));
    }
    if shown.is_empty() {
        return Ok(());
    }
    let people: HashSet<UserId> = shown.iter().flat_map(|(_, people)| people).copied().collect();
    let known = known_among(conn, viewer, &people.into_iter().collect::<Vec<_>>())?;
    for (change, people) in shown {
        for unknown in people.into_iter().filter(|user| *user != viewer.id && !known.contains(user)) {
            if &*change.name == FRIEND_REQUEST {
                let mut request: FriendRequest = serde_json::from_str(change.data.get())?;
                request.message = request.message.filter(|_| request.from.id == viewer.id);
                change.data = Arc::from(to_raw_value(&request)?);
            }
            if let Some(data) = without(change.data.get(), &tombstone(unknown))? {
                change.data = Arc::from(RawValue::from_string(data)?);
            }
        }
    }
    Ok(())
}
