//! Friends: who asks whom, who is whose friend, and what two people have in common.
//!
//! A friendship needs both: one asks and the other accepts, or both ask. A request is open until it is accepted,
//! rejected or cancelled, and expires after [`policy::OPEN_FOR`]. After a rejection the same person may ask again only
//! after [`policy::AGAIN_AFTER`].

pub mod change;
mod model;
pub mod policy;
mod port;
pub mod refusals;
pub mod scopes;
pub mod suggest;

pub use change::Change;
pub use model::{
    Action, Decision, Friend, FriendFilter, FriendRequest, FriendRequestId, FriendSuggestion, FriendsOf,
    NewFriendRequest, Order, Relationship, RequestDirection, RequestMessage, RequestStatus,
};
pub use port::Friends;
