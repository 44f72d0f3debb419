//! Letting people in: those who wait for it, and those who are invited.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result};

use crate::model::{Imported, Invite, InviteId, NewImport, NewInvite, NewInvited, Rejection, SignUp, SignUpId};

#[async_trait]
pub trait SignUps: Send + Sync {
    /// Those whose account waits for somebody's approval, the longest waiting first.
    async fn waiting(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<SignUp>>;

    /// Makes the account and tells its owner by mail. `sign_up.unknown` when nobody waits under this id, also when
    /// somebody else was quicker.
    async fn approve(&self, ctx: &Ctx, sign_up: SignUpId) -> Result<()>;

    /// Forgets the sign-up and tells who wanted it by mail; name and address are free again.
    async fn reject(&self, ctx: &Ctx, sign_up: SignUpId, rejection: Rejection) -> Result<()>;

    /// Makes an invitation; its code is in this answer and nowhere else. Honours `ctx.idempotency_key`.
    async fn invite(&self, ctx: &Ctx, new: NewInvite) -> Result<NewInvited>;

    /// All invitations, the latest first.
    async fn invites(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Invite>>;

    /// Makes an invitation worthless; accounts it has made stay.
    async fn revoke_invite(&self, ctx: &Ctx, invite: InviteId) -> Result<()>;

    /// Brings people over from another system in one transaction, and says of each what became of them, in their
    /// order. Whoever has name and address of an account is that account, and stays as they are.
    async fn import(&self, ctx: &Ctx, people: Vec<NewImport>) -> Result<Vec<Imported>>;
}
