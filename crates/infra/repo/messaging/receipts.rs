//! What others learn of marks: who is told of a move, and the times that are kept; and the marks of what has arrived, which
//! share commits with all other writes in chats.

use std::collections::HashMap;

use clowder_core::{
    ChatId, Ctx, Id, MessageId, Page, PageRequest, Result, Timestamp, UserId, Word,
    sql::{Ts, Uid},
};
use clowder_messaging::{
    Audience, Change, ChatRole, ChatType, Delivered, NewRead, Read, Status,
    policy::{Action, Cell, cell},
    read::{ReadFacts, are_shown, decide},
    receipts::{KEPT, Receipt, TOLD, may_list},
    refusals::{CHAT_UNKNOWN, MESSAGE_UNKNOWN},
};
use diesel::{
    dsl::min,
    prelude::*,
    sql_types::{BigInt, Bool, Nullable},
};
use uuid::Uuid;

use super::{
    super::{
        among::AmongIds,
        batch::messaging::{self as batch, receipts as statements},
        cards::Cards,
        db::Tx,
        dialect::{Backend, Conn},
        fragment::Fragment,
        group_commit::Outcome,
    },
    messages::Membership,
    read::Kept,
    send::Changes,
};
use crate::{
    domains::messaging::{
        MessageRow, ReceiptChanges, ReceiptRow, chats, chats as all, messages as said, participants, receipts,
    },
    statement::statement,
    store::Memory,
};

/// How many times of marks are deleted in one piece.
const AT_ONCE: i64 = 1_000;

/// Whether a participant hides read marks.
pub const DISCREET: Fragment<Bool> = Fragment::new(
    "EXISTS (SELECT 1 FROM preferences f WHERE f.user_id = participants.user_id AND NOT f.read_receipts)",
);

/// Whether the status of messages depends on a participant: of erased accounts, only on the other person of a private chat.
pub const COUNTS: Fragment<Bool> = Fragment::new(
    "(EXISTS (SELECT 1 FROM users u WHERE u.id = participants.user_id AND u.deleted_at IS NULL) \
     OR EXISTS (SELECT 1 FROM chats c WHERE c.id = participants.chat_id AND c.type = 'private'))",
);

/// A mark that moves.
#[derive(Clone, Copy)]
pub struct Moving {
    pub chat: ChatId,
    pub user: UserId,
    pub to: i64,
    /// The read mark before the move; `None` if only that of what has arrived moves.
    pub read_from: Option<i64>,
    /// The mark of what has arrived, before the move.
    pub delivered_from: i64,
    /// Whether the person hides read marks.
    pub discreet: bool,
    /// Whether a block parts the person from somebody in the chat.
    pub parted: bool,
}

impl Moving {
    /// Whether others may see that the person has read something.
    fn shows(&self) -> bool {
        self.read_from.is_some() && !self.discreet
    }
}

/// What the times of these moves become, in chats where others see them.
pub fn times(moves: &[(&Ctx, Moving)], chats: &HashMap<ChatId, Kept>) -> ReceiptChanges {
    let mut times = ReceiptChanges::default();
    let told = moves.iter().filter(|(_, moving)| chats.get(&moving.chat).is_some_and(|kept| kept.told));
    for (ctx, moving) in told {
        let Moving { chat, user, to, read_from, delivered_from, .. } = *moving;
        if moving.shows() || to > delivered_from {
            let (chat_id, user_id, read) = (chat, user, moving.shows());
            times.added.push(ReceiptRow { chat_id, user_id, read, seq: to, at: ctx.now });
        }
        // Now and then what is too old goes.
        if to > KEPT && to / KEPT > read_from.unwrap_or(delivered_from) / KEPT {
            times.old.push((chat, user, to - KEPT));
        }
    }
    times
}

/// What is told of these moves.
pub fn tell<'m>(conn: &mut Conn, moves: &[(&'m Ctx, Moving)], chats: &HashMap<ChatId, Kept>) -> Result<Changes<'m>> {
    let told = |moving: &Moving| chats.get(&moving.chat).is_some_and(|kept| kept.told);
    let open = |moving: &Moving| chats.get(&moving.chat).is_some_and(|kept| kept.told && !kept.discreet);
    let to_all = |moving: &Moving| moving.shows() && open(moving) && !moving.parted;
    // Where not everybody may be told, those are whose messages the mark passes.
    let some: Vec<_> =
        moves.iter().map(|(_, moving)| moving).filter(|moving| told(moving) && !to_all(moving)).collect();
    let range = |moving: &&Moving| {
        let from = if moving.shows() { moving.read_from.unwrap_or(0) } else { moving.delivered_from };
        (moving.chat, moving.user, from.max(moving.to - TOLD), moving.to)
    };
    let mut senders = HashMap::<_, Vec<_>>::new();
    for row in statements::senders_between(conn, &some.iter().map(range).collect::<Vec<_>>())? {
        // A mark names a person.
        let (kind, role) = (ChatType::parse_word(&row.kind)?, ChatRole::parse_word(&row.role)?);
        if row.apart || cell(kind, role, Action::SeePeople) != Cell::Yes {
            continue;
        }
        let moving = usize::try_from(row.index).ok().and_then(|index| some.get(index));
        let told = senders.entry(moving.map(|moving| (moving.chat, moving.user, moving.to))).or_default();
        told.push((row.user_id, row.discreet));
    }
    let mut changes = Vec::with_capacity(moves.len());
    for (ctx, moving) in moves {
        let Moving { chat, user, to, .. } = *moving;
        let read = Read { chat_id: chat, user_id: user, seq: to, at: ctx.now };
        if to_all(moving) {
            changes.push((*ctx, Change::MessageRead(read, Audience::Chat)));
            continue;
        }
        if moving.read_from.is_some() {
            changes.push((*ctx, Change::MessageRead(read.clone(), Audience::Own)));
        }
        let mut senders = senders.remove(&Some((chat, user, to))).unwrap_or_default();
        senders.sort_unstable();
        for (sender, hides) in senders {
            if moving.shows() && !hides {
                changes.push((*ctx, Change::MessageRead(read.clone(), Audience::Sender(sender))));
            } else if to > moving.delivered_from {
                let delivered = Delivered { chat_id: chat, user_id: user, seq: to, at: ctx.now, kept: true };
                changes.push((*ctx, Change::MessageDelivered(delivered, sender)));
            }
        }
    }
    Ok(changes)
}

/// The plan for noting what has arrived.
pub enum Plan {
    /// It is already noted, or nothing is noted in this chat.
    Stay(Delivered),
    Move(PendingDelivery),
}

/// A mark of what has arrived that is to move.
pub struct PendingDelivery {
    ctx: Ctx,
    chat: ChatId,
    user: UserId,
    to: i64,
}

impl PendingDelivery {
    pub fn key(&self) -> (ChatId, UserId) {
        (self.chat, self.user)
    }

    fn at(&self, seq: i64) -> Delivered {
        Delivered { chat_id: self.chat, user_id: self.user, seq, at: self.ctx.now, kept: true }
    }
}

pub fn plan(conn: &mut Conn, ctx: &Ctx, chat: ChatId, new: NewRead) -> Result<Plan> {
    let user = ctx.user()?;
    let facts: Option<(i64, i64, i64, bool)> = participants::table
        .inner_join(chats::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(user)))
        .filter(chats::deleted_at.is_null())
        .select((participants::delivered_seq, chats::last_seq, chats::participant_count, chats::closed))
        .first(conn)
        .optional()?;
    let (from, last_seq, people, closed) = facts.ok_or(CHAT_UNKNOWN)?;
    let kept = are_shown(people) && !closed;
    let to = decide(new, ReadFacts { read_seq: from, last_seq }).filter(|_| kept);
    Ok(match to {
        Some(to) => Plan::Move(PendingDelivery { ctx: ctx.clone(), chat, user, to }),
        None => Plan::Stay(Delivered { chat_id: chat, user_id: user, seq: from, at: ctx.now, kept }),
    })
}

/// Moves marks and returns their changes, which are not written yet. It locks what it needs without waiting.
pub fn write_batch<'d>(
    tx: &mut Tx<'_>,
    deliveries: &[&'d PendingDelivery],
) -> Result<(Vec<Outcome<Delivered>>, Changes<'d>)> {
    let mut pairs: Vec<_> = deliveries.iter().map(|pending| pending.key()).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let rows = batch::lock_marks(tx.conn, &pairs)?;
    let mut marks: HashMap<_, _> = rows.iter().map(|row| ((row.chat_id, row.user_id), row.delivered_seq)).collect();
    pairs.retain(|pair| !marks.contains_key(pair));
    let held = if pairs.is_empty() { Vec::new() } else { batch::held_seats(tx.conn, &pairs)? };
    let mut ids: Vec<_> = marks.keys().map(|(chat, _)| *chat).collect();
    ids.sort_unstable();
    ids.dedup();
    let kept = Kept::load(tx.conn, &ids)?;
    let mut moves = Vec::new();
    let mut outcomes = Vec::with_capacity(deliveries.len());
    for pending in deliveries {
        let Some(mark) = marks.get_mut(&pending.key()) else {
            let is_held = held.contains(&pending.key());
            outcomes.push(if is_held { Outcome::Held } else { Outcome::Done(Err(CHAT_UNKNOWN.into())) });
            continue;
        };
        if pending.to > *mark {
            let PendingDelivery { ctx, chat, user, to } = *pending;
            let moving = Moving {
                chat: *chat,
                user: *user,
                to: *to,
                read_from: None,
                delivered_from: *mark,
                discreet: false,
                // Only those whose messages have arrived are told.
                parted: false,
            };
            moves.push((ctx, moving));
            *mark = pending.to;
        }
        outcomes.push(Outcome::Done(Ok(pending.at(*mark))));
    }
    if moves.is_empty() {
        return Ok((outcomes, Vec::new()));
    }
    let moved: HashMap<_, _> = moves.iter().map(|(_, moving)| ((moving.chat, moving.user), moving.to)).collect();
    let moved: Vec<_> = moved.into_iter().map(|((chat, user), seq)| (chat, user, seq)).collect();
    statements::advance_delivered(tx.conn, &moved, &times(&moves, &kept))?;
    let changes = tell(tx.conn, &moves, &kept)?;
    Ok((outcomes, changes))
}

/// How far a chat has arrived at everybody except the viewer, if the status of one of these messages depends on it. So
/// most pages need no query for it.
pub fn least_delivered(conn: &mut Conn, viewer: UserId, chats: &[ChatId]) -> Result<HashMap<ChatId, i64>> {
    if chats.is_empty() {
        return Ok(HashMap::new());
    }
    // For each chat on its own: over all of them together, PostgreSQL may prefer to read all users.
    let others = participants::table
        .filter(participants::chat_id.eq(all::id).and(participants::user_id.ne(viewer)))
        .filter(COUNTS)
        .select(min(participants::delivered_seq));
    let least = all::table.filter(all::id.among(chats)).select((all::id, others.single_value()));
    let rows: Vec<(ChatId, Option<i64>)> = least.load(conn)?;
    Ok(rows.into_iter().filter_map(|(chat, seq)| Some((chat, seq?))).collect())
}

/// Whether the status of one's own message depends on what has arrived.
pub fn depends(viewer: UserId, row: &MessageRow, lowest: clowder_messaging::read::LowestReadMarks) -> bool {
    row.sender_id == viewer && lowest.user.is_some() && lowest.status(row.sender_id, row.seq) == Status::Sent
}

/// At whom a message has arrived, and who has read it.
pub fn page(
    conn: &mut Conn,
    memory: Option<&Memory>,
    viewer: UserId,
    id: MessageId,
    page: &PageRequest,
) -> Result<Page<Receipt>> {
    type Row = (UserId, i64, i64, bool, Option<Timestamp>, Option<Timestamp>, Option<Timestamp>);
    let found =
        said::table.filter(said::id.eq(id)).select((said::chat_id, said::seq, said::sender_id, said::created_at));
    let found: Option<(ChatId, i64, UserId, Timestamp)> = found.first(conn).optional()?;
    let (chat, seq, sender, created_at) = found.ok_or(MESSAGE_UNKNOWN)?;
    let own = Membership::of(conn, chat, viewer)?.ok_or(MESSAGE_UNKNOWN)?;
    if !own.sees(conn, chat, seq)? {
        return Err(MESSAGE_UNKNOWN.into());
    }
    let Membership { seat, discreet, participants, .. } = own;
    may_list(seat, participants)?;
    let after: UserId = page.id()?.unwrap_or(Id::from_uuid(Uuid::nil()));
    // Marks only move forward: the first move that passed the message is the earliest.
    let rows = statement::<(Uid, BigInt, BigInt, Bool, Nullable<Ts>, Nullable<Ts>, Nullable<Ts>), Backend>(
        "SELECT p.user_id, p.delivered_seq, p.shown_read_seq, \
         EXISTS (SELECT 1 FROM preferences f WHERE f.user_id = p.user_id AND NOT f.read_receipts), \
         (SELECT r.at FROM receipts r WHERE r.chat_id = p.chat_id AND r.user_id = p.user_id AND r.read = false \
         AND r.seq >= ? ORDER BY r.seq LIMIT 1), \
         (SELECT r.at FROM receipts r WHERE r.chat_id = p.chat_id AND r.user_id = p.user_id AND r.read = true \
         AND r.seq >= ? ORDER BY r.seq LIMIT 1), \
         (SELECT min(b.since) FROM blocks b WHERE b.user_id = ? AND b.blocked_id = p.user_id \
         OR b.user_id = p.user_id AND b.blocked_id = ?) \
         FROM participants p JOIN users u ON u.id = p.user_id AND u.deleted_at IS NULL \
         WHERE p.chat_id = ? AND p.user_id > ? AND p.user_id <> ? AND p.joined_at <= ? \
         ORDER BY p.user_id LIMIT ?",
    );
    let rows: Vec<Row> = rows
        .bind::<BigInt, _>(seq)
        .bind::<BigInt, _>(seq)
        .bind::<Uid, _>(viewer)
        .bind::<Uid, _>(viewer)
        .bind::<Uid, _>(chat)
        .bind::<Uid, _>(after)
        .bind::<Uid, _>(sender)
        .bind::<Ts, _>(created_at)
        .bind::<BigInt, _>(page.fetch())
        .load(conn)?;
    let cards = Cards::of(conn, memory, rows.iter().map(|(user, ..)| *user))?;
    let receipts = rows.into_iter().map(|(user, delivered_seq, shown_read_seq, hides, arrived, read, parted)| {
        // As it was when a block began. In a private chat nothing is noted during a block.
        let parted = parted.filter(|_| seat.kind != ChatType::Private);
        let is_shown = |at: &Timestamp| parted.is_none_or(|parted| *at <= parted);
        let (arrived, read) = (arrived.filter(is_shown), read.filter(is_shown));
        let read_at = read.filter(|_| shown_read_seq >= seq);
        // What is read has arrived, at the latest then.
        let delivered_at = arrived.into_iter().chain(read_at).min().filter(|_| delivered_seq >= seq);
        let read_at = read_at.filter(|_| !discreet && !hides);
        Ok(Receipt { user: cards.card(user)?, delivered_at, read_at })
    });
    Page::fill(receipts, page, |receipt| receipt.user.id.to_string())
}

/// Deletes the times of somebody's marks in a chat that they leave.
pub fn forget(conn: &mut Conn, chat: ChatId, users: &[UserId]) -> Result<()> {
    let own = receipts::table.filter(receipts::chat_id.eq(chat).and(receipts::user_id.eq_any(users)));
    diesel::delete(own).execute(conn)?;
    Ok(())
}

/// Deletes some of the times of a chat that goes with everything in it; none when there are none left.
pub fn clear(conn: &mut Conn, chat: ChatId) -> Result<u64> {
    let rows = statement::<(), Backend>(
        "DELETE FROM receipts WHERE (chat_id, user_id, read, seq) IN (SELECT r.chat_id, r.user_id, r.read, r.seq \
         FROM receipts r WHERE r.chat_id = ? ORDER BY r.user_id, r.read, r.seq LIMIT ?)",
    );
    Ok(rows.bind::<Uid, _>(chat).bind::<BigInt, _>(AT_ONCE).execute(conn)? as u64)
}
