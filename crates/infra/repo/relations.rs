//! Quotes, threads and forwarding over the database. Sends with a quote or a thread share their commits with all others.

mod forward;
pub mod named;
mod privacy;
mod reading;
pub mod threads;

use std::time::Instant;

use async_trait::async_trait;
use clowder_core::{Cause, Ctx, Error, Id, IdempotencyKey, Made, MessageId, Page, PageRequest, Result};
use clowder_messaging::{
    Message, NewRead, Relations, Window,
    lifetimes::conceal,
    relations::{FollowedThread, Forwards, NewForward, ThreadState},
};
use tracing::instrument;

use super::{
    Repo,
    clock::{IN_ORDER, never},
    db::Tx,
    domains::Domain,
    group_commit::GIVE_UP_AFTER,
    idempotency,
};

pub const DOMAIN: Domain =
    Domain { parts: privacy::PARTS, times: &[never("messages.last_reply_at", IN_ORDER)], ..Domain::NONE };

#[async_trait]
impl Relations for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn thread(&self, ctx: &Ctx, root: MessageId, window: Window, limit: u32) -> Result<Page<Message>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.look(move |conn, caches| {
            let mut page = reading::thread(conn, Some(caches.people()), (viewer, now), root, window, limit)?;
            page.items.iter_mut().for_each(|message| conceal(message, now));
            Ok(page)
        })
        .await
    }

    #[instrument(level = "debug", skip_all)]
    async fn threads(&self, ctx: &Ctx, unread: Option<bool>, page: PageRequest) -> Result<Page<FollowedThread>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.look(move |conn, caches| reading::threads(conn, Some(caches.people()), viewer, now, unread, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn follow_thread(&self, ctx: &Ctx, root: MessageId) -> Result<ThreadState> {
        let ctx = ctx.clone();
        self.db.write(move |tx| threads::follow(tx, &ctx, root, true)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn unfollow_thread(&self, ctx: &Ctx, root: MessageId) -> Result<ThreadState> {
        let ctx = ctx.clone();
        self.db.write(move |tx| threads::follow(tx, &ctx, root, false)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn read_thread(&self, ctx: &Ctx, root: MessageId, new: NewRead) -> Result<ThreadState> {
        let ctx = ctx.clone();
        self.db.write(move |tx| threads::read(tx, &ctx, root, new)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn forward(&self, ctx: &Ctx, message: MessageId, new: NewForward) -> Result<Made<Forwards>> {
        let ctx = ctx.clone();
        let by_client_id = new.client_id.as_ref().map(|client_id| {
            let ids: Vec<_> = new.chat_ids.iter().map(Id::uuid).collect();
            let mut parts = vec![message.uuid().as_bytes().to_vec()];
            parts.extend(ids.iter().map(|chat| chat.as_bytes().to_vec()));
            let print = self.deps.keys.fingerprint(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
            IdempotencyKey::new(format!("forward {}", client_id.as_str()), print)
        });
        // A repeated call sends nothing.
        let mut is_repeated = false;
        for key in [&ctx.idempotency_key, &by_client_id].into_iter().flatten() {
            let (id, now) = (idempotency::id_of(&self.deps.keys, &ctx, key), ctx.now);
            is_repeated |= self.db.read(move |conn| idempotency::is_known(conn, id, now)).await?;
        }
        let mut chats = Vec::with_capacity(new.chat_ids.len());
        for chat in &new.chat_ids {
            let paced = if is_repeated { Ok(()) } else { self.messaging.pace(&ctx, *chat) };
            let paced = match paced {
                Ok(()) => None,
                Err(Error::TooMany { retry_after, .. }) => Some(ctx.now.plus(retry_after)),
                Err(error) => return Err(error),
            };
            chats.push(forward::Into { chat: *chat, paced });
        }
        let taken: Vec<_> = chats.iter().map(|into| (into.chat, into.paced.is_none() && !is_repeated)).collect();
        let (caller, again_by, key) = (ctx.clone(), ctx.clone(), by_client_id.clone());
        let first = move |tx: &mut Tx<'_>| {
            let Some(key) = &key else { return forward::forward(tx, &caller, message, &chats) };
            // Under both keys, the answer is the same.
            let first = |tx: &mut Tx<'_>| {
                let (forwards, stored) = forward::forward(tx, &caller, message, &chats)?;
                Ok(((forwards, stored.clone()), stored))
            };
            let again = |tx: &mut Tx<'_>, stored: forward::Stored| Ok((forward::again(tx, &caller, &stored)?, stored));
            idempotency::guard(tx, &caller, key, first, again)
        };
        let again = move |tx: &mut Tx<'_>, stored: forward::Stored| forward::again(tx, &again_by, &stored);
        // One attempt waits briefly for each chat, because it keeps those before it waiting.
        let began = Instant::now();
        let forwards = loop {
            match self.db.create(&ctx, first.clone(), again.clone()).await {
                Err(error) if error.cause() == Some(Cause::Contended) && began.elapsed() < GIVE_UP_AFTER => {}
                done => break done,
            }
        };
        // Only what is sent counts.
        let is_found = by_client_id.is_some_and(|key| key.was_replayed());
        let is_replayed = is_found || ctx.idempotency_key.as_ref().is_some_and(IdempotencyKey::was_replayed);
        let sent = forwards.as_ref().ok().filter(|_| !is_replayed);
        for (index, (chat, _)) in taken.into_iter().enumerate().filter(|(_, (_, is_taken))| *is_taken) {
            if sent.and_then(|sent| sent.items.get(index)).is_none_or(|item| item.message.is_none()) {
                self.db.services().paces.give_back(chat, ctx.user()?);
            }
        }
        let forwards = forwards?;
        // With a key of its own, the whole answer is the first one.
        Ok(if is_found { Made::Found(forwards) } else { Made::New(forwards) })
    }
}
