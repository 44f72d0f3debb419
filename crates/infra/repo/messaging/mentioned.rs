//! Whom messages mention: found when they are written, shown when they are read, counted and listed for those who are
//! mentioned.

use std::collections::{HashMap, HashSet};

use clowder_accounts::model::username_key;
use clowder_core::{
    ChatId, Id, Page, PageRequest, Result, Timestamp, UserId, Word,
    page::Room,
    sql::{Ts, Uid},
};
use clowder_messaging::{
    ChatRole, Message, Rights,
    entities::Entity,
    lifetimes::conceal,
    mentions::{Marks, Wanted, may_mention_all, mentions_all},
    refusals::CHAT_UNKNOWN,
};
use diesel::{prelude::*, sql_types::BigInt};
use uuid::Uuid;

use super::{
    super::{
        among::AmongIds,
        batch::{
            self,
            messaging::{mentions as statements, reactions::reactors},
        },
        db::Tx,
        dialect::{Backend, Conn},
    },
    messages::{self as messages_of, Membership},
};
use crate::{
    domains::messaging::{
        AllMentions, MENTION_IS_SHOWN, MESSAGE_STAYS, MentionPlace, MentionRow, MentionTable, MessageRow,
        message_mentions as table, messages, participants,
    },
    statement::statement,
    store::Memory,
};

/// What an author wants to mark in a message; nothing for most.
pub fn wanted(text: &str, given: &[UserId]) -> Wanted {
    Wanted::of(text, given, username_key)
}

/// The part of a fingerprint that says whom a message mentions by id; none without.
pub fn print(given: &[UserId]) -> Option<Vec<u8>> {
    let mut given: Vec<_> = given.iter().map(Id::uuid).collect();
    given.sort_unstable();
    given.dedup();
    let ids = given.iter().flat_map(|id| id.as_bytes().iter().copied());
    (!given.is_empty()).then(|| b"mentions".iter().copied().chain(ids).collect())
}

/// Those in chats whom messages may mention, and after which message they see them, whatever they have cleared since: nobody
/// learns of that.
#[derive(Default)]
pub struct People {
    named: HashMap<(ChatId, String), UserId>,
    present: HashMap<(ChatId, UserId), i64>,
}

impl People {
    /// The chats are locked, so that this stays true.
    pub fn load<'w>(conn: &mut Conn, all: impl Iterator<Item = (ChatId, &'w Wanted)> + Clone) -> Result<Self> {
        let mut people = Self::default();
        let mut names: Vec<_> =
            all.clone().flat_map(|(chat, wanted)| wanted.names().map(move |name| (chat, name))).collect();
        names.sort_unstable();
        names.dedup();
        if !names.is_empty() {
            for row in statements::people_named(conn, &names)? {
                people.present.insert((row.chat_id, row.user_id), row.entered_from);
                people.named.insert((row.chat_id, row.name), row.user_id);
            }
        }
        let mut given: Vec<_> =
            all.flat_map(|(chat, wanted)| wanted.given().iter().map(move |user| (chat, *user))).collect();
        given.sort_unstable();
        given.dedup();
        if !given.is_empty() {
            let (chats, users): (Vec<_>, Vec<_>) = given.iter().copied().unzip();
            let subscribed = participants::table
                .filter(participants::chat_id.among(&chats).and(participants::user_id.among(&users)))
                .filter(participants::role.eq(ChatRole::Subscriber.as_str()))
                .select((participants::chat_id, participants::user_id));
            let subscribed: HashSet<(ChatId, UserId)> = subscribed.load(conn)?.into_iter().collect();
            let present = reactors(conn, &given)?.into_iter().map(|(chat, user, from)| ((chat, user), from));
            people.present.extend(present.filter(|(place, _)| !subscribed.contains(place)));
        }
        Ok(people)
    }

    /// What is marked in the message with this number.
    pub fn marks(&self, chat: ChatId, seq: i64, text: &str, wanted: &Wanted, may_mention_all: bool) -> Marks {
        let find = |name: &str| self.named.get(&(chat, name.to_owned())).copied();
        let sees = |user: UserId| self.present.get(&(chat, user)).is_some_and(|from| *from < seq);
        Marks::resolve(text, wanted, find, sees, may_mention_all)
    }
}

/// What is marked in one message that is written now, in a locked chat.
pub fn marks(
    conn: &mut Conn,
    (chat, seq): (ChatId, i64),
    text: &str,
    wanted: &Wanted,
    (role, rights): (ChatRole, Rights),
) -> Result<Marks> {
    if wanted.is_empty() {
        return Ok(Marks::default());
    }
    let people = People::load(conn, std::iter::once((chat, wanted)))?;
    Ok(people.marks(chat, seq, text, wanted, may_mention_all(role, rights)))
}

/// Writes whom new messages mention; each with the ids that its author gave.
pub fn write<'m>(conn: &mut Conn, all: impl Iterator<Item = (&'m Message, &'m [UserId])>) -> Result<()> {
    let (mut rows, mut everybody) = (Vec::new(), Vec::new());
    for (message, given) in all {
        rows.extend(MentionRow::of(message, given));
        if mentions_all(&message.entities) {
            everybody.push((message.chat_id, message.seq, message.created_at));
        }
    }
    statements::insert_mentions(conn, &rows, &everybody)
}

/// The ids that the author of a message gave.
pub fn given(conn: &mut Conn, chat: ChatId, seq: i64) -> Result<Vec<UserId>> {
    let own = table::table.filter(table::chat_id.eq(chat).and(table::seq.eq(seq)));
    Ok(own.filter(table::given).order(table::place).select(table::user_id).load(conn)?)
}

/// The same of several messages, in their order within each.
pub fn given_at(conn: &mut Conn, places: &[(ChatId, i64)]) -> Result<Vec<MentionRow>> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows = statements::mentioned_at(conn, places)?;
    rows.retain(|row| row.given);
    rows.sort_unstable_by_key(|row| row.place);
    Ok(rows)
}

/// Deletes whom these messages mention.
pub fn drop_from(tx: &mut Tx<'_>, places: &[(ChatId, i64)]) -> Result<()> {
    statements::drop_mentions(tx.conn, places)
}

/// Deletes some of what is kept about mentions in a chat that goes with everything in it; none when there is none left.
pub fn clear(conn: &mut Conn, chat: ChatId, most: i64) -> Result<u64> {
    for sql in [
        "DELETE FROM message_mentions WHERE (chat_id, seq, user_id) IN (SELECT n.chat_id, n.seq, n.user_id \
         FROM message_mentions n WHERE n.chat_id = ? ORDER BY n.seq, n.user_id LIMIT ?)",
        "DELETE FROM message_mentions_all WHERE (chat_id, seq) IN (SELECT n.chat_id, n.seq \
         FROM message_mentions_all n WHERE n.chat_id = ? ORDER BY n.seq LIMIT ?)",
    ] {
        let rows = statement::<(), Backend>(sql).bind::<Uid, _>(chat).bind::<BigInt, _>(most).execute(conn)?;
        if rows > 0 {
            return Ok(rows as u64);
        }
    }
    Ok(0)
}

/// Whom some messages mention, as they are shown.
#[derive(Default)]
pub struct AllMentioned(HashMap<(ChatId, i64), Vec<MentionRow>>);

impl AllMentioned {
    /// Those of these messages; one query, or none if no message mentions anybody.
    pub fn of<'r>(conn: &mut Conn, rows: impl Iterator<Item = &'r MessageRow>) -> Result<Self> {
        let mut places = Vec::new();
        for row in rows.filter(|row| row.data.is_some()) {
            if row.marked()?.is_some_and(|marked| marked.people > 0) {
                places.push((row.chat_id, row.seq));
            }
        }
        let mut all = HashMap::<_, Vec<_>>::new();
        if !places.is_empty() {
            for row in statements::mentioned_at(conn, &places)? {
                all.entry((row.chat_id, row.seq)).or_default().push(row);
            }
        }
        for rows in all.values_mut() {
            rows.sort_unstable_by_key(|row| row.place);
        }
        Ok(Self(all))
    }

    /// The entities of a message, and whom it mentions.
    pub fn marks(&self, row: &MessageRow) -> Result<(Vec<Entity>, Vec<UserId>)> {
        let (Some(marked), Some(text)) = (row.marked()?, row.content.as_deref()) else { return Ok(Default::default()) };
        let people = self.0.get(&(row.chat_id, row.seq)).map_or(&[][..], Vec::as_slice);
        let person =
            |place: usize| people.iter().find(|row| usize::try_from(row.place) == Ok(place)).map(|row| row.user_id);
        Ok((marked.entities(text, person), people.iter().map(|row| row.user_id).collect()))
    }
}

/// How many unread mentions of a chat are counted.
const MOST_COUNTED: i64 = 1_000;

/// How many messages after these places mention the viewer, of each chat; whether they have removed none there is given.
pub fn unread(
    conn: &mut Conn,
    viewer: UserId,
    now: Timestamp,
    places: &[(ChatId, i64, bool)],
) -> Result<HashMap<ChatId, i64>> {
    if places.is_empty() {
        return Ok(HashMap::new());
    }
    let counts = statements::unread_mentions(conn, viewer, now, places)?.into_iter();
    Ok(counts.map(|(chat, count)| (chat, count.min(MOST_COUNTED))).collect())
}

/// The numbers of the messages of a chat that mention the viewer, the newest first.
fn numbers(table: MentionTable) -> String {
    let MentionTable { name, own, counts, .. } = table;
    format!(
        "SELECT n.seq FROM participants p JOIN {name} n ON n.chat_id = p.chat_id{own} AND n.seq > p.visible_from \
         JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.seq \
         WHERE p.user_id = ? AND p.chat_id = ? AND n.seq < ? AND {counts} AND {MESSAGE_STAYS} AND {MENTION_IS_SHOWN} \
         ORDER BY n.seq DESC LIMIT ?"
    )
}

/// The messages of a chat that mention the viewer, the newest first.
pub fn page(
    conn: &mut Conn,
    memory: Option<&Memory>,
    viewer: UserId,
    now: Timestamp,
    chat: ChatId,
    page: &PageRequest,
) -> Result<Page<Message>> {
    let membership = Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    let before = page.number()?.unwrap_or(i64::MAX);
    let mut seqs = Vec::new();
    for table in [MentionTable::NAMED, MentionTable::EVERYBODY] {
        let found = statement::<(BigInt,), Backend>(numbers(table))
            .bind::<Uid, _>(viewer)
            .bind::<Uid, _>(chat)
            .bind::<BigInt, _>(before)
            .bind::<Ts, _>(now)
            .bind::<Ts, _>(now)
            .bind::<BigInt, _>(page.fetch());
        seqs.extend(found.load::<(i64,)>(conn)?.into_iter().map(|(seq,)| seq));
    }
    if seqs.is_empty() {
        return Ok(Page { items: Vec::new(), next_cursor: None });
    }
    let some = messages::table.filter(messages::chat_id.eq(chat).and(messages::seq.eq_any(seqs)));
    let rows = some.order(messages::seq.desc()).limit(page.fetch()).select(MessageRow::as_select()).load(conn)?;
    let (mut items, more) = membership.fill(conn, memory, now, &mut Room::of(page.limit), rows)?;
    items.iter_mut().for_each(|message| conceal(message, now));
    let next_cursor = items.last().filter(|_| more).map(|last: &Message| last.seq.to_string());
    Ok(Page { items, next_cursor })
}

/// The end of time, before which all messages are.
const END: MentionPlace = (Timestamp::from_micros(253_402_300_799_000_000), Id::from_uuid(Uuid::max()), i64::MAX);

/// The messages of all their chats that mention the viewer, the newest first.
pub fn all(
    conn: &mut Conn,
    memory: Option<&Memory>,
    (viewer, now): (UserId, Timestamp),
    unread: Option<bool>,
    page: &PageRequest,
) -> Result<Page<Message>> {
    let after = page.cursor.as_deref().map(place).transpose()?.unwrap_or(END);
    let asked = AllMentions { viewer, now, unread, after, most: page.fetch() };
    // What is unread is little; of all, an index has those that name somebody in their order.
    let mut places = match unread {
        Some(true) => statements::mentions_by_chat(conn, &asked, MentionTable::NAMED)?,
        _ => statements::named_anywhere(conn, &asked)?,
    };
    places.extend(statements::mentions_by_chat(conn, &asked, MentionTable::EVERYBODY)?);
    places.sort_unstable_by(|a, b| b.cmp(a));
    places.truncate(usize::try_from(page.fetch()).unwrap_or_default());
    let wanted: Vec<_> = places.iter().map(|(_, chat, seq)| (*chat, *seq)).collect();
    let rows = if wanted.is_empty() { Vec::new() } else { batch::messaging::messages_at(conn, &wanted)? };
    let shown = messages_of::across(conn, memory, viewer, now, rows)?;
    let mut shown: HashMap<_, _> = shown.into_iter().map(|message| ((message.chat_id, message.seq), message)).collect();
    let shown = places.iter().filter_map(|(_, chat, seq)| shown.remove(&(*chat, *seq)));
    Page::fill(shown.map(Ok), page, |last: &Message| {
        let place = places.iter().find(|(_, chat, seq)| (*chat, *seq) == (last.chat_id, last.seq));
        let at = place.map_or(last.created_at, |(at, ..)| *at);
        format!("{}.{}", Page::<()>::place(at, last.chat_id), last.seq)
    })
}

/// Where the previous page of all mentions ended.
fn place(cursor: &str) -> Result<MentionPlace> {
    let (place, seq) = cursor.rsplit_once('.').ok_or_else(PageRequest::wrong)?;
    let (at, chat) =
        PageRequest { limit: 1, cursor: Some(place.to_owned()) }.moment()?.ok_or_else(PageRequest::wrong)?;
    Ok((at, chat, seq.parse().map_err(|_| PageRequest::wrong())?))
}
