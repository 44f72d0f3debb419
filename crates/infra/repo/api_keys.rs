//! API keys over the database.

mod privacy;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_accounts::{
    ApiKey, ApiKeys, Change, Identity, IssuedKey, NewApiKey,
    activity::{self, Rule, Whose},
    api_keys::{CreateFacts, decide, may_use},
    change::{API_KEY_CREATED, API_KEY_REVOKED, ApiKeyRevoked},
    refusals::{API_KEY_INVALID, API_KEY_UNKNOWN, SESSION_ENDED},
};
use clowder_core::{
    Actor, ApiKeyId, Ctx, Page, PageRequest, Result, Role, Timestamp, UserId, Via, Word,
    audit::{Entry, Target},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::instrument;

use super::{
    Repo, audit,
    clock::{CHOSEN, SHOWN, never, when},
    db::Tx,
    dialect::{self, Conn},
    domains::Domain,
    idempotency::Stub,
    journal,
    two_factor::require_recent,
};
use crate::{
    api_keys::{self as format, Known, NOTED_EVERY, Presented},
    domains::{
        accounts::users,
        api_keys::{ApiKeyRow, api_keys},
    },
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    activity: &[
        Rule::new("api_key.created", "api_key.created", Whose::Actor, activity::Target::Subject("api_key")),
        Rule::new("api_key.revoked", "api_key.revoked", Whose::Actor, activity::Target::Subject("api_key")),
    ],
    // It contains only ids and times, and a node that reads it late must still learn that the key is invalid.
    kept_changes: &[API_KEY_REVOKED],
    words: &["api_keys.scopes"],
    times: &[
        never("api_keys.created_at", SHOWN),
        never("api_keys.expires_at", CHOSEN),
        when!(AtOnce, api_keys.last_used_at),
    ],
    ..Domain::NONE
};

/// How long an identity without an expiry lasts, because sockets need one.
const UNENDING: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3600);

#[async_trait]
impl ApiKeys for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn create_key(&self, ctx: &Ctx, new: NewApiKey) -> Result<IssuedKey> {
        let (caller, user) = (ctx.clone(), ctx.user()?);
        let first = move |tx: &mut Tx<'_>| {
            let issued = create(tx, &caller, new.clone())?;
            let stub = Minted { id: issued.api_key.id };
            Ok((issued, stub))
        };
        let again = move |tx: &mut Tx<'_>, stub: Minted| {
            let own = api_keys::table.find(stub.id).filter(api_keys::user_id.eq(user));
            let row: Option<ApiKeyRow> = own.select(ApiKeyRow::as_select()).first(tx.conn).optional()?;
            Ok(IssuedKey { api_key: row.ok_or(API_KEY_UNKNOWN)?.api_key(), key: None })
        };
        self.db.create(ctx, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn keys(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<ApiKey>> {
        let user = ctx.user()?;
        self.db.read(move |conn| list(conn, user, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn key(&self, ctx: &Ctx, key: ApiKeyId) -> Result<ApiKey> {
        let own = api_keys::table.filter(api_keys::id.eq(key).and(api_keys::user_id.eq(ctx.user()?)));
        let row: Option<ApiKeyRow> =
            self.db.read(move |conn| Ok(own.select(ApiKeyRow::as_select()).first(conn).optional()?)).await?;
        Ok(row.ok_or(API_KEY_UNKNOWN)?.api_key())
    }

    #[instrument(level = "debug", skip_all)]
    async fn revoke_key(&self, ctx: &Ctx, key: ApiKeyId) -> Result<()> {
        let caller = ctx.clone();
        self.db.write(move |tx| revoke(tx, &caller, key)).await?;
        self.deps.memory.api_keys.revoke(key);
        Ok(())
    }

    fn recall_key(&self, presented: &str, now: Timestamp) -> Option<Result<Identity>> {
        let Some(presented) = format::parse(presented) else { return Some(Err(API_KEY_INVALID.into())) };
        let memory = &self.deps.memory.api_keys;
        if memory.is_revoked(presented.id) {
            return Some(Err(API_KEY_INVALID.into()));
        }
        memory.get(presented.id).map(|known| self.identity(&known, &presented, now))
    }

    #[instrument(level = "debug", skip_all)]
    async fn check_key(&self, presented: &str, now: Timestamp) -> Result<Identity> {
        if let Some(identity) = self.recall_key(presented, now) {
            return identity;
        }
        let presented = format::parse(presented).ok_or(API_KEY_INVALID)?;
        let id = presented.id;
        let found = self
            .db
            .read(move |conn| Ok(api_keys::table.find(id).select(ApiKeyRow::as_select()).first(conn).optional()?));
        let row: ApiKeyRow = found.await?.ok_or(API_KEY_INVALID)?;
        let (known, memory) = (Arc::new(row.known()), &self.deps.memory);
        memory.api_keys.keep(&known, || memory.profiles.is_followed());
        // It may have been revoked while it was read.
        if memory.api_keys.is_revoked(id) {
            return Err(API_KEY_INVALID.into());
        }
        self.identity(&known, &presented, now)
    }

    fn is_revoked(&self, key: ApiKeyId) -> bool {
        self.deps.memory.api_keys.is_revoked(key)
    }
}

impl Repo {
    fn identity(&self, known: &Known, presented: &Presented, now: Timestamp) -> Result<Identity> {
        may_use(known.is(presented), known.expires_at, now)?;
        if known.should_note(now) {
            self.note_use(known.id, now);
        }
        let role = self.deps.memory.standings.of(known.user, now).role;
        Ok(Identity {
            actor: Actor::User { id: known.user, via: Via::Key(known.id), role },
            expires_at: known.expires_at.unwrap_or_else(|| now.plus(UNENDING)),
            scopes: Some(known.scopes.clone()),
        })
    }

    /// Nobody waits for this. Other nodes use the key, too, so the database decides how often it is recorded.
    fn note_use(&self, key: ApiKeyId, now: Timestamp) {
        let db = self.db.clone();
        tokio::spawn(async move {
            let noted = db.write(move |tx| {
                let due = api_keys::last_used_at.is_null().or(api_keys::last_used_at.le(now.minus(NOTED_EVERY)));
                // A time in the future was recorded by a clock that was ahead.
                let due = due.or(api_keys::last_used_at.gt(now));
                let of_key = api_keys::table.filter(api_keys::id.eq(key)).filter(due);
                Ok(diesel::update(of_key).set(api_keys::last_used_at.eq(now)).execute(tx.conn)?)
            });
            if let Err(error) = noted.await {
                tracing::warn!(%error, "cannot record the use of an API key");
            }
        });
    }
}

/// What is stored of a new key: its id. Nobody stores its secret.
#[derive(Serialize, Deserialize)]
struct Minted {
    id: ApiKeyId,
}

fn list(conn: &mut Conn, user: UserId, page: &PageRequest) -> Result<Page<ApiKey>> {
    let mut own = api_keys::table
        .filter(api_keys::user_id.eq(user))
        .order(api_keys::id.desc())
        .limit(page.fetch())
        .select(ApiKeyRow::as_select())
        .into_boxed();
    if let Some(last) = page.id()? {
        own = own.filter(api_keys::id.lt::<ApiKeyId>(last));
    }
    let rows: Vec<ApiKeyRow> = own.load(conn)?;
    Page::fill(rows.into_iter().map(|row| Ok(row.api_key())), page, |key| key.id.to_string())
}

impl Stub for Minted {}

fn create(tx: &mut Tx<'_>, ctx: &Ctx, new: NewApiKey) -> Result<IssuedKey> {
    let user = ctx.user()?;
    // Of two keys created at once, the second is counted after the first; and whoever ends all of them at this moment
    // either ends this one, too, or has ended the session.
    dialect::accounts::lock_user(tx.conn, user)?;
    require_recent(tx.conn, ctx)?;
    let account = users::table.find(user).filter(users::deleted_at.is_null());
    let role: Option<String> = account.select(users::role).first(tx.conn).optional()?;
    let facts = CreateFacts {
        count: api_keys::table.filter(api_keys::user_id.eq(user)).count().get_result(tx.conn)?,
        role: Role::parse_word(&role.ok_or(SESSION_ENDED)?)?,
    };
    let new = decide(ctx, &facts, new)?;
    let id = ApiKeyId::new(ctx.now);
    let (key, hash) = format::mint(id)?;
    let row = ApiKeyRow {
        id,
        user_id: user,
        name: new.name.into_string(),
        hash: hash.to_vec(),
        scopes: new.scopes.joined(),
        created_at: ctx.now,
        expires_at: new.expires_at,
        last_used_at: None,
    };
    diesel::insert_into(api_keys::table).values(&row).execute(tx.conn)?;
    let shown = row.api_key();
    let what = json!({"name": shown.name, "scopes": shown.scopes, "expires_at": shown.expires_at});
    audit::record(tx, ctx, &Entry::new("api_key.created").on(Target::api_key(id)).after(what))?;
    journal::append(tx, ctx, &Change::ApiKeyCreated(user, shown.clone()))?;
    Ok(IssuedKey { api_key: shown, key: Some(key) })
}

fn revoke(tx: &mut Tx<'_>, ctx: &Ctx, key: ApiKeyId) -> Result<()> {
    let user = ctx.user()?;
    let own = api_keys::table.filter(api_keys::id.eq(key).and(api_keys::user_id.eq(user)));
    let gone: Option<ApiKeyRow> =
        diesel::delete(own).returning(ApiKeyRow::as_returning()).get_result(tx.conn).optional()?;
    let gone = gone.ok_or(API_KEY_UNKNOWN)?.api_key();
    let what = json!({"name": gone.name, "scopes": gone.scopes});
    audit::record(tx, ctx, &Entry::new("api_key.revoked").on(Target::api_key(key)).before(what))?;
    forget_name(tx, user, &gone)?;
    let revoked = ApiKeyRevoked { user, api_key_id: key, revoked_at: ctx.now };
    journal::append(tx, ctx, &Change::ApiKeyRevoked(revoked))
}

/// Removes the name of a revoked key from the change that announced it.
pub fn forget_name(tx: &mut Tx<'_>, user: UserId, gone: &ApiKey) -> Result<()> {
    let nameless = ApiKey { name: String::new(), ..gone.clone() };
    journal::rewrite(tx, &[API_KEY_CREATED], &Change::ApiKeyCreated(user, nameless))
}
