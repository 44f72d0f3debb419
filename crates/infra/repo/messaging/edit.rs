//! Editing and deleting messages.

use std::collections::BTreeMap;

use clowder_core::{
    ChatId, Ctx, Error, MessageId, Result, Timestamp, UserId, Versions, Word,
    audit::{Entry, Target},
};
use clowder_messaging::{
    Change, ChatRole, ChatType, Content, Deleted, Message, MessagePatch, MessageType, Rights,
    change::SHOW_THE_MESSAGE,
    edit::{EditFacts, decide, decide_delete, in_time, may_say, without_text},
    lifetimes::conceal,
    mentions::Wanted,
    moderation::Reason,
    policy::Seat,
    refusals::MESSAGE_UNKNOWN,
};
use diesel::{dsl::exists, prelude::*};
use serde_json::json;

use super::{
    super::{
        audit, chat_exports,
        chats::hold::is_alive,
        db::Tx,
        dialect, journal,
        keeping::saved,
        moderation::{
            reviews, sanctions,
            screening::{self, Look, Reading},
        },
        polls,
        relations::threads,
        search::indexing,
    },
    attached, gesture, mentioned, messages, previews, reacted,
};
use crate::domains::messaging::{chats, data_of, message_edits, message_pins, messages as table, participants};

/// Answers nothing, and has changed nothing, if somebody has to look at the text first.
pub fn edit(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    id: MessageId,
    version: Option<Versions>,
    patch: MessagePatch,
    wanted: Wanted,
    reading: &Reading,
) -> Result<Option<Message>> {
    // What moderation notes of it belongs to the author.
    let author = ctx.user()?;
    dialect::accounts::keep_users(tx.conn, &[author])?;
    if !is_alive(tx.conn, author)? {
        return Err(MESSAGE_UNKNOWN.into());
    }
    let (before, mut facts) = locked(tx, ctx, id)?;
    conceal(&mut facts.message, ctx.now);
    let role = facts.seat.map_or(ChatRole::Subscriber, |seat| seat.role);
    let place = (before.chat_id, before.seq);
    // Only here it is known which text stays.
    let text = patch.content.as_ref().map(Content::as_str);
    let wanted =
        if text.is_some() { wanted } else { mentioned::wanted(before.content.as_deref().unwrap_or_default(), &[]) };
    // Whom the author gave before stays mentioned, unless they say otherwise.
    let wanted = match (&patch.mentions, before.mentions.is_empty()) {
        (Some(given), _) => wanted.giving(given),
        (None, true) => wanted,
        (None, false) => wanted.giving(&mentioned::given(tx.conn, place.0, place.1)?),
    };
    let rights = facts.seat.map_or(Rights::NONE, |seat| seat.rights);
    let marked = text.or(before.content.as_deref()).unwrap_or_default();
    facts.marks = mentioned::marks(tx.conn, place, marked, &wanted, (role, rights))?;
    let changes_text = text.is_some();
    let (gives, changes_files) = (patch.mentions.is_some(), patch.attachments.is_some());
    facts.files = attached::held(tx.conn, patch.attachments.as_deref().unwrap_or_default())?;
    let Some(after) = decide(ctx, version, patch, facts)? else {
        let mut same = before;
        if gives && data_of(&same)?.is_some() {
            // The same people, of whom the author may give others by id: they stay with another text.
            mentioned::drop_from(tx, &[place])?;
            mentioned::write(tx.conn, std::iter::once((&same, wanted.given())))?;
        }
        conceal(&mut same, ctx.now);
        return Ok(Some(same));
    };
    in_time(&after, tx.services.options.messaging.editable_for, ctx.now)?;
    let author = participants::table.find((after.chat_id, after.sender.id)).select(participants::silent_until);
    let silent_until = author.first::<Option<Timestamp>>(tx.conn).optional()?.flatten();
    // Whoever is muted makes nobody look.
    may_say(silent_until, None, ctx.now)?;
    // A text that stays brings in no word.
    let look = match changes_text {
        true => screening::caught_in_edit(tx, after.chat_id, role, reading)?,
        false => Look::Found(None),
    };
    let Look::Found(caught) = look else { return Ok(None) };
    may_say(silent_until, caught, ctx.now)?;
    gesture(tx, ctx, after.chat_id)?;
    let waiting = caught.map(|caught| reviews::flag(tx, &after, caught)).transpose()?.unwrap_or_default();
    let (old, data) = (data_of(&before)?, data_of(&after)?);
    if old.is_some() || data.is_some() {
        mentioned::drop_from(tx, &[place])?;
        mentioned::write(tx.conn, std::iter::once((&after, wanted.given())))?;
    }
    tx.deleted_text |= old.is_some() && old != data;
    diesel::insert_into(message_edits::table)
        .values((
            message_edits::chat_id.eq(before.chat_id),
            message_edits::seq.eq(before.seq),
            message_edits::version.eq(before.version),
            message_edits::content.eq(before.content.clone().unwrap_or_default()),
            message_edits::written_at.eq(before.edited_at.unwrap_or(before.created_at)),
        ))
        .execute(tx.conn)?;
    diesel::update(table::table.find((after.chat_id, after.seq)))
        .set((
            table::content.eq(&after.content),
            table::kind.eq(after.kind.as_str()),
            table::attached.eq(after.attachments.len() as i64),
            table::data.eq(data),
            table::edited_at.eq(after.edited_at),
            table::version.eq(after.version),
        ))
        .execute(tx.conn)?;
    indexing::edited(tx, &after)?;
    if changes_files {
        attached::replace(tx, &before, &after)?;
    }
    diesel::update(chats::table.find(after.chat_id)).set(chats::revision.eq(chats::revision + 1)).execute(tx.conn)?;
    previews::order(tx, ctx, &after)?;
    let told = Change::MessageUpdated(Box::new(after.clone().for_everybody()));
    let told: Vec<_> = std::iter::once(&told).chain(&waiting).map(|change| (ctx, change)).collect();
    journal::append_all(tx, &told)?;
    Ok(Some(after))
}

/// Its author is told the reason, if there is one.
pub fn delete(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    id: MessageId,
    version: Option<Versions>,
    reason: Option<&Reason>,
) -> Result<Deleted> {
    if reason.is_some() {
        let author: Option<UserId> =
            table::table.filter(table::id.eq(id)).select(table::sender_id).first(tx.conn).optional()?;
        dialect::accounts::keep_users(tx.conn, &author.into_iter().chain([ctx.user()?]).collect::<Vec<_>>())?;
    }
    let (before, facts) = locked(tx, ctx, id)?;
    delete_held(tx, ctx, before, facts, version, reason)
}

/// The place of an author who may be anywhere by now.
const AUTHOR: Seat = Seat { kind: ChatType::Group, role: ChatRole::Member, rights: Rights::NONE, of_group: false };

/// Deletes a message for its author, also in a chat that they have left.
pub fn take_back(tx: &mut Tx<'_>, ctx: &Ctx, id: MessageId) -> Result<Deleted> {
    let (before, mut facts) = locked(tx, ctx, id)?;
    facts.seat.get_or_insert(AUTHOR);
    delete_held(tx, ctx, before, facts, None, None)
}

fn delete_held(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    before: Message,
    facts: EditFacts,
    version: Option<Versions>,
    reason: Option<&Reason>,
) -> Result<Deleted> {
    let Some(after) = decide_delete(ctx, version, facts)? else { return already(tx, &before) };
    let caller = ctx.user()?;
    let mut told = Vec::new();
    if after.sender.id != caller {
        note_deletion(tx, ctx, after.chat_id, &[after.id], reason)?;
        told = tell_authors(tx, ctx, caller, std::slice::from_ref(&after), reason)?;
    }
    let deleted = remove(tx, ctx, caller, after)?;
    told.insert(0, Change::MessageDeleted(deleted.clone()));
    journal::append_all(tx, &told.iter().map(|change| (ctx, change)).collect::<Vec<_>>())?;
    Ok(deleted)
}

/// Tells the authors of these messages of one chat why somebody else deletes them; of what the system wrote, nobody.
pub fn tell_authors(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    by: UserId,
    gone: &[Message],
    reason: Option<&Reason>,
) -> Result<Vec<Change>> {
    let (Some(reason), Some(first)) = (reason, gone.first()) else { return Ok(Vec::new()) };
    let mut counts = BTreeMap::<UserId, i64>::new();
    let said = gone.iter().filter(|message| message.sender.id != by && message.kind != MessageType::System);
    for message in said {
        *counts.entry(message.sender.id).or_default() += 1;
    }
    sanctions::note_deletion(tx, ctx, first.chat_id, &counts, reason)
}

/// Notes that somebody deleted messages of others.
pub fn note_deletion(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    chat: ChatId,
    of_others: &[MessageId],
    reason: Option<&Reason>,
) -> Result<()> {
    let after = json!({"message_ids": of_others, "reason": reason.map(Reason::as_str)});
    audit::record(tx, ctx, &Entry::new("chat.messages_deleted").on(Target::of("chat", chat)).after(after))
}

/// Deletes a message by the decision of another domain, whatever the caller's role in its chat is, as if its author had done
/// so: the chat does not learn who decided. Answers the change, which the caller appends; nothing if the message is gone.
pub fn delete_by_decision(tx: &mut Tx<'_>, ctx: &Ctx, id: MessageId) -> Result<Option<Change>> {
    let chat: Option<ChatId> =
        table::table.filter(table::id.eq(id)).select(table::chat_id).first(tx.conn).optional()?;
    let Some(chat) = chat else { return Ok(None) };
    dialect::messaging::lock_chat(tx.conn, chat)?;
    // With its chat it may have gone meanwhile.
    let still: bool = diesel::select(exists(table::table.filter(table::id.eq(id)))).get_result(tx.conn)?;
    if !still {
        return Ok(None);
    }
    let message = messages::facts(tx.conn, None, ctx.user()?, id)?.message;
    let Some(after) = without_text(ctx.now, message) else { return Ok(None) };
    Ok(Some(Change::MessageDeleted(remove(tx, ctx, after.sender.id, after)?)))
}

/// Writes a deletion, which is decided, and takes the text out of the journal.
pub fn remove(tx: &mut Tx<'_>, ctx: &Ctx, by: UserId, after: Message) -> Result<Deleted> {
    let deleted = Deleted {
        chat_id: after.chat_id,
        message_id: after.id,
        seq: after.seq,
        version: after.version,
        deleted_by: by,
        deleted_at: ctx.now,
    };
    let left = reacted::drop_from(tx, after.chat_id, after.seq)?;
    diesel::update(table::table.find((after.chat_id, after.seq)))
        .set((
            table::attached.eq(0),
            table::reaction_kinds.eq(0),
            table::reactions_left.eq(left),
            table::pinned.eq(false),
            table::content.eq(None::<String>),
            table::data.eq(None::<String>),
            table::deleted_at.eq(ctx.now),
            table::deleted_by.eq(deleted.deleted_by),
            table::version.eq(after.version),
        ))
        .execute(tx.conn)?;
    forget(tx, vec![after])?;
    Ok(deleted)
}

/// By whom messages are deleted.
pub enum By {
    /// As if their authors had done so when their time was over.
    Time,
    Person(UserId),
}

/// Deletes messages in locked chats, which is decided, with few statements for all of them; `reacted` are those to which
/// somebody has reacted. Answers the changes, which the caller appends.
pub fn remove_all(tx: &mut Tx<'_>, by: &By, gone: Vec<Message>, reacted: &[(ChatId, i64)]) -> Result<Vec<Change>> {
    let ids: Vec<MessageId> = gone.iter().map(|message| message.id).collect();
    let left = reacted::drop_from_all(tx, reacted)?;
    if !reacted.is_empty() {
        let these = table::table.filter(table::id.eq_any(&ids)).filter(table::reaction_kinds.gt(0));
        diesel::update(these).set((table::reaction_kinds.eq(0), table::reactions_left.eq(left))).execute(tx.conn)?;
    }
    let without = (
        table::content.eq(None::<String>),
        table::data.eq(None::<String>),
        table::version.eq(table::version + 1),
        table::pinned.eq(false),
        table::attached.eq(0),
    );
    let these = table::table.filter(table::id.eq_any(ids));
    match (by, gone.first().and_then(|message| message.deleted_at)) {
        (_, None) => return Ok(Vec::new()),
        (By::Time, _) => {
            let end = (table::deleted_at.eq(table::expires_at), table::deleted_by.eq(table::sender_id.nullable()));
            diesel::update(these).set((without, end)).execute(tx.conn)?;
        }
        // All of them at the same time.
        (By::Person(by), Some(at)) => {
            let end = (table::deleted_at.eq(at), table::deleted_by.eq(by));
            diesel::update(these).set((without, end)).execute(tx.conn)?;
        }
    }
    let deleted = |message: &Message| {
        let deleted_at = message.deleted_at?;
        let Message { id, chat_id, seq, version, .. } = *message;
        let deleted_by = match by {
            By::Time => message.sender.id,
            By::Person(by) => *by,
        };
        Some(Deleted { chat_id, message_id: id, seq, version, deleted_by, deleted_at })
    };
    let told = gone.iter().filter_map(deleted).map(Change::MessageDeleted).collect();
    forget(tx, gone)?;
    Ok(told)
}

/// What every deletion of messages does beside taking their texts, in locked chats: their earlier versions, votes, pins and files go,
/// and what people have noted of them, no file that is being written has them, no search finds them, nobody has to decide about them any more, the chats count them, and the journal shows them without
/// their texts.
fn forget(tx: &mut Tx<'_>, gone: Vec<Message>) -> Result<()> {
    let mut chats_by_count = BTreeMap::<i64, Vec<ChatId>>::new();
    for (chat, gone) in by_chat(&gone) {
        chats_by_count.entry(gone.len() as i64).or_default().push(chat);
    }
    for (count, ids) in chats_by_count {
        diesel::update(chats::table.filter(chats::id.eq_any(ids)))
            .set((chats::deleted_count.eq(chats::deleted_count + count), chats::revision.eq(chats::revision + 1)))
            .execute(tx.conn)?;
    }
    for message in gone.iter().filter(|message| message.edited_at.is_some()) {
        let edits = message_edits::chat_id.eq(message.chat_id).and(message_edits::seq.eq(message.seq));
        diesel::delete(message_edits::table.filter(edits)).execute(tx.conn)?;
    }
    let places: Vec<_> = gone.iter().map(|message| (message.chat_id, message.seq)).collect();
    mentioned::drop_from(tx, &places)?;
    attached::drop_from(tx, &places)?;
    let asked = gone.iter().filter(|message| message.kind == MessageType::Poll);
    polls::drop_from(tx.conn, asked.map(|poll| (poll.chat_id, poll.seq)))?;
    reviews::unlist(tx, &gone)?;
    for message in gone.iter().filter(|message| message.pinned) {
        diesel::delete(message_pins::table.find((message.chat_id, message.seq))).execute(tx.conn)?;
    }
    for (chat, gone) in by_chat(&gone) {
        let ids: Vec<MessageId> = gone.iter().map(|message| message.id).collect();
        saved::drop_from(tx, chat, &ids)?;
        // Exports have nothing of messages that disappear.
        let exported = gone.iter().filter(|message| message.lifetime.is_none());
        chat_exports::begin_again(tx, chat, &exported.map(|message| message.seq).collect::<Vec<_>>())?;
    }
    threads::lose(tx.conn, &gone)?;
    indexing::forget(tx, &gone)?;
    // A resuming client must get the messages without their texts.
    let shown = gone.into_iter().map(|message| Message { pinned: false, ..message.for_everybody() });
    let shown: Vec<_> = shown.map(|message| Change::MessageUpdated(Box::new(message))).collect();
    journal::rewrite_all(tx, SHOW_THE_MESSAGE, &shown)
}

fn by_chat(messages: &[Message]) -> BTreeMap<ChatId, Vec<&Message>> {
    let mut by_chat = BTreeMap::<_, Vec<_>>::new();
    for message in messages {
        by_chat.entry(message.chat_id).or_default().push(message);
    }
    by_chat
}

/// The message, locked until the commit through its chat.
fn locked(tx: &mut Tx<'_>, ctx: &Ctx, id: MessageId) -> Result<(Message, EditFacts)> {
    let viewer = ctx.user()?;
    let chat = messages::facts(tx.conn, None, viewer, id)?.message.chat_id;
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let facts = messages::facts(tx.conn, None, viewer, id)?;
    Ok((facts.message.clone(), facts))
}

fn already(tx: &mut Tx<'_>, message: &Message) -> Result<Deleted> {
    let by = table::table.find((message.chat_id, message.seq)).select(table::deleted_by).first(tx.conn)?;
    let (Some(deleted_by), Some(deleted_at)) = (by, message.deleted_at) else {
        return Err(Error::internal("a deleted message without its end"));
    };
    let Message { id, chat_id, seq, version, .. } = *message;
    Ok(Deleted { chat_id, message_id: id, seq, version, deleted_by, deleted_at })
}
