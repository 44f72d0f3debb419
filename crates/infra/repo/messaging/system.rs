//! What the server writes in a chat: that people came and went, or that it has another title.

use clowder_core::{ChatId, Ctx, Error, MessageId, Result, Timestamp, UserId};
use clowder_messaging::{Change, Message, MessageType, Status, SystemNote};
use diesel::prelude::*;

use super::super::{cards::Cards, db::Tx};
use crate::domains::messaging::{NewMessageRow, chats, messages, participants};

/// Writes a message into a locked chat, and returns the change, which the caller appends. The sender is who did it.
pub fn say(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, sender: UserId, note: SystemNote) -> Result<Change> {
    let (last_seq, active_at): (i64, Timestamp) =
        chats::table.find(chat).select((chats::last_seq, chats::active_at)).first(tx.conn)?;
    let message = Message {
        id: MessageId::new(ctx.now),
        chat_id: chat,
        seq: last_seq + 1,
        kind: MessageType::System,
        sender: Cards::of(tx.conn, None, [sender])?.card(sender)?,
        content: Some(note.text()),
        status: Status::Sent,
        client_id: None,
        created_at: ctx.now.max(active_at),
        edited_at: None,
        deleted_at: None,
        version: 1,
        hidden: false,
        muted: false,
        pinned: false,
        attachments: Vec::new(),
        lifetime: None,
        expires_at: None,
        reactions: Vec::new(),
        entities: Vec::new(),
        mentions: Vec::new(),
        previews: Vec::new(),
        reply_to: None,
        thread_of: None,
        thread: None,
        forwarded_from: None,
        system: Some(Box::new(note)),
        poll: None,
    };
    diesel::insert_into(messages::table).values(NewMessageRow::new(&message)?).execute(tx.conn)?;
    let advanced = diesel::update(chats::table.find(chat))
        .set((
            chats::last_seq.eq(message.seq),
            chats::active_at.eq(message.created_at),
            chats::system_count.eq(chats::system_count + 1),
        ))
        .execute(tx.conn)?;
    if advanced != 1 {
        return Err(Error::internal("a chat that is gone while it is locked"));
    }
    diesel::update(participants::table.find((chat, sender)))
        .set(participants::own_after_read.eq(participants::own_after_read + 1))
        .execute(tx.conn)?;
    Ok(Change::MessageSent(Box::new(message)))
}
