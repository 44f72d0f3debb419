//! Messaging over the database: each method is one transaction; `send` shares its commit with others.

pub mod chats;
pub mod edit;
mod found;
mod messages;
mod read;
pub mod send;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, Error, MessageId, Page, PageRequest, Result};
use clowder_messaging::{
    Chat, ChatFilter, Deleted, Edit, Made, Message, MessagePatch, Messaging, NewChat, NewMessage, NewRead, Read, Window,
};
use tracing::instrument;

use super::{Repo, dialect::Conn};
use crate::store::Memory;

#[async_trait]
impl Messaging for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn create_chat(&self, ctx: &Ctx, new: NewChat) -> Result<Made<Chat>> {
        let caller = ctx.clone();
        self.db.create(ctx, move |tx| found::found(tx, &caller, new)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn chats(&self, ctx: &Ctx, filter: ChatFilter, page: PageRequest) -> Result<Page<Chat>> {
        let viewer = ctx.user()?;
        self.look(move |conn, memory| chats::list(conn, memory, viewer, &filter, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn chat(&self, ctx: &Ctx, chat: ChatId) -> Result<Chat> {
        let viewer = ctx.user()?;
        self.look(move |conn, memory| chats::one(conn, memory, viewer, chat)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn send(&self, ctx: &Ctx, chat: ChatId, new: NewMessage) -> Result<Made<Message>> {
        let line = send::Line::new(ctx, chat, new, &self.parts.keys)?;
        match ctx.once {
            Some(_) => {
                let line = Arc::new(line);
                let (first, second) = (Arc::clone(&line), line);
                match self.db.create(ctx, move |tx| send::say_alone(tx, &first)).await {
                    // A client id that another node commits at the same moment is found at the second look.
                    Err(Error::Internal(_)) => self.db.create(ctx, move |tx| send::say_alone(tx, &second)).await,
                    said => said,
                }
            }
            None => self.outbox.send(&self.db, line).await,
        }
    }

    #[instrument(level = "debug", skip_all)]
    async fn messages(&self, ctx: &Ctx, chat: ChatId, window: Window, limit: u32) -> Result<Page<Message>> {
        let viewer = ctx.user()?;
        self.look(move |conn, memory| messages::page(conn, memory, viewer, chat, window, limit)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn message(&self, ctx: &Ctx, message: MessageId) -> Result<Message> {
        let viewer = ctx.user()?;
        self.look(move |conn, memory| messages::one(conn, memory, viewer, message)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn edit(&self, ctx: &Ctx, message: MessageId, version: Option<i64>, patch: MessagePatch) -> Result<Message> {
        let ctx = ctx.clone();
        self.db.write(move |tx| edit::edit(tx, &ctx, message, version, patch)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn delete(&self, ctx: &Ctx, message: MessageId, version: Option<i64>) -> Result<Deleted> {
        let ctx = ctx.clone();
        self.db.write(move |tx| edit::delete(tx, &ctx, message, version)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn history(&self, ctx: &Ctx, message: MessageId) -> Result<Vec<Edit>> {
        let viewer = ctx.user()?;
        self.look(move |conn, memory| messages::history(conn, memory, viewer, message)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn read(&self, ctx: &Ctx, chat: ChatId, new: NewRead) -> Result<Read> {
        let ctx = ctx.clone();
        self.db.write(move |tx| read::read(tx, &ctx, chat, new)).await
    }
}

impl Repo {
    /// Reads, with what this process remembers at hand.
    async fn look<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Conn, Option<&Memory>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let memory = self.parts.memory.clone();
        self.db.read(move |conn| f(conn, Some(&memory))).await
    }
}
