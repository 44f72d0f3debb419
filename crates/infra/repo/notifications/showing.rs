//! Shows notifications in their owner's language, with what the owner may see now. Nothing of what others wrote is kept with
//! a notification, so nothing is shown that was deleted, and a new name shows at once.

use std::collections::{HashMap, HashSet};

use clowder_core::{Recorded, Result, Topic, UserId};
use clowder_notifications::{
    Notification, NotificationId, NotificationType as T,
    change::NOTIFICATION,
    model::{NotificationData, NotificationTarget},
    wording::{self, Language, Names},
};
use diesel::prelude::*;
use serde::Deserialize;
use serde_json::value::to_raw_value;

use super::{
    super::{among::AmongIds, cards::Cards, dialect::Conn, journal::said::said, people::Viewer, preferences},
    items::Item,
    seen::Scene,
};
use crate::domains::notifications::{GroupRow, NotificationRow, notification_groups as groups, notifications as table};

/// A notification, and how many are gathered in it.
pub type Counted = (NotificationRow, i64);

/// In which language somebody is told.
pub fn language(conn: &mut Conn, user: UserId) -> Result<Language> {
    Ok(Language::of(&preferences::settings(conn, user)?.language))
}

/// These notifications of the viewer, in their order; none for what the viewer may not see any more.
pub fn show(
    conn: &mut Conn,
    viewer: Viewer,
    rows: &[Counted],
    language: Language,
) -> Result<Vec<Option<Notification>>> {
    let items: Vec<Item> = rows.iter().map(|(row, _)| Item::of(row)).collect::<Result<_>>()?;
    let scene = Scene::load(conn, viewer.now, items.iter())?;
    let shown: HashSet<usize> =
        items.iter().enumerate().filter(|(_, item)| scene.shows(item)).map(|(at, _)| at).collect();
    let actors = items.iter().enumerate().filter(|(at, _)| shown.contains(at)).filter_map(|(_, item)| item.actor);
    let cards = Cards::of(conn, None, actors)?;
    let each = rows.iter().zip(&items).enumerate().map(|(at, ((row, count), item))| {
        let seen = shown.contains(&at).then(|| one(row, *count, item, &scene, &cards, language));
        seen.transpose()
    });
    each.collect()
}

fn one(
    row: &NotificationRow,
    count: i64,
    item: &Item,
    scene: &Scene,
    cards: &Cards,
    language: Language,
) -> Result<Notification> {
    let actor = item.actor.map(|actor| cards.card(actor)).transpose()?;
    let chat = scene.chat(item);
    let title = wording::title(
        language,
        item.kind,
        item.reason,
        Names {
            actor: actor.as_ref().map(|actor| actor.display_name.as_str()),
            chat: chat.and_then(|chat| match chat.is_private {
                true => Some(language.words("private_chat")),
                false => chat.title.as_deref(),
            }),
            group: scene.group(item),
            count,
            action: item.detail.as_deref(),
        },
    );
    let text = match item.kind {
        T::FriendRequest => scene.request(item),
        _ => scene.message(item).and_then(|message| message.content.as_deref()),
    };
    Ok(Notification { title, body: text.and_then(wording::excerpt), actor, ..bare(row, count, language)? })
}

/// What can be said of it without telling anything of anybody: so it is in the journal.
pub fn bare(row: &NotificationRow, count: i64, language: Language) -> Result<Notification> {
    let (kind, reason) = (row.kind()?, row.reason()?);
    let (target, id) = row.target()?;
    let stop = kind.stops(row.actor().is_some());
    Ok(Notification {
        id: row.id,
        kind,
        title: wording::bare(language, kind),
        body: None,
        actor: None,
        target: NotificationTarget { kind: target, id: id.uuid() },
        reason: wording::reason(language, reason, &stop),
        data: NotificationData { chat_id: row.chat_id, message_id: row.message_id, seq: row.seq, reason, stop },
        group_key: row.group_key.clone(),
        count,
        created_at: row.created_at,
        seen_at: row.seen_at,
        read_at: row.read_at,
    })
}

/// What a change says, as far as it matters here.
#[derive(Deserialize)]
struct Made {
    id: NotificationId,
}

/// Fills in what somebody may see now, in changes that are about to be sent to them; takes those out of which they may see
/// nothing any more.
pub fn complete(conn: &mut Conn, viewer: Viewer, changes: &mut Vec<Recorded>) -> Result<()> {
    let own = Topic::user(viewer.id);
    let is_made = |change: &Recorded| &*change.name == NOTIFICATION && change.topic == own && !change.is_superseded();
    if !changes.iter().any(is_made) {
        return Ok(());
    }
    let made: Vec<(usize, Made)> = said(changes, is_made);
    let rows = by_id(conn, viewer.id, made.iter().map(|(_, made)| made.id))?;
    let language = language(conn, viewer.id)?;
    let shown = show(conn, viewer, &rows, language)?;
    let shown: HashMap<NotificationId, Notification> =
        shown.into_iter().flatten().map(|notification| (notification.id, notification)).collect();
    let mut hidden = HashSet::new();
    for (index, Made { id }) in made {
        match (shown.get(&id), changes.get_mut(index)) {
            (Some(notification), Some(change)) => change.data = to_raw_value(notification)?.into(),
            _ => {
                hidden.insert(index);
            }
        }
    }
    let mut index = 0;
    changes.retain(|_| {
        index += 1;
        !hidden.contains(&(index - 1))
    });
    Ok(())
}

/// Those of these that are somebody's and are still there, with all that are gathered in them.
pub fn by_id(conn: &mut Conn, user: UserId, ids: impl Iterator<Item = NotificationId>) -> Result<Vec<Counted>> {
    let ids: Vec<NotificationId> = ids.collect();
    let rows: Vec<NotificationRow> = table::table
        .filter(table::id.among(&ids).and(table::user_id.eq(user)).and(table::removed_at.is_null()))
        .select(NotificationRow::as_select())
        .load(conn)?;
    counted(conn, rows)
}

fn counted(conn: &mut Conn, rows: Vec<NotificationRow>) -> Result<Vec<Counted>> {
    let ids: Vec<NotificationId> = rows.iter().map(|row| row.group_id).collect();
    let gathered: Vec<GroupRow> =
        groups::table.filter(groups::id.among(&ids)).select(GroupRow::as_select()).load(conn)?;
    let counts: HashMap<NotificationId, i64> = gathered.into_iter().map(|group| (group.id, group.count)).collect();
    let counted = |row: NotificationRow| {
        let count = counts.get(&row.group_id).copied().unwrap_or(1);
        (row, count)
    };
    Ok(rows.into_iter().map(counted).collect())
}
