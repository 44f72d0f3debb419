//! What an implementation must keep of what people with a role do about accounts.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result, Role, Timestamp, UserId};

use crate::{
    NewAccount, Username,
    model::{Account, AccountFilter, NewSuspension, ResetLink},
    standing::Standing,
};

/// Each method is one use case and at most one transaction; its change is committed with it. Whoever acts is ranked by
/// the role that the database has, not by the one a token says. An account that does not exist is `user.unknown`.
#[async_trait]
pub trait Staff: Send + Sync {
    /// Where an account stands. Waits for nothing and asks no database; what changes through this process counts at
    /// once, what changes elsewhere as soon as the journal tells.
    fn standing(&self, user: UserId, now: Timestamp) -> Standing;

    /// The newest first; pages by id.
    async fn accounts(&self, ctx: &Ctx, filter: AccountFilter, page: PageRequest) -> Result<Page<Account>>;

    async fn account(&self, ctx: &Ctx, user: UserId) -> Result<Account>;

    /// Who goes by this name; there is at most one, look-alikes included.
    async fn account_named(&self, ctx: &Ctx, name: &Username) -> Result<Account>;

    /// Makes an account with a role, without signing it in.
    async fn create_account(&self, ctx: &Ctx, new: NewAccount, role: Role) -> Result<Account>;

    /// Of two administrators that step down at once, one remains. People need a recent authentication.
    async fn set_role(&self, ctx: &Ctx, user: UserId, role: Role) -> Result<Account>;

    /// Suspends, or replaces the suspension there is.
    async fn suspend(&self, ctx: &Ctx, user: UserId, new: NewSuspension) -> Result<Account>;

    /// Lifts a suspension; fine when there is none.
    async fn lift(&self, ctx: &Ctx, user: UserId) -> Result<Account>;

    /// Makes a link for somebody who cannot be reached by mail, good for [`crate::policy::RESET_FOR`]: whoever hands it
    /// over never learns the password. A second factor stays.
    async fn reset_link(&self, ctx: &Ctx, user: UserId) -> Result<ResetLink>;

    /// Signs an account out everywhere, and ends the links to its exports; with `end_keys` its API keys as well.
    async fn end_sessions(&self, ctx: &Ctx, user: UserId, end_keys: bool) -> Result<()>;

    /// Removes the second factor of somebody who has lost it, and tells them by email; `two_factor.off` when there is
    /// none. For whoever runs the server.
    async fn remove_second_factor(&self, ctx: &Ctx, user: UserId) -> Result<Account>;
}
