//! What an implementation of two-factor authentication must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Result};

use crate::two_factor::{Disabling, Enabling, Enrolment, Reauthentication, RecoveryCodes};

/// The caller's second factor. A code is accepted once, even if it arrives several times at the same moment; wrong ones
/// delay further attempts, as in [`crate::two_factor::Guesses`], and are recorded in the audit log. If a recent
/// authentication is needed, sessions without one get `authentication.stale`.
#[async_trait]
pub trait TwoFactor: Send + Sync {
    /// Creates a secret, which takes effect with [`TwoFactor::enable`] and replaces one that never took effect. Needs a
    /// recent authentication; `two_factor.on` if there is a second factor already.
    async fn setup(&self, ctx: &Ctx) -> Result<Enrolment>;

    /// Enables two-factor authentication after proof that the authenticator works, and returns the recovery codes.
    async fn enable(&self, ctx: &Ctx, enabling: Enabling) -> Result<RecoveryCodes>;

    /// Disables two-factor authentication; needs both factors.
    async fn disable(&self, ctx: &Ctx, disabling: Disabling) -> Result<()>;

    /// A new set of recovery codes; the old ones become invalid. Needs a recent authentication.
    async fn renew_codes(&self, ctx: &Ctx) -> Result<RecoveryCodes>;

    /// Authenticates the session again, so that it may do sensitive things for [`crate::two_factor::RECENT`].
    async fn reauthenticate(&self, ctx: &Ctx, again: Reauthentication) -> Result<()>;
}
