//! What push and mail ask when their time has come: whether it still has to be told, and how it is shown now.

use std::collections::HashSet;

use clowder_core::{Result, Timestamp};
use clowder_notifications::{Notification, NotificationId, wording::Language};
use diesel::prelude::*;
use uuid::Uuid;

use super::{
    super::{among::AmongIds, dialect::Conn, people::Viewer},
    items::Item,
    seen::Scene,
    showing::{Counted, by_id, show},
    told::Told,
};
use crate::domains::notifications::notifications as table;

fn item(told: &Told) -> Item {
    Item {
        user: told.user,
        kind: told.kind,
        reason: told.reason,
        source: told.source,
        actor: told.actor,
        target: told.target,
        chat: told.chat,
        message: told.message,
        seq: told.seq,
        detail: None,
        at: told.at,
    }
}

/// Which of these still have to be told: the person has not read it meanwhile on any device, and may still see it. For any
/// number of people at once.
pub fn still(conn: &mut Conn, now: Timestamp, all: &[Told]) -> Result<Vec<bool>> {
    let items: Vec<Item> = all.iter().map(item).collect();
    let scene = Scene::load(conn, now, items.iter())?;
    let ids: HashSet<NotificationId> = all.iter().filter_map(|told| told.notification).collect();
    let open = table::table
        .filter(table::id.among(&ids).and(table::read_at.is_null()).and(table::removed_at.is_null()))
        .select(table::id);
    let open: HashSet<NotificationId> =
        if ids.is_empty() { HashSet::new() } else { open.load::<NotificationId>(conn)?.into_iter().collect() };
    let is_open = |(told, item): (&Told, &Item)| {
        let is_read = scene.chat_facts(item).is_some_and(|facts| facts.is_read);
        let in_inbox = told.notification.is_none_or(|id| open.contains(&id));
        in_inbox && !is_read && scene.is_active(item.user) && scene.shows(item)
    };
    Ok(all.iter().zip(&items).map(is_open).collect())
}

/// These, of one person, as they are shown now; none for what may not be seen any more. What is in no inbox has the nil id.
pub fn show_told(
    conn: &mut Conn,
    viewer: Viewer,
    all: &[Told],
    language: Language,
) -> Result<Vec<Option<Notification>>> {
    // A row knows more: what a notice about the account is about, and how many are gathered with it.
    let rows = by_id(conn, viewer.id, all.iter().filter_map(|told| told.notification))?;
    let nothing = NotificationId::from_uuid(Uuid::nil());
    let row = |told: &Told| -> Counted {
        let stored = rows.iter().find(|(row, _)| Some(row.id) == told.notification);
        stored.cloned().unwrap_or_else(|| (item(told).row(told.notification.unwrap_or(nothing), nothing, None), 1))
    };
    let rows: Vec<Counted> = all.iter().map(row).collect();
    show(conn, viewer, &rows, language)
}
