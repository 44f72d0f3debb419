//! What an implementation of presence must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Result, UserId};

use crate::presence::{NewPresence, OwnPresence, PresenceNews};

/// What people say they are doing. Others see it in profiles and lists of friends.
#[async_trait]
pub trait Presences: Send + Sync {
    async fn presence(&self, ctx: &Ctx) -> Result<OwnPresence>;

    /// Sets the status and its text as a whole. The person's devices hear `presence.updated` if something changes, and
    /// `user.updated` if the text does, which is that of the profile.
    async fn set_presence(&self, ctx: &Ctx, new: NewPresence) -> Result<OwnPresence>;

    /// What the caller sees of these people now. Those are missing of whom they see nothing.
    async fn seen(&self, ctx: &Ctx, people: Vec<UserId>) -> Result<Vec<PresenceNews>>;

    /// Looks at some of the people who are online of whom friends may see something else than they were told:
    /// notes when they were seen, and tells their friends the difference. Returns how many they were, 0 when nobody is
    /// left for now. Whom somebody else has locked is looked at a little later; after an error, so are all of them.
    async fn tell_friends(&self, ctx: &Ctx) -> Result<usize>;
}
