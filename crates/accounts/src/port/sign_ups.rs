//! Approving sign-ups, and inviting people.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result};

use crate::model::{Imported, Invite, InviteId, NewImport, NewInvite, NewInvited, Rejection, SignUp, SignUpId};

#[async_trait]
pub trait SignUps: Send + Sync {
    /// Sign-ups that wait for approval, the longest waiting first.
    async fn waiting(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<SignUp>>;

    /// Creates the account and notifies its owner by email. `sign_up.unknown` if there is no such sign-up, or somebody
    /// else has already decided.
    async fn approve(&self, ctx: &Ctx, sign_up: SignUpId) -> Result<()>;

    /// Deletes the sign-up and notifies the person by email; name and address are free again.
    async fn reject(&self, ctx: &Ctx, sign_up: SignUpId, rejection: Rejection) -> Result<()>;

    /// Creates an invitation; its code is in this answer and nowhere else. Honours `ctx.idempotency_key`.
    async fn invite(&self, ctx: &Ctx, new: NewInvite) -> Result<NewInvited>;

    /// All invitations, the latest first.
    async fn invites(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Invite>>;

    /// Revokes an invitation; accounts created with it stay.
    async fn revoke_invite(&self, ctx: &Ctx, invite: InviteId) -> Result<()>;

    /// Imports users from another system in one transaction, and returns the result of each, in order. If an account
    /// has the same name and address, it stays unchanged.
    async fn import(&self, ctx: &Ctx, people: Vec<NewImport>) -> Result<Vec<Imported>>;
}
