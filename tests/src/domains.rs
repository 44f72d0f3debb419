//! What the suites need to know of each domain, in a file of its own, and the one list of them. A new domain adds two lines:
//! its module, and its name in `for_domains`.

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

use std::pin::Pin;

use crate::{
    lists::List,
    texts::Then,
    things::{Stage, Thing},
};

/// Gives a macro the names of all domains, after what else it takes.
#[macro_export]
macro_rules! for_domains {
    ($macro:ident $($first:tt)*) => {
        $crate::$macro! {
            $($first)*
            accounts,
            activity,
            api_keys,
            audit,
            blocks,
            credentials,
            friends,
            groups,
            media,
            messaging,
            notices,
            notifications,
            operation,
            pets,
            presence,
            privacy,
            profiles,
            push,
            realtime,
            reports,
            sign_ups,
            staff,
            two_factor,
            webhooks,
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! array_of_domains {
    ($($domain:ident,)+) => {
        &[$($crate::domains::$domain::DOMAIN),+]
    };
}

/// All of them.
pub const DOMAINS: &[Domain] = crate::for_domains!(array_of_domains);

/// What one domain brings to the suites that are about all of them.
pub struct Domain {
    /// Of its operations in the OpenAPI document.
    pub tag: &'static str,
    /// What stands for the parameters of its paths.
    pub things: &'static [Thing],
    /// Every text that it takes, as `METHOD /path /member`, and what becomes of it.
    pub texts: &'static [(&'static str, Then)],
    /// Writes down each text that goes later. The owner of the stage is the one who will be erased.
    pub plants: Option<for<'w> fn(Stage<'w>) -> Planting<'w>>,
    /// Every list that it serves, with as much as it can hold.
    pub lists: &'static [List],
    /// Routes that answer without a token.
    pub open: Reasons,
    /// Routes with an id in their path that answer strangers.
    pub shared: Reasons,
    /// Routes that answer suspended accounts, beside those that answer anybody.
    pub suspended: Reasons,
    /// Routes that need somebody and are closed to API keys, whatever their scopes.
    pub people: Reasons,
    /// Operations whose examples cannot be sent as they are.
    pub not_sent: Reasons,
}

/// What is an exception, and why. Such a list may only grow with a reason.
pub type Reasons = &'static [(&'static str, &'static str)];

/// Something that writes texts down.
pub type Planting<'w> = Pin<Box<dyn Future<Output = ()> + 'w>>;

impl Domain {
    pub const fn new(tag: &'static str) -> Self {
        Self {
            tag,
            things: &[],
            texts: &[],
            plants: None,
            lists: &[],
            open: &[],
            shared: &[],
            suspended: &[],
            people: &[],
            not_sent: &[],
        }
    }
}

/// One of the lists of exceptions of all domains.
pub fn listed(of: impl Fn(&Domain) -> Reasons) -> impl Iterator<Item = &'static str> {
    let rows = DOMAINS.iter().flat_map(of);
    rows.map(|(what, why)| {
        assert!(!why.is_empty(), "no reason given: {what}");
        *what
    })
}
