//! People of whom somebody knows no more, in what is replayed to them.

use std::{collections::HashSet, sync::Arc};

use clowder_accounts::privacy::tombstone;
use clowder_core::{Recorded, Result, UserId};
use clowder_social::friends::change::FRIEND_REQUEST;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    super::{
        dialect::Conn,
        journal::said::{rewrite, said},
        people::Viewer,
    },
    known_among,
};
use crate::tombstones::without;

/// Changes that show somebody the card of one other person, with whom nothing else needs to connect them.
const SHOW_SOMEBODY: &[&str] = &[FRIEND_REQUEST, "friend.added", "block.added", "mute.added"];

/// The cards in them.
#[derive(Deserialize)]
struct Shown {
    user: Option<Named>,
    from: Option<Named>,
    to: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: UserId,
}

/// Shows people of whom the viewer knows no more, because of a block or because they are hidden by now, as if they had been
/// erased; what they wrote with a request is taken away.
pub fn conceal(conn: &mut Conn, viewer: Viewer, changes: &mut Vec<Recorded>) -> Result<()> {
    let shown: Vec<(usize, Shown)> = said(changes, |change| SHOW_SOMEBODY.contains(&&*change.name));
    if shown.is_empty() {
        return Ok(());
    }
    let people = |shown: &Shown| [&shown.user, &shown.from, &shown.to].map(|card| card.as_ref().map(|card| card.id));
    let all: HashSet<UserId> = shown.iter().flat_map(|(_, shown)| people(shown)).flatten().collect();
    let known = known_among(conn, viewer, &all.into_iter().collect::<Vec<_>>())?;
    for (index, shown) in shown {
        let Some(change) = changes.get_mut(index) else { continue };
        let is_own = shown.from.as_ref().is_some_and(|from| from.id == viewer.id);
        let people = people(&shown).into_iter().flatten();
        for unknown in people.filter(|user| *user != viewer.id && !known.contains(user)) {
            if &*change.name == FRIEND_REQUEST && !is_own {
                rewrite(change, |request| {
                    request.insert("message".to_owned(), Value::Null);
                })?;
            }
            if let Some(data) = without(change.data.get(), &tombstone(unknown))? {
                change.data = Arc::from(RawValue::from_string(data)?);
            }
        }
    }
    Ok(())
}
