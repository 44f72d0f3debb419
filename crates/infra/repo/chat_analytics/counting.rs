//! Counts what the journal tells of messages. It locks no chat and no person: whoever deletes what it writes is seen by it,
//! or finds it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use clowder_core::{ChatId, Ctx, Recorded, Result, Timestamp, UserId, Word, sql::Uid};
use clowder_messaging::{
    MessageType,
    chat_analytics::{Counts, Day, MOST_REACTIONS, Seen, Sent, answer_of, seen},
};
use diesel::{
    dsl::{max, min},
    prelude::*,
    sql_types::{BigInt, Text},
};

use super::super::{
    among::AmongIds,
    batch,
    db::Tx,
    dialect::{self, Backend, Conn},
};
use crate::{
    domains::{
        accounts::users,
        messaging::{ChatDayPersonRow, ChatDayRow, chat_day_people as people, chat_days as days, messages as said},
    },
    statement::statement,
};

/// What is counted in one chat.
#[derive(Default)]
struct OfChat {
    sent: Vec<Sent>,
    deleted: BTreeSet<i64>,
    reacted: BTreeSet<i64>,
}

/// What is to be stored of several chats.
#[derive(Default)]
struct Counted {
    days: Vec<ChatDayRow>,
    people: Vec<ChatDayPersonRow>,
}

impl Counted {
    fn store(self, conn: &mut Conn) -> Result<()> {
        batch::readers::put_chat_days(conn, &self.days)?;
        batch::readers::put_chat_day_people(conn, &self.people)
    }
}

pub fn count(tx: &mut Tx<'_>, _: &Ctx, changes: &[Recorded]) -> Result<()> {
    let mut chats = BTreeMap::<ChatId, OfChat>::new();
    for change in changes.iter().filter_map(seen) {
        match change {
            Seen::Sent(sent) => chats.entry(sent.chat).or_default().sent.push(sent),
            Seen::Deleted { chat, seq } => drop(chats.entry(chat).or_default().deleted.insert(seq)),
            Seen::Reacted { chat, seq } => drop(chats.entry(chat).or_default().reacted.insert(seq)),
        }
    }
    if chats.is_empty() {
        return Ok(());
    }
    // What was counted in a deleted chat is cleared, and must not come back.
    let ids: Vec<ChatId> = chats.keys().copied().collect();
    let there: HashSet<ChatId> = dialect::messaging::keep_chats(tx.conn, &ids)?.into_iter().collect();
    let mut counted = Counted::default();
    for (chat, changes) in chats.into_iter().filter(|(chat, _)| there.contains(chat)) {
        count_in(tx.conn, chat, &changes, &mut counted)?;
    }
    counted.store(tx.conn)
}

/// Counts messages that the journal does not tell, in a chat that nobody else writes in. Before the chat is locked.
pub fn hold(tx: &mut Tx<'_>) -> Result<()> {
    dialect::readers::lock_reader(tx.conn, super::READER)
}

/// The same, once it is held: the chat may be locked by now.
pub fn count_sent(tx: &mut Tx<'_>, chat: ChatId, sent: Vec<Sent>) -> Result<()> {
    let mut counted = Counted::default();
    count_in(tx.conn, chat, &OfChat { sent, ..OfChat::default() }, &mut counted)?;
    counted.store(tx.conn)
}

fn count_in(conn: &mut Conn, chat: ChatId, changes: &OfChat, counted: &mut Counted) -> Result<()> {
    let OfChat { sent, deleted, reacted } = changes;
    // Those that are not told, or whose predecessor is not.
    let mut named: BTreeSet<i64> = deleted.union(reacted).copied().collect();
    named.extend(deleted.iter().map(|seq| seq - 1));
    named.extend(sent.first().map(|first| first.seq - 1));
    let stored = messages(conn, chat, &named)?;
    let told: HashMap<i64, Sent> = stored.into_iter().chain(sent.iter().copied()).map(|it| (it.seq, it)).collect();
    let touched = sent.iter().map(|it| it.seq).chain(deleted.iter().copied()).chain(reacted.iter().copied());
    let touched: BTreeSet<i32> = touched.filter_map(|seq| told.get(&seq)).map(|it| it.day().0).collect();
    let mut open = Days::load(conn, chat, &touched)?;
    for message in sent {
        open.extend(message);
    }
    let sent_seqs: BTreeSet<i64> = sent.iter().map(|it| it.seq).collect();
    for (seqs, times) in [(&sent_seqs, 1), (deleted, -1)] {
        for message in seqs.iter().filter_map(|seq| told.get(seq)) {
            let answer = answer_of(message, told.get(&(message.seq - 1)).filter(|before| open.has_seen(before)));
            if let Some(counts) = open.counts_of(message) {
                counts.count(message, answer, times);
            }
        }
    }
    let gone: Vec<&Sent> = deleted.iter().filter_map(|seq| told.get(seq)).filter(|it| open.has_seen(it)).collect();
    count_people(conn, chat, sent, &gone, &open, counted)?;
    let of_reacted = reacted.iter().chain(deleted).filter_map(|seq| told.get(seq)).filter(|it| open.has_seen(it));
    let of_reacted: BTreeSet<i32> = of_reacted.map(|it| it.day().0).collect();
    open.count_reactions(conn, &of_reacted)?;
    counted.days.extend(open.changed()?);
    Ok(())
}

/// What is stored of these messages, deleted ones included.
fn messages(conn: &mut Conn, chat: ChatId, seqs: &BTreeSet<i64>) -> Result<Vec<Sent>> {
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let some = said::table.filter(said::chat_id.eq(chat).and(said::seq.eq_any(seqs)));
    let rows: Vec<(i64, String, UserId, Timestamp)> =
        some.select((said::seq, said::kind, said::sender_id, said::created_at)).load(conn)?;
    let sent = |(seq, kind, sender, at): (i64, String, UserId, Timestamp)| {
        let sender = (kind != MessageType::System.as_str()).then_some(sender);
        Sent::stored(chat, seq, sender, at)
    };
    Ok(rows.into_iter().map(sent).collect())
}

/// Some days of a chat while they are being counted.
struct Days {
    chat: ChatId,
    rows: BTreeMap<i32, Open>,
}

struct Open {
    row: ChatDayRow,
    counts: Counts,
    /// As it is stored.
    before: Option<ChatDayRow>,
}

impl Days {
    fn load(conn: &mut Conn, chat: ChatId, touched: &BTreeSet<i32>) -> Result<Self> {
        // The days before, too, for whether the message before has been seen.
        let wanted: BTreeSet<i32> = touched.iter().flat_map(|day| [day - 1, *day]).collect();
        let some = days::table.filter(days::chat_id.eq(chat).and(days::day.eq_any(wanted)));
        let rows: Vec<ChatDayRow> = some.select(ChatDayRow::as_select()).load(conn)?;
        let rows = rows.into_iter().map(|row| {
            let (_, counts) = row.counts()?;
            Ok((row.day, Open { before: Some(row.clone()), row, counts }))
        });
        Ok(Self { chat, rows: rows.collect::<Result<_>>()? })
    }

    /// A message that is told now has been seen from now on.
    fn extend(&mut self, message: &Sent) {
        let (chat_id, seq, Day(day)) = (self.chat, message.seq, message.day());
        let new = || {
            let (counts, reactions) = (String::new(), String::new());
            let row = ChatDayRow { chat_id, day, first_seq: seq, last_seq: seq, counts, reactions };
            Open { row, counts: Counts::default(), before: None }
        };
        let Open { row, .. } = self.rows.entry(day).or_insert_with(new);
        (row.first_seq, row.last_seq) = (row.first_seq.min(seq), row.last_seq.max(seq));
    }

    /// Whether a message has been told since there is a reader; earlier ones do not count.
    fn has_seen(&self, message: &Sent) -> bool {
        let open = self.rows.get(&message.day().0);
        open.is_some_and(|Open { row, .. }| (row.first_seq..=row.last_seq).contains(&message.seq))
    }

    fn counts_of(&mut self, message: &Sent) -> Option<&mut Counts> {
        if !self.has_seen(message) {
            return None;
        }
        self.rows.get_mut(&message.day().0).map(|open| &mut open.counts)
    }

    /// Counts the reactions to messages of these days anew: what was taken away with a message is not told.
    fn count_reactions(&mut self, conn: &mut Conn, touched: &BTreeSet<i32>) -> Result<()> {
        for Open { row, counts, .. } in self.rows.values_mut().filter(|open| touched.contains(&open.row.day)) {
            let sums = statement::<(Text, BigInt), Backend>(
                "SELECT emoji, CAST(sum(people) AS BIGINT) AS people FROM message_reaction_counts \
                 WHERE chat_id = ? AND seq BETWEEN ? AND ? GROUP BY emoji ORDER BY 2 DESC, 1 LIMIT ?",
            );
            let sums = sums.bind::<Uid, _>(self.chat).bind::<BigInt, _>(row.first_seq).bind::<BigInt, _>(row.last_seq);
            let sums: Vec<(String, i64)> = sums.bind::<BigInt, _>(MOST_REACTIONS).load(conn)?;
            counts.reactions = sums.into_iter().collect();
        }
        Ok(())
    }

    /// The days that are other than stored.
    fn changed(self) -> Result<Vec<ChatDayRow>> {
        let mut changed = Vec::new();
        for Open { mut row, counts, before } in self.rows.into_values() {
            row.put(&counts)?;
            if before.is_none_or(|before| before != row) {
                changed.push(row);
            }
        }
        Ok(changed)
    }
}

/// Notes who has written on which days. Of a message that is gone, its author may have written on that day no more.
fn count_people(
    conn: &mut Conn,
    chat: ChatId,
    sent: &[Sent],
    gone: &[&Sent],
    open: &Days,
    counted: &mut Counted,
) -> Result<()> {
    let mut wrote = BTreeMap::<(i32, UserId), (i32, i32)>::new();
    for (message, sender) in sent.iter().filter_map(|message| Some((message, message.sender?))) {
        let quarter = i32::from(message.quarter());
        let (first, last) = wrote.entry((message.day().0, sender)).or_insert((quarter, quarter));
        (*first, *last) = ((*first).min(quarter), (*last).max(quarter));
    }
    let lost: BTreeSet<(i32, UserId)> =
        gone.iter().filter_map(|message| Some((message.day().0, message.sender?))).collect();
    let named: BTreeSet<(i32, UserId)> = wrote.keys().copied().chain(lost.iter().copied()).collect();
    if named.is_empty() {
        return Ok(());
    }
    let (on, who): (BTreeSet<i32>, BTreeSet<UserId>) = named.iter().copied().unzip();
    let known = people::table.filter(people::chat_id.eq(chat).and(people::day.eq_any(on)));
    let known: Vec<ChatDayPersonRow> =
        known.filter(people::user_id.among(&who)).select(ChatDayPersonRow::as_select()).load(conn)?;
    let known: HashMap<(i32, UserId), ChatDayPersonRow> =
        known.into_iter().map(|row| ((row.day, row.user_id), row)).collect();
    // An erasure, which has marked the account before, locks the reader.
    let alive = users::table.filter(users::id.among(&who)).filter(users::deleted_at.is_null());
    let alive: HashSet<UserId> = alive.select(users::id).load(conn)?.into_iter().collect();
    for (day, user) in named.into_iter().filter(|(_, user)| alive.contains(user)) {
        let before = known.get(&(day, user)).map(|row| (row.first_quarter, row.last_quarter));
        let after = if lost.contains(&(day, user)) {
            writing(conn, open, day, user)?
        } else {
            let told = wrote.get(&(day, user)).copied();
            told.map(|(first, last)| before.map_or((first, last), |(from, to)| (from.min(first), to.max(last))))
        };
        if before == after {
            continue;
        }
        let Some((first_quarter, last_quarter)) = after else {
            diesel::delete(people::table.find((chat, day, user))).execute(conn)?;
            continue;
        };
        counted.people.push(ChatDayPersonRow { chat_id: chat, day, user_id: user, first_quarter, last_quarter });
    }
    Ok(())
}

/// In which quarters of a day somebody first and last wrote what is still there, of what has been told.
fn writing(conn: &mut Conn, open: &Days, day: i32, user: UserId) -> Result<Option<(i32, i32)>> {
    let Some(Open { row, .. }) = open.rows.get(&day) else { return Ok(None) };
    let own = said::table
        .filter(said::chat_id.eq(open.chat).and(said::sender_id.eq(user)))
        .filter(said::seq.between(row.first_seq, row.last_seq))
        .filter(said::deleted_at.is_null().and(said::kind.ne(MessageType::System.as_str())));
    let ends: (Option<Timestamp>, Option<Timestamp>) =
        own.select((min(said::created_at), max(said::created_at))).first(conn)?;
    let quarter = |at: Timestamp| i32::from(Sent::stored(open.chat, 0, None, at).quarter());
    Ok(ends.0.zip(ends.1).map(|(first, last)| (quarter(first), quarter(last))))
}
