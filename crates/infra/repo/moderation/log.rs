//! What was done to moderate a chat, as the audit log knows it.

use clowder_accounts::AuditRecord;
use clowder_core::{ChatId, Id, Page, PageRequest, Result, Timestamp, UserId};
use clowder_messaging::{
    ChatRole,
    moderation::log::{LogEntry, LogType},
    policy::{Action, allow},
    refusals::CHAT_UNKNOWN,
};
use serde::Deserialize;

use super::super::{audit, cards::Cards, dialect::Conn, messaging::messages::Membership};
use crate::seal::KeyRing;

/// What an entry says, as far as it is shown.
#[derive(Default, Deserialize)]
struct Detail {
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    until: Option<Timestamp>,
    #[serde(default)]
    role: Option<ChatRole>,
    #[serde(default)]
    message_ids: Vec<Id<()>>,
}

/// The last ones first.
pub fn list(
    conn: &mut Conn,
    ring: &KeyRing,
    viewer: UserId,
    chat: ChatId,
    page: &PageRequest,
) -> Result<Page<LogEntry>> {
    let membership = Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    allow(membership.seat, Action::Moderate)?;
    let found = audit::about(conn, ring, chat.uuid(), LogType::actions(), page)?;
    let known = |record: AuditRecord| LogType::of(&record.action).map(|kind| (kind, record));
    let known: Vec<_> = found.items.into_iter().filter_map(known).collect();
    let people = known.iter().flat_map(|(_, record)| [by(record), record.subject_id]).flatten();
    let cards = Cards::of(conn, None, people)?;
    let entry = |(kind, record): (LogType, AuditRecord)| -> Result<LogEntry> {
        let by = by(&record).map(|user| cards.card(user)).transpose()?;
        let user = record.subject_id.filter(|_| kind.has_person()).map(|user| cards.card(user)).transpose()?;
        // What cannot be read any more is not said.
        let detail = record.after.and_then(|after| serde_json::from_value::<Detail>(after).ok()).unwrap_or_default();
        let Detail { reason, until, role, message_ids } = detail;
        // A purge has an `until` of its own, which says what was deleted.
        let until = until.filter(|_| matches!(kind, LogType::Mute | LogType::Ban));
        let message_count = (!message_ids.is_empty()).then_some(message_ids.len() as i64);
        Ok(LogEntry {
            id: Id::from_uuid(record.id.uuid()),
            at: record.at,
            kind,
            by,
            user,
            reason,
            until,
            role,
            message_count,
        })
    };
    Ok(Page { items: known.into_iter().map(entry).collect::<Result<_>>()?, next_cursor: found.next_cursor })
}

/// Who acted, also by an API key.
fn by(record: &AuditRecord) -> Option<UserId> {
    record.actor.owner_id.or_else(|| record.actor.id.map(Id::from_uuid))
}
