//! Writes imported messages, as many as one transaction bears, with how far that is.

use std::collections::{BTreeMap, HashMap, HashSet};

use clowder_core::{
    ChatId, Ctx, Error, MessageId, Result, Timestamp, UserId,
    sql::{Ts, Uid},
    text::Flaw,
};
use clowder_messaging::{
    chat_analytics::Sent,
    chat_imports::{ChatImportId, Line, Refused},
};
use diesel::{prelude::*, sql_types::BigInt};
use uuid::Uuid;

use super::{
    super::{
        among::AmongIds,
        chat_analytics::counting,
        db::Tx,
        dialect::{self, Backend},
        search::indexing,
    },
    planning,
};
use crate::{
    domains::{
        accounts::users,
        messaging::{
            ChatImportAuthorRow, ImportedMessageRow, chat_import_authors as authors, chat_imports as table, chats,
            messages,
        },
    },
    statement::statement,
};

/// Where messages of the file are in the new chat, whose first message has the number 1.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// How many messages are before them.
    before: i64,
    /// The numbers that they had, in their order.
    numbers: Vec<i64>,
    /// Those with which threads begin, by the ids that they had.
    roots: HashMap<Uuid, i64>,
}

impl Places {
    /// The next message is this one.
    pub fn add(&mut self, line: &Line) {
        self.numbers.push(line.seq);
        // No thread begins within another.
        if let Some(id) = line.id.filter(|_| line.is_root && line.thread_of.is_none()) {
            self.roots.insert(id, self.before + self.numbers.len() as i64);
        }
    }

    fn of_number(&self, number: i64) -> Option<i64> {
        self.numbers.binary_search(&number).ok().map(|index| self.before + index as i64 + 1)
    }

    /// Where those are that some messages name.
    pub fn named_by(&self, lines: &[(i64, Line)]) -> Named {
        let lines = || lines.iter().map(|(_, line)| line);
        Named {
            numbers: lines().filter_map(|line| Some((line.reply_to?, self.of_number(line.reply_to?)?))).collect(),
            roots: lines().filter_map(|line| Some((line.thread_of?, *self.roots.get(&line.thread_of?)?))).collect(),
        }
    }
}

/// Where those are that some messages name.
#[derive(Debug, Clone, Default)]
pub struct Named {
    numbers: HashMap<i64, i64>,
    roots: HashMap<Uuid, i64>,
}

/// Some items of the file.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Those that are written, each with its number in the file.
    pub lines: Vec<(i64, Line)>,
    /// All items up to this one are done with it.
    pub until: i64,
}

/// What has become of it.
pub struct Written {
    /// The numbers of those whose authors are not there any more.
    pub refused: HashSet<i64>,
}

/// Writes some items after those that are done; `None` if the import has ended.
pub fn write(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    import: ChatImportId,
    done: i64,
    batch: &Batch,
    earlier: &Named,
) -> Result<Option<Written>> {
    let names: Vec<&str> = batch.lines.iter().map(|(_, line)| line.author.username.as_str()).collect();
    let chat: Option<Option<ChatId>> = table::table.find(import).select(table::chat_id).first(tx.conn).optional()?;
    let Some(chat) = chat.flatten() else { return Ok(None) };
    let found = || authors::table.filter(authors::chat_id.eq(chat)).filter(authors::username.eq_any(&names));
    let ids: Vec<UserId> = found().filter(authors::has_account).select(authors::user_id).load(tx.conn)?;
    if planning::held(tx, import, &ids)?.is_none() {
        return Ok(None);
    }
    let alive = users::table.filter(users::id.among(&ids)).filter(users::deleted_at.is_null());
    let alive: HashSet<UserId> = alive.select(users::id).load(tx.conn)?.into_iter().collect();
    // Without those who are erased by now.
    let people: Vec<ChatImportAuthorRow> = found().select(ChatImportAuthorRow::as_select()).load(tx.conn)?;
    let people = people.into_iter().filter(|row| !row.has_account || alive.contains(&row.user_id));
    let people: HashMap<String, UserId> = people.map(|row| (row.username, row.user_id)).collect();
    counting::hold(tx)?;
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let last: Option<(i64, Timestamp)> = messages::table
        .filter(messages::chat_id.eq(chat))
        .order(messages::seq.desc())
        .select((messages::seq, messages::created_at))
        .first(tx.conn)
        .optional()?;
    let (mut seq, mut at) = last.unwrap_or((0, Timestamp::from_micros(i64::MIN)));
    let (mut rows, mut refused, mut here) = (Vec::new(), Vec::new(), Places { before: seq, ..Places::default() });
    for (number, line) in &batch.lines {
        let Some(sender) = people.get(line.author.username.as_str()) else {
            let error = Flaw::new("author", "was written by somebody whose account is erased").at("/sender");
            refused.push(Refused { number: *number, error });
            continue;
        };
        seq += 1;
        here.add(line);
        let row = ImportedMessageRow::new((chat, seq), *sender, line, (at, ctx.now))?;
        at = row.created_at;
        rows.push((row, line));
    }
    let threads = name_others(tx, chat, (earlier, &here), &mut rows)?;
    let rows: Vec<ImportedMessageRow> = rows.into_iter().map(|(row, _)| row).collect();
    if !rows.is_empty() {
        diesel::insert_into(messages::table).values(&rows).execute(tx.conn)?;
        let advanced = (chats::last_seq.eq(seq), chats::active_at.eq(at));
        diesel::update(chats::table.find(chat)).set(advanced).execute(tx.conn)?;
        // No chat is younger than its first message.
        if let (None, Some(first)) = (last, rows.first()) {
            let younger = chats::table.find(chat).filter(chats::created_at.gt(first.created_at));
            diesel::update(younger).set(chats::created_at.eq(first.created_at)).execute(tx.conn)?;
        }
    }
    answer(tx, chat, &threads)?;
    indexing::written(tx, &rows.iter().map(|row| row.id).collect::<Vec<_>>())?;
    let sent = rows.iter().map(|row| Sent::stored(chat, row.seq, Some(row.sender_id), row.created_at));
    counting::count_sent(tx, chat, sent.collect())?;
    if !refused.is_empty() {
        planning::refuse(tx, import, &refused)?;
    }
    let gone = refused.len() as i64;
    let step = (table::done.eq(batch.until), table::messages.eq(seq), table::refused.eq(table::refused + gone));
    let held = table::table.find(import).filter(table::done.eq(done));
    if diesel::update(held).set(step).execute(tx.conn)? == 0 {
        return Err(Error::unavailable("another worker writes the import"));
    }
    Ok(Some(Written { refused: refused.iter().map(|refused| refused.number).collect() }))
}

/// Notes what messages reply to, and in whose threads they are; answers how many come into each thread, and when the last.
fn name_others(
    tx: &mut Tx<'_>,
    chat: ChatId,
    (earlier, here): (&Named, &Places),
    rows: &mut [(ImportedMessageRow, &Line)],
) -> Result<BTreeMap<i64, (i64, Timestamp)>> {
    let quoted = |row: &ImportedMessageRow, line: &Line| {
        let at = |number: i64| here.of_number(number).or_else(|| earlier.numbers.get(&number).copied());
        line.reply_to.and_then(at).filter(|seq| *seq < row.seq)
    };
    let root = |row: &ImportedMessageRow, line: &Line| {
        let at = |id: Uuid| here.roots.get(&id).or_else(|| earlier.roots.get(&id)).copied();
        line.thread_of.and_then(at).filter(|seq| *seq < row.seq)
    };
    let named: HashSet<i64> =
        rows.iter().flat_map(|(row, line)| [quoted(row, line), root(row, line)]).flatten().collect();
    let earlier = messages::table.filter(messages::chat_id.eq(chat).and(messages::seq.eq_any(&named)));
    let earlier: Vec<(i64, MessageId)> = earlier.select((messages::seq, messages::id)).load(tx.conn)?;
    let here = rows.iter().map(|(row, _)| (row.seq, row.id));
    let ids: HashMap<i64, MessageId> = earlier.into_iter().chain(here).collect();
    let mut threads = BTreeMap::<i64, (i64, Timestamp)>::new();
    for (row, line) in rows {
        if let Some(seq) = quoted(row, line) {
            (row.reply_id, row.reply_seq) = (ids.get(&seq).copied(), Some(seq));
        }
        if let Some(seq) = root(row, line) {
            row.thread_id = ids.get(&seq).copied();
            let (count, last) = threads.entry(seq).or_insert((0, row.created_at));
            (*count, *last) = (*count + 1, row.created_at);
        }
    }
    Ok(threads)
}

/// Counts what has come into threads.
fn answer(tx: &mut Tx<'_>, chat: ChatId, threads: &BTreeMap<i64, (i64, Timestamp)>) -> Result<()> {
    for (seq, (count, last)) in threads {
        statement::<(), Backend>(
            "UPDATE messages SET replies = coalesce(replies, 0) + ?, last_reply_at = ? WHERE chat_id = ? AND seq = ?",
        )
        .bind::<BigInt, _>(*count)
        .bind::<Ts, _>(*last)
        .bind::<Uid, _>(chat)
        .bind::<BigInt, _>(*seq)
        .execute(tx.conn)?;
    }
    Ok(())
}
