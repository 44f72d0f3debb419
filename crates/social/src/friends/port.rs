//! What an implementation of friends must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Made, Page, PageRequest, Result, UserId};

use super::{
    Decision, Friend, FriendFilter, FriendRequest, FriendRequestId, FriendSuggestion, FriendsOf, NewFriendRequest,
    Relationship, RequestDirection,
};

/// Each method is one use case and one transaction; its changes are committed with it. People whom the caller may not
/// see are `user.unknown`.
#[async_trait]
pub trait Friends: Send + Sync {
    /// Asks somebody to be friends. If that person has asked the caller, the two become friends, and that request is
    /// found, accepted: of two people who ask each other at once, exactly one friendship comes. Refusals: see
    /// [`super::policy::may_ask`]. Honours `ctx.idempotency_key`.
    async fn request(&self, ctx: &Ctx, new: NewFriendRequest) -> Result<Made<FriendRequest>>;

    /// The caller's open requests, the newest first.
    async fn requests(&self, ctx: &Ctx, direction: RequestDirection, page: PageRequest) -> Result<Page<FriendRequest>>;

    /// Accepts, rejects or cancels a request; both people are told. See [`super::policy::decide`].
    async fn decide(&self, ctx: &Ctx, request: FriendRequestId, decision: Decision) -> Result<FriendRequest>;

    /// The caller's friends.
    async fn list(&self, ctx: &Ctx, filter: FriendFilter, page: PageRequest) -> Result<Page<Friend>>;

    /// Somebody's friends, as far as the caller may see them; the caller's own as in [`Friends::list`], or as somebody else
    /// sees them.
    async fn of(&self, ctx: &Ctx, whose: FriendsOf, page: PageRequest) -> Result<Page<Friend>>;

    /// Ends a friendship; `friend.unknown` if there is none.
    async fn remove(&self, ctx: &Ctx, user: UserId) -> Result<()>;

    /// What connects the caller with these people, in the order of `ids`. The number of queries does not depend on
    /// theirs.
    async fn relationships(&self, ctx: &Ctx, ids: Vec<UserId>) -> Result<Vec<Relationship>>;

    /// People with whom the caller has most friends in common. The work is bounded, however many friends anybody has.
    async fn suggestions(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<FriendSuggestion>>;

    /// Never suggests this person to the caller again.
    async fn dismiss(&self, ctx: &Ctx, user: UserId) -> Result<()>;
}
