//! The people in chats over the database: each method is one transaction.

mod people;
mod privacy;
pub mod writes;

use async_trait::async_trait;
use clowder_accounts::activity::{Rule, Target, Whose};
use clowder_core::{ChatId, Ctx, Page, PageRequest, Result, UserId};
use clowder_messaging::{
    Participant, Participants,
    invitations::{asks_too_much, port::Came},
    participants::{NewParticipants, PeopleFilter, RolePatch},
};
use tracing::instrument;

use super::{Repo, db::Tx, dialect::Conn, domains::Domain, invitations::links::StoredCame, moderation::settings};

/// The chat of a group tells of nobody who comes in or gets another role, and who leaves it is told alone: the group has items
/// of its own.
pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    activity: &[
        Rule::new("participant.added", "chat.member_added", Whose::OnAnother(PERSON), Target::Subject("chat")),
        Rule::new(
            "participant.removed",
            "chat.member_removed",
            Whose::OnAnotherOpenly("/user_id"),
            Target::Subject("chat"),
        ),
        Rule::new("participant.updated", "chat.role_changed", Whose::OnAnother(PERSON), Target::Subject("chat")),
    ],
    ..Domain::NONE
};

const PERSON: &str = "/participant/user/id";

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
        self.db.write(move |tx| writes::remove(tx, &ctx, chat, user, None)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn join(&self, ctx: &Ctx, chat: ChatId) -> Result<Came> {
        let (caller, again) = (ctx.clone(), ctx.clone());
        let first = move |tx: &mut Tx<'_>| {
            let came = writes::join(tx, &caller, chat)?;
            let stub = StoredCame::of(&came);
            Ok((came, stub))
        };
        let came = self.db.create(ctx, first, move |tx, stub: StoredCame| stub.again(tx, &again)).await;
        self.unless_braked(ctx, came, move |_| Ok(chat)).await
    }
}

impl Repo {
    /// Passes on how somebody came. Whoever is refused because they ask too much may have made the brake of the chat go on:
    /// then it is on, although nothing else of what they did is left.
    pub async fn unless_braked(
        &self,
        ctx: &Ctx,
        came: Result<Came>,
        place: impl Fn(&mut Conn) -> Result<ChatId> + Send + 'static,
    ) -> Result<Came> {
        if !came.as_ref().is_err_and(asks_too_much) {
            return came;
        }
        let now = ctx.now;
        let braked = move |conn: &mut Conn| {
            let chat = place(conn)?;
            Ok(settings::would_brake(conn, now, chat)?.then_some(chat))
        };
        if let Some(chat) = self.db.read(braked).await? {
            let ctx = ctx.clone();
            self.db.write(move |tx| writes::stop(tx, &ctx, chat)).await?;
        }
        came
    }
}
