//! The audit log: a chain of encrypted entries. Every write that somebody may have to answer for calls [`record`].
//! Writers append entries unchained, and so never wait for each other; [`append`] chains them afterwards.

mod append;
mod chain;
mod privacy;
mod read;
pub mod refusals;
pub mod retention;

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use clowder_accounts::{
    AuditFilter, AuditLog, AuditRecord, SecurityEvent,
    audit::{AuditId, Chain, Chained, Walked},
};
use clowder_core::{Ctx, Error, Id, Page, PageRequest, Result, UserId, Word, audit::Entry};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::instrument;

use append::IfHeld;
pub use read::{about, timeline};

use super::{
    Repo,
    clock::never,
    db::Tx,
    domains::{Domain, Sweep},
    user_keys,
};
use crate::{
    domains::audit::{Acting, PendingRow, audit_pending},
    seal::{Column, Place, Sealed, Under, UserKey},
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    sealed: &[
        ADDRESS,
        AGENT,
        REQUEST,
        DETAIL,
        pending("address"),
        pending("agent"),
        pending("request"),
        pending("detail"),
    ],
    words: &[
        "audit.action",
        "audit.actor_type",
        "audit.request_id",
        "audit.target_type",
        "audit_pending.action",
        "audit_pending.actor_type",
        "audit_pending.target_type",
        "refusal_windows.action",
    ],
    times: &[
        never("audit.at", CLOCK_SAID),
        never("audit_checkpoint.made_at", "part of a signed checkpoint"),
        never("audit_pending.at", CLOCK_SAID),
        never("refusal_windows.last_at", "only shown in an entry; no rule depends on it"),
        never("refusal_windows.opened_at", "a window opened by a clock that was ahead counts as over"),
    ],
    sweeps: &[Sweep::Rows(refusals::sweep), Sweep::Steps(|repo, ctx, _| Box::pin(repo.sweep_audit(ctx.now)))],
    ..Domain::NONE
};

const CLOCK_SAID: &str = "the log is append-only and keeps what the clock showed";

const ADDRESS: Column = column("address");
const AGENT: Column = column("agent");
const REQUEST: Column = column("request");
const DETAIL: Column = column("detail");

const fn column(name: &'static str) -> Column {
    Column::new("audit", name, "id", Under::UserKey)
}

/// Of a pending entry. Its values are bound to the columns of `audit`, where they are moved unchanged.
const fn pending(name: &'static str) -> Column {
    Column::new("audit_pending", name, "id", Under::UserKey).bound_to("audit")
}

/// Records who does what in this transaction. [`write`] writes it.
pub fn record(tx: &mut Tx<'_>, ctx: &Ctx, entry: &Entry) -> Result<()> {
    record_all(tx, ctx, std::slice::from_ref(entry))
}

/// Like [`record`], for several entries in this order.
pub fn record_all(tx: &mut Tx<'_>, ctx: &Ctx, entries: &[Entry]) -> Result<()> {
    // The journal is already locked: a transaction that waits for the audit log now could cause a deadlock.
    if !tx.recorded.is_empty() && !entries.is_empty() {
        return Err(Error::internal("audit::record must come before journal::append"));
    }
    tx.entries.extend(entries.iter().map(|entry| (Id::new(ctx.now), ctx.clone(), entry.clone())));
    Ok(())
}

/// Like [`record`]; returns the id that the entry will have.
fn record_named(tx: &mut Tx<'_>, ctx: &Ctx, entry: Entry) -> Result<AuditId> {
    record_all(tx, ctx, std::slice::from_ref(&entry))?;
    tx.entries.last().map(|(id, ..)| *id).ok_or_else(|| Error::internal("an entry was not recorded"))
}

/// Writes all recorded entries at once. It first locks the keys of all users concerned, in the order of their ids, and
/// holds them until the commit. So it is called once and late: by `journal::append` before it locks the streams, and by
/// the commit if nothing was appended. Two writes that took these locks in different orders would deadlock. The entries
/// are chained later: see [`append`].
pub fn write(tx: &mut Tx<'_>) -> Result<()> {
    let entries = std::mem::take(&mut tx.entries);
    if entries.is_empty() {
        return Ok(());
    }
    let owners: BTreeMap<UserId, &Ctx> = entries
        .iter()
        .flat_map(|(_, ctx, entry)| Owners::of(ctx, entry).all().map(move |owner| (owner, ctx)))
        .collect();
    let mut keys = HashMap::with_capacity(owners.len());
    for (owner, ctx) in owners {
        keys.insert(owner, user_keys::of(tx, ctx, owner)?);
    }
    for (id, ctx, entry) in &entries {
        let row = sealed(&keys, *id, ctx, entry)?;
        diesel::insert_into(audit_pending::table).values(&row).execute(tx.conn)?;
    }
    Ok(())
}

/// Whose keys encrypt an entry: its origin is encrypted with the actor's key, what it changed with the key of whom it
/// concerns.
struct Owners {
    origin: UserId,
    detail: Option<UserId>,
}

impl Owners {
    fn of(ctx: &Ctx, entry: &Entry) -> Self {
        let subject = entry.subject(ctx);
        let acting = Acting::of(entry.by.unwrap_or(ctx.actor)).user;
        let told = entry.before.is_some() || entry.after.is_some();
        Self {
            origin: acting.or(subject).unwrap_or(user_keys::NOBODY),
            detail: told.then(|| subject.unwrap_or(user_keys::NOBODY)),
        }
    }

    fn all(self) -> impl Iterator<Item = UserId> {
        [Some(self.origin), self.detail].into_iter().flatten()
    }
}

/// What an action changed, as it is encrypted.
#[derive(Default, Serialize, Deserialize)]
struct Detail {
    before: Option<Value>,
    after: Option<Value>,
}

/// The row of a pending entry.
fn sealed(keys: &HashMap<UserId, UserKey>, id: AuditId, ctx: &Ctx, entry: &Entry) -> Result<PendingRow> {
    let acting = Acting::of(entry.by.unwrap_or(ctx.actor));
    let owners = Owners::of(ctx, entry);
    let address = ctx.origin.address.map(|address| address.to_string());
    let seal = |owner: Option<UserId>, column, text: Option<&[u8]>| -> Result<Option<Sealed>> {
        let Some((owner, text)) = owner.zip(text) else { return Ok(None) };
        let key = keys.get(&owner).ok_or_else(|| Error::internal("a key was not locked for an audit entry"))?;
        key.seal(Place::new(column, id), text).map(Some)
    };
    let origin = Some(owners.origin);
    let text = serde_json::to_vec(&Detail { before: entry.before.clone(), after: entry.after.clone() })?;
    Ok(PendingRow {
        id,
        at: ctx.now,
        actor_type: acting.kind.as_str().to_owned(),
        actor_id: acting.id,
        owner_id: acting.owner(),
        session_id: acting.session,
        subject_id: entry.subject(ctx),
        action: entry.action.to_owned(),
        target_type: entry.target.map(|target| target.kind.to_owned()),
        target_id: entry.target.map(|target| Id::from_uuid(target.id)),
        address: seal(origin, ADDRESS, address.as_deref().map(str::as_bytes))?,
        agent: seal(origin, AGENT, ctx.origin.agent.as_deref().map(str::as_bytes))?,
        detail: seal(owners.detail, DETAIL, Some(&text))?,
        request: seal(origin, REQUEST, Some(ctx.request_id.as_bytes()))?,
    })
}

#[async_trait]
impl AuditLog for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn records(&self, _ctx: &Ctx, filter: AuditFilter, page: PageRequest) -> Result<Page<AuditRecord>> {
        self.chain_pending().await;
        let ring = self.db.ring();
        self.db.read(move |conn| read::page(conn, &ring, &filter, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn begin_export(&self, ctx: &Ctx, filter: &AuditFilter) -> Result<i64> {
        let entry = Entry::new("audit.exported").after(serde_json::to_value(filter)?);
        let ctx = ctx.clone();
        self.db.write(move |tx| record(tx, &ctx, &entry)).await?;
        // An export covers its own entry: if that cannot be chained, the export does not begin.
        self.chain_all().await?;
        self.db.read(read::end).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn export(&self, filter: &AuditFilter, after: i64, until: i64, limit: u32) -> Result<Vec<AuditRecord>> {
        let (ring, filter) = (self.db.ring(), filter.clone());
        self.db.read(move |conn| read::piece(conn, &ring, &filter, after, until, limit)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn security(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<SecurityEvent>> {
        let (ring, user): (_, UserId) = (self.db.ring(), ctx.user()?);
        self.chain_pending().await;
        self.db.read(move |conn| read::timeline(conn, &ring, user, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn append_pending(&self) -> Result<usize> {
        if !self.db.read(append::is_pending).await? {
            return Ok(0);
        }
        self.db.write(|tx| append::append(tx, IfHeld::Leave)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn chain(&self) -> Result<Chain> {
        self.chain_pending().await;
        let keys = std::sync::Arc::clone(&self.deps.keys);
        self.db.read(move |conn| chain::state(conn, &keys)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn verify(&self, from: Chained, until: &Chained) -> Result<Walked> {
        let until = until.clone();
        self.db.read(move |conn| chain::walk(conn, from.clone(), &until)).await
    }
}

impl Repo {
    /// Chains what is pending, so that readers see everything that has been committed. If nothing can be written right
    /// now, the log is read as far as it is chained.
    pub(super) async fn chain_pending(&self) {
        if let Err(error) = self.chain_all().await {
            tracing::warn!(%error, "cannot chain pending audit entries right now");
        }
    }

    async fn chain_all(&self) -> Result<()> {
        if !self.db.read(append::is_pending).await? {
            return Ok(());
        }
        while self.db.write(|tx| append::append(tx, IfHeld::Wait)).await? >= append::BATCH {}
        Ok(())
    }
}
