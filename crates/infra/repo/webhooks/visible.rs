//! What the owner of an endpoint may see at this moment, of what was noted for it.

use std::collections::HashMap;

use clowder_core::{Recorded, Result, Role, Timestamp, Topic, UserId, Word};
use clowder_notifications::webhooks::{Catalogue, hearing::may_see, policy::may_hear_server};
use diesel::prelude::*;

use super::super::{dialect::Conn, domains, people::Viewer};
use crate::domains::accounts::users;

/// Somebody who hears of things.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    pub id: UserId,
    pub role: Role,
}

impl Owner {
    /// Nobody if the account is erased or suspended now.
    pub fn find(conn: &mut Conn, id: UserId, now: Timestamp) -> Result<Option<Self>> {
        let free = users::suspension_reason.is_null().or(users::suspended_until.le(now));
        let living = users::table.find(id).filter(users::deleted_at.is_null()).filter(free).select(users::role);
        let role: Option<String> = living.first(conn).optional()?;
        role.map(|role| Ok(Self { id, role: Role::parse_word(&role)? })).transpose()
    }

    pub fn hears_server(self) -> bool {
        may_hear_server(self.role)
    }
}

/// Those of these changes that somebody may see now, without what they may not see in them.
pub fn visible(
    conn: &mut Conn,
    catalogue: &Catalogue,
    owner: UserId,
    now: Timestamp,
    changes: Vec<Recorded>,
) -> Result<Vec<Recorded>> {
    let mut follows: HashMap<Topic, Option<i64>> = HashMap::new();
    for change in &changes {
        for topic in std::iter::once(change.topic).chain(change.follow.map(|follow| follow.topic)) {
            if topic.as_user().is_none() && !follows.contains_key(&topic) {
                follows.insert(topic, domains::follows(conn, owner, topic)?);
            }
        }
    }
    let from_others =
        |change: &Recorded| catalogue.shows_message(&change.name) && change.actor.is_some_and(|actor| actor != owner);
    let hidden = if changes.iter().any(from_others) { domains::hidden(conn, owner)? } else { Vec::new() };
    let is_hidden =
        |change: &Recorded| from_others(change) && change.actor.is_some_and(|actor| hidden.contains(&actor));
    let follows = |topic: Topic| follows.get(&topic).copied().flatten();
    let mut seen: Vec<_> =
        changes.into_iter().filter(|change| may_see(owner, follows, change) && !is_hidden(change)).collect();
    // Staff of the server get what everybody gets.
    domains::conceal(conn, Viewer { id: owner, staff: false, now }, &mut seen)?;
    seen.retain(|change| !change.is_superseded());
    Ok(seen)
}
