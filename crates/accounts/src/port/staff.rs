//! What an implementation of account management must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result, Role, Timestamp, UserId};

use crate::{
    NewAccount, Username,
    badges::{Badge, BadgeStep},
    model::{Account, AccountFilter, NewSuspension, ResetLink},
    standing::Standing,
};

/// Each method is one use case and at most one transaction; its change is committed with it. The actor's role is the
/// one in the database, not that of the token. An account that does not exist is `user.unknown`.
#[async_trait]
pub trait Staff: Send + Sync {
    /// The standing of an account. Never waits or queries the database; changes by this process count at once, others
    /// as soon as the journal shows them.
    fn standing(&self, user: UserId, now: Timestamp) -> Standing;

    /// The newest first; pages by id.
    async fn accounts(&self, ctx: &Ctx, filter: AccountFilter, page: PageRequest) -> Result<Page<Account>>;

    async fn account(&self, ctx: &Ctx, user: UserId) -> Result<Account>;

    /// The account with this name; there is at most one, including look-alikes.
    async fn account_named(&self, ctx: &Ctx, name: &Username) -> Result<Account>;

    /// Creates an account with a role, without signing it in.
    async fn create_account(&self, ctx: &Ctx, new: NewAccount, role: Role) -> Result<Account>;

    /// If two administrators step down at once, one of them stays. People need a recent authentication.
    async fn set_role(&self, ctx: &Ctx, user: UserId, role: Role) -> Result<Account>;

    /// Suspends an account, or replaces its suspension.
    async fn suspend(&self, ctx: &Ctx, user: UserId, new: NewSuspension) -> Result<Account>;

    /// Lifts a suspension; does nothing if there is none.
    async fn lift(&self, ctx: &Ctx, user: UserId) -> Result<Account>;

    /// Puts a badge on a profile, or takes it away, as in [`crate::badges::decide`]; what changes nothing is no change.
    async fn set_badge(&self, ctx: &Ctx, user: UserId, step: BadgeStep, badge: Badge) -> Result<Account>;

    /// Creates a link for somebody who cannot receive email, valid for [`crate::policy::RESET_FOR`]: whoever hands it
    /// over never learns the password. A second factor stays.
    async fn reset_link(&self, ctx: &Ctx, user: UserId) -> Result<ResetLink>;

    /// Signs an account out everywhere, and ends the links to its exports; with `end_keys` its API keys, too.
    async fn end_sessions(&self, ctx: &Ctx, user: UserId, end_keys: bool) -> Result<()>;

    /// Removes the second factor of somebody who has lost it, and notifies them by email; `two_factor.off` if there is
    /// none. For operators.
    async fn remove_second_factor(&self, ctx: &Ctx, user: UserId) -> Result<Account>;
}
