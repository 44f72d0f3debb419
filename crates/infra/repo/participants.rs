//! The people in chats over the database: each method is one transaction.

mod people;
mod privacy;
pub mod writes;

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, Made, Page, PageRequest, Result, UserId};
use clowder_messaging::{
    Chat, Participant, Participants,
    participants::{NewParticipants, PeopleFilter, RolePatch},
};
use serde::{Deserialize, Serialize};
use tracing::instrument;

use super::{Repo, chats::notes, db::Tx, domains::Domain, idempotency::Stub};

pub const DOMAIN: Domain = Domain { parts: privacy::PARTS, ..Domain::NONE };

/// What is stored of joining a chat: whether the caller was not in it before. The call itself says which chat it is.
#[derive(Serialize, Deserialize)]
struct Stored(bool);

impl Stub for Stored {}

#[async_trait]
impl Participants for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn participants(
        &self,
        ctx: &Ctx,
        chat: ChatId,
        filter: PeopleFilter,
        page: PageRequest,
    ) -> Result<Page<Participant>> {
        let viewer = ctx.user()?;
        self.db.read(move |conn| people::list(conn, viewer, chat, &filter, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn add(&self, ctx: &Ctx, chat: ChatId, new: NewParticipants) -> Result<Vec<Participant>> {
        let ctx = ctx.clone();
        self.db.write(move |tx| writes::add(tx, &ctx, chat, &new)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn set_role(&self, ctx: &Ctx, chat: ChatId, user: UserId, patch: RolePatch) -> Result<Participant> {
        let ctx = ctx.clone();
        self.db.write(move |tx| writes::set_role(tx, &ctx, chat, user, patch.role)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn remove(&self, ctx: &Ctx, chat: ChatId, user: UserId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| writes::remove(tx, &ctx, chat, user)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn join(&self, ctx: &Ctx, chat: ChatId) -> Result<Made<Chat>> {
        let (caller, user) = (ctx.clone(), ctx.user()?);
        let first = move |tx: &mut Tx<'_>| {
            let made = writes::join(tx, &caller, chat)?;
            let stub = Stored(matches!(made, Made::New(_)));
            Ok((made, stub))
        };
        let again = move |tx: &mut Tx<'_>, Stored(is_new): Stored| {
            let chat = notes::whole(tx, user, chat)?;
            Ok(if is_new { Made::New(chat) } else { Made::Found(chat) })
        };
        self.db.create(ctx, first, again).await
    }
}
