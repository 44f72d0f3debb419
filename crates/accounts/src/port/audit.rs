//! What an implementation of the audit log must keep.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result};

use crate::audit::{AuditFilter, AuditRecord, Chained, SecurityEvent, Walked};

/// The audit log. Entries are part of the write that they tell of, and so are made by other ports. They are only ever
/// added: positions have no gaps, and the database itself refuses to change or remove one.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// The newest first; pages by position, so that their cost does not grow with depth.
    async fn records(&self, ctx: &Ctx, filter: AuditFilter, page: PageRequest) -> Result<Page<AuditRecord>>;

    /// Writes down that the log is exported, and answers the last position that the export covers.
    async fn begin_export(&self, ctx: &Ctx, filter: &AuditFilter) -> Result<i64>;

    /// The entries after one position up to another, the oldest first and at most `limit`; empty when there are no more.
    async fn export(&self, filter: &AuditFilter, after: i64, until: i64, limit: u32) -> Result<Vec<AuditRecord>>;

    /// What concerns the account of the user who asks, the newest first.
    async fn security(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<SecurityEvent>>;

    /// The end of the chain as the database holds it.
    async fn head(&self) -> Result<Chained>;

    /// Checks a bounded piece of the chain after `from`; call again until it is whole or broken.
    async fn verify(&self, from: Chained, until: &Chained) -> Result<Walked>;
}
