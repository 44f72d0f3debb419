//! Reads chats as one participant sees them.

use std::{collections::HashMap, sync::Arc};

use clowder_core::{ChatId, FileId, GroupId, Id, Page, PageRequest, Picture, Result, Timestamp, UserId, Word};
use clowder_messaging::{
    CHAT, Chat, ChatFilter, ChatPreferences, ChatRole, ChatType, ChatVisibility, History, Lifetime, Message, Rights,
    chats::Pair,
    moderation::rules,
    policy::{Action, Seat, may},
    read::{LowestReadMarks, Onlookers, are_shown},
    receipts::{StatusFacts, status},
    refusals::CHAT_UNKNOWN,
};
use diesel::{dsl::not, prelude::*, sql_types::Bool};

use super::{
    super::{
        among::AmongIds,
        batch,
        cards::Cards,
        dialect::{Backend, Conn},
        domains::Followed,
        polls::SeenPolls,
        relations::named::Named,
    },
    Caches,
    apart::{self, Apart, PARTED},
    attached::AllAttached,
    mentioned::{self, AllMentioned},
    messages as read,
    reacted::AllReacted,
    receipts::{DISCREET, depends, least_delivered},
    removed,
    unread::{self, UNREAD},
};
use crate::domains::{
    accounts::users,
    messaging::{ChatState, ChatSummary, ChoiceRow, FaceRow, LowestReadMarksRow, MessageRow, chats, participants},
};

/// The members of a chat that change with messages and read marks.
#[derive(Queryable, Selectable)]
#[diesel(table_name = chats)]
struct ChatRow {
    id: ChatId,
    participant_count: i64,
    last_seq: i64,
    revision: i64,
    deleted_count: i64,
    system_count: i64,
    active_at: Timestamp,
    version: i64,
    closed: bool,
}

impl ChatRow {
    fn state(&self) -> ChatState {
        ChatState { last_seq: self.last_seq, revision: self.revision, version: self.version }
    }
}

/// The members that change only by edits.
#[derive(Queryable, Selectable)]
#[diesel(table_name = chats)]
struct ConstantRow {
    id: ChatId,
    kind: String,
    title: Option<String>,
    description: Option<String>,
    pair: Option<Vec<u8>>,
    created_at: Timestamp,
    visibility: String,
    history: String,
    rights: i64,
    slow_seconds: i64,
    lifetime: Option<i64>,
    group_id: Option<GroupId>,
    avatar_id: Option<FileId>,
}

impl ConstantRow {
    fn summary(self, last: Option<MessageRow>) -> Result<ChatSummary> {
        Ok(ChatSummary {
            group_id: self.group_id,
            kind: ChatType::parse_word(&self.kind)?,
            visibility: ChatVisibility::parse_word(&self.visibility)?,
            history: History::parse_word(&self.history)?,
            rights: Rights::from_bits(self.rights).within(self.group_id.is_some()),
            slow_seconds: self.slow_seconds,
            lifetime: self.lifetime.map(Lifetime::from_number),
            title: self.title,
            description: self.description,
            avatar: self.avatar_id.map(Picture::of),
            pair: self.pair.as_deref().and_then(Pair::from_bytes),
            created_at: self.created_at,
            last,
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = participants)]
struct MembershipRow {
    role: String,
    read_seq: i64,
    own_after_read: i64,
    visible_from: i64,
    removed_count: i64,
    silent_until: Option<Timestamp>,
    #[diesel(embed)]
    choice: ChoiceRow,
}

/// A chat, the viewer's membership in it, its lowest read marks, whether the viewer hides read marks, and whether the viewer
/// is parted from somebody by a block.
type Joined = (ChatRow, MembershipRow, LowestReadMarksRow, bool, bool);

/// The chats of a viewer.
macro_rules! joined {
    ($viewer:expr) => {
        participants::table
            .inner_join(chats::table)
            .filter(participants::user_id.eq($viewer).and(chats::deleted_at.is_null()))
            .select((
                ChatRow::as_select(),
                MembershipRow::as_select(),
                LowestReadMarksRow::as_select(),
                DISCREET,
                PARTED,
            ))
    };
}

/// What a list of chats is asked for, and by whom.
pub struct Asked<'a> {
    pub viewer: UserId,
    pub now: Timestamp,
    pub filter: &'a ChatFilter,
    /// With a search, the chats that it finds.
    pub found: Option<&'a [ChatId]>,
}

pub fn list(conn: &mut Conn, caches: Option<&Caches>, asked: &Asked<'_>, page: &PageRequest) -> Result<Page<Chat>> {
    let Asked { viewer, now, filter, found } = *asked;
    let order = (participants::pinned.desc(), chats::active_at.desc(), chats::id.desc());
    let mut query = joined!(viewer).order(order).limit(page.fetch()).into_boxed();
    if let Some(kind) = filter.kind {
        query = query.filter(chats::kind.eq(kind.as_str()));
    }
    match filter.unread {
        Some(true) => query = query.filter(UNREAD),
        Some(false) => query = query.filter(not(UNREAD)),
        None => {}
    }
    if let Some(archived) = filter.archived {
        query = query.filter(participants::archived.eq(archived));
    }
    match filter.muted {
        Some(true) => query = query.filter(participants::muted_until.gt(now)),
        Some(false) => {
            query = query.filter(participants::muted_until.is_null().or(participants::muted_until.le(now)));
        }
        None => {}
    }
    if let Some(found) = found {
        query = query.filter(chats::id.eq_any(found));
    }
    if let Some((pinned, (at, id))) = place(page)? {
        let later = chats::active_at.lt(at).or(chats::active_at.eq(at).and(chats::id.lt(id)));
        query = if pinned {
            query.filter(not(participants::pinned).or(later))
        } else {
            query.filter(not(participants::pinned).and(later))
        };
    }
    let rows: Vec<Joined> = query.load(conn)?;
    let views = views(conn, caches, viewer, now, rows)?;
    let written = |chat: &Chat| {
        let place = Page::<()>::place(chat.active_at, chat.id);
        format!("{}{place}", if chat.preferences.pinned { PINNED } else { OTHERS })
    };
    Page::fill(views, page, written)
}

/// How a cursor among the pinned chats begins.
const PINNED: &str = "p";
/// And one among the others.
const OTHERS: &str = "o";

fn place(page: &PageRequest) -> Result<Option<(bool, (Timestamp, ChatId))>> {
    let Some(cursor) = page.cursor.as_deref() else { return Ok(None) };
    let (pinned, rest) = match (cursor.strip_prefix(PINNED), cursor.strip_prefix(OTHERS)) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(PageRequest::wrong()),
    };
    let rest = PageRequest { limit: page.limit, cursor: Some(rest.to_owned()) };
    Ok(rest.moment()?.map(|moment| (pinned, moment)))
}

/// A chat as everybody in it sees it, unless it is being deleted.
pub fn face(conn: &mut Conn, chat: ChatId) -> Result<Option<FaceRow>> {
    let one = chats::table.find(chat).filter(chats::deleted_at.is_null());
    Ok(one.select(FaceRow::as_select()).first(conn).optional()?)
}

/// A chat as somebody sees it who has just come into it, with this role. Texts that are deleted later must not stay in the
/// journal for its sake, so it has no last message.
pub fn fresh(conn: &mut Conn, chat: ChatId, role: ChatRole) -> Result<Chat> {
    let (row, constant): (ChatRow, ConstantRow) =
        chats::table.find(chat).select((ChatRow::as_select(), ConstantRow::as_select())).first(conn)?;
    let summary = constant.summary(None)?;
    let seat = summary.seat(role);
    Ok(Chat {
        id: row.id,
        kind: summary.kind,
        title: summary.title,
        description: summary.description,
        avatar: summary.avatar,
        peer: None,
        participant_count: row.participant_count,
        my_role: role,
        visibility: summary.visibility,
        history: summary.history,
        rights: summary.rights,
        slow_seconds: summary.slow_seconds,
        silent_until: None,
        lifetime: summary.lifetime,
        group_id: summary.group_id,
        writable: !row.closed && may(seat, Action::Post),
        preferences: ChatPreferences::default(),
        read_seq: row.last_seq,
        unread_count: 0,
        mention_count: 0,
        last_seq: row.last_seq,
        last_message: None,
        created_at: summary.created_at,
        active_at: row.active_at,
        version: row.version,
    })
}

pub fn one(conn: &mut Conn, caches: Option<&Caches>, viewer: UserId, now: Timestamp, chat: ChatId) -> Result<Chat> {
    let joined: Option<Joined> = joined!(viewer).filter(participants::chat_id.eq(chat)).first(conn).optional()?;
    views(conn, caches, viewer, now, vec![joined.ok_or(CHAT_UNKNOWN)?])?.next().ok_or(CHAT_UNKNOWN)?
}

/// People follow the chats that they are in.
pub const FOLLOWED: Followed = Followed { kind: CHAT, ids: followed };

fn followed(conn: &mut Conn, user: UserId, after: Id<()>, limit: i64) -> Result<Vec<(Id<()>, i64)>> {
    let memberships = participants::table.filter(participants::user_id.eq(user).and(participants::chat_id.gt(after)));
    let places = memberships.select((participants::chat_id, removed::ENTERED_FROM));
    Ok(places.order(participants::chat_id).limit(limit).load(conn)?)
}

/// Of how many private chats somebody hears who is online.
const PARTNERS: i64 = 200;

/// The other people of somebody's private chats, of those in which something was said last.
pub fn partners(conn: &mut Conn, user: UserId) -> Result<Vec<UserId>> {
    let private = participants::table
        .inner_join(chats::table)
        .filter(participants::user_id.eq(user).and(chats::pair.is_not_null()).and(chats::deleted_at.is_null()))
        .order((chats::active_at.desc(), chats::id.desc()))
        .limit(PARTNERS)
        .select(chats::pair.assume_not_null());
    let pairs: Vec<Vec<u8>> = private.load(conn)?;
    Ok(pairs.iter().filter_map(|pair| Some(Pair::from_bytes(pair)?.other(user))).collect())
}

/// The users with whom somebody is in a chat.
pub fn shared_with(user: UserId) -> Box<dyn BoxableExpression<users::table, Backend, SqlType = Bool>> {
    let own = diesel::alias!(participants as own);
    let own = own.filter(own.field(participants::user_id).eq(user)).select(own.field(participants::chat_id));
    let theirs = participants::table.filter(participants::user_id.eq(users::id));
    Box::new(diesel::dsl::exists(theirs.filter(participants::chat_id.eq_any(own))))
}

/// Whether others see that the viewer types: what decides about that, and nothing else of the chat.
pub fn may_type(conn: &mut Conn, viewer: UserId, now: Timestamp, chat: ChatId) -> Result<Onlookers> {
    type Row = (String, i64, Option<GroupId>, bool, i64, String, Option<Timestamp>);
    let found: Option<Row> = participants::table
        .inner_join(chats::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(viewer)))
        .filter(chats::deleted_at.is_null())
        .select((
            chats::kind,
            chats::rights,
            chats::group_id,
            chats::closed,
            chats::participant_count,
            participants::role,
            participants::silent_until,
        ))
        .first(conn)
        .optional()?;
    let (kind, rights, group, closed, count, role, silent_until) = found.ok_or(CHAT_UNKNOWN)?;
    let (kind, role) = (ChatType::parse_word(&kind)?, ChatRole::parse_word(&role)?);
    let seat = Seat { kind, role, rights: Rights::from_bits(rights), of_group: group.is_some() };
    rules::may_type(seat, closed, silent_until, now)?;
    Ok(Onlookers { apart: apart::all_in(conn, viewer, chat)?, only_watching: !are_shown(count) })
}

/// Adds to each chat its summary, its people, and the number of unread messages that do not count.
fn views(
    conn: &mut Conn,
    caches: Option<&Caches>,
    viewer: UserId,
    now: Timestamp,
    mut rows: Vec<Joined>,
) -> Result<impl Iterator<Item = Result<Chat>>> {
    let mut summaries = summaries(conn, caches, &rows)?;
    let place = |(chat, own, ..): &Joined| unread::Place {
        chat: chat.id,
        last_seq: chat.last_seq,
        read_seq: own.read_seq,
        own_after_read: own.own_after_read,
        has_deleted: chat.deleted_count > 0,
        has_system: chat.system_count > 0,
        has_removed: own.removed_count > 0,
    };
    let unread_counts = unread::counts(conn, viewer, &rows.iter().map(place).collect::<Vec<_>>())?;
    let partly = rows.iter().filter(|(_, own, ..)| own.removed_count > 0).map(|(chat, ..)| chat.id);
    let partly: Vec<ChatId> = partly.collect();
    removed::show_last(conn, viewer, &partly, &mut summaries)?;
    let senders = summaries.values().filter_map(|summary| summary.last.as_ref()).map(|last| last.sender_id);
    let peers = summaries.values().filter_map(|summary| summary.pair).map(|pair| pair.other(viewer));
    let judged = read::Judged::among(conn, viewer, now, senders.clone())?;
    let lasts = summaries.values().filter_map(|summary| summary.last.as_ref());
    let named = Named::by(conn, viewer, true, !partly.is_empty(), lasts)?;
    let people = senders.chain(peers).chain(named.people());
    let cards = Cards::of(conn, caches.map(|caches| &caches.people), people)?;
    let reacted = AllReacted::at(conn, viewer, summaries.values().filter_map(|summary| summary.last.as_ref()))?;
    let mentioned = AllMentioned::of(conn, summaries.values().filter_map(|summary| summary.last.as_ref()))?;
    let attached = AllAttached::of(conn, summaries.values().filter_map(|summary| summary.last.as_ref()))?;
    let unread = rows.iter().filter(|(chat, own, ..)| chat.last_seq > own.read_seq + own.own_after_read);
    let unread = unread.map(|(chat, own, ..)| (chat.id, own.read_seq.max(own.visible_from), own.removed_count == 0));
    let unread: Vec<_> = unread.collect();
    let mention_counts = mentioned::unread(conn, viewer, now, &unread)?;
    let polls = SeenPolls::among(conn, viewer, summaries.values().filter_map(|summary| summary.last.as_ref()))?;
    let last = |chat: &ChatId| summaries.get(chat).and_then(|summary| summary.last.as_ref());
    let parted = rows.iter().filter(|(.., parted)| *parted).map(|(chat, ..)| chat.id);
    let apart = Apart::of_all(conn, viewer, &parted.collect::<Vec<_>>())?;
    for (chat, _, lowest, ..) in &mut rows {
        if let Some(apart) = apart.get(&chat.id) {
            *lowest = apart.lowest(LowestReadMarks::from(*lowest)).into();
        }
    }
    let asked = rows.iter().filter(|(chat, _, lowest, ..)| {
        are_shown(chat.participant_count)
            && last(&chat.id).is_some_and(|last| depends(viewer, last, LowestReadMarks::from(*lowest)))
    });
    let delivered = least_delivered(conn, viewer, &asked.map(|(chat, ..)| chat.id).collect::<Vec<_>>())?;
    // A chat that was deleted meanwhile has no summary.
    let seen = rows
        .into_iter()
        .filter_map(move |joined| summaries.get(&joined.0.id).cloned().map(|summary| (joined, summary)));
    let view = move |((chat, membership, lowest_marks, discreet, _), summary): (Joined, Arc<ChatSummary>)| {
        let my_role = ChatRole::parse_word(&membership.role)?;
        let seat = summary.seat(my_role);
        let last = summary.last.as_ref().filter(|last| last.seq > membership.visible_from);
        let said = |last: &MessageRow| -> Result<Message> {
            let delivered = delivered.get(&chat.id).copied();
            let delivered = apart.get(&chat.id).map_or(delivered, |apart| apart.delivered(delivered));
            let facts = StatusFacts { viewer, discreet, delivered };
            let status = status(facts, lowest_marks.into(), last.sender_id, last.seq);
            let reactions = reacted.to(last.chat_id, last.seq);
            let (entities, mentions) = mentioned.marks(last)?;
            let mut said = last.clone().message(cards.card(last.sender_id)?, status, reactions)?;
            named.show(&mut said, last.origin(), &cards, membership.visible_from)?;
            polls.show_in(&mut said);
            let attachments = attached.to(last.chat_id, last.seq);
            Ok(judged.mark(Message { entities, mentions, attachments, ..said }))
        };
        Ok(Chat {
            id: chat.id,
            kind: summary.kind,
            title: summary.title.clone(),
            description: summary.description.clone(),
            avatar: summary.avatar,
            group_id: summary.group_id,
            peer: summary.pair.map(|pair| cards.card(pair.other(viewer))).transpose()?,
            participant_count: chat.participant_count,
            my_role,
            visibility: summary.visibility,
            history: summary.history,
            rights: summary.rights,
            slow_seconds: summary.slow_seconds,
            silent_until: membership.silent_until,
            lifetime: summary.lifetime,
            writable: !chat.closed && may(seat, Action::Post),
            preferences: membership.choice.preferences()?,
            read_seq: membership.read_seq,
            unread_count: unread_counts.get(&chat.id).copied().unwrap_or_default(),
            mention_count: mention_counts.get(&chat.id).copied().unwrap_or_default(),
            last_seq: chat.last_seq,
            last_message: last.map(said).transpose()?,
            created_at: summary.created_at,
            active_at: chat.active_at,
            version: chat.version,
        })
    };
    Ok(seen.map(view))
}

/// The summary of each chat: from the cache, and from the database for those that are not cached.
fn summaries(conn: &mut Conn, caches: Option<&Caches>, rows: &[Joined]) -> Result<HashMap<ChatId, Arc<ChatSummary>>> {
    let summaries = caches.map(|caches| &caches.summaries);
    let mut found = HashMap::with_capacity(rows.len());
    let mut unknown = HashMap::new();
    for (chat, ..) in rows {
        match summaries.and_then(|summaries| summaries.get(chat.id, chat.state())) {
            Some(summary) => drop(found.insert(chat.id, summary)),
            None => drop(unknown.insert(chat.id, chat.state())),
        }
    }
    if unknown.is_empty() {
        return Ok(found);
    }
    let heads: Vec<ConstantRow> =
        chats::table.filter(chats::id.among(unknown.keys())).select(ConstantRow::as_select()).load(conn)?;
    let said = unknown.iter().filter(|(_, state)| state.last_seq > 0);
    let places: Vec<_> = said.map(|(chat, state)| (*chat, state.last_seq)).collect();
    let last = if places.is_empty() { Vec::new() } else { batch::messaging::messages_at(conn, &places)? };
    let mut last: HashMap<_, _> = last.into_iter().map(|row| (row.chat_id, row)).collect();
    for head in heads {
        let chat = head.id;
        let summary = Arc::new(head.summary(last.remove(&chat))?);
        if let (Some(summaries), Some(state)) = (summaries, unknown.get(&chat)) {
            summaries.keep(chat, *state, Arc::clone(&summary));
        }
        found.insert(chat, summary);
    }
    Ok(found)
}
