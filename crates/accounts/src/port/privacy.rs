//! What an implementation of data exports and erasures must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result, UserId};

use crate::model::{Download, Erasing, Erasure, Export, ExportId, Fate};

/// Exporting personal data, and having it erased (GDPR, articles 15, 17 and 20).
#[async_trait]
pub trait Privacy: Send + Sync {
    /// Requests an export of the caller's data, as in [`crate::privacy::may_export`]: a running or very recent one is
    /// returned again. Needs a recent authentication. An email says when it is ready, with its link if the address is
    /// confirmed.
    async fn export(&self, ctx: &Ctx) -> Result<Export>;

    /// The caller's recent exports, the latest first. Their links need a recent authentication; without one `url` is
    /// `None`.
    async fn exports(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Export>>;

    /// One of them, in the same form; `export.unknown` for any other.
    async fn one_export(&self, ctx: &Ctx, export: ExportId) -> Result<Export>;

    /// The export behind a link. `export.unknown` if the link is not valid, `export.gone` if it has expired or the
    /// account has been erased.
    async fn download(&self, ctx: &Ctx, export: ExportId, token: &str) -> Result<Download>;

    /// The chunks of an export, counted from 0; `None` after the last, and after the link has ended. None is larger
    /// than [`crate::privacy::CHUNK`].
    async fn chunk(&self, file: &Download, number: i32) -> Result<Option<Vec<u8>>>;

    /// Schedules the erasure of the caller's account after the grace period; `password.wrong` if the password is wrong.
    /// With two-factor authentication it also needs a recent authentication. Ends all sessions, export links and API
    /// keys. Repeated requests don't change the date.
    async fn erase(&self, ctx: &Ctx, erasure: Erasure) -> Result<Erasing>;

    /// Cancels the erasure; `erasure.none` if none is scheduled, or it has already begun.
    async fn undo_erasure(&self, ctx: &Ctx) -> Result<()>;

    /// Erases an account now, as in [`crate::standing::may_erase`]: for administrators, with a recent authentication.
    /// The owner's choice for their messages applies unless `messages` says otherwise. `user.unknown` for unknown and
    /// deleted users.
    async fn erase_user(&self, ctx: &Ctx, user: UserId, messages: Option<Fate>) -> Result<Erasing>;
}
