//! The end of an account: its row becomes a tombstone, and everybody who knows the old name hears of it.

use clowder_accounts::{Change, privacy::tombstone};
use clowder_core::{ChatId, Ctx, Error, Result, Role, Topic, Visibility, Word};
use clowder_messaging::CHAT;
use diesel::prelude::*;

use super::{
    super::{
        accounts::{
            names,
            sessions::{self, Which},
        },
        db::Tx,
        dialect, journal, user_keys,
    },
    Erasing, Recipient,
    parts::EraseStep,
};
use crate::{
    schema::{accounts::users, messaging::participants, privacy::erasures},
    seal::{ERASURE_RECIPIENT, Place},
};

/// How many chats are told in one piece.
const CHATS: i64 = 100;

/// Ends what sessions there are and leaves nothing of the account but its id. Name and address are free again.
pub fn bury(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let user = erasing.user;
    dialect::accounts::lock_user(tx.conn, user)?;
    let (username, address): (String, String) =
        users::table.find(user).select((users::username, users::email)).first(tx.conn)?;
    let recipient = serde_json::to_vec(&Recipient { name: username, address })?;
    let sealed = user_keys::of(tx, ctx, user)?.seal(Place::new(ERASURE_RECIPIENT, erasing.id), &recipient)?;
    diesel::update(erasures::table.find(erasing.id)).set(erasures::recipient.eq(sealed)).execute(tx.conn)?;

    let card = tombstone(user);
    let id = user.uuid().simple();
    let nobody = (
        users::username.eq(&card.username),
        // Nobody can type these keys: neither is a username or an address that could be registered.
        users::username_key.eq(format!(":deleted:{id}")),
        users::email.eq(format!("{id}@deleted.invalid")),
        users::email_key.eq(format!(":deleted:{id}")),
        users::email_verified_at.eq(None::<clowder_core::Timestamp>),
        users::password.eq("!"),
        users::display_name.eq(&card.display_name),
        users::bio.eq(None::<String>),
        users::status_text.eq(None::<String>),
        users::visibility.eq(Visibility::Private.as_str()),
        users::role.eq(Role::User.as_str()),
        users::two_factor_at.eq(None::<clowder_core::Timestamp>),
        users::suspended_until.eq(None::<clowder_core::Timestamp>),
        users::suspension_reason.eq(None::<String>),
        users::erase_at.eq(None::<clowder_core::Timestamp>),
        users::deleted_at.eq(ctx.now),
        users::version.eq(users::version + 1),
    );
    diesel::update(users::table.find(user)).set(nobody).execute(tx.conn)?;
    names::release(tx.conn, user)?;
    let ended = sessions::close(tx, ctx, user, Which::All)?;
    sessions::tell_ended(tx, ctx, user, &ended)?;
    journal::append(tx, ctx, &Change::UserDeleted(Topic::user(user), card))?;
    Ok(EraseStep { rows: 1, next: None })
}

/// Tells everybody who shares a chat. The memberships stay, for others see with whom they spoke.
pub fn announce(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let mut memberships = participants::table
        .filter(participants::user_id.eq(erasing.user))
        .select(participants::chat_id)
        .order(participants::chat_id)
        .limit(CHATS)
        .into_boxed();
    if let Some(mark) = mark {
        let after: ChatId = mark.parse().map_err(|_| Error::internal("a mark that is no chat"))?;
        memberships = memberships.filter(participants::chat_id.gt(after));
    }
    let chats: Vec<ChatId> = memberships.load(tx.conn)?;
    let told: Vec<_> =
        chats.iter().map(|chat| Change::UserDeleted(Topic::new(CHAT, *chat), tombstone(erasing.user))).collect();
    let told: Vec<_> = told.iter().map(|change| (ctx, change)).collect();
    journal::append_all(tx, &told)?;
    let next = chats.last().filter(|_| chats.len() as i64 == CHATS).map(ToString::to_string);
    Ok(EraseStep { rows: chats.len() as u64, next })
}
