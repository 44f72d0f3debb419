//! Search over the index of messages: a reader of the journal indexes what is sent, whoever deletes or edits a text does the
//! same with what it is found by.

mod behind;
mod chats;
mod finding;
pub mod indexing;
mod looking;

pub use finding::tags;

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result};
use clowder_messaging::search::{Found, FoundChat, Progress, Search, port::MessageSearch};
use tracing::instrument;

use super::{Repo, dialect, domains::Domain, readers::Reader};
use crate::DatabaseUrl;

pub const DOMAIN: Domain = Domain {
    readers: &[Reader {
        name: READER,
        changes: indexing::note,
        actions: &[],
        repeats: true,
        entries: |_, _, _| Ok(()),
    }],
    ..Domain::NONE
};

const READER: &str = "search";

/// Leaves nothing in the files of the index of what was taken out of it. It may take long.
pub fn renew(url: &DatabaseUrl) -> Result<()> {
    let mut conn = dialect::connect_to_migrate(url)?;
    dialect::search::renew(&mut conn)
}

#[async_trait]
impl MessageSearch for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn search_messages(&self, ctx: &Ctx, search: Search, page: PageRequest) -> Result<Page<Found>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        let memory = self.deps.memory.clone();
        self.db.read(move |conn| finding::page(conn, Some(&memory), viewer, now, &search, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn search_chats(&self, ctx: &Ctx, text: String, page: PageRequest) -> Result<Page<FoundChat>> {
        let (viewer, ring, memory) = (ctx.user()?, self.db.ring(), self.deps.memory.clone());
        self.db.read(move |conn| chats::page(conn, &ring, Some(&memory), viewer, &text, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn index_some(&self, _: &Ctx) -> Result<Progress> {
        // Most of the time there is nothing to do, and then nothing is written.
        let state = self.db.read(indexing::state).await?;
        if !indexing::wants_more(&state) {
            return Ok(indexing::progress(&state));
        }
        self.db.write(indexing::step).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn rebuild_index(&self, _: &Ctx) -> Result<Progress> {
        self.db.write(indexing::rebuild).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn index_progress(&self) -> Result<Progress> {
        self.db.read(|conn| Ok(indexing::progress(&indexing::state(conn)?))).await
    }
}
