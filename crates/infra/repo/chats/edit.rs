//! Editing, handing over and deleting chats.

use clowder_core::{
    ChatId, Ctx, Result, UserId, Versions, Word,
    audit::{Entry, Target},
    deletion::DeletionStatus,
};
use clowder_messaging::{
    Change, Chat, ChatRole, Lifetime, SystemAction, SystemNote,
    change::{CHAT_UPDATED, Told},
    chats::{ChatPatch, Deletion, Gone, rules},
    moderation::{pace::may_write, rules::may_speak},
};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{
        audit,
        db::Tx,
        invitations::links,
        journal,
        messaging::{change, membership, system, titles},
        moderation::screening,
        participants::writes,
    },
    clearing,
    hold::{Held, hold, living, put_role},
    notes, pictures,
};
use crate::domains::messaging::{chat_deletions as deletions, chats as table, participants};

pub fn edit(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, version: Option<&Versions>, patch: ChatPatch) -> Result<Chat> {
    let Held { caller, row, seat } = hold(tx, ctx, chat, &[])?;
    let before = row.face()?;
    let Some(after) = rules::edit(seat, version, patch, &before)? else {
        return notes::whole(tx, ctx, chat);
    };
    change(tx, ctx, chat)?;
    let is_said = after.title != before.title || after.description != before.description;
    if is_said || after.avatar != before.avatar {
        // Everybody reads it at once, as they read a message.
        let own = participants::table.find((chat, caller));
        let (silent_until, spoke_at) =
            own.select((participants::silent_until, participants::spoke_at)).first(tx.conn)?;
        may_speak(silent_until, ctx.now)?;
        may_write(seat.role, before.slow_seconds, spoke_at, ctx.now)?;
        diesel::update(own).set(participants::spoke_at.eq(ctx.now)).execute(tx.conn)?;
        if is_said {
            screening::allow(tx, ctx, chat, seat.role, [&after.title, &after.description])?;
        }
    }
    pictures::replace(tx, caller, &before, &after)?;
    diesel::update(table::table.find(chat))
        .set((
            table::title.eq(&after.title),
            table::description.eq(&after.description),
            table::avatar_id.eq(after.avatar.map(|picture| picture.file_id)),
            table::visibility.eq(after.visibility.as_str()),
            table::history.eq(after.history.as_str()),
            table::rights.eq(after.rights.to_bits()),
            table::lifetime.eq(after.lifetime.map(Lifetime::to_number)),
            table::version.eq(after.version),
        ))
        .execute(tx.conn)?;
    if after.rights != before.rights {
        let entry = Entry::new("chat.rights_changed").on(Target::of("chat", chat));
        audit::record(tx, ctx, &entry.before(json!(before.rights)).after(json!(after.rights)))?;
    }
    let mut changes = Vec::new();
    tx.deleted_text |= after.description != before.description;
    if before.rights.invite && !after.rights.invite {
        changes.extend(links::revoke_of_members(tx, ctx, chat)?);
    }
    if after.title != before.title {
        titles::unindex(tx, chat)?;
        let title = after.title.clone().unwrap_or_default();
        titles::index(tx.conn, chat, &title)?;
        let note = SystemNote { action: SystemAction::Retitled, user_ids: Vec::new(), title: Some(title), role: None };
        changes.push(system::say(tx, ctx, chat, caller, note)?);
    }
    if after.lifetime != before.lifetime {
        let note = SystemNote { action: SystemAction::LifetimeChanged, user_ids: Vec::new(), title: None, role: None };
        changes.push(system::say(tx, ctx, chat, caller, note)?);
    }
    let updated = Change::ChatUpdated(Box::new(after));
    journal::supersede(tx, &[CHAT_UPDATED], &updated)?;
    changes.insert(0, updated);
    tell(tx, ctx, &changes)?;
    notes::whole(tx, ctx, chat)
}

/// The last statement of a write.
pub fn tell(tx: &mut Tx<'_>, ctx: &Ctx, changes: &[Change]) -> Result<()> {
    journal::append_all(tx, &changes.iter().map(|change| (ctx, change)).collect::<Vec<_>>())
}

/// A small chat is deleted wholly, and of a larger one what one transaction bears. A job does the rest.
pub fn delete(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, version: Option<&Versions>) -> Result<Gone> {
    let held = hold(tx, ctx, chat, &[])?;
    if rules::end(held.seat, version, held.row.version)? == rules::Ending::Leave {
        writes::leave(tx, ctx, held)?;
        return Ok(Gone::Whole);
    }
    let (caller, people) = (held.caller, held.row.participant_count);
    audit::record(tx, ctx, &Entry::new("chat.deleted").on(Target::of("chat", chat)))?;
    let mut changes = close(tx, ctx, chat, caller)?;
    if clearing::at_once(tx, chat, people, &mut changes)? {
        tell(tx, ctx, &changes)?;
        return Ok(Gone::Whole);
    }
    let kept = (deletions::chat_id.eq(chat), deletions::user_id.eq(caller), deletions::people.eq(people));
    diesel::insert_into(deletions::table).values(kept).execute(tx.conn)?;
    clearing::order(tx, ctx, chat)?;
    tell(tx, ctx, &changes)?;
    Ok(Gone::Started(Deletion { chat_id: chat, status: DeletionStatus::Running, progress: 0.0 }))
}

/// Hides a locked chat from everybody, takes its texts, and takes its owner out of it. The rest is to be cleared.
pub fn close(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, owner: UserId) -> Result<Vec<Change>> {
    diesel::update(table::table.find(chat))
        .set((table::deleted_at.eq(ctx.now), table::title.eq(None::<String>), table::description.eq(None::<String>)))
        .execute(tx.conn)?;
    titles::unindex(tx, chat)?;
    let changes = membership::remove(tx, chat, &[owner], None, Told::Participant)?;
    Ok(changes)
}

pub fn transfer(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, user: UserId) -> Result<Chat> {
    let Held { caller, row, seat } = hold(tx, ctx, chat, &[user])?;
    let target = living(tx.conn, chat, user)?;
    rules::may_transfer(seat, target)?;
    if user == caller {
        return notes::whole(tx, ctx, chat);
    }
    change(tx, ctx, chat)?;
    let entry = Entry::new("chat.transferred").on(Target::of("chat", chat)).about(user);
    audit::record(tx, ctx, &entry.after(json!({"role": ChatRole::Owner})))?;
    let mut changes = Vec::new();
    for (user, role) in [(caller, ChatRole::Admin), (user, ChatRole::Owner)] {
        put_role(tx.conn, chat, user, role)?;
        let participant = writes::participant(tx.conn, chat, user)?;
        changes.extend(writes::updated(tx.conn, &row, participant)?);
    }
    let note = SystemNote { action: SystemAction::OwnerChanged, user_ids: vec![user], title: None, role: None };
    changes.push(system::say(tx, ctx, chat, caller, note)?);
    tell(tx, ctx, &changes)?;
    notes::whole(tx, ctx, chat)
}
