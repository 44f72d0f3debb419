//! Finds messages: which volumes to look through, what the index has there that the caller may see, and the page of it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use clowder_accounts::Username;
use clowder_core::{
    ChatId, Field, MessageId, Page, PageRequest, Result, Timestamp, UserId, Word,
    page::Room,
    sql::{Ts, Uid},
};
use clowder_messaging::{
    Message,
    entities::{self, tag_of},
    refusals::CHAT_UNKNOWN,
    search::{
        Found, Has, Mentioned, Order, RANKED, Search, Whom,
        highlight::highlight,
        marks::{EVERYBODY, FILE, HASHTAG, LINK, MENTION, at, by, of_type},
        query::Sought,
        rank::score,
        tokens::{VERSION, beginning, tokens},
        volumes::{self, MOST, SIZE, Volume, is_enough, volume_of},
    },
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Text},
};

use super::{
    super::{
        accounts::names,
        among::AmongIds,
        dialect::{self, Backend, Conn, search::Found as FoundColumns},
        messaging::messages::{self as shown, Membership},
    },
    behind::Behind,
    indexing,
    looking::{Looked, READ_AT_MOST, look, texts},
};
use crate::{
    domains::messaging::{Asked, Filter, Match, MessageRow, Place, chats, messages, participants, search_chats},
    statement::Statement,
    store::Memory,
};

/// How many messages the volumes have that are looked through at once: few at first, because these often have enough.
const FIRST_PIECE: i64 = SIZE;
/// How many messages with hashtags are read at once.
const READ_AT_ONCE: usize = 200;
/// Among how many messages hashtags are suggested, at most.
const TAGGED: usize = 2_000;

pub fn page(
    conn: &mut Conn,
    memory: Option<&Memory>,
    viewer: UserId,
    now: Timestamp,
    search: &Search,
    page: &PageRequest,
) -> Result<Page<Found>> {
    if let Some(chat) = search.chat {
        Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    }
    let behind = page.cursor.as_deref().map(|cursor| Behind::read(cursor, search.order)).transpose()?;
    let author = match &search.from {
        Some(from) => match whom(conn, now, from)? {
            Some(user) => Some(user),
            None => return Ok(Page { items: Vec::new(), next_cursor: None }),
        },
        None => None,
    };
    let mentioned = match &search.mentions {
        Some(Mentioned::Person(person)) => match whom(conn, now, person)? {
            Some(user) => Some(user),
            None => return Ok(Page { items: Vec::new(), next_cursor: None }),
        },
        Some(Mentioned::Everybody) | None => None,
    };
    // What is older than all that is ranked is listed by its time.
    let is_ranked = search.order == Order::Relevance && behind.is_none_or(|behind| behind.score.is_some());
    // While pages are read, nothing that is sent meanwhile changes their order.
    let until = behind.filter(|_| search.order == Order::Relevance).map(|behind| behind.until);
    let filter = Filter {
        viewer,
        now,
        kind: search.kind.map(Word::as_str),
        mentioned,
        mentions_all: search.mentions == Some(Mentioned::Everybody),
        has: search.has,
        before: search.before,
        after: search.after,
        until,
        behind: behind.filter(|_| !is_ranked).map(|behind| behind.place),
        oldest_first: search.order == Order::Oldest,
    };
    let wanted = if is_ranked { RANKED } else { page.limit as usize + 1 };
    let is_pin = search.has == Some(Has::Pin);
    let mut volumes = if is_pin { Vec::new() } else { seen(conn, viewer, search.chat, search.order)? };
    volumes.retain(|volume| filter.may_have(volume));
    let (mut found, looked_until) = if matches!(search.has, Some(Has::Pin | Has::Reaction)) {
        let Looked { fitting, until } = look(conn, &volumes, search, &filter, author, wanted)?;
        (fitting, until)
    } else {
        let asked = Asked { sought: search.sought.clone(), marks: marks(conn, search, author, mentioned)? };
        (indexed(conn, &volumes, &asked, &filter, search.order, wanted)?, None)
    };
    // The clock of another node may be ahead.
    let newest = found.iter().map(|found| found.place.at).max();
    let until = until.unwrap_or(now.max(newest.unwrap_or(now)));
    // Behind what was looked at there may be more, however little of it fits.
    let mut oldest = looked_until;
    let ranked = if is_ranked {
        // The first page decides what is ranked: what goes meanwhile does not move older messages among it.
        oldest = match behind {
            Some(behind) => behind.oldest,
            None => oldest.or(found.last().filter(|_| found.len() == wanted).map(|last| last.place)),
        };
        found.retain(|found| oldest.is_none_or(|oldest| found.place >= oldest));
        ranked(conn, search, &found, until, behind)?
    } else {
        found.into_iter().map(|found| (found, None)).collect()
    };
    let viewing = Viewing { memory, viewer, now, until, oldest };
    show(conn, &viewing, search, page, &ranked)
}

/// Who is meant. What cannot be a name is nobody's.
fn whom(conn: &mut Conn, now: Timestamp, person: &Whom) -> Result<Option<UserId>> {
    match person {
        Whom::Id(id) => Ok(Some(*id)),
        Whom::Username(name) => match Username::parse(name.as_str().into()) {
            Ok(username) => names::holder(conn, now, &username),
            Err(_) => Ok(None),
        },
    }
}

/// What else the index is asked for. What it does not know, conditions on each message decide.
fn marks(conn: &mut Conn, search: &Search, author: Option<UserId>, mentioned: Option<UserId>) -> Result<Vec<String>> {
    let mut marks: Vec<String> = author.map(by).into_iter().collect();
    marks.extend((search.has == Some(Has::Link)).then(|| LINK.to_owned()));
    let mut later: Vec<String> = mentioned.map(at).into_iter().collect();
    later.extend((search.mentions == Some(Mentioned::Everybody)).then(|| EVERYBODY.to_owned()));
    later.extend((search.has == Some(Has::Mention)).then(|| MENTION.to_owned()));
    later.extend((search.has == Some(Has::File)).then(|| FILE.to_owned()));
    later.extend(search.kind.map(|kind| of_type(kind.as_str())));
    // Until everything is indexed by these rules, not every message has these. Without words, there is nothing else to ask for.
    let is_alone = search.sought.terms.is_empty();
    if !later.is_empty() && (is_alone || indexing::state(conn)?.rules >= VERSION) {
        marks.append(&mut later);
    }
    Ok(marks)
}

/// Hashtags that begin like what is typed, in the newest messages with such hashtags that somebody sees: the most used first.
pub fn tags(conn: &mut Conn, viewer: UserId, now: Timestamp, typed: &str, most: usize) -> Result<Vec<String>> {
    let beginning = tag_of(typed);
    let Some(sought) = Sought::parse(&beginning) else { return Ok(Vec::new()) };
    let is_marked = indexing::state(conn)?.rules >= VERSION;
    let asked = Asked { sought, marks: is_marked.then(|| HASHTAG.to_owned()).into_iter().collect() };
    let mut filter = Filter::none(viewer, now);
    let mut volumes = seen(conn, viewer, None, Order::Newest)?;
    // Those with such a word and another hashtag are found, too.
    let (mut counts, mut looked_at, mut read) = (HashMap::<String, (usize, usize)>::new(), 0, 0);
    while looked_at < TAGGED && read < READ_AT_MOST {
        let found = indexed(conn, &volumes, &asked, &filter, Order::Newest, READ_AT_ONCE)?;
        let texts = texts(conn, &found.iter().map(|found| found.id).collect::<Vec<_>>())?;
        for said in found.iter().filter_map(|found| texts.get(&found.id)?.as_deref()) {
            read += said.len();
            for tag in entities::tags(said).into_iter().filter(|tag| tag.starts_with(&beginning)) {
                let newer = counts.len();
                counts.entry(tag).or_insert((0, newer)).0 += 1;
            }
        }
        looked_at += found.len();
        if found.len() < READ_AT_ONCE {
            break;
        }
        filter.behind = found.last().map(|last| last.place);
        volumes.retain(|volume| filter.may_have(volume));
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    // Of those that are used as often, the one that was used last.
    counts.sort_by_key(|(_, (count, newer))| (Reverse(*count), *newer));
    Ok(counts.into_iter().take(most).map(|(tag, _)| format!("#{tag}")).collect())
}

/// Who looks at what is found, and when.
struct Viewing<'m> {
    memory: Option<&'m Memory>,
    viewer: UserId,
    now: Timestamp,
    /// When the first page was read.
    until: Timestamp,
    /// The oldest of those that are ranked, or the last that was looked at, if there may be more behind it.
    oldest: Option<Place>,
}

/// What is found, with its score if it was ranked.
type Ranked = Vec<(Match, Option<f64>)>;

fn show(
    conn: &mut Conn,
    viewing: &Viewing<'_>,
    search: &Search,
    page: &PageRequest,
    ranked: &[(Match, Option<f64>)],
) -> Result<Page<Found>> {
    let Viewing { memory, viewer, now, until, oldest } = *viewing;
    let limit = page.limit as usize;
    let ids: Vec<MessageId> = ranked.iter().take(limit).map(|(found, _)| found.id).collect();
    let rows = messages::table.filter(messages::id.among(&ids)).select(MessageRow::as_select()).load(conn)?;
    let shown = shown::across(conn, memory, viewer, now, rows)?;
    let mut shown: HashMap<MessageId, Message> = shown.into_iter().map(|message| (message.id, message)).collect();
    let mut places = Vec::new();
    let items = ranked.iter().take(limit).filter_map(|(found, score)| {
        let message = shown.remove(&found.id)?;
        // It may have gone since it was found.
        let said = said_in(&message)?;
        let tokens = tokens(&said);
        let hits = search.sought.hits(&tokens);
        places.push(Behind { until, score: *score, place: found.place, oldest });
        let score = score
            .unwrap_or_else(|| self::score(&tokens, &hits, search.sought.terms.len(), age(until, message.created_at)));
        let highlight = highlight(&said, &hits);
        Some(Ok(Found { message, highlight, score }))
    });
    let (items, cut) = Room::of(page.limit).fill(items.collect::<Vec<_>>())?;
    let last = places.get(items.len().wrapping_sub(1));
    // Of those that have gone, the last one says where the next page begins.
    let skipped = ranked.get(limit.wrapping_sub(1)).filter(|_| !cut && ranked.len() > limit);
    let skipped = skipped.map(|(found, score)| Behind { until, score: *score, place: found.place, oldest });
    let older = oldest.filter(|_| !cut).map(|place| Behind { until, score: None, place, oldest: None });
    let next = skipped.or_else(|| last.copied().filter(|_| cut)).or(older);
    Ok(Page { items, next_cursor: next.map(|behind| behind.written(search.order)) })
}

/// All that is said in a message, as it is indexed.
fn said_in(message: &Message) -> Option<String> {
    let options = message.poll.iter().flat_map(|poll| &poll.options).map(|option| option.text.as_str());
    let lines: Vec<&str> = message.content.as_deref().into_iter().chain(options).collect();
    message.content.is_some().then(|| lines.join("\n"))
}

fn age(now: Timestamp, at: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(now.as_micros() - at.as_micros()).unwrap_or(0))
}

/// What fits best, behind a place.
fn ranked(
    conn: &mut Conn,
    search: &Search,
    found: &[Match],
    until: Timestamp,
    behind: Option<Behind>,
) -> Result<Ranked> {
    let ids: Vec<MessageId> = found.iter().map(|found| found.id).collect();
    let texts = texts(conn, &ids)?;
    let scored = |found: &Match| {
        let tokens = beginning(texts.get(&found.id)?.as_deref()?);
        let hits = search.sought.hits(&tokens);
        let score = score(&tokens, &hits, search.sought.terms.len(), age(until, found.place.at));
        Some((*found, Behind { until, score: Some(score), place: found.place, oldest: None }))
    };
    let mut ranked: Vec<(Match, Behind)> = found.iter().filter_map(scored).collect();
    if let Some(behind) = behind {
        ranked.retain(|(_, place)| place.rank() > behind.rank());
    }
    ranked.sort_by_key(|(_, place)| place.rank());
    Ok(ranked.into_iter().map(|(found, place)| (found, place.score)).collect())
}

/// What the index has that comes first, so many.
fn indexed(
    conn: &mut Conn,
    volumes: &[Volume],
    asked: &Asked,
    filter: &Filter,
    order: Order,
    wanted: usize,
) -> Result<Vec<Match>> {
    find(conn, volumes, order, (wanted, i64::MAX), |conn, volumes, since| {
        let most = wanted as i64;
        dialect::search::find(conn, volumes, asked, (filter, since), most, |statement| values(filter, statement))
    })
}

/// So many of what `some` finds in a few volumes, none of it sent before a time, that comes first; at once, it is asked for
/// volumes of at most so many messages.
pub fn find(
    conn: &mut Conn,
    volumes: &[Volume],
    order: Order,
    (wanted, at_once): (usize, i64),
    some: impl Fn(&mut Conn, &[Volume], Option<Timestamp>) -> Result<Vec<Match>>,
) -> Result<Vec<Match>> {
    let (mut found, mut rest, mut room) = (Vec::<Match>::new(), volumes, FIRST_PIECE);
    let oldest_first = order == Order::Oldest;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(volumes::piece(rest, room.min(at_once)));
        // What is earlier than so many others cannot be among them.
        let since = found.last().filter(|_| found.len() == wanted && !oldest_first).map(|last| last.place.at);
        found.extend(some(conn, now, since)?);
        found.sort_by_key(|found| found.place);
        if !oldest_first {
            found.reverse();
        }
        found.truncate(wanted);
        let last = found.last().filter(|_| found.len() == wanted).map(|last| last.place.at);
        if is_enough(last, later.first(), order) {
            break;
        }
        (rest, room) = (later, room.saturating_mul(4));
    }
    Ok(found)
}

/// The values of a filter's conditions.
pub fn values(filter: &Filter, statement: Statement<FoundColumns, Backend>) -> Statement<FoundColumns, Backend> {
    let mut statement = statement.bind::<Ts, _>(filter.now).bind::<Uid, _>(filter.viewer).bind::<Uid, _>(filter.viewer);
    if let Some(kind) = filter.kind {
        statement = statement.bind::<Text, _>(kind);
    }
    if let Some(user) = filter.mentioned {
        statement = statement.bind::<Uid, _>(user);
    }
    for time in [filter.before, filter.after, filter.until].into_iter().flatten() {
        statement = statement.bind::<Ts, _>(time);
    }
    if let Some(Place { at, chat, seq }) = filter.behind {
        statement = statement.bind::<Ts, _>(at).bind::<Uid, _>(chat).bind::<BigInt, _>(seq);
    }
    statement
}

/// The volumes of the chats that somebody is in, as far as they see them, in the order in which to look through them.
fn seen(conn: &mut Conn, viewer: UserId, chat: Option<ChatId>, order: Order) -> Result<Vec<Volume>> {
    let mut own = participants::table
        .inner_join(chats::table)
        .inner_join(search_chats::table.on(search_chats::chat_id.eq(participants::chat_id)))
        .filter(participants::user_id.eq(viewer))
        .filter(chats::deleted_at.is_null().and(chats::last_seq.gt(participants::visible_from)))
        .order(chats::active_at.desc())
        .limit(MOST as i64)
        .select((
            (chats::id, search_chats::number, participants::visible_from),
            (chats::last_seq, chats::created_at, chats::active_at),
        ))
        .into_boxed();
    if let Some(chat) = chat {
        own = own.filter(participants::chat_id.eq(chat));
    }
    type Row = ((ChatId, i64, i64), (i64, Timestamp, Timestamp));
    let own: Vec<Row> = own.load(conn)?;
    let (mut used, mut count) = (Vec::new(), 0);
    for row in own {
        let ((_, _, visible_from), (last_seq, ..)) = row;
        let (first, last) = (volume_of(visible_from + 1), volume_of(last_seq));
        used.push((row, first, last));
        count += (last - first + 1) as usize;
        if count >= MOST {
            break;
        }
    }
    let large = used.iter().filter(|(_, first, last)| first < last);
    let ends = ends(conn, &large.map(|(((chat, ..), _), first, last)| (*chat, *first, *last)).collect::<Vec<_>>())?;
    let mut volumes = Vec::with_capacity(count);
    for (((chat, number, visible_from), (last_seq, created_at, active_at)), first, last) in used {
        for volume in (first..=last).rev() {
            let end_of = |volume: i64| ends.get(&(chat, volume)).copied();
            // A chat counts as active at its last message.
            let newest = if volume == last { active_at } else { end_of(volume).unwrap_or(active_at) };
            let oldest = end_of(volume - 1).unwrap_or(created_at);
            let (from, to) = (visible_from.max(volume * SIZE - 1), last_seq.min((volume + 1) * SIZE - 1));
            volumes.push(Volume { chat, number, volume, from, to, oldest, newest });
        }
    }
    volumes::sort(&mut volumes, order);
    Ok(volumes)
}

/// When the last messages of the volumes of these chats were sent, from a first to a last volume each. Chats of about the
/// same size are asked for together: their volumes end at the same numbers.
fn ends(conn: &mut Conn, large: &[(ChatId, i64, i64)]) -> Result<HashMap<(ChatId, i64), Timestamp>> {
    let mut by_size = BTreeMap::<u32, Vec<(ChatId, i64, i64)>>::new();
    for chat in large {
        by_size.entry(chat.2.max(1).ilog2()).or_default().push(*chat);
    }
    let mut ends = HashMap::new();
    for alike in by_size.values() {
        let first = alike.iter().map(|(_, first, _)| *first).min().unwrap_or_default();
        let last = alike.iter().map(|(.., last)| *last).max().unwrap_or_default();
        let lasts = (first.max(1) - 1..last).map(|volume| (volume + 1) * SIZE - 1);
        let ids: Vec<ChatId> = alike.iter().map(|(chat, ..)| *chat).collect();
        let some = messages::table.filter(messages::chat_id.among(&ids)).filter(messages::seq.eq_any(lasts));
        let some: Vec<(ChatId, i64, Timestamp)> =
            some.select((messages::chat_id, messages::seq, messages::created_at)).load(conn)?;
        ends.extend(some.into_iter().map(|(chat, seq, at)| ((chat, volume_of(seq)), at)));
    }
    Ok(ends)
}
