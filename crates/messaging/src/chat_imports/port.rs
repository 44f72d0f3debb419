//! What an implementation must guarantee about imports of chats.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result};

use super::{AuthorsBy, ChatImport, ChatImportId, Refused};

/// For administrators: the callers of these methods have checked that. What others have imported is
/// `chat.import_unknown`.
#[async_trait]
pub trait ChatImports: Send + Sync {
    /// A file is going to arrive; `chat.imports` if as many of the caller are in progress as can be.
    async fn begin_import(&self, ctx: &Ctx) -> Result<ChatImportId>;

    /// The next piece of a file: [`crate::chat_imports::PIECE`] octets, or fewer if it is the last one.
    async fn add_to_import(&self, ctx: &Ctx, import: ChatImportId, number: i32, piece: &[u8]) -> Result<()>;

    /// The file has arrived. A job makes a chat of it: it goes on where it was if it dies, so that every message is
    /// written once. With an `Idempotency-Key` under which the same file has arrived before, this is that import, and the
    /// new file is dropped; another file is `idempotency.mismatch`.
    async fn start_import(&self, ctx: &Ctx, import: ChatImportId, authors: AuthorsBy) -> Result<ChatImport>;

    /// Drops a file that has not arrived.
    async fn drop_import(&self, ctx: &Ctx, import: ChatImportId) -> Result<()>;

    async fn chat_import(&self, ctx: &Ctx, import: ChatImportId) -> Result<ChatImport>;

    /// What was not taken, in the order of the file.
    async fn refused_imports(&self, ctx: &Ctx, import: ChatImportId, page: PageRequest) -> Result<Page<Refused>>;
}
