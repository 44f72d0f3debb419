//! Reading messages.

use std::collections::{HashMap, HashSet};

use clowder_core::{ChatId, MessageId, Page, PageRequest, Result, Timestamp, UserId, Word, page::Room};
use clowder_messaging::{
    ChatRole, ChatType, Edit, Message, Rights, Status, Window,
    attachments::Files,
    edit::EditFacts,
    lifetimes::conceal,
    mentions::Marks,
    policy::Seat,
    read::LowestReadMarks,
    receipts::{StatusFacts, status},
    refusals::{CHAT_UNKNOWN, MESSAGE_UNKNOWN},
};
use diesel::{prelude::*, sql_types::Bool};

use super::{
    super::{
        among::AmongIds, cards::Cards, dialect::Conn, fragment::Fragment, polls::SeenPolls, relations::named::Named,
    },
    apart::{Apart, PARTED},
    attached::AllAttached,
    mentioned::AllMentioned,
    reacted::AllReacted,
    receipts::{DISCREET, depends, least_delivered},
    removed,
};
use crate::{
    domains::blocks::{blocks, mutes},
    domains::messaging::{FaceRow, LowestReadMarksRow, MessageRow, chats, message_edits, messages, participants},
    store::Memory,
};

/// Whether a participant hides the messages of anybody, or has muted anybody. Few do, so pages look at senders only then.
const JUDGES: Fragment<Bool> = Fragment::new(
    "(EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = participants.user_id AND b.hide_messages) \
     OR EXISTS (SELECT 1 FROM mutes m WHERE m.user_id = participants.user_id))",
);

/// A viewer's membership in a chat, and its lowest read marks.
pub struct Membership {
    pub seat: Seat,
    pub closed: bool,
    /// The viewer sees the messages after this one.
    pub visible_from: i64,
    /// Whether the viewer has removed any messages for themselves.
    pub removed: bool,
    /// Whether the viewer hides the messages of some people, or has muted some.
    judges: bool,
    viewer: UserId,
    /// Whether the viewer hides read marks, and sees none.
    pub discreet: bool,
    /// How many people are in the chat.
    pub participants: i64,
    /// As the viewer sees them.
    lowest_marks: LowestReadMarks,
    apart: Apart,
}

impl Membership {
    /// `None` for outsiders and unknown chats.
    pub fn of(conn: &mut Conn, chat: ChatId, viewer: UserId) -> Result<Option<Self>> {
        Ok(Self::of_all(conn, &[chat], viewer)?.pop().map(|(_, membership)| membership))
    }

    /// Those in several chats.
    fn of_all(conn: &mut Conn, ids: &[ChatId], viewer: UserId) -> Result<Vec<(ChatId, Self)>> {
        type Row = (String, i64, i64, FaceRow, bool, bool, bool, LowestReadMarksRow);
        let rows: Vec<Row> = participants::table
            .inner_join(chats::table)
            .filter(participants::chat_id.among(ids).and(participants::user_id.eq(viewer)))
            .filter(chats::deleted_at.is_null())
            .select((
                participants::role,
                participants::visible_from,
                participants::removed_count,
                FaceRow::as_select(),
                JUDGES,
                DISCREET,
                PARTED,
                LowestReadMarksRow::as_select(),
            ))
            .load(conn)?;
        let parted = rows.iter().filter(|(_, _, _, _, _, _, parted, _)| *parted).map(|(_, _, _, face, ..)| face.id);
        let mut apart = Apart::of_all(conn, viewer, &parted.collect::<Vec<_>>())?;
        let membership = |(role, visible_from, removed, face, judges, discreet, _, lowest_marks): Row| {
            let (seat, closed, chat) = (seat(&face, &role)?, face.closed, face.id);
            let apart = apart.remove(&chat).unwrap_or_default();
            let (participants, lowest_marks) = (face.participant_count, apart.lowest(lowest_marks.into()));
            let removed = removed > 0;
            Ok((
                chat,
                Self {
                    seat,
                    closed,
                    visible_from,
                    removed,
                    judges,
                    viewer,
                    discreet,
                    participants,
                    lowest_marks,
                    apart,
                },
            ))
        };
        rows.into_iter().map(membership).collect()
    }

    /// Whether the viewer sees a message of the chat.
    pub fn sees(&self, conn: &mut Conn, chat: ChatId, seq: i64) -> Result<bool> {
        Ok(seq > self.visible_from && !(self.removed && removed::is_removed(conn, self.viewer, chat, seq)?))
    }

    /// The viewer, if they have removed messages that a page must leave out.
    pub fn remover(&self) -> Option<UserId> {
        self.removed.then_some(self.viewer)
    }

    /// As many of these messages as fit, and whether there are more.
    pub fn fill(
        &self,
        conn: &mut Conn,
        memory: Option<&Memory>,
        now: Timestamp,
        room: &mut Room,
        rows: Vec<MessageRow>,
    ) -> Result<(Vec<Message>, bool)> {
        let seen = self.seen(conn, &rows)?;
        let senders = rows.iter().map(|row| row.sender_id);
        let cards = Cards::of(conn, memory, senders.clone().chain(seen.named.people()))?;
        let judged = if self.judges { Judged::among(conn, self.viewer, now, senders)? } else { Judged::default() };
        room.fill(rows.into_iter().map(|row| Ok(judged.mark(self.message(row, &cards, &seen)?))))
    }

    /// What else these messages of the chat show.
    pub fn seen(&self, conn: &mut Conn, rows: &[MessageRow]) -> Result<Seen> {
        let asked = rows.iter().find(|row| depends(self.viewer, row, self.lowest_marks)).map(|row| row.chat_id);
        let delivered = least_delivered(conn, self.viewer, asked.as_slice())?.into_values().next();
        let (reacted, mentioned) =
            (AllReacted::on_page(conn, self.viewer, rows)?, AllMentioned::of(conn, rows.iter())?);
        let (polls, attached) = (SeenPolls::among(conn, self.viewer, rows)?, AllAttached::of(conn, rows.iter())?);
        let named = Named::by(conn, self.viewer, self.judges, self.removed, rows.iter())?;
        Ok(Seen { reacted, mentioned, attached, polls, delivered, named })
    }

    pub fn message(&self, row: MessageRow, cards: &Cards, seen: &Seen) -> Result<Message> {
        let delivered = self.apart.delivered(seen.delivered);
        let facts = StatusFacts { viewer: self.viewer, discreet: self.discreet, delivered };
        let status = status(facts, self.lowest_marks, row.sender_id, row.seq);
        let reactions = seen.reacted.to(row.chat_id, row.seq);
        let (entities, mentions) = seen.mentioned.marks(&row)?;
        let (sender, forwarded) = (cards.card(row.sender_id)?, row.origin());
        let attachments = seen.attached.to(row.chat_id, row.seq);
        let mut message = Message { entities, mentions, attachments, ..row.message(sender, status, reactions)? };
        seen.named.show(&mut message, forwarded, cards, self.visible_from)?;
        seen.polls.show_in(&mut message);
        Ok(message)
    }
}

/// What messages show beside what was said.
pub struct Seen {
    reacted: AllReacted,
    mentioned: AllMentioned,
    attached: AllAttached,
    polls: SeenPolls,
    /// How far the chat has arrived at all others, if a status depends on it.
    delivered: Option<i64>,
    named: Named,
}

/// Somebody's place in a chat, in which they have this role.
pub fn seat(face: &FaceRow, role: &str) -> Result<Seat> {
    Ok(Seat {
        kind: ChatType::parse_word(&face.kind)?,
        role: ChatRole::parse_word(role)?,
        rights: Rights::from_bits(face.rights).within(face.group_id.is_some()),
        of_group: face.group_id.is_some(),
    })
}

/// Those among the senders whom the viewer has blocked, hiding their messages.
pub fn hidden(conn: &mut Conn, viewer: UserId, senders: impl IntoIterator<Item = UserId>) -> Result<HashSet<UserId>> {
    let senders: HashSet<_> = senders.into_iter().filter(|sender| *sender != viewer).collect();
    if senders.is_empty() {
        return Ok(senders);
    }
    let hiding = blocks::table.filter(blocks::user_id.eq(viewer).and(blocks::blocked_id.among(&senders)));
    let hidden: Vec<UserId> = hiding.filter(blocks::hide_messages).select(blocks::blocked_id).load(conn)?;
    Ok(hidden.into_iter().collect())
}

/// Those among some senders whose messages the viewer hides, and whom the viewer has muted.
#[derive(Default)]
pub struct Judged {
    hidden: HashSet<UserId>,
    muted: HashSet<UserId>,
}

impl Judged {
    pub fn among(
        conn: &mut Conn,
        viewer: UserId,
        now: Timestamp,
        senders: impl IntoIterator<Item = UserId>,
    ) -> Result<Self> {
        let senders: HashSet<_> = senders.into_iter().filter(|sender| *sender != viewer).collect();
        if senders.is_empty() {
            return Ok(Self::default());
        }
        let muted = mutes::table.filter(mutes::user_id.eq(viewer).and(mutes::muted_id.among(&senders)));
        let muted = muted.filter(mutes::until.is_null().or(mutes::until.gt(now))).select(mutes::muted_id);
        let muted = muted.load::<UserId>(conn)?.into_iter().collect();
        Ok(Self { hidden: hidden(conn, viewer, senders)?, muted })
    }

    /// Says of a message what the viewer has decided about its sender. What goes into the journal says nothing of it, because
    /// everybody reads that.
    pub fn mark(&self, message: Message) -> Message {
        let sender = message.sender.id;
        Message { hidden: self.hidden.contains(&sender), muted: self.muted.contains(&sender), ..message }
    }
}

pub fn page(
    conn: &mut Conn,
    memory: Option<&Memory>,
    (viewer, now): (UserId, Timestamp),
    chat: ChatId,
    window: Window,
    limit: u32,
) -> Result<Page<Message>> {
    let membership = Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    let mut room = Room::of(limit);
    let (from, remover) = (membership.visible_from, membership.remover());
    let (items, more) = match window {
        Window::Before(seq) => {
            let rows = older(conn, (chat, remover), from, seq, room.items)?;
            membership.fill(conn, memory, now, &mut room, rows)?
        }
        Window::After(seq) => {
            let rows = newer(conn, (chat, remover), from.max(seq), room.items)?;
            membership.fill(conn, memory, now, &mut room, rows)?
        }
        Window::Around(seq) => {
            // Those nearest to the middle, at most half of the page.
            let half = Room { items: room.items / 2, octets: room.octets / 2 };
            let (mut left, rows) = (half, older(conn, (chat, remover), from, seq, half.items)?);
            let (mut items, _) = membership.fill(conn, memory, now, &mut left, rows)?;
            items.reverse();
            room.items -= items.len();
            room.octets -= half.octets - left.octets;
            let rows = newer(conn, (chat, remover), from.max(seq - 1), room.items)?;
            let (newer, more) = membership.fill(conn, memory, now, &mut room, rows)?;
            items.extend(newer);
            (items, more)
        }
    };
    // The next page continues from here, in the same direction.
    let way = if matches!(window, Window::Before(_)) { "before" } else { "after" };
    let next_cursor = items.last().filter(|_| more).map(|last| format!("{way}.{}", last.seq));
    Ok(Page { items, next_cursor })
}

/// What is read of which chat, without what somebody has removed there for themselves.
type Of = (ChatId, Option<UserId>);

/// One more than `limit`, if there is one, so that a page knows whether another follows.
fn older(conn: &mut Conn, (chat, remover): Of, from: i64, before: i64, limit: usize) -> Result<Vec<MessageRow>> {
    let rows = messages::table
        .filter(messages::chat_id.eq(chat).and(messages::seq.lt(before)).and(messages::seq.gt(from)))
        .order(messages::seq.desc())
        .limit(limit as i64 + 1)
        .select(MessageRow::as_select());
    Ok(match remover {
        None => rows.load(conn)?,
        Some(remover) => rows.filter(removed::stays(remover)).load(conn)?,
    })
}

/// The same.
fn newer(conn: &mut Conn, (chat, remover): Of, after: i64, limit: usize) -> Result<Vec<MessageRow>> {
    let rows = messages::table
        .filter(messages::chat_id.eq(chat).and(messages::seq.gt(after)))
        .order(messages::seq.asc())
        .limit(limit as i64 + 1)
        .select(MessageRow::as_select());
    Ok(match remover {
        None => rows.load(conn)?,
        Some(remover) => rows.filter(removed::stays(remover)).load(conn)?,
    })
}

/// Messages of several chats, without those that the viewer does not see.
pub fn across(
    conn: &mut Conn,
    memory: Option<&Memory>,
    viewer: UserId,
    now: Timestamp,
    rows: Vec<MessageRow>,
) -> Result<Vec<Message>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: HashSet<ChatId> = rows.iter().map(|row| row.chat_id).collect();
    let ids: Vec<ChatId> = ids.into_iter().collect();
    let memberships: HashMap<_, _> = Membership::of_all(conn, &ids, viewer)?.into_iter().collect();
    let judges = memberships.values().any(|membership| membership.judges);
    let depends = |row: &&MessageRow| {
        memberships.get(&row.chat_id).is_some_and(|membership| depends(viewer, row, membership.lowest_marks))
    };
    let asked: Vec<ChatId> = rows.iter().filter(depends).map(|row| row.chat_id).collect();
    let reacted = AllReacted::at(conn, viewer, rows.iter())?;
    let removes = |row: &&MessageRow| memberships.get(&row.chat_id).is_some_and(|membership| membership.removed);
    let removed = removed::among(conn, viewer, rows.iter().filter(removes).map(|row| (row.chat_id, row.seq)))?;
    let named = Named::by(conn, viewer, judges, rows.iter().any(|row| removes(&row)), rows.iter())?;
    let mentioned = AllMentioned::of(conn, rows.iter())?;
    let (polls, attached) = (SeenPolls::among(conn, viewer, &rows)?, AllAttached::of(conn, rows.iter())?);
    let mut seen = Seen { reacted, mentioned, attached, polls, delivered: None, named };
    let delivered = least_delivered(conn, viewer, &asked)?;
    let senders = rows.iter().map(|row| row.sender_id);
    let cards = Cards::of(conn, memory, senders.clone().chain(seen.named.people()))?;
    let judged = if judges { Judged::among(conn, viewer, now, senders)? } else { Judged::default() };
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(membership) = memberships.get(&row.chat_id) else { continue };
        if row.seq > membership.visible_from && !removed.contains(&(row.chat_id, row.seq)) {
            seen.delivered = delivered.get(&row.chat_id).copied();
            let mut message = judged.mark(membership.message(row, &cards, &seen)?);
            conceal(&mut message, now);
            shown.push(message);
        }
    }
    Ok(shown)
}

/// A message with the viewer's membership in its chat.
pub fn facts(conn: &mut Conn, memory: Option<&Memory>, viewer: UserId, id: MessageId) -> Result<EditFacts> {
    let found = messages::table.filter(messages::id.eq(id)).select(MessageRow::as_select()).first(conn).optional()?;
    let row = found.ok_or(MESSAGE_UNKNOWN)?;
    let membership = Membership::of(conn, row.chat_id, viewer)?;
    let sees = match &membership {
        Some(membership) => membership.sees(conn, row.chat_id, row.seq)?,
        None => false,
    };
    Ok(match membership.filter(|_| sees) {
        Some(membership) => {
            let seen = membership.seen(conn, std::slice::from_ref(&row))?;
            let cards = Cards::of(conn, memory, seen.named.people().chain([row.sender_id]))?;
            EditFacts {
                seat: Some(membership.seat),
                closed: membership.closed,
                message: membership.message(row, &cards, &seen)?,
                marks: Marks::default(),
                files: Files::new(),
            }
        }
        // Nothing of what others have done to it.
        None => EditFacts {
            seat: None,
            closed: false,
            message: {
                let card = Cards::of(conn, memory, [row.sender_id])?.card(row.sender_id)?;
                let attachments = AllAttached::of(conn, std::iter::once(&row))?.to(row.chat_id, row.seq);
                Message { thread: None, pinned: false, attachments, ..row.message(card, Status::Sent, Vec::new())? }
            },
            marks: Marks::default(),
            files: Files::new(),
        },
    })
}

pub fn one(conn: &mut Conn, memory: Option<&Memory>, viewer: UserId, now: Timestamp, id: MessageId) -> Result<Message> {
    let facts = facts(conn, memory, viewer, id)?;
    facts.seat.ok_or(MESSAGE_UNKNOWN)?;
    Ok(Judged::among(conn, viewer, now, [facts.message.sender.id])?.mark(facts.message))
}

pub fn history(
    conn: &mut Conn,
    memory: Option<&Memory>,
    viewer: UserId,
    now: Timestamp,
    id: MessageId,
    page: &PageRequest,
) -> Result<Page<Edit>> {
    let mut message = one(conn, memory, viewer, now, id)?;
    conceal(&mut message, now);
    let after = page.number()?;
    let Some(content) = message.content else { return Ok(Page { items: Vec::new(), next_cursor: None }) };
    let earlier: Vec<(i64, String, Timestamp)> = message_edits::table
        .filter(message_edits::chat_id.eq(message.chat_id).and(message_edits::seq.eq(message.seq)))
        .filter(message_edits::version.gt(after.unwrap_or(0)))
        .order(message_edits::version)
        .limit(page.fetch())
        .select((message_edits::version, message_edits::content, message_edits::written_at))
        .load(conn)?;
    let edits = earlier.into_iter().map(|(version, content, written_at)| Edit { version, content, written_at });
    // The current version comes after the earlier ones.
    let now = after.is_none_or(|after| after < message.version).then(|| Edit {
        version: message.version,
        content,
        written_at: message.edited_at.unwrap_or(message.created_at),
    });
    Page::fill(edits.chain(now).map(Ok), page, |edit| edit.version.to_string())
}
