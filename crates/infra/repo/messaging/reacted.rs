//! What is shown of reactions, and what becomes of them when their message is deleted.

use std::collections::HashMap;

use clowder_core::{ChatId, Ctx, MessageId, Page, PageRequest, Result, Timestamp, UserId};
use clowder_messaging::{
    Emoji, Reacted, Reactor,
    edit::EditFacts,
    lifetimes::is_over,
    policy::{Action, allow},
    refusals::MESSAGE_UNKNOWN,
};
use diesel::{dsl::count_star, prelude::*};

use super::{
    super::{
        Repo,
        among::AmongIds,
        batch,
        cards::Cards,
        db::Tx,
        dialect::{self, Backend, Conn},
        keeping::saved,
    },
    messages,
};
use crate::{
    domains::{
        blocks::blocks,
        messaging::{
            MessageRow, ReactedRow, message_reaction_counts as counts, message_reactions as table, messages as said,
        },
    },
    statement::statement,
    store::Memory,
};
use clowder_core::sql::Uid;
use diesel::sql_types::BigInt;

/// How many reactions to a message go with it at once; the others go soon after.
const AT_ONCE: i64 = 500;
/// Messages that are this close to each other are looked up by one range.
const CLOSE: i64 = 1_000;

/// The reactions to some messages, as a viewer sees them.
#[derive(Default)]
pub struct AllReacted(HashMap<(ChatId, i64), Vec<Reacted>>);

impl AllReacted {
    /// Those to these messages of one chat; one query, or none if nobody has reacted.
    pub fn on_page(conn: &mut Conn, viewer: UserId, rows: &[MessageRow]) -> Result<Self> {
        let reacted = || rows.iter().filter(|row| row.reaction_kinds > 0).map(|row| (row.seq, row.chat_id));
        let (Some((first, chat)), Some((last, _))) = (reacted().min(), reacted().max()) else {
            return Ok(Self::default());
        };
        if last - first > CLOSE {
            return Self::at(conn, viewer, rows.iter());
        }
        let own = table::chat_id
            .eq(counts::chat_id)
            .and(table::seq.eq(counts::seq))
            .and(table::emoji.eq(counts::emoji))
            .and(table::user_id.eq(viewer));
        let found = counts::table
            .left_join(table::table.on(own))
            .filter(counts::chat_id.eq(chat).and(counts::seq.between(first, last)))
            .select((
                counts::chat_id,
                counts::seq,
                counts::emoji,
                counts::people,
                counts::since,
                table::user_id.nullable().is_not_null(),
            ));
        let found = found.load(conn)?;
        Self::of(conn, viewer, rows.iter(), found)
    }

    /// Those to messages of several chats.
    pub fn at<'r>(conn: &mut Conn, viewer: UserId, rows: impl Iterator<Item = &'r MessageRow> + Clone) -> Result<Self> {
        let reacted = rows.clone().filter(|row| row.reaction_kinds > 0);
        let places: Vec<_> = reacted.map(|row| (row.chat_id, row.seq)).collect();
        if places.is_empty() {
            return Ok(Self::default());
        }
        let found = batch::messaging::reactions::reacted_at(conn, viewer, &places)?;
        Self::of(conn, viewer, rows, found)
    }

    fn of<'r>(
        conn: &mut Conn,
        viewer: UserId,
        rows: impl Iterator<Item = &'r MessageRow>,
        mut found: Vec<ReactedRow>,
    ) -> Result<Self> {
        let own = rows.filter(|row| row.reaction_kinds > 0 && row.sender_id == viewer);
        let mut blocked = of_blocked(conn, viewer, own)?;
        found.sort_unstable_by(|a, b| (a.since, &a.emoji).cmp(&(b.since, &b.emoji)));
        let mut all = HashMap::<_, Vec<_>>::new();
        for ReactedRow { chat_id, seq, emoji, people, mine, .. } in found {
            let key = (chat_id, seq, emoji);
            let count = people - blocked.remove(&key).unwrap_or_default();
            if count > 0 {
                all.entry((chat_id, seq)).or_default().push(Reacted { emoji: key.2, count, mine: Some(mine) });
            }
        }
        Ok(Self(all))
    }

    /// Those to a message.
    pub fn to(&self, chat: ChatId, seq: i64) -> Vec<Reacted> {
        self.0.get(&(chat, seq)).cloned().unwrap_or_default()
    }
}

/// How many of those who have reacted to these messages of the viewer are people whom the viewer has blocked, by emoji. Only
/// the viewer does not see their reactions: everybody else does, so that nobody learns of the block.
fn of_blocked<'r>(
    conn: &mut Conn,
    viewer: UserId,
    own: impl Iterator<Item = &'r MessageRow>,
) -> Result<HashMap<(ChatId, i64, String), i64>> {
    let (chats, seqs): (Vec<ChatId>, Vec<i64>) = own.map(|row| (row.chat_id, row.seq)).unzip();
    if chats.is_empty() {
        return Ok(HashMap::new());
    }
    let by_blocked = table::table
        .inner_join(blocks::table.on(blocks::blocked_id.eq(table::user_id)))
        .filter(blocks::user_id.eq(viewer))
        .filter(table::chat_id.among(&chats).and(table::seq.eq_any(seqs)))
        .group_by((table::chat_id, table::seq, table::emoji))
        .select((table::chat_id, table::seq, table::emoji, count_star()));
    let rows: Vec<(ChatId, i64, String, i64)> = by_blocked.load(conn)?;
    Ok(rows.into_iter().map(|(chat, seq, emoji, people)| ((chat, seq, emoji), people)).collect())
}

/// Who has reacted to a message.
pub fn page(
    conn: &mut Conn,
    memory: Option<&Memory>,
    viewer: UserId,
    now: Timestamp,
    id: MessageId,
    emoji: Option<&Emoji>,
    page: &PageRequest,
) -> Result<Page<Reactor>> {
    let EditFacts { seat, message, .. } = messages::facts(conn, memory, viewer, id)?;
    // Whoever may not see who is in the chat sees only how many have reacted.
    allow(seat.ok_or(MESSAGE_UNKNOWN)?, Action::SeePeople)?;
    let after = page.cursor.as_deref().map(place).transpose()?;
    if message.deleted_at.is_some() || is_over(&message, now) {
        return Ok(Page { items: Vec::new(), next_cursor: None });
    }
    let mut query = table::table
        .filter(table::chat_id.eq(message.chat_id).and(table::seq.eq(message.seq)))
        .order((table::emoji, table::user_id))
        .limit(page.fetch())
        .select((table::user_id, table::emoji, table::reacted_at))
        .into_boxed();
    if let Some(emoji) = emoji {
        query = query.filter(table::emoji.eq(emoji.as_str()));
    }
    if let Some((user, emoji)) = after {
        query = query.filter(table::emoji.gt(emoji).or(table::emoji.eq(emoji).and(table::user_id.gt(user))));
    }
    if message.sender.id == viewer {
        let own = blocks::table.filter(blocks::user_id.eq(viewer)).select(blocks::blocked_id);
        query = query.filter(table::user_id.ne_all(own));
    }
    let rows: Vec<(UserId, String, Timestamp)> = query.load(conn)?;
    let cards = Cards::of(conn, memory, rows.iter().map(|(user, ..)| *user))?;
    let reactors = rows.into_iter().map(|(user, emoji, at)| Ok(Reactor { user: cards.card(user)?, emoji, at }));
    Page::fill(reactors, page, |reactor| format!("{}.{}", reactor.user.id, reactor.emoji))
}

fn place(cursor: &str) -> Result<(UserId, &str)> {
    let place = cursor.split_once('.').and_then(|(user, emoji)| Some((user.parse().ok()?, emoji)));
    place.ok_or_else(PageRequest::wrong)
}

/// Deletes reactions to a message that is being deleted, in a chat that is locked; returns whether some are
/// left for later.
pub fn drop_from(tx: &mut Tx<'_>, chat: ChatId, seq: i64) -> Result<bool> {
    let counted = counts::table.filter(counts::chat_id.eq(chat).and(counts::seq.eq(seq)));
    if diesel::delete(counted).execute(tx.conn)? == 0 {
        return Ok(false);
    }
    Ok(drop_some(tx.conn, chat, seq)? == AT_ONCE)
}

/// The same for several messages, in chats that are locked: some of the reactions to all of them go at once.
pub fn drop_from_all(tx: &mut Tx<'_>, places: &[(ChatId, i64)]) -> Result<bool> {
    if places.is_empty() {
        return Ok(false);
    }
    let most = AT_ONCE * 4;
    Ok(batch::messaging::reactions::drop_reacted(tx.conn, places, most)? == most)
}

fn drop_some(conn: &mut Conn, chat: ChatId, seq: i64) -> Result<i64> {
    let rows = statement::<(), Backend>(
        "DELETE FROM message_reactions WHERE (chat_id, seq, emoji, user_id) IN (SELECT r.chat_id, r.seq, r.emoji, \
         r.user_id FROM message_reactions r WHERE r.chat_id = ? AND r.seq = ? ORDER BY r.emoji, r.user_id LIMIT ?)",
    )
    .bind::<Uid, _>(chat)
    .bind::<BigInt, _>(seq)
    .bind::<BigInt, _>(AT_ONCE);
    Ok(rows.execute(conn)? as i64)
}

/// Deletes some of the reactions in a chat that goes with everything in it; none when there are none left.
pub fn clear(conn: &mut Conn, chat: ChatId, most: i64) -> Result<u64> {
    let reactions = statement::<(), Backend>(
        "DELETE FROM message_reactions WHERE (chat_id, seq, emoji, user_id) IN (SELECT r.chat_id, r.seq, r.emoji, \
         r.user_id FROM message_reactions r WHERE r.chat_id = ? ORDER BY r.seq, r.emoji, r.user_id LIMIT ?)",
    );
    let rows = reactions.bind::<Uid, _>(chat).bind::<BigInt, _>(most).execute(conn)?;
    if rows > 0 {
        return Ok(rows as u64);
    }
    let counts = statement::<(), Backend>(
        "DELETE FROM message_reaction_counts WHERE (chat_id, seq, emoji) IN (SELECT c.chat_id, c.seq, c.emoji \
         FROM message_reaction_counts c WHERE c.chat_id = ? ORDER BY c.seq, c.emoji LIMIT ?)",
    );
    Ok(counts.bind::<Uid, _>(chat).bind::<BigInt, _>(most).execute(conn)? as u64)
}

/// Deletes the reactions that deleted messages still have, and that people have saved these.
pub async fn forget(repo: &Repo, _: &Ctx) -> Result<usize> {
    let mut gone = 0;
    loop {
        let Some(rows) = repo.db.write(forget_some).await? else { return Ok(gone) };
        gone += rows;
    }
}

fn forget_some(tx: &mut Tx<'_>) -> Result<Option<usize>> {
    let left = said::table.filter(said::reactions_left).order((said::chat_id, said::seq));
    let left: Option<(ChatId, i64, MessageId)> =
        left.select((said::chat_id, said::seq, said::id)).first(tx.conn).optional()?;
    let Some((chat, seq, id)) = left else { return Ok(None) };
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let rows = drop_some(tx.conn, chat, seq)? + saved::drop_some(tx, chat, &[id])?;
    if rows == 0 {
        diesel::update(said::table.find((chat, seq))).set(said::reactions_left.eq(false)).execute(tx.conn)?;
    }
    Ok(Some(usize::try_from(rows).unwrap_or(0)))
}
