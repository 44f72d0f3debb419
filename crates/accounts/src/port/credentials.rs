//! Addresses and passwords: proving them, changing them, getting back in without them.

use async_trait::async_trait;
use clowder_core::{Ctx, Result};

use crate::model::{ChangeEmail, ChangePassword, EmailLink, Forgot, LinkToken, Proof, Resend, ResetPassword};

/// What goes by mail works once and for a limited time; using it again, or too late, is `link.gone`. Nothing here
/// tells who has an account.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// What a link is good for, without using it: whoever has it learns the address that it was sent to. An unknown token
    /// counts as a guess.
    async fn email_link(&self, ctx: &Ctx, link: LinkToken) -> Result<EmailLink>;

    /// Confirms an address: that of a sign-up, of the account, or the one that takes its place. What it makes of the
    /// account is done when this returns. Where registering does not tell which addresses are taken, it needs the password
    /// that was chosen as well: `password.wrong`, and the token stays good.
    async fn verify_email(&self, ctx: &Ctx, proof: Proof) -> Result<()>;

    /// Sends another email to the unconfirmed address of the caller; at most one a minute and five an hour.
    async fn resend(&self, ctx: &Ctx) -> Result<()>;

    /// Sends another email to each who has yet to confirm this address, within the same limits; takes the same time
    /// if there is nobody.
    async fn resend_to(&self, ctx: &Ctx, resend: Resend) -> Result<()>;

    /// Asks for another address: it is sent an email, the present one a notice. The address changes when the email
    /// is answered. With two factors it needs a recent authentication.
    async fn change_email(&self, ctx: &Ctx, change: ChangeEmail) -> Result<()>;

    /// Sends an email by which the password can be chosen anew, if there is an account; takes the same time if not.
    async fn forgot(&self, ctx: &Ctx, forgot: Forgot) -> Result<()>;

    /// Chooses a new password with what the email held. Ends all sessions, export links and API keys. If it is the first
    /// proof of the address, a second factor that was set up before is removed: whoever did that may have been a stranger.
    async fn reset(&self, ctx: &Ctx, reset: ResetPassword) -> Result<()>;

    /// Chooses a new password with the present one, `password.wrong` if it is not. Ends all other sessions and export
    /// links, and API keys if that is wished.
    async fn change_password(&self, ctx: &Ctx, change: ChangePassword) -> Result<()>;
}
