//! What an implementation of the search must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result};

use super::input::{Found, FoundChat, Progress, Search};

/// How many messages a step of a rebuilding looks through.
pub const STEP: i64 = 500;

/// Everybody finds only what they may see now, and this is decided while it is sought, so that a page is as full as it can
/// be.
#[async_trait]
pub trait MessageSearch: Send + Sync {
    /// Messages of the caller's chats. What was sent is found within three seconds; what was edited or deleted is not found
    /// by its earlier text from the moment on at which the edit or deletion is answered. By relevance, the best among the
    /// newest [`super::RANKED`] that fit; pages stay in the order of the first one while others write. `chat.unknown` if it
    /// is to be in a chat that the caller is not in.
    async fn search_messages(&self, ctx: &Ctx, search: Search, page: PageRequest) -> Result<Page<Found>>;

    /// Chats by their titles: those of the caller, also by their own titles and, private ones, by the name of the other person;
    /// then public ones that they could join.
    async fn search_chats(&self, ctx: &Ctx, text: String, page: PageRequest) -> Result<Page<FoundChat>>;

    /// Indexes the next [`STEP`] messages, or fewer if they are long, if the index is being rebuilt or was made by other rules
    /// than those of this version; then it is rebuilt. Any number of nodes may call it at once.
    async fn index_some(&self, ctx: &Ctx) -> Result<Progress>;

    /// Begins to rebuild the index. Until that is done, what was found before is still found.
    async fn rebuild_index(&self, ctx: &Ctx) -> Result<Progress>;

    /// How far the index is.
    async fn index_progress(&self) -> Result<Progress>;
}
