//! Personal data of an account itself and its sessions: exported, and erased by turning the account into a tombstone.

use clowder_accounts::{Change, privacy::tombstone};
use clowder_core::{Ctx, Error, FileId, Result, Role, SessionId, Topic, Visibility, Word};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
        journal,
        privacy::{
            Asking, ERASURE_RECIPIENT, Erasing, Recipient,
            parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after},
        },
        user_keys,
    },
    names, profile,
    sessions::{self, Which},
};
use crate::{
    domains::{
        accounts::{SessionRow, sessions as devices, users},
        privacy::erasures,
    },
    privacy::{erased, kept},
    seal::Place,
};

pub const PARTS: &[Part] = &[
    Part {
        name: "account",
        phase: Phase::Identity,
        references: &[
            kept("users", "id", "the tombstone: messages still need a sender"),
            erased("username_claims", "user_id"),
            erased("name_index", "user_id"),
            erased("name_grams", "user_id"),
        ],
        files: &[File {
            name: "account.json",
            about: "your profile, address and role",
            shape: Shape::One,
            read: export_account,
        }],
        erase: bury,
    },
    Part {
        name: "sessions",
        phase: Phase::Content,
        references: &[kept(
            "sessions",
            "user_id",
            "emptied and ended; deleted a day later, when all tokens have expired",
        )],
        files: &[File {
            name: "sessions.json",
            about: "the devices you signed in with",
            shape: Shape::List,
            read: export_sessions,
        }],
        erase: erase_sessions,
    },
];

fn export_account(conn: &mut Conn, asking: &Asking, _: Option<&str>) -> Result<ExportPage> {
    Ok(ExportPage::one(serde_json::to_value(profile::own(conn, asking.user)?)?))
}

/// Ends all sessions and keeps nothing of the account except its id. Name and address become free.
fn bury(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
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
        users::status_until.eq(None::<clowder_core::Timestamp>),
        users::pronouns.eq(None::<String>),
        users::location.eq(None::<String>),
        users::links.eq(None::<String>),
        users::badges.eq(None::<String>),
        users::renamed_at.eq(None::<clowder_core::Timestamp>),
        users::imported_as.eq(None::<Vec<u8>>),
        users::avatar_id.eq(None::<FileId>),
        users::cover_id.eq(None::<FileId>),
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

fn export_sessions(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let after: SessionId = after(mark)?;
    let rows: Vec<SessionRow> = devices::table
        .filter(devices::user_id.eq(asking.user).and(devices::id.gt(after)))
        .order(devices::id)
        .limit(ROWS)
        .select(SessionRow::as_select())
        .load(conn)?;
    let last: Option<SessionId> = rows.last().map(|row| row.id);
    let item = |row: SessionRow| {
        json!({
            "id": row.id, "name": row.name, "agent": row.agent, "address": row.address, "opened_from": row.opened_from, "created_at": row.created_at,
            "last_used_at": row.last_used_at, "expires_at": row.expires_at, "ended_at": row.ended_at,
        })
    };
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect(), last))
}

/// The rows of sessions stay for a day without personal data: a node that starts meanwhile must know that their tokens
/// are invalid.
fn erase_sessions(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let mut own = devices::table
        .filter(devices::user_id.eq(erasing.user))
        .select(devices::id)
        .order(devices::id)
        .limit(ROWS)
        .into_boxed();
    if let Some(mark) = mark {
        let after: SessionId = mark.parse().map_err(|_| Error::internal("a mark that is not a session"))?;
        own = own.filter(devices::id.gt(after));
    }
    let ids: Vec<SessionId> = own.load(tx.conn)?;
    for session in &ids {
        dialect::accounts::lock_session(tx.conn, *session)?;
    }
    let emptied = (
        devices::name.eq(None::<String>),
        devices::agent.eq(None::<String>),
        devices::address.eq(None::<String>),
        devices::opened_from.eq(None::<String>),
        devices::expires_at.eq(ctx.now),
    );
    diesel::update(devices::table.filter(devices::id.eq_any(&ids))).set(emptied).execute(tx.conn)?;
    let open = devices::table.filter(devices::id.eq_any(&ids)).filter(devices::ended_at.is_null());
    diesel::update(open).set(devices::ended_at.eq(ctx.now)).execute(tx.conn)?;
    let next = ids.last().filter(|_| ids.len() as i64 == ROWS).map(ToString::to_string);
    Ok(EraseStep { rows: ids.len() as u64, next })
}
