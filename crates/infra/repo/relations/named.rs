//! What messages show of others: of those that they quote, and of those that they were forwarded from.

use std::collections::{HashMap, HashSet};

use clowder_core::{ChatId, MessageId, Result, UserId, Word};
use clowder_messaging::{
    ChatVisibility, Message,
    relations::{ForwardedFrom, excerpt},
};
use diesel::{
    prelude::*,
    sql_types::{Nullable, Text},
};

use super::super::{
    among::AmongIds,
    cards::Cards,
    dialect::Conn,
    fragment::Fragment,
    messaging::{messages, removed},
};
use crate::domains::messaging::{
    MessageRow, NamedMessageRow, Origin, chats, messages as said, participants, thread_marks as marks,
};

/// More than is quoted, so that it is known where its last whole character ends.
const BEGINNING: Fragment<Nullable<Text>> = Fragment::new("substr(messages.content, 1, 200)");

/// What some messages name, as a viewer sees it; a page on which none names anything needs no query.
#[derive(Default)]
pub struct Named {
    named: HashMap<MessageId, NamedMessageRow>,
    /// Of the chats that something was forwarded from: whether they are public, and after which message the viewer sees
    /// those that they are in.
    chats: HashMap<ChatId, (bool, Option<i64>)>,
    /// The threads that the viewer follows.
    followed: HashSet<MessageId>,
    hidden: HashSet<UserId>,
    /// Those of them that the viewer has removed.
    removed: Vec<(ChatId, i64)>,
}

impl Named {
    /// `hides`: whether the viewer may hide the messages of anybody; `removes`: whether they may have removed what is quoted.
    pub fn by<'r>(
        conn: &mut Conn,
        viewer: UserId,
        hides: bool,
        removes: bool,
        rows: impl Iterator<Item = &'r MessageRow>,
    ) -> Result<Self> {
        let (mut quoted, mut origins, mut roots) = (HashSet::new(), HashSet::new(), Vec::new());
        for row in rows {
            if row.deleted_at.is_none() {
                quoted.extend(row.reply_id);
                origins.extend(row.forwarded_id);
            }
            if row.replies.is_some() {
                roots.push((row.chat_id, row.id));
            }
        }
        let mut found = Self::default();
        if !roots.is_empty() {
            let own = marks::table.filter(marks::user_id.eq(viewer)).filter(marks::following);
            let own = own.filter(marks::chat_id.among(roots.iter().map(|(chat, _)| chat)));
            let own = own.filter(marks::message_id.among(roots.iter().map(|(_, root)| root)));
            found.followed = own.select(marks::message_id).load(conn)?.into_iter().collect();
        }
        let all: HashSet<MessageId> = quoted.union(&origins).copied().collect();
        if all.is_empty() {
            return Ok(found);
        }
        let rows: Vec<NamedMessageRow> = said::table
            .filter(said::id.among(&all))
            .select((
                said::id,
                said::chat_id,
                said::seq,
                said::sender_id,
                said::deleted_at.is_not_null(),
                said::expires_at,
                BEGINNING,
            ))
            .load(conn)?;
        found.named = rows.into_iter().map(|row| (row.id, row)).collect();
        if hides {
            let senders = quoted.iter().filter_map(|id| found.named.get(id)).map(|row| row.sender_id);
            found.hidden = messages::hidden(conn, viewer, senders.collect::<Vec<_>>())?;
        }
        let mut partly = HashSet::new();
        let from: HashSet<_> = origins.iter().filter_map(|id| found.named.get(id)).map(|row| row.chat_id).collect();
        if !from.is_empty() {
            let own = participants::chat_id.eq(chats::id).and(participants::user_id.eq(viewer));
            let rows: Vec<(ChatId, String, Option<i64>, Option<i64>)> = chats::table
                .left_join(participants::table.on(own))
                .filter(chats::id.among(&from).and(chats::deleted_at.is_null()))
                .select((
                    chats::id,
                    chats::visibility,
                    participants::visible_from.nullable(),
                    participants::removed_count.nullable(),
                ))
                .load(conn)?;
            for (chat, visibility, visible_from, removed) in rows {
                partly.extend(removed.filter(|removed| *removed > 0).map(|_| chat));
                let public = ChatVisibility::parse_word(&visibility)? == ChatVisibility::Public;
                found.chats.insert(chat, (public, visible_from));
            }
        }
        let of = |id: &MessageId| found.named.get(id).map(|row| (row.chat_id, row.seq));
        let looked_up = quoted.iter().filter(|_| removes).filter_map(of);
        let looked_up: Vec<_> =
            looked_up.chain(origins.iter().filter_map(of).filter(|(chat, _)| partly.contains(chat))).collect();
        found.removed = removed::among(conn, viewer, looked_up)?;
        Ok(found)
    }

    /// Those whose cards it shows.
    pub fn people(&self) -> impl Iterator<Item = UserId> {
        self.named.values().map(|row| row.sender_id)
    }

    /// Adds to a message what its viewer sees of others, who sees its chat after this message. Without that, a message says
    /// only which others there are.
    pub fn show(
        &self,
        message: &mut Message,
        forwarded: Option<Origin>,
        cards: &Cards,
        visible_from: i64,
    ) -> Result<()> {
        if let Some(thread) = &mut message.thread {
            thread.following = self.followed.contains(&message.id);
        }
        if let Some(quote) = &mut message.reply_to
            && let Some(row) = self.named.get(&quote.id)
            && row.seq > visible_from
            && !self.removed.contains(&(row.chat_id, row.seq))
        {
            quote.sender = Some(cards.card(row.sender_id)?);
            quote.excerpt = row.content.as_deref().map(excerpt);
            (quote.deleted, quote.expires_at) = (row.deleted, row.expires_at);
            quote.hidden = self.hidden.contains(&row.sender_id);
        }
        let origin = forwarded.and_then(|origin| Some((origin, self.named.get(&origin.id)?)));
        if let (Some(from), Some((origin, row))) = (&mut message.forwarded_from, origin)
            && let Some((public, seen_from)) = self.chats.get(&row.chat_id)
            // A chat that has become public since reveals nothing of what was forwarded before.
            && (origin.public && *public || seen_from.is_some_and(|seen_from| row.seq > seen_from))
            && !self.removed.contains(&(row.chat_id, row.seq))
        {
            **from = ForwardedFrom { chat_id: Some(row.chat_id), sender: Some(cards.card(row.sender_id)?) };
        }
        Ok(())
    }
}
