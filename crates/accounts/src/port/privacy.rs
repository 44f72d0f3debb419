//! What an implementation of the rights over one's own data must keep.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result, UserId};

use crate::model::{Download, Erasing, Erasure, Export, ExportId, Fate};

/// Getting a copy of what is known, and having it erased (GDPR, articles 15, 17 and 20).
#[async_trait]
pub trait Privacy: Send + Sync {
    /// Orders a copy of what is known about the caller, as [`crate::privacy::may_export`] says: one that is being made
    /// or was made just now is answered again. Needs a recent authentication. An email tells when it is ready, with its link if the address has
    /// been confirmed.
    async fn export(&self, ctx: &Ctx) -> Result<Export>;

    /// The copies that the caller asked for lately, the latest first. Their links need a recent authentication; without
    /// one `url` is `None`.
    async fn exports(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Export>>;

    /// One of them, told in the same way; `export.unknown` for any other.
    async fn one_export(&self, ctx: &Ctx, export: ExportId) -> Result<Export>;

    /// What a link leads to. `export.unknown` when the link is not valid, `export.gone` once its time is past or
    /// the account has been erased.
    async fn download(&self, ctx: &Ctx, export: ExportId, token: &str) -> Result<Download>;

    /// The pieces of a copy, counted from 0; `None` after the last, and once the link has ended. None is larger than
    /// [`crate::privacy::CHUNK`].
    async fn chunk(&self, file: &Download, number: i32) -> Result<Option<Vec<u8>>>;

    /// Has the caller's account erased when the time for second thoughts is over; `password.wrong` if it is. With two
    /// factors it needs a recent authentication besides. Ends all sessions, export links and API keys. Asked again meanwhile, the date stays.
    async fn erase(&self, ctx: &Ctx, erasure: Erasure) -> Result<Erasing>;

    /// Keeps the account after all; `erasure.none` when it was not about to be erased, or is being erased already.
    async fn undo_erasure(&self, ctx: &Ctx) -> Result<()>;

    /// Has an account erased now, as [`crate::standing::may_erase`] says: for administrators, who need a recent
    /// authentication. What its owner wished for their messages holds unless `messages` says otherwise.
    /// `user.unknown` for nobody and for deleted users.
    async fn erase_user(&self, ctx: &Ctx, user: UserId, messages: Option<Fate>) -> Result<Erasing>;
}
