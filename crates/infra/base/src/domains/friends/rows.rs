//! The rows of friendships and friend requests.

use clowder_core::{Card, Result, Timestamp, UserId, Word};
use clowder_social::friends::{FriendRequest, FriendRequestId, RequestStatus};
use diesel::prelude::*;

use super::schema::{friend_requests, friendships};

#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable)]
#[diesel(table_name = friendships)]
pub struct FriendshipRow {
    pub user_id: UserId,
    pub friend_id: UserId,
    pub since: Timestamp,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = friend_requests)]
#[diesel(treat_none_as_default_value = false)]
pub struct FriendRequestRow {
    pub id: FriendRequestId,
    pub from_id: UserId,
    pub to_id: UserId,
    pub message: Option<String>,
    pub status: String,
    pub created_at: Timestamp,
    pub decided_at: Option<Timestamp>,
}

impl FriendRequestRow {
    pub fn request(self, card: impl Fn(UserId) -> Result<Card>) -> Result<FriendRequest> {
        Ok(FriendRequest {
            id: self.id,
            from: card(self.from_id)?,
            to: card(self.to_id)?,
            message: self.message,
            status: RequestStatus::parse_word(&self.status)?,
            created_at: self.created_at,
            decided_at: self.decided_at,
        })
    }
}
