//! Messages that disappear: how long they stay in a chat, when their time begins, and that they are deleted when it is over.

mod ending;
pub mod starting;

use async_trait::async_trait;
use clowder_core::{Cause, ChatId, Ctx, Error, Result, Versions};
use clowder_messaging::{
    Change, Chat, Lifetime, Lifetimes, SystemAction, SystemNote,
    change::CHAT_UPDATED,
    lifetimes::{NewLifetime, port::PIECE, set},
};
use diesel::prelude::*;
use tracing::instrument;

use super::{
    Repo,
    chats::{
        edit::tell,
        hold::{Held, hold},
        notes,
    },
    db::Tx,
    domains::Domain,
    journal,
    messaging::{change, system},
};
use crate::domains::messaging::chats as table;

pub const DOMAIN: Domain = Domain { conceal: ending::conceal, ..Domain::NONE };

#[async_trait]
impl Lifetimes for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn set_lifetime(&self, ctx: &Ctx, chat: ChatId, version: Option<Versions>, new: NewLifetime) -> Result<Chat> {
        let ctx = ctx.clone();
        self.db.write(move |tx| set_lifetime(tx, &ctx, chat, version.as_ref(), new)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn expire(&self, ctx: &Ctx) -> Result<usize> {
        // Most of the time there is nothing to do, and then nothing is written.
        let now = ctx.now;
        let (begin, end) = self.db.read(move |conn| Ok((starting::is_due(conn)?, ending::is_due(conn, now)?))).await?;
        let mut handled = 0;
        if begin {
            let mut after = None;
            loop {
                let (caller, from) = (ctx.clone(), after);
                let begun = unless_held(self.db.write(move |tx| starting::begin(tx, &caller, from)).await)?;
                handled = handled.max(begun.0);
                after = begun.1;
                if after.is_none() {
                    break;
                }
            }
        }
        if end {
            let end = async |late| {
                let caller = ctx.clone();
                unless_held(self.db.write(move |tx| ending::end(tx, &caller, late)).await)
            };
            let ended = end(None).await?;
            handled = handled.max(ended.handled);
            if ended.late.is_some() {
                handled = handled.max(end(ended.late).await?.handled);
            }
        }
        Ok(handled.min(PIECE))
    }
}

/// Whoever holds what is needed is not waited for: the next call tries again.
fn unless_held<T: Default>(handled: Result<T>) -> Result<T> {
    match handled {
        Err(error) if is_held(&error) => Ok(T::default()),
        handled => handled,
    }
}

/// Whether another transaction has what a write needed.
pub fn is_held(error: &Error) -> bool {
    error.cause() == Some(Cause::Contended)
}

fn set_lifetime(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    chat: ChatId,
    version: Option<&Versions>,
    new: NewLifetime,
) -> Result<Chat> {
    let Held { caller, row, seat } = hold(tx, ctx, chat, &[])?;
    let Some(after) = set(seat, version, new, &row.face()?)? else { return notes::whole(tx, ctx, chat) };
    change(tx, ctx, chat)?;
    diesel::update(table::table.find(chat))
        .set((table::lifetime.eq(after.lifetime.map(Lifetime::to_number)), table::version.eq(after.version)))
        .execute(tx.conn)?;
    let note = SystemNote { action: SystemAction::LifetimeChanged, user_ids: Vec::new(), title: None, role: None };
    let said = system::say(tx, ctx, chat, caller, note)?;
    let updated = Change::ChatUpdated(Box::new(after));
    journal::supersede(tx, &[CHAT_UPDATED], &updated)?;
    tell(tx, ctx, &[updated, said])?;
    notes::whole(tx, ctx, chat)
}
