//! Groups: communities that people join.
//!
//! A group is public (anybody joins), closed (its staff admits) or secret (nobody knows it without being in it or invited).
//! Its members have roles. It has a chat of its own, and whoever is a member is in that chat, no more and no less.
//!
//! The rules are in [`policy`]; their refusals are in [`refusals`]; what an implementation must guarantee is documented on
//! [`port::Groups`].

pub mod change;
pub mod model;
pub mod policy;
pub mod port;
pub mod refusals;
pub mod scopes;

pub use change::{Change, GROUP};
pub use model::{
    Deletion, Gone, Group, GroupFilter, GroupId, GroupPatch, GroupVisibility, Invite, InviteId, Invited, Joined,
    Member, MemberFilter, Mine, MyRole, NewGroup, NewGroupBan, NewGroupInvite, NewOwner, OwnInvitation, Preview, Role,
    RolePatch, Standing, Verdict,
};
