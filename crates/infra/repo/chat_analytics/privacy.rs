//! On which days somebody has written where: deleted when they are erased.

use clowder_core::{ChatId, Ctx, Result};
use diesel::prelude::*;

use super::{
    super::{
        db::Tx,
        dialect,
        privacy::{
            Erasing,
            parts::{EraseStep, Part, Phase, ROWS, all_gone},
        },
    },
    READER,
};
use crate::{domains::messaging::chat_day_people as table, privacy::erased};

pub const PARTS: &[Part] = &[Part {
    name: "chat_analytics",
    phase: Phase::Content,
    references: &[erased("chat_day_people", "user_id")],
    files: &[],
    erase,
}];

/// The reader either has written before, and these rows are found, or it sees that the account is erased.
fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    dialect::readers::lock_reader(tx.conn, READER)?;
    let own = table::table.filter(table::user_id.eq(erasing.user));
    let chats: Vec<ChatId> = own.select(table::chat_id).limit(ROWS).load(tx.conn)?;
    let gone = diesel::delete(own.filter(table::chat_id.eq_any(&chats))).execute(tx.conn)?;
    all_gone(gone, chats.len() as i64 == ROWS)
}
