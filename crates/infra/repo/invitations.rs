//! Invitations to chats over the database: of people, by links, and requests to join. Each method is one transaction.

pub mod attempts;
pub mod guests;
pub mod links;
mod severing;

pub use guests::met_by;
pub use severing::sever;

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, Page, PageRequest, Result, UserId, link::Code};
use clowder_messaging::{
    Chat, Invitations,
    invitations::{
        Guest, Invitation, Invites, Link, LinkId, NewAnswer, NewInvite, Preview, Standing, Verdict, port::Came,
    },
};
use tracing::instrument;

use super::{
    Repo,
    db::Tx,
    domains::{Domain, Sweep},
};

pub const DOMAIN: Domain = Domain {
    sweeps: &[Sweep::Rows(links::sweep), Sweep::Steps(attempts::expire), Sweep::Rows(attempts::sweep)],
    ..Domain::NONE
};

#[async_trait]
impl Invitations for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn invite(&self, ctx: &Ctx, chat: ChatId, new: NewInvite) -> Result<Invites> {
        let (caller, again, asked) = (ctx.clone(), ctx.clone(), new.clone());
        let first = move |tx: &mut Tx<'_>| {
            let made = if new.user_ids.is_none() {
                links::make(tx, &caller, chat, &new)?
            } else {
                guests::invite(tx, &caller, chat, &new)?
            };
            let stub = links::Stored::of(&made);
            Ok((made, stub))
        };
        self.db.create(ctx, first, move |tx, stub: links::Stored| stub.again(tx, &again, chat, &asked)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn links(&self, ctx: &Ctx, chat: ChatId, page: PageRequest) -> Result<Page<Link>> {
        let viewer = ctx.user()?;
        self.db.read(move |conn| links::list(conn, viewer, chat, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn revoke(&self, ctx: &Ctx, chat: ChatId, link: LinkId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| links::revoke(tx, &ctx, chat, link)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn guests(&self, ctx: &Ctx, chat: ChatId, standing: Standing, page: PageRequest) -> Result<Page<Guest>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| guests::list(conn, now, viewer, chat, standing, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn withdraw(&self, ctx: &Ctx, chat: ChatId, user: UserId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| guests::withdraw(tx, &ctx, chat, user)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn decide(&self, ctx: &Ctx, chat: ChatId, user: UserId, verdict: Verdict) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| guests::decide(tx, &ctx, chat, user, verdict.action)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn invitations(&self, ctx: &Ctx, standing: Option<Standing>, page: PageRequest) -> Result<Page<Invitation>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| guests::own(conn, viewer, now, standing, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn answer(&self, ctx: &Ctx, chat: ChatId, answer: NewAnswer) -> Result<Option<Chat>> {
        let ctx = ctx.clone();
        self.db.write(move |tx| guests::answer(tx, &ctx, chat, answer.action)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn preview(&self, ctx: &Ctx, code: Code) -> Result<Preview> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| links::preview(conn, now, viewer, &code)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn come(&self, ctx: &Ctx, code: Code) -> Result<Came> {
        let (caller, again, by) = (ctx.clone(), ctx.clone(), code.clone());
        let first = move |tx: &mut Tx<'_>| {
            let came = links::come(tx, &caller, &code)?;
            let stub = links::StoredCame::of(&came);
            Ok((came, stub))
        };
        let came = self.db.create(ctx, first, move |tx, stub: links::StoredCame| stub.again(tx, &again)).await;
        self.unless_braked(ctx, came, move |conn| Ok(links::find(conn, &by)?.1)).await
    }
}
