//! Addresses and passwords: proving them, changing them, and recovering access.

use async_trait::async_trait;
use clowder_core::{Ctx, Result};

use crate::model::{ChangeEmail, ChangePassword, EmailLink, Forgot, LinkToken, Proof, Resend, ResetPassword};

/// Tokens in emails work once and for a limited time; a used or expired one is `link.gone`. Nothing here reveals who
/// has an account.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// What a link is for, without using it; its holder learns the address it was sent to. An unknown token counts as a
    /// guess.
    async fn email_link(&self, ctx: &Ctx, link: LinkToken) -> Result<EmailLink>;

    /// Confirms an address: that of a sign-up, of the account, or its replacement. The account is updated when this
    /// returns. If registration does not reveal which addresses are taken, the chosen password is required, too:
    /// `password.wrong`, and the token stays valid.
    async fn verify_email(&self, ctx: &Ctx, proof: Proof) -> Result<()>;

    /// Sends another email to the unconfirmed address of the caller; at most one a minute and five an hour.
    async fn resend(&self, ctx: &Ctx) -> Result<()>;

    /// Sends another email to everybody who has yet to confirm this address, within the same limits; takes the same
    /// time if there is nobody.
    async fn resend_to(&self, ctx: &Ctx, resend: Resend) -> Result<()>;

    /// Requests another address: it gets an email, and the current one a notice. The address changes when the email is
    /// answered. With two-factor authentication it needs a recent authentication.
    async fn change_email(&self, ctx: &Ctx, change: ChangeEmail) -> Result<()>;

    /// Sends an email to choose a new password, if there is an account; takes the same time if not.
    async fn forgot(&self, ctx: &Ctx, forgot: Forgot) -> Result<()>;

    /// Chooses a new password with the token from an email. Ends all sessions, export links and API keys. If the
    /// address was not confirmed before, an existing second factor is removed: a stranger may have set it up.
    async fn reset(&self, ctx: &Ctx, reset: ResetPassword) -> Result<()>;

    /// Chooses a new password with the current one, or fails with `password.wrong`. Ends all other sessions and export
    /// links, and API keys if requested.
    async fn change_password(&self, ctx: &Ctx, change: ChangePassword) -> Result<()>;
}
