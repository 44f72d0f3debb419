//! The reader of the journal that makes notifications, and ends those that are dealt with or may not be seen any more.

use std::collections::HashSet;

use clowder_core::{Ctx, Id, Recorded, Result, SessionId, UserId};
use clowder_notifications::{
    NotificationType, Reason, TargetType,
    rules::{self, ACTIONS, Ended, How, SIGNED_IN},
};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::{
    super::{
        among::AmongIds,
        db::Tx,
        dialect::Conn,
        journal,
        readers::{Audited, Reader},
    },
    ending, finding,
    items::Item,
    making,
};
use crate::domains::accounts::sessions;

/// The name of the reader, under which its places are stored.
pub const NAME: &str = "notifications";

pub const READER: Reader = Reader { name: NAME, changes, actions: &rules::ACTION_NAMES, repeats: true, entries };

fn changes(tx: &mut Tx<'_>, ctx: &Ctx, all: &[Recorded]) -> Result<()> {
    let mut read: Vec<(&Recorded, Value)> = Vec::new();
    let mut over: Vec<(Ended, How, &Recorded)> = Vec::new();
    for change in all.iter().filter(|change| concerns(&change.name)) {
        // What a deletion or an erasure has emptied says nothing.
        let Ok(data) = serde_json::from_str::<Value>(change.data.get()) else { continue };
        over.extend(rules::ended(change, &data).map(|(ended, how)| (ended, how, change)));
        read.push((change, data));
    }
    let items = finding::items(tx.conn, &read)?;
    let mut told = making::make(tx, ctx, items, &HashSet::new())?;
    told.extend(ending::end(tx, ctx, &over)?);
    let told: Vec<_> = told.iter().map(|change| (ctx, change)).collect();
    journal::append_all(tx, &told)
}

/// Most changes concern nobody here, and are not parsed.
fn concerns(name: &str) -> bool {
    const ENDING: &[&str] = &[
        "block.added",
        "chat.created",
        "chat.decided",
        "chat.deleted",
        "chat.uninvited",
        "group.decided",
        "group.member_added",
        "group.uninvited",
        "message.deleted",
        "message.read",
        "participant.removed",
        "reaction.removed",
    ];
    ENDING.contains(&name) || rules::about(name).next().is_some()
}

/// Notices about the account itself.
fn entries(tx: &mut Tx<'_>, ctx: &Ctx, all: &[Audited]) -> Result<()> {
    let known = known_devices(tx.conn, all)?;
    let (mut items, mut mailed) = (Vec::new(), HashSet::new());
    for entry in all {
        let Some(user) = entry.subject else { continue };
        let session = entry.target.as_ref().map(|(_, id)| SessionId::from_uuid(*id));
        if entry.action == SIGNED_IN && session.is_none_or(|session| known.contains(&session)) {
            continue;
        }
        let item = notice(entry, user);
        if ACTIONS.iter().any(|(action, is_mailed)| *action == entry.action && *is_mailed) {
            mailed.insert(item.key());
        }
        items.push(item);
    }
    let told = making::make(tx, ctx, items, &mailed)?;
    let told: Vec<_> = told.iter().map(|change| (ctx, change)).collect();
    journal::append_all(tx, &told)
}

fn notice(entry: &Audited, user: UserId) -> Item {
    let session = entry.target.as_ref().filter(|(kind, _)| kind == "session").map(|(_, id)| *id);
    let target = match session {
        Some(session) => (TargetType::Session, Id::from_uuid(session)),
        None => (TargetType::User, Id::from_uuid(user.uuid())),
    };
    // The log has no gaps and never changes its positions, so the position says which entry it is.
    let source = Uuid::from_u128(user.uuid().as_u128() ^ u128::from(entry.position.unsigned_abs()));
    Item {
        user,
        kind: NotificationType::AccountSecurity,
        reason: Reason::Account,
        source: Id::from_uuid(source),
        actor: None,
        target,
        chat: None,
        message: None,
        seq: None,
        detail: Some(entry.action.clone()),
        at: entry.at,
    }
}

/// Those of the sessions that were opened on a device that the account knew: there was an earlier session with the same
/// user agent, or none at all, because the account was just made.
fn known_devices(conn: &mut Conn, all: &[Audited]) -> Result<HashSet<SessionId>> {
    let opened: Vec<(UserId, SessionId)> = all
        .iter()
        .filter(|entry| entry.action == SIGNED_IN)
        .filter_map(|entry| Some((entry.subject?, SessionId::from_uuid(entry.target.as_ref()?.1))))
        .collect();
    if opened.is_empty() {
        return Ok(HashSet::new());
    }
    let people: HashSet<UserId> = opened.iter().map(|(user, _)| *user).collect();
    let rows: Vec<(SessionId, UserId, Option<String>)> = sessions::table
        .filter(sessions::user_id.among(&people))
        .select((sessions::id, sessions::user_id, sessions::agent))
        .load(conn)?;
    let is_known = |(user, session): &(UserId, SessionId)| {
        let agent = rows.iter().find(|(id, ..)| id == session).map(|(_, _, agent)| agent);
        let mut earlier = rows.iter().filter(|(id, owner, _)| owner == user && id < session).peekable();
        earlier.peek().is_none() || earlier.any(|(_, _, known)| Some(known) == agent)
    };
    Ok(opened.into_iter().filter(is_known).map(|(_, session)| session).collect())
}
