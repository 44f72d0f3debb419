//! What is counted in chats, over the database: by a reader of the journal, and read for their owners.

pub mod counting;
mod privacy;

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, Result, UserId, sql::Uid};
use clowder_messaging::{
    ChatsAnalytics,
    chat_analytics::{ChatAnalytics, Day, Period, Stored, report},
    policy::{Action, allow},
    refusals::CHAT_UNKNOWN,
};
use diesel::{
    dsl::max,
    prelude::*,
    sql_types::{BigInt, Integer},
};
use tracing::instrument;

use super::{
    Repo,
    dialect::{Backend, Conn},
    domains::Domain,
    messaging::messages::Membership,
    readers::Reader,
};
use crate::{
    domains::messaging::{ChatDayRow, chat_day_people as people, chat_days as table},
    statement::statement,
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    readers: &[Reader {
        name: READER,
        changes: counting::count,
        actions: &[],
        repeats: false,
        entries: |_, _, _| Ok(()),
    }],
    words: &["chat_days.counts", "chat_days.reactions"],
    ..Domain::NONE
};

const READER: &str = "chat_analytics";
/// How many rows of a deleted chat are deleted in one piece.
const PIECE: i64 = 200;

#[async_trait]
impl ChatsAnalytics for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn chat_analytics(&self, ctx: &Ctx, chat: ChatId, period: Period) -> Result<ChatAnalytics> {
        let viewer = ctx.user()?;
        self.db.read(move |conn| read(conn, viewer, chat, period)).await
    }
}

fn read(conn: &mut Conn, viewer: UserId, chat: ChatId, period: Period) -> Result<ChatAnalytics> {
    let membership = Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    allow(membership.seat, Action::Analyse)?;
    // First, so that the numbers contain at least what it says, however much is counted meanwhile.
    let counted = table::table.filter(table::chat_id.eq(chat)).select(max(table::last_seq));
    let counted_seq: Option<i64> = counted.first(conn)?;
    // A day of the time zone reaches into the day before or after.
    let touched = table::day.between(period.from.plus(-1).0, period.to.plus(1).0);
    let rows = table::table.filter(table::chat_id.eq(chat)).filter(touched).order(table::day);
    let rows: Vec<ChatDayRow> = rows.select(ChatDayRow::as_select()).load(conn)?;
    let by_day: Vec<(i32, i64)> = of_people::<(Integer, BigInt)>(chat, period, "day, ", " GROUP BY day").load(conn)?;
    let all_people: i64 = of_people::<BigInt>(chat, period, "", "").get_result(conn)?;
    let stored = Stored {
        days: rows.iter().map(ChatDayRow::counts).collect::<Result<_>>()?,
        people: by_day.into_iter().map(|(day, people)| (Day(day), people)).collect(),
        all_people,
        counted_seq: counted_seq.unwrap_or(0),
    };
    Ok(report(chat, period, &stored))
}

/// How many people have written in the days of a time zone. Of a day that begins at a quarter of a day in UTC, that is who
/// wrote from this quarter on, and on the next day before it.
fn of_people<Out>(
    chat: ChatId,
    period: Period,
    each: &str,
    grouped: &str,
) -> crate::statement::Statement<Out, Backend> {
    let (days, quarter) = period.offset.start();
    let mut statement = statement::<Out, Backend>(format!(
        "SELECT {each}count(DISTINCT user_id) FROM (\
         SELECT day - ? AS day, user_id FROM chat_day_people \
         WHERE chat_id = ? AND day BETWEEN ? AND ? AND last_quarter >= ? UNION ALL \
         SELECT day - ? AS day, user_id FROM chat_day_people \
         WHERE chat_id = ? AND day BETWEEN ? AND ? AND first_quarter < ?) AS writing{grouped}"
    ));
    for later in [days, days + 1] {
        statement = statement
            .bind::<Integer, _>(later)
            .bind::<Uid, _>(chat)
            .bind::<Integer, _>(period.from.plus(later).0)
            .bind::<Integer, _>(period.to.plus(later).0)
            .bind::<Integer, _>(quarter);
    }
    statement
}

/// Deletes some of what was counted in a deleted chat, and answers how many rows: none when nothing is left.
pub fn clear(conn: &mut Conn, chat: ChatId) -> Result<u64> {
    let some = people::table.filter(people::chat_id.eq(chat)).order((people::day, people::user_id)).limit(PIECE);
    let some: Vec<(i32, UserId)> = some.select((people::day, people::user_id)).load(conn)?;
    let Some((last, _)) = some.last() else {
        return Ok(diesel::delete(table::table.filter(table::chat_id.eq(chat))).execute(conn)? as u64);
    };
    let users: Vec<UserId> = some.iter().map(|(_, user)| *user).collect();
    // Who wrote on other days until then goes with them.
    let gone = people::chat_id.eq(chat).and(people::day.le(last)).and(people::user_id.eq_any(users));
    Ok(diesel::delete(people::table.filter(gone)).execute(conn)? as u64)
}
