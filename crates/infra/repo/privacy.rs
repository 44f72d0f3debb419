//! Exports and erasures over the database. Each domain declares what is exported and erased; see [`parts`].

mod erase;
pub mod erasures;
pub mod exports;
mod packing;
pub mod parts;
mod times;
pub mod workers;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_accounts::{
    Change, Privacy,
    model::{Download, Erasing as Due, Erasure, Export, ExportId, Fate},
    privacy::tombstone,
};
use clowder_core::{Card, Ctx, Id, Page, PageRequest, Result, Timestamp, Topic, UserId};
use exports::Piece;
use serde::{Deserialize, Serialize};
use tracing::instrument;

use super::{
    Repo,
    credentials::still,
    dialect,
    domains::{Domain, Sweep},
};
use crate::{
    privacy::Registered,
    seal::{Column, KeyRing, Under},
};

pub const DOMAIN: Domain = Domain {
    parts: erase::PARTS,
    sealed: &[EXPORT_CHUNK, ERASURE_RECIPIENT],
    words: &["erasures.receipt", "erasures.state", "exports.status"],
    times: times::TIMES,
    sweeps: &[Sweep::Rows(erase::sweep_exports), Sweep::Rows(erasures::remind)],
    workers: |repo| vec![Arc::new(workers::Exporter(Arc::clone(repo))), Arc::new(workers::Eraser(Arc::clone(repo)))],
    ..Domain::NONE
};

const EXPORT_CHUNK: Column = Column::new("export_chunks", "data", "id", Under::UserKey);
pub const ERASURE_RECIPIENT: Column = Column::new("erasures", "recipient", "id", Under::UserKey);

/// Whose export it is, and the key that decrypts their data.
#[derive(Clone)]
pub struct Asking {
    pub user: UserId,
    pub now: Timestamp,
    pub ring: Arc<KeyRing>,
}

/// An erasure in progress.
#[derive(Debug, Clone)]
pub struct Erasing {
    pub id: Id<Erasing>,
    pub user: UserId,
    pub delete_messages: bool,
    pub requested_at: Timestamp,
    /// The user's former card, for emails; known once the account is a tombstone.
    pub recipient: Option<Recipient>,
    /// How many changes of the journal one piece reads.
    pub changes: i64,
}

impl Erasing {
    /// Their card from now on.
    pub fn tombstone(&self) -> Card {
        tombstone(self.user)
    }

    /// Tells the followers of a topic that the account has been erased. On the personal topic, it also replaces all
    /// earlier changes.
    pub fn farewell(&self, topic: Topic) -> Change {
        Change::UserDeleted(topic, self.tombstone())
    }
}

/// The former identity of a user who is being erased: encrypted with their key, and deleted with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recipient {
    pub name: String,
    pub address: String,
}

/// The content of the registry, for the test that compares it with the schema.
pub fn registered() -> Vec<Registered> {
    let files = |part: &parts::Part| part.files.iter().map(|file| file.name).collect();
    let part = |part: &&parts::Part| Registered {
        name: part.name,
        phase: part.phase as usize,
        references: part.references,
        files: files(part),
    };
    parts::all().iter().map(part).collect()
}

#[async_trait]
impl Privacy for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn export(&self, ctx: &Ctx) -> Result<Export> {
        let ctx = ctx.clone();
        self.db.write(move |tx| exports::ask(tx, &ctx)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn exports(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Export>> {
        let (ctx, keys) = (ctx.clone(), Arc::clone(&self.deps.keys));
        self.db.read(move |conn| exports::list(conn, &keys, &ctx, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn one_export(&self, ctx: &Ctx, export: ExportId) -> Result<Export> {
        let (ctx, keys) = (ctx.clone(), Arc::clone(&self.deps.keys));
        self.db.read(move |conn| exports::one(conn, &keys, &ctx, export)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn download(&self, ctx: &Ctx, export: ExportId, token: &str) -> Result<Download> {
        let link = exports::may_fetch(&self.deps.keys, ctx.now, export, token)?;
        let now = ctx.now;
        self.db.read(move |conn| exports::download(conn, now, export, link)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn chunk(&self, file: &Download, number: i32) -> Result<Option<Vec<u8>>> {
        let (ring, file) = (self.db.ring(), *file);
        match self.db.read(move |conn| exports::piece(conn, &ring, &file, number)).await? {
            Some(Piece::Octets(octets)) => Ok(Some(octets)),
            Some(Piece::Of(content, range)) => self.exported_piece(content, range).await.map(Some),
            None => Ok(None),
        }
    }

    #[instrument(level = "debug", skip_all)]
    async fn erase(&self, ctx: &Ctx, erasure: Erasure) -> Result<Due> {
        let proved = self.prove_password(ctx, &erasure.password).await?;
        let (caller, after) = (ctx.clone(), self.deps.options.privacy.erasure_after);
        let ordered = self.db.write(move |tx| {
            // Everybody who governs accounts locks administrators first, and then the account.
            dialect::accounts::lock_admins(tx.conn)?;
            still(tx, &proved)?;
            erasures::request(tx, &caller, erasure.messages, after)
        });
        let (due, ended) = ordered.await?;
        self.have_ended(&ended);
        Ok(due)
    }

    #[instrument(level = "debug", skip_all)]
    async fn undo_erasure(&self, ctx: &Ctx) -> Result<()> {
        let ctx = ctx.clone();
        let own = self.db.write(move |tx| erasures::undo(tx, &ctx)).await?;
        self.deps.memory.profiles.keep(&own);
        Ok(())
    }

    #[instrument(level = "debug", skip_all)]
    async fn erase_user(&self, ctx: &Ctx, user: UserId, messages: Option<Fate>) -> Result<Due> {
        let caller = ctx.clone();
        let (due, ended) = self.db.write(move |tx| erasures::order_now(tx, &caller, user, messages)).await?;
        self.have_ended(&ended);
        Ok(due)
    }
}
