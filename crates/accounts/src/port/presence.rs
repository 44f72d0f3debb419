//! What an implementation of presence must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Result};

use crate::presence::{NewPresence, OwnPresence, Turn};

/// What people say they are doing. Others see it in profiles and lists of friends.
#[async_trait]
pub trait Presences: Send + Sync {
    async fn presence(&self, ctx: &Ctx) -> Result<OwnPresence>;

    /// Sets the status and its text as a whole. The text is that of the profile, whose other devices hear `user.updated`
    /// when it changes. Friends who may see the presence hear what changed for them.
    async fn set_presence(&self, ctx: &Ctx, new: NewPresence) -> Result<OwnPresence>;

    /// These people came online or went offline on this node, each at most once: notes when they were seen, and tells their
    /// friends, unless nobody may see it.
    async fn turned(&self, ctx: &Ctx, turns: Vec<Turn>) -> Result<()>;
}
