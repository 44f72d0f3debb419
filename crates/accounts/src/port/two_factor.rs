//! What an implementation of the second factor must keep.

use async_trait::async_trait;
use clowder_core::{Ctx, Result};

use crate::two_factor::{Disabling, Enabling, Enrolment, Reauthentication, RecoveryCodes};

/// The second factor of the user who asks. A code is taken once, also when it comes several times at the same moment;
/// wrong ones make further attempts wait, as [`crate::two_factor::Guesses`] says, and are written into the audit log.
/// Where a recent authentication is needed, `authentication.stale` is the answer of sessions that have none.
#[async_trait]
pub trait TwoFactor: Send + Sync {
    /// Makes a secret, which counts from [`TwoFactor::enable`] on and replaces one that never did. Needs a recent
    /// authentication; `two_factor.on` when there is a second factor already.
    async fn setup(&self, ctx: &Ctx) -> Result<Enrolment>;

    /// From now on signing in needs a code. Shows that the authenticator works, and gives the recovery codes.
    async fn enable(&self, ctx: &Ctx, enabling: Enabling) -> Result<RecoveryCodes>;

    /// From now on the password is enough; needs both factors.
    async fn disable(&self, ctx: &Ctx, disabling: Disabling) -> Result<()>;

    /// A new set of recovery codes; the old ones are worth nothing any more. Needs a recent authentication.
    async fn renew_codes(&self, ctx: &Ctx) -> Result<RecoveryCodes>;

    /// Shows again who this session is, so that for [`crate::two_factor::RECENT`] it may do what is sensitive.
    async fn reauthenticate(&self, ctx: &Ctx, again: Reauthentication) -> Result<()>;
}
