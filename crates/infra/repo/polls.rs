//! Polls. Votes share their commits with messages; everything else is a transaction of its own.

mod closing;
mod gone;
mod privacy;
mod shown;
mod votes;

use std::time::Instant;

use async_trait::async_trait;
use clowder_core::{Ctx, MessageId, Page, PageRequest, Result};
use clowder_messaging::{
    Polls,
    polls::{Closed, NewVote, Voted, Voter},
};
use tracing::instrument;

pub use gone::{clear, drop_from};
pub use shown::{SeenPolls, open};
pub use votes::{PendingVote, write_batch};

use super::{
    Repo,
    clock::{PRESENCE, SHOWN, never},
    domains::{Domain, Sweep},
    messaging::writes::ChatWrite,
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    words: &["message_polls.votes"],
    times: &[never("message_poll_votes.voted_at", SHOWN), never("message_polls.closed_at", PRESENCE)],
    sweeps: &[Sweep::Steps(|repo, ctx, _| Box::pin(gone::forget(repo, ctx)))],
    ..Domain::NONE
};

#[async_trait]
impl Polls for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn vote(&self, ctx: &Ctx, message: MessageId, new: NewVote) -> Result<Voted> {
        let (caller, arrived) = (ctx.clone(), Instant::now());
        // What is as it should be needs no transaction.
        match self.db.read(move |conn| votes::plan(conn, &caller, arrived, message, &new)).await? {
            votes::Plan::Stay(voted) => Ok(voted),
            votes::Plan::Change(pending) => {
                let chat = pending.key().0;
                self.messaging.pace_gesture(ctx, chat)?;
                let written = self.write_in_chat(ChatWrite::Vote(pending)).await;
                self.messaging.unless_refused(ctx, chat, written)?.voted()
            }
        }
    }

    #[instrument(level = "debug", skip_all)]
    async fn close(&self, ctx: &Ctx, message: MessageId) -> Result<Closed> {
        let ctx = ctx.clone();
        self.db.write(move |tx| closing::close(tx, &ctx, message)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn voters(
        &self,
        ctx: &Ctx,
        message: MessageId,
        option: Option<i64>,
        page: PageRequest,
    ) -> Result<Page<Voter>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        let look = move |conn: &mut _, people: &_| shown::page(conn, Some(people), viewer, now, message, option, &page);
        self.look_at_people(look).await
    }
}
