//! The scopes of friends.

use clowder_core::Scope;

pub const FRIENDS_READ: Scope =
    Scope::new("friends:read", "Read your friends, friend requests, and what connects you with people");
pub const FRIENDS_WRITE: Scope =
    Scope::new("friends:write", "Ask people to be friends, answer requests, end friendships");

pub const ALL: &[Scope] = &[FRIENDS_READ, FRIENDS_WRITE];
