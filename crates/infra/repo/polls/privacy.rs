//! The votes of somebody: exported, and taken back when they are erased.

use clowder_core::{Actor, ChatId, Ctx, Id, MessageId, Result, Role, Timestamp, Via, Word};
use clowder_messaging::{
    Change, ChatType,
    polls::{Ballot, Choices, Voted},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{
    batch::messaging::polls as statements,
    db::Tx,
    dialect::Conn,
    journal,
    messaging::privacy::walking::{self, Taking},
    privacy::{
        Asking, Erasing,
        parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape},
    },
};
use crate::{
    domains::messaging::{PollRow, VoteChanges, chats, message_poll_votes as table, messages},
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "poll_votes",
    phase: Phase::Content,
    references: &[erased("message_poll_votes", "user_id")],
    files: &[File {
        name: "poll_votes.ndjson",
        about: "your votes in polls, one per line",
        shape: Shape::Lines,
        read: export,
    }],
    erase: take_back,
}];

/// How many votes are taken back in one piece.
const AT_ONCE: i64 = 50;

/// Where a file continues.
#[derive(Serialize, Deserialize)]
struct Mark(ChatId, i64);

fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    type Row = (ChatId, i64, i64, Timestamp, MessageId, Option<Timestamp>);
    let after: Option<Mark> = mark.map(serde_json::from_str).transpose()?;
    let mut query = table::table
        .inner_join(messages::table.on(messages::chat_id.eq(table::chat_id).and(messages::seq.eq(table::seq))))
        .filter(table::user_id.eq(asking.user))
        .order((table::chat_id, table::seq))
        .limit(ROWS)
        .select((table::chat_id, table::seq, table::choices, table::voted_at, messages::id, messages::deleted_at))
        .into_boxed();
    if let Some(Mark(chat, seq)) = after {
        query = query.filter(table::chat_id.gt(chat).or(table::chat_id.eq(chat).and(table::seq.gt(seq))));
    }
    let rows: Vec<Row> = query.load(conn)?;
    let next = rows.last().filter(|_| rows.len() as i64 == ROWS);
    let next = next.map(|(chat, seq, ..)| serde_json::to_string(&Mark(*chat, *seq))).transpose()?;
    // Those in deleted messages are only waiting to go.
    let items = rows.into_iter().filter(|(.., deleted_at)| deleted_at.is_none());
    let items = items.map(|(chat, seq, choices, at, message, _)| {
        let options = Choices::from_bits(choices).indexes();
        json!({ "chat_id": chat, "message_id": message, "seq": seq, "options": options, "at": at })
    });
    Ok(ExportPage { items: items.collect(), next, seen: 0 })
}

/// Takes votes back in one chat, also in polls that are closed.
fn take_back(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let taking = Taking { at_once: AT_ONCE, first };
    walking::step(tx, erasing, mark, &taking, |tx, chat| take_some(tx, ctx, erasing, chat))
}

fn first(conn: &mut Conn, erasing: &Erasing) -> Result<Option<ChatId>> {
    let own = table::table.filter(table::user_id.eq(erasing.user)).order(table::chat_id);
    Ok(own.select(table::chat_id).first(conn).optional()?)
}

/// Takes some votes back in a chat that is locked, and returns how many.
fn take_some(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, chat: ChatId) -> Result<u64> {
    type Asked = (i64, MessageId, Option<String>);
    let seqs: Vec<i64> = table::table
        .filter(table::user_id.eq(erasing.user).and(table::chat_id.eq(chat)))
        .order(table::seq)
        .limit(AT_ONCE)
        .select(table::seq)
        .load(tx.conn)?;
    if seqs.is_empty() {
        return Ok(0);
    }
    let kind: String = chats::table.find(chat).select(chats::kind).first(tx.conn)?;
    let kind = ChatType::parse_word(&kind)?;
    let asked: Vec<Asked> = messages::table
        .filter(messages::chat_id.eq(chat).and(messages::seq.eq_any(&seqs)))
        .select((messages::seq, messages::id, messages::data))
        .load(tx.conn)?;
    let wanted: Vec<_> = seqs.iter().map(|seq| (chat, *seq, erasing.user)).collect();
    let mut changes = VoteChanges { taken_back: wanted.clone(), ..VoteChanges::default() };
    let mut told = Vec::new();
    for facts in statements::vote_facts(tx.conn, &wanted)? {
        // The others are in deleted messages, and are only waiting to go.
        let (Some(poll), false) = (facts.poll, facts.deleted) else { continue };
        let mut tally = poll.tally()?;
        tally.change(Choices::from_bits(facts.before.unwrap_or_default()), Choices::NONE);
        changes.polls.push(PollRow::of(chat, poll.seq, &tally)?);
        let Some((seq, message_id, Some(data))) = asked.iter().find(|(seq, ..)| *seq == poll.seq) else { continue };
        let ballot: Ballot = serde_json::from_str(data)?;
        let voted = Voted {
            chat_id: chat,
            message_id: *message_id,
            seq: *seq,
            votes: tally.votes,
            voters: tally.voters,
            user_id: Some(erasing.user),
            options: Some(Vec::new()),
        };
        let anonymous = ballot.anonymous;
        told.extend(
            voted.told(kind, anonymous).into_iter().map(|(voted, to)| (anonymous, Change::PollVoted(voted, to))),
        );
    }
    statements::write_votes(tx.conn, &changes)?;
    let via = Via::Session(Id::from_uuid(uuid::Uuid::nil()));
    let author = ctx.by(Actor::User { id: erasing.user, via, role: Role::User });
    let nobody = ctx.by(Actor::System);
    let told: Vec<_> =
        told.iter().map(|(anonymous, change)| (if *anonymous { &nobody } else { &author }, change)).collect();
    journal::append_all(tx, &told)?;
    Ok(seqs.len() as u64)
}
