//! What an implementation of the audit log must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result};

use crate::audit::{AuditFilter, AuditRecord, Chain, Chained, SecurityEvent, Walked};

/// The audit log. Entries are part of the writes that they describe, so other ports create them. They are committed
/// unchained, so that writers don't wait for each other, and are chained within a second: from then on positions have
/// no gaps, and the database itself refuses to change or remove an entry. Reading the log first chains what is pending,
/// so readers see all that has been committed.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// The newest first; pages by position, so that the cost does not grow with depth.
    async fn records(&self, ctx: &Ctx, filter: AuditFilter, page: PageRequest) -> Result<Page<AuditRecord>>;

    /// Records that the log is exported, and returns the last position that the export covers.
    async fn begin_export(&self, ctx: &Ctx, filter: &AuditFilter) -> Result<i64>;

    /// The entries after one position up to another, the oldest first and at most `limit`; empty if there are no more.
    async fn export(&self, filter: &AuditFilter, after: i64, until: i64, limit: u32) -> Result<Vec<AuditRecord>>;

    /// What concerns the caller's account, the newest first.
    async fn security(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<SecurityEvent>>;

    /// Chains committed entries, a batch at a time and in the order in which they were appended; returns how many. Does
    /// nothing while another node chains.
    async fn append_pending(&self) -> Result<usize>;

    /// The extent of the chain as stored in the database, and how many entries are pending.
    async fn chain(&self) -> Result<Chain>;

    /// Verifies a bounded part of the chain after `from`; call it again until the chain is whole or broken.
    async fn verify(&self, from: Chained, until: &Chained) -> Result<Walked>;
}
