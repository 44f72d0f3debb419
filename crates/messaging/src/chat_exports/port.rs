//! What an implementation must guarantee about exports of chats.

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, Page, PageRequest, Result};

use super::{ChatExport, ChatExportId, ExportFile, NewExport};

/// Each method is about the caller's own exports; all others are `chat.export_unknown`.
#[async_trait]
pub trait ChatExports: Send + Sync {
    /// Requests an export of what the caller sees of a chat, up to its last message now, as in
    /// [`crate::chat_exports::decide`]: one of the same chat and format that is in progress is returned again. A job
    /// writes it, in pieces whose size does not depend on the chat's, and goes on where it was if it dies. A message is in
    /// it as it is when its page is read: without its text if it was deleted by then. If the caller leaves the chat or is
    /// removed, the export ends, even if they come back. Honours `ctx.idempotency_key`.
    async fn export_chat(&self, ctx: &Ctx, chat: ChatId, new: NewExport) -> Result<ChatExport>;

    /// The latest first, those of the last week.
    async fn chat_exports(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<ChatExport>>;

    async fn chat_export(&self, ctx: &Ctx, export: ChatExportId) -> Result<ChatExport>;

    /// The file of an export; `chat.export_not_ready` while it is being written, `chat.export_gone` when it has ended.
    async fn chat_export_file(&self, ctx: &Ctx, export: ChatExportId) -> Result<ExportFile>;

    /// The pieces of a file, counted from 0; `None` after the last, and as soon as the export has ended.
    async fn chat_export_piece(&self, ctx: &Ctx, file: &ExportFile, number: i32) -> Result<Option<Vec<u8>>>;

    /// Ends an export: its file goes, and it is not written any further. Ending it twice is fine.
    async fn end_chat_export(&self, ctx: &Ctx, export: ChatExportId) -> Result<()>;
}
