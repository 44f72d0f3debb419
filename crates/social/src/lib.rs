//! Social: how people are connected.
//!
//! The rules are in one file per family of use cases and its `policy`; their refusals are in its `refusals`; what an
//! implementation must guarantee is documented on the ports.

pub mod blocks;
pub mod friends;
pub mod groups;
pub mod pets;
mod prose;
pub mod reports;

pub use blocks::{Block, Blocks, Mute, NewBlock, NewMute, NewNote, Note};
pub use friends::{
    Decision, Friend, FriendFilter, FriendRequest, FriendRequestId, FriendSuggestion, Friends, FriendsOf,
    NewFriendRequest, Relationship, RequestDirection,
};
pub use groups::port::Groups;
pub use pets::port::Pets;
pub use prose::Prose;
pub use reports::port::Reports;
