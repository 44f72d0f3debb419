//! Forgets old notifications, with the counts of those who had them.

use std::{collections::BTreeSet, time::Duration};

use clowder_core::{Ctx, Result, UserId};
use clowder_notifications::NotificationId;
use diesel::prelude::*;

use super::{
    super::{among::AmongIds, db::Tx, upkeep::PIECE},
    inbox,
};
use crate::domains::notifications::notifications as table;

/// How long notifications are kept, read or not. Much longer than the journal, so that nothing comes back that somebody has
/// deleted, even if the reader is set back.
const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// Holds the inboxes in the order of their owners, as everybody does.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let oldest = ctx.now.minus(KEPT_FOR);
    let past: Vec<(NotificationId, UserId, NotificationId)> = table::table
        .filter(table::created_at.le(oldest))
        .order(table::created_at)
        .limit(PIECE)
        .select((table::id, table::user_id, table::group_id))
        .load(tx.conn)?;
    if past.is_empty() {
        return Ok(0);
    }
    inbox::hold(tx, &past.iter().map(|(_, user, _)| *user).collect::<BTreeSet<_>>())?;
    let ids: Vec<NotificationId> = past.iter().map(|(id, ..)| *id).collect();
    let gone = diesel::delete(table::table.filter(table::id.among(&ids))).execute(tx.conn)?;
    inbox::recount(tx, &past.iter().map(|(_, _, group)| *group).collect())?;
    Ok(gone)
}
