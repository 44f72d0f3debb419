//! When somebody is erased, the chats that only they own get another owner.

use clowder_core::{ChatId, Ctx, Result, Word};
use clowder_messaging::{ChatRole, ChatType};
use diesel::prelude::*;

use super::{
    super::{
        chats::hold::{self, heir, owners, put_role},
        db::Tx,
        dialect,
        messaging::chats,
        privacy::{
            Erasing,
            parts::{EraseStep, Part, Phase, after},
        },
    },
    writes::inherit,
};
use crate::domains::messaging::{chats as table, participants};

pub const PARTS: &[Part] =
    &[Part { name: "owned_chats", phase: Phase::Content, references: &[], files: &[], erase: hand_over }];

/// One chat in a piece, because each is locked. The membership stays, because others see with whom they talked; only its
/// role becomes that of a member.
fn hand_over(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let last: ChatId = after(mark)?;
    let own = participants::table
        .inner_join(table::table)
        .filter(participants::user_id.eq(erasing.user).and(participants::chat_id.gt(last)))
        .filter(participants::role.eq_any([ChatRole::Owner.as_str(), ChatRole::Admin.as_str()]))
        // Those of groups follow their group.
        .filter(table::group_id.is_null().and(table::deleted_at.is_null()))
        .order(participants::chat_id)
        .select(participants::chat_id);
    let Some(chat) = own.first::<ChatId>(tx.conn).optional()? else { return Ok(EraseStep::default()) };
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let next = Some(chat.to_string());
    let Some(row) = chats::face(tx.conn, chat)? else { return Ok(EraseStep { rows: 0, next }) };
    let role = hold::role(tx.conn, chat, erasing.user)?;
    let others = owners(tx.conn, chat)?.into_iter().filter(|owner| *owner != erasing.user);
    let is_last = role == Some(ChatRole::Owner) && others.count() == 0;
    let heir = if is_last { heir(tx.conn, chat, erasing.user)? } else { None };
    if is_last && heir.is_none() {
        // Nobody is left: the chat is deleted with its last person.
        return Ok(EraseStep { rows: 0, next });
    }
    if role.is_some() {
        let kind = ChatType::parse_word(&row.kind)?;
        put_role(tx.conn, chat, erasing.user, ChatRole::of_newcomers(kind))?;
    }
    if let Some(heir) = heir {
        inherit(tx, ctx, &row, heir)?;
    }
    Ok(EraseStep { rows: 1, next })
}
