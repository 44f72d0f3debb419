//! Addresses that need no token. Those of this server say who made them and until when they are good, under a code that
//! only this server can compute; nothing is stored of them. A store that clients can reach signs addresses of its own.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use clowder_core::{Result, Timestamp, UserId};
use clowder_media::{
    Blobs, Content, FileId, FileUrl, NewFileUrl,
    blobs::Shown,
    refusals::FILE_LINK_INVALID,
    showing::{content_disposition, content_type},
};
use uuid::Uuid;

use crate::keys::{Keys, is_mac, mac};

const PURPOSE: &str = "addresses of files";

/// The address in the store, if that signs any.
pub async fn signed(blobs: &dyn Blobs, now: Timestamp, content: &Content, new: NewFileUrl) -> Result<Option<FileUrl>> {
    let lifetime = Duration::from_secs(new.expires_in.unsigned_abs());
    let (content_type, content_disposition) = (content_type(&content.kind), content_disposition(content));
    let cache_control = format!("private, max-age={}", new.expires_in);
    let shown =
        Shown { content_type: &content_type, content_disposition: &content_disposition, cache_control: &cache_control };
    let url = blobs.signed_get(&content.key, shown, lifetime).await?;
    Ok(url.map(|url| FileUrl { url, expires_at: now.plus(lifetime) }))
}

pub fn link(keys: &Keys, now: Timestamp, user: UserId, file: FileId, new: NewFileUrl) -> FileUrl {
    // In whole seconds, rounded up.
    let until = now.plus(Duration::from_secs(new.expires_in.unsigned_abs())).plus(Duration::from_micros(999_999));
    let seconds = until.as_seconds();
    let key = keys.derive(PURPOSE);
    let (who, when) = (user.uuid().into_bytes(), seconds.to_be_bytes());
    let code = mac(&key, &[file.uuid().as_bytes(), &who, &when]);
    let token = BASE64.encode([&who[..], &when, &code].concat());
    FileUrl {
        url: format!("/api/files/{file}/download?token={token}"),
        expires_at: Timestamp::from_micros(seconds.saturating_mul(1_000_000)),
    }
}

/// Who made the address, if it is good.
pub fn viewer(keys: &Keys, now: Timestamp, file: FileId, token: &str) -> Result<UserId> {
    let octets = BASE64.decode(token).map_err(|_| FILE_LINK_INVALID)?;
    let (who, rest) = octets.split_first_chunk::<16>().ok_or(FILE_LINK_INVALID)?;
    let (when, code) = rest.split_first_chunk::<8>().ok_or(FILE_LINK_INVALID)?;
    let is_ours = is_mac(&keys.derive(PURPOSE), &[file.uuid().as_bytes(), who, when], code);
    if !is_ours || i64::from_be_bytes(*when) <= now.as_seconds() {
        return Err(FILE_LINK_INVALID.into());
    }
    Ok(UserId::from_uuid(Uuid::from_bytes(*who)))
}
