//! The scopes of webhooks. Only people, and no API keys, decide where events go: an endpoint may get more than the scopes of
//! a key let it read.

use clowder_core::Scope;

pub const WEBHOOKS_READ: Scope = Scope::new("webhooks:read", "Read your webhooks, and what became of their deliveries");
pub const WEBHOOKS_WRITE: Scope = Scope::new("webhooks:write", "Test your webhooks, and have events delivered again");

pub const ALL: &[Scope] = &[WEBHOOKS_READ, WEBHOOKS_WRITE];
