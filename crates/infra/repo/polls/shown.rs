//! What is shown of votes.

use std::collections::HashMap;

use clowder_core::sql::{Ts, Uid};
use clowder_core::{ChatId, Id, MessageId, Page, PageRequest, Result, Timestamp, UserId, Word};
use clowder_messaging::{
    Message, MessageType,
    edit::EditFacts,
    lifetimes::conceal,
    policy::{Action, allow},
    polls::{Choices, Tally, Voter},
    refusals::{MESSAGE_UNKNOWN, POLL_ANONYMOUS, POLL_UNKNOWN},
};
use diesel::{prelude::*, sql_types::BigInt};
use uuid::Uuid;

use super::super::{
    batch::messaging::polls as statements,
    cards::Cards,
    dialect::{Backend, Conn},
    messaging::messages,
};
use crate::{
    domains::messaging::{MessageRow, PollRow, message_polls},
    statement::statement,
    store::Memory,
};

/// Opens the polls among messages that are being sent.
pub fn open<'m>(conn: &mut Conn, sent: impl Iterator<Item = &'m Message>) -> Result<()> {
    for message in sent {
        if let Some(poll) = &message.poll {
            let tally = Tally { votes: vec![0; poll.options.len()], ..Tally::default() };
            let row = PollRow::of(message.chat_id, message.seq, &tally)?;
            diesel::insert_into(message_polls::table).values(row).execute(conn)?;
        }
    }
    Ok(())
}

/// The votes in the polls among some messages, as a viewer sees them.
#[derive(Default)]
pub struct SeenPolls(HashMap<(ChatId, i64), (Tally, Choices)>);

impl SeenPolls {
    /// One query, or none if there is no poll among them.
    pub fn among<'m>(conn: &mut Conn, viewer: UserId, rows: impl IntoIterator<Item = &'m MessageRow>) -> Result<Self> {
        let polls = rows.into_iter().filter(|row| row.kind == MessageType::Poll.as_str() && row.data.is_some());
        let places: Vec<_> = polls.map(|row| (row.chat_id, row.seq)).collect();
        if places.is_empty() {
            return Ok(Self::default());
        }
        let seen = statements::polls_at(conn, viewer, &places)?.into_iter().map(|row| {
            let mine = Choices::from_bits(row.mine.unwrap_or_default());
            Ok(((row.poll.chat_id, row.poll.seq), (row.poll.tally()?, mine)))
        });
        Ok(Self(seen.collect::<Result<_>>()?))
    }

    /// Shows them in a message.
    pub fn show_in(&self, message: &mut Message) {
        let Some(poll) = &mut message.poll else { return };
        if let Some((tally, mine)) = self.0.get(&(message.chat_id, message.seq)) {
            poll.count(tally);
            poll.mark(*mine);
        }
    }
}

/// Who has voted.
pub fn page(
    conn: &mut Conn,
    memory: Option<&Memory>,
    viewer: UserId,
    now: Timestamp,
    id: MessageId,
    option: Option<i64>,
    page: &PageRequest,
) -> Result<Page<Voter>> {
    let EditFacts { seat, mut message, .. } = messages::facts(conn, memory, viewer, id)?;
    let seat = seat.ok_or(MESSAGE_UNKNOWN)?;
    if message.kind != MessageType::Poll {
        return Err(POLL_UNKNOWN.into());
    }
    // Whoever may not see who is in the chat sees only how many have voted.
    allow(seat, Action::SeePeople)?;
    conceal(&mut message, now);
    let after: UserId = page.id()?.unwrap_or(Id::from_uuid(Uuid::nil()));
    let Some(poll) = message.poll else { return Ok(Page { items: Vec::new(), next_cursor: None }) };
    if poll.anonymous {
        return Err(POLL_ANONYMOUS.into());
    }
    // Nobody has chosen an option that the poll does not have.
    let votes = |option: i64| Some(poll.options.get(usize::try_from(option).ok()?)?.votes);
    let most = option.map_or(Some(poll.voters), votes).filter(|most| *most > 0);
    let Some(most) = most else { return Ok(Page { items: Vec::new(), next_cursor: None }) };
    let wanted = option.map_or(Choices::NONE, |option| Choices::of(&[option])).bits();
    let rows: Vec<(UserId, i64, Timestamp)> = statement::<(Uid, BigInt, Ts), Backend>(
        "SELECT v.user_id, v.choices, v.voted_at FROM message_poll_votes v \
         WHERE v.chat_id = ? AND v.seq = ? AND v.user_id > ? AND (v.choices & ?) >= ? ORDER BY v.user_id LIMIT ?",
    )
    .bind::<Uid, _>(message.chat_id)
    .bind::<BigInt, _>(message.seq)
    .bind::<Uid, _>(after)
    .bind::<BigInt, _>(wanted)
    .bind::<BigInt, _>(wanted)
    .bind::<BigInt, _>(page.fetch().min(most))
    .load(conn)?;
    let cards = Cards::of(conn, memory, rows.iter().map(|(user, ..)| *user))?;
    let voters = rows.into_iter().map(|(user, choices, at)| {
        Ok(Voter { user: cards.card(user)?, options: Choices::from_bits(choices).indexes(), at })
    });
    Page::fill(voters, page, |voter| voter.user.id.to_string())
}
