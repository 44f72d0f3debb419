//! The domains as this server shows them, each in a folder of its own: its routes and handlers, what it says and hears over
//! the socket, and all that the documents and the front need to know. Everything that is about all domains asks this list.

pub mod accounts;
pub mod activity;
pub mod api_keys;
pub mod audit;
pub mod blocks;
pub mod credentials;
pub mod friends;
pub mod groups;
pub mod media;
pub mod messaging;
pub mod notices;
pub mod notifications;
pub mod operation;
pub mod pets;
pub mod presence;
pub mod privacy;
pub mod profiles;
pub mod push;
pub mod realtime;
pub mod reports;
pub mod sign_ups;
pub mod staff;
pub mod two_factor;
pub mod webhooks;

use clowder_core::{Permission, Recorded, Refusal, Scope, UserId};
use serde_json::Value;

use crate::{
    routes::Endpoint,
    ws::{Command, Event, Signal, arrivals::Arrivals},
};

/// All domains, in reading order.
pub const DOMAINS: &[Domain] = &[
    accounts::DOMAIN,
    credentials::DOMAIN,
    two_factor::DOMAIN,
    profiles::DOMAIN,
    friends::DOMAIN,
    blocks::DOMAIN,
    presence::DOMAIN,
    messaging::DOMAIN,
    groups::DOMAIN,
    pets::DOMAIN,
    reports::DOMAIN,
    notifications::DOMAIN,
    notices::DOMAIN,
    push::DOMAIN,
    media::DOMAIN,
    realtime::DOMAIN,
    api_keys::DOMAIN,
    webhooks::DOMAIN,
    privacy::DOMAIN,
    audit::DOMAIN,
    activity::DOMAIN,
    staff::DOMAIN,
    sign_ups::DOMAIN,
    operation::DOMAIN,
];

/// What one domain brings.
pub struct Domain {
    /// The heading under which the documents have it.
    pub tag: &'static str,
    /// What stands below the heading.
    pub about: &'static str,
    pub routes: fn() -> Vec<Endpoint>,
    /// Examples of its responses, by schema name.
    pub examples: fn(&str) -> Option<Value>,
    /// The forms of texts in its inputs.
    pub forms: &'static [Form],
    /// What else the types of its inputs can't say of themselves.
    pub rules: &'static [Rule],
    pub events: &'static [Event],
    /// Which of its events show a message of their actor, to people of whom some may hide it.
    pub messages: &'static [&'static str],
    /// Which of its events are completed from the database when they are sent, because they are in the journal without what
    /// people wrote ([`clowder_core::Journal::completed`]).
    pub completed: &'static [&'static str],
    /// Whose messages a change makes the owner of its topic hide, or show again.
    pub hides: fn(&Recorded) -> Option<(UserId, bool)>,
    /// Of whom a change lets the owner of its topic hear unasked from now on.
    pub meets: fn(&Recorded) -> Option<UserId>,
    pub commands: &'static [Command],
    /// What people do for a moment and others see.
    pub signals: &'static [&'static Signal],
    /// What it makes of events that have arrived at a device.
    pub arrivals: Option<&'static Arrivals>,
    pub scopes: &'static [Scope],
    pub permissions: &'static [Permission],
    /// What it refuses with.
    pub refusals: &'static [Refusal],
}

/// Changes a schema.
pub type Change = fn(&mut Value);
/// The name of an input, its member, and the form of that as its reader in the domain has it.
pub type Form = (&'static str, &'static str, Change);
/// The name of an input, and how its members depend on each other.
pub type Rule = (&'static str, Change);

impl Domain {
    /// With routes and nothing else.
    pub const fn new(
        tag: &'static str,
        about: &'static str,
        routes: fn() -> Vec<Endpoint>,
        examples: fn(&str) -> Option<Value>,
    ) -> Self {
        Self {
            tag,
            about,
            routes,
            examples,
            forms: &[],
            rules: &[],
            events: &[],
            messages: &[],
            completed: &[],
            hides: |_| None,
            meets: |_| None,
            commands: &[],
            signals: &[],
            arrivals: None,
            scopes: &[],
            permissions: &[],
            refusals: &[],
        }
    }
}
