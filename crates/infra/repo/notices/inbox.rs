//! What mail needs of the inbox: what of it somebody has not read, how it is shown to them, and what they have chosen.

use std::collections::{BTreeMap, HashMap, HashSet};

use clowder_core::{ChatId, Ctx, Result, Timestamp, UserId, Word};
use clowder_notifications::{
    ChannelsPatch, Digest, Notification, NotificationId, PreferencesPatch, mail::Unsubscribe, wording::Language,
};
use diesel::prelude::*;

use super::super::{
    among::AmongIds,
    db::Tx,
    dialect::{self, Conn},
    notifications::{self, Counted},
    people::Viewer,
};
use crate::domains::{
    accounts::users,
    messaging::participants,
    notices::NoticeRow,
    notifications::{NOBODY, NotificationRow, notifications as table},
};

/// How many notifications of one person an email looks at.
pub const MOST: i64 = 200;
/// Of more than so many nobody needs to know how many there are.
const MOST_COUNTED: i64 = 10_000;

/// These, as the person sees them now, gathered by their groups, the newest first; what they may not see any more is left
/// out, and counted nowhere.
pub fn show(
    conn: &mut Conn,
    viewer: Viewer,
    mut rows: Vec<NotificationRow>,
    language: Language,
) -> Result<Vec<Notification>> {
    rows.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
    let single: Vec<Counted> = rows.into_iter().map(|row| (row, 1)).collect();
    let seen = notifications::show(conn, viewer, &single, language)?;
    let (mut groups, mut places) = (Vec::<Counted>::new(), HashMap::<String, usize>::new());
    for ((row, _), _) in single.into_iter().zip(&seen).filter(|(_, seen)| seen.is_some()) {
        match places.get(&row.group_key).and_then(|place| groups.get_mut(*place)) {
            Some((_, count)) => *count += 1,
            None => {
                places.insert(row.group_key.clone(), groups.len());
                groups.push((row, 1));
            }
        }
    }
    // Each stands for itself.
    if groups.iter().all(|(_, count)| *count == 1) {
        return Ok(seen.into_iter().flatten().collect());
    }
    Ok(notifications::show(conn, viewer, &groups, language)?.into_iter().flatten().collect())
}

/// What was to be told and has not been read: rows of the inbox, and what is told by mail only.
pub fn unread_of(conn: &mut Conn, user: UserId, told: &[NoticeRow]) -> Result<Vec<NotificationRow>> {
    let unread = still_unread(conn, user, told)?;
    let in_inbox: Vec<NotificationId> = unread.iter().filter_map(|row| row.notification_id).collect();
    let stored = table::table.filter(table::id.among(&in_inbox)).filter(table::user_id.eq(user));
    let stored = stored.filter(table::read_at.is_null().and(table::removed_at.is_null()));
    let mut rows: Vec<NotificationRow> = stored.select(NotificationRow::as_select()).load(conn)?;
    rows.extend(unread.into_iter().filter(|row| row.notification_id.is_none()).map(by_mail_only));
    Ok(rows)
}

/// Without messages that they have read in their chat, or in a chat in which they are no more.
fn still_unread<'r>(conn: &mut Conn, user: UserId, told: &'r [NoticeRow]) -> Result<Vec<&'r NoticeRow>> {
    let chats: HashSet<ChatId> = told.iter().filter(|row| row.seq.is_some()).filter_map(|row| row.chat_id).collect();
    let marks = participants::table.filter(participants::user_id.eq(user)).filter(participants::chat_id.among(&chats));
    let marks: Vec<(ChatId, i64)> = marks.select((participants::chat_id, participants::read_seq)).load(conn)?;
    let marks: HashMap<ChatId, i64> = marks.into_iter().collect();
    let is_unread = |row: &&NoticeRow| match (row.chat_id, row.seq) {
        (Some(chat), Some(seq)) => marks.get(&chat).is_some_and(|mark| *mark < seq),
        _ => true,
    };
    Ok(told.iter().filter(is_unread).collect())
}

/// As if it were in the inbox.
fn by_mail_only(row: &NoticeRow) -> NotificationRow {
    let id = NotificationId::from_uuid(row.id.uuid());
    NotificationRow {
        id,
        user_id: row.user_id,
        kind: row.kind.clone(),
        source_id: row.source_id,
        actor_id: row.actor_id.unwrap_or(NOBODY),
        target_type: row.target_type.clone(),
        target_id: row.target_id,
        chat_id: row.chat_id,
        message_id: row.message_id,
        seq: row.seq,
        detail: None,
        group_id: id,
        group_key: row.group_key.clone(),
        reason: row.reason.clone(),
        created_at: row.at,
        seen_at: None,
        read_at: None,
        removed_at: None,
    }
}

/// What somebody has not read of a time, the newest first, and how much that is.
pub fn unread_between(
    conn: &mut Conn,
    user: UserId,
    (since, until): (Timestamp, Timestamp),
) -> Result<(Vec<NotificationRow>, u64)> {
    let unread = || {
        let own = table::table.filter(table::user_id.eq(user));
        own.filter(table::read_at.is_null().and(table::removed_at.is_null()))
            .filter(table::created_at.gt(since).and(table::created_at.le(until)))
            .order(table::id.desc())
    };
    let rows: Vec<NotificationRow> = unread().limit(MOST).select(NotificationRow::as_select()).load(conn)?;
    if rows.len() < MOST as usize {
        let count = rows.len() as u64;
        return Ok((rows, count));
    }
    let ids: Vec<NotificationId> = unread().limit(MOST_COUNTED).select(table::id).load(conn)?;
    Ok((rows, ids.len() as u64))
}

/// Ends emails of somebody, whoever asks for it. Nothing happens if they were ended, or if there is no such account any more.
pub fn switch_off(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, what: &Unsubscribe) -> Result<()> {
    dialect::accounts::lock_user(tx.conn, user)?;
    let living = users::table.find(user).filter(users::deleted_at.is_null());
    if !diesel::select(diesel::dsl::exists(living)).get_result::<bool>(tx.conn)? {
        return Ok(());
    }
    let before = notifications::chosen(tx.conn, user)?;
    notifications::change(tx, ctx, user, before, patch(what))?;
    match what {
        Unsubscribe::Digest => Ok(()),
        // What waits is not told any more.
        Unsubscribe::Types(types) => {
            let words: Vec<&str> = types.iter().map(|kind| kind.as_str()).collect();
            super::forget_kinds(tx, ctx, user, &words)
        }
    }
}

fn patch(what: &Unsubscribe) -> PreferencesPatch {
    match what {
        Unsubscribe::Digest => PreferencesPatch { digest: Some(Digest::Off), ..PreferencesPatch::default() },
        Unsubscribe::Types(types) => {
            let off = ChannelsPatch { mail: Some(false), ..ChannelsPatch::default() };
            let channels: BTreeMap<_, _> = types.iter().map(|kind| (*kind, off)).collect();
            PreferencesPatch { channels: Some(channels), ..PreferencesPatch::default() }
        }
    }
}
