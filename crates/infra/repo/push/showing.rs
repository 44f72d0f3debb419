//! What a push says: the notification as its owner would see it now, by how much they want a push to say.

use clowder_core::{Result, Timestamp};
use clowder_notifications::{
    NotificationId,
    push::{
        Payload,
        payload::{Shown, make},
    },
};
use diesel::prelude::*;

use super::super::{dialect::Conn, notifications, people::Viewer};
use crate::domains::{
    messaging::participants,
    notifications::{notification_inboxes, notifications as inbox},
    push::PushRow,
};

/// Nothing if it was read meanwhile on any device, or is not to be seen any more.
pub fn payload(conn: &mut Conn, row: &PushRow, now: Timestamp) -> Result<Option<Payload>> {
    if is_read(conn, row)? {
        return Ok(None);
    }
    let rows = match row.notification_id {
        Some(id) => notifications::by_id(conn, row.user_id, std::iter::once(id))?,
        None => vec![(row.as_notification(), row.count)],
    };
    let language = notifications::language(conn, row.user_id)?;
    let viewer = Viewer { id: row.user_id, staff: false, now };
    let shown = notifications::show(conn, viewer, &rows, language)?;
    let Some(shown) = shown.into_iter().next().flatten() else { return Ok(None) };
    let privacy = notifications::chosen(conn, row.user_id)?.push_privacy;
    let badge = notification_inboxes::table.find(row.user_id).select(notification_inboxes::unread);
    let badge: Option<i64> = badge.first(conn).optional()?;
    let shown = Shown {
        kind: shown.kind,
        title: shown.title,
        body: shown.body.unwrap_or_default(),
        actor: shown.actor.map(|card| card.display_name),
        chat: row.chat_id,
        message: row.message_id,
        notification: row.notification_id,
        // No message is encrypted from end to end yet; of one that is, `show` gives no text.
        is_encrypted: false,
    };
    Ok(Some(make(shown, privacy, language, badge.unwrap_or_default())))
}

/// On any device: in the inbox, or in the chat.
fn is_read(conn: &mut Conn, row: &PushRow) -> Result<bool> {
    if let Some(id) = row.notification_id {
        let unread = inbox::table.find(id).filter(inbox::read_at.is_null().and(inbox::removed_at.is_null()));
        let unread: Option<NotificationId> = unread.select(inbox::id).first(conn).optional()?;
        if unread.is_none() {
            return Ok(true);
        }
    }
    let (Some(chat), Some(seq)) = (row.chat_id, row.seq) else { return Ok(false) };
    if !row.kind()?.is_of_message() {
        return Ok(false);
    }
    let own = participants::table.find((chat, row.user_id)).select(participants::read_seq);
    let read: Option<i64> = own.first(conn).optional()?;
    Ok(read.is_some_and(|read| read >= seq))
}
