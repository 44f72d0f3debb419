//! Addresses that need no token. Those of this server say who made them and until when they are good, under a code that
//! only this server can compute; stored is only what ends all of a person's. A store that clients can reach signs addresses of
//! its own.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use clowder_core::{Actor, ApiKeyId, Ctx, Id, Result, Timestamp, UserId, Via};
use clowder_media::{
    Blobs, Content, FileId, FileUrl, LONGEST_SIGNED, NewFileUrl,
    blobs::Shown,
    refusals::FILE_LINK_INVALID,
    showing::{content_disposition, content_type},
};
use diesel::{dsl::exists, prelude::*};
use uuid::Uuid;

use super::super::{db::Tx, dialect::Conn};
use crate::{
    domains::{accounts::users, api_keys::api_keys, media::file_links as table},
    keys::{Keys, is_mac, mac},
};

const PURPOSE: &str = "addresses of files";

/// The address in the store, if that signs any. Nothing but its time ends it, so that is short.
pub async fn signed(blobs: &dyn Blobs, now: Timestamp, content: &Content, new: NewFileUrl) -> Result<Option<FileUrl>> {
    let seconds = new.expires_in.min(LONGEST_SIGNED);
    let lifetime = Duration::from_secs(seconds.unsigned_abs());
    let (content_type, content_disposition) = (content_type(&content.kind), content_disposition(content));
    let cache_control = format!("private, max-age={seconds}");
    let shown =
        Shown { content_type: &content_type, content_disposition: &content_disposition, cache_control: &cache_control };
    let url = blobs.signed_get(&content.key, shown, lifetime).await?;
    Ok(url.map(|url| FileUrl { url, expires_at: now.plus(lifetime) }))
}

/// Who made an address, and what it depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    pub user: UserId,
    /// The API key with which they made it; the nil id if they did so in person.
    key: ApiKeyId,
    /// Stored for them until their addresses are ended.
    link: Id<()>,
}

impl Pass {
    /// What an address depends on that the caller makes now.
    pub fn of(conn: &mut Conn, ctx: &Ctx) -> Result<Self> {
        let key = match ctx.actor {
            Actor::User { via: Via::Key(key), .. } => key,
            _ => Id::from_uuid(Uuid::nil()),
        };
        let user = ctx.user()?;
        Ok(Self { user, key, link: current(conn, user)? })
    }

    /// Whether nothing has ended the address meanwhile.
    pub fn is_good(self, conn: &mut Conn, now: Timestamp) -> Result<bool> {
        let lives = users::table.find(self.user).filter(users::deleted_at.is_null());
        if !diesel::select(exists(lives)).get_result(conn)? || current(conn, self.user)? != self.link {
            return Ok(false);
        }
        if self.key.uuid().is_nil() {
            return Ok(true);
        }
        let lasts = api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now));
        let key = api_keys::table.find(self.key).filter(api_keys::user_id.eq(self.user)).filter(lasts);
        Ok(diesel::select(exists(key)).get_result(conn)?)
    }
}

/// The nil id until somebody's addresses are ended for the first time.
fn current(conn: &mut Conn, user: UserId) -> Result<Id<()>> {
    let stored = table::table.find(user).select(table::link_id).first(conn).optional()?;
    Ok(stored.unwrap_or(Id::from_uuid(Uuid::nil())))
}

/// Ends all addresses of this server that somebody has made. They are locked.
pub fn end(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId) -> Result<()> {
    let link = Id::<()>::new(ctx.now);
    let row = diesel::insert_into(table::table).values((table::user_id.eq(user), table::link_id.eq(link)));
    row.on_conflict(table::user_id).do_update().set(table::link_id.eq(link)).execute(tx.conn)?;
    Ok(())
}

pub fn link(keys: &Keys, now: Timestamp, pass: Pass, file: FileId, new: NewFileUrl) -> FileUrl {
    // In whole seconds, rounded up.
    let until = now.plus(Duration::from_secs(new.expires_in.unsigned_abs())).plus(Duration::from_micros(999_999));
    let seconds = until.as_seconds();
    let [user, key, link] = [pass.user.uuid(), pass.key.uuid(), pass.link.uuid()].map(Uuid::into_bytes);
    let when = seconds.to_be_bytes();
    let code = mac(&keys.derive(PURPOSE), &[file.uuid().as_bytes(), &user, &key, &link, &when]);
    let token = BASE64.encode([&user[..], &key, &link, &when, &code].concat());
    FileUrl {
        url: format!("/api/files/{file}/download?token={token}"),
        expires_at: Timestamp::from_micros(seconds.saturating_mul(1_000_000)),
    }
}

/// What an address says, if this server has made it for this file and its time is not over.
pub fn read(keys: &Keys, now: Timestamp, file: FileId, token: &str) -> Result<Pass> {
    let octets = BASE64.decode(token).map_err(|_| FILE_LINK_INVALID)?;
    let (user, rest) = octets.split_first_chunk::<16>().ok_or(FILE_LINK_INVALID)?;
    let (key, rest) = rest.split_first_chunk::<16>().ok_or(FILE_LINK_INVALID)?;
    let (link, rest) = rest.split_first_chunk::<16>().ok_or(FILE_LINK_INVALID)?;
    let (when, code) = rest.split_first_chunk::<8>().ok_or(FILE_LINK_INVALID)?;
    let is_ours = is_mac(&keys.derive(PURPOSE), &[file.uuid().as_bytes(), user, key, link, when], code);
    if !is_ours || i64::from_be_bytes(*when) <= now.as_seconds() {
        return Err(FILE_LINK_INVALID.into());
    }
    let [user, key, link] = [user, key, link].map(|id| Uuid::from_bytes(*id));
    Ok(Pass { user: Id::from_uuid(user), key: Id::from_uuid(key), link: Id::from_uuid(link) })
}
