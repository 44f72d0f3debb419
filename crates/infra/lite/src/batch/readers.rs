//! What readers of the journal count.

use clowder_core::{Result, sql::Ts};
use diesel::{dsl::case_when, expression::IntoSql, prelude::*};

use super::Conn;
use crate::domains::{
    activity::{ActivityRow, activity},
    messaging::{ChatDayPersonRow, ChatDayRow, chat_day_people as people, chat_days as days},
};

/// Counts what people did. No two rows are about the same person, day, kind and target. Streams are read one after the
/// other, and the clocks of nodes differ: what is read later may be earlier.
pub fn add_activity(conn: &mut Conn, rows: Vec<ActivityRow>) -> Result<()> {
    for row in rows {
        diesel::insert_into(activity::table)
            .values(&row)
            .on_conflict((activity::user_id, activity::day, activity::kind, activity::target_id))
            .do_update()
            .set((
                activity::count.eq(activity::count + row.count),
                activity::at.eq(case_when(activity::at.gt(row.at), row.at.into_sql::<Ts>()).otherwise(activity::at)),
                activity::last_at.eq(case_when(activity::last_at.lt(row.last_at), row.last_at.into_sql::<Ts>())
                    .otherwise(activity::last_at)),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Stores the counts of days of chats, in place of earlier ones.
pub fn put_chat_days(conn: &mut Conn, rows: &[ChatDayRow]) -> Result<()> {
    for row in rows {
        let new = diesel::insert_into(days::table).values(row).on_conflict((days::chat_id, days::day));
        new.do_update().set(row).execute(conn)?;
    }
    Ok(())
}

/// Stores when people wrote on days of chats, in place of what was known.
pub fn put_chat_day_people(conn: &mut Conn, rows: &[ChatDayPersonRow]) -> Result<()> {
    for row in rows {
        let key = (people::chat_id, people::day, people::user_id);
        diesel::insert_into(people::table).values(row).on_conflict(key).do_update().set(row).execute(conn)?;
    }
    Ok(())
}
