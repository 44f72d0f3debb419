//! What an implementation of the audit log must keep.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result};

use crate::audit::{AuditFilter, AuditRecord, Chain, Chained, SecurityEvent, Walked};

/// The audit log. Entries are part of the write that they tell of, and so are made by other ports. They are committed
/// without a place in the chain, so that writers don't wait for each other, and get one within a second: from then on
/// positions have no gaps, and the database itself refuses to change or remove an entry. Reading the log chains what is
/// pending first, so whoever reads sees all that has been committed.
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

    /// Gives committed entries their places in the chain, a batch at a time and in the order in which they were
    /// appended; answers how many. Nothing while another node does so.
    async fn append_pending(&self) -> Result<usize>;

    /// From where to where the chain reaches as the database holds it, and what waits for its place.
    async fn chain(&self) -> Result<Chain>;

    /// Checks a bounded piece of the chain after `from`; call again until it is whole or broken.
    async fn verify(&self, from: Chained, until: &Chained) -> Result<Walked>;
}
