//! What the tests that go through all domains need to know of each. It is in `domain.rs` of its own module.

use std::time::Duration;

use clowder_infra::Options;

use crate::{
    stress::{Performed, Scene},
    world::{Person, World},
};

/// How long something lasts at most.
pub type Longest = fn(&Options) -> Duration;

/// What a domain brings to the tests of all.
pub struct Domain {
    /// Every write of its ports, `Port::method`; what a port has and is neither here nor among the reads fails a test.
    pub writes: &'static [&'static str],
    /// What writes nothing.
    pub reads: &'static [&'static str],
    /// Performs one of its writes, for the stress test.
    pub perform: for<'a> fn(Scene<'a>, &'a str) -> Performed<'a>,
    /// Does what writes its times, of those that are put right after a clock was ahead. `ada` has an account.
    pub ahead: for<'a> fn(&'a World) -> Performed<'a>,
    /// Writes something of hers into each of its files of an export, and for an erasure. `ada` has an account.
    pub keeps: for<'a> fn(&'a World, &'a Person) -> Performed<'a>,
    /// Repeats each of its calls that create something with the same idempotency key, after the thing has changed: the
    /// answer is the thing as it is now. `ada` has an account.
    pub repeats: for<'a> fn(&'a World, &'a Person) -> Performed<'a>,
    /// How long those of its times last at most that say until when something lasts.
    pub lasts: &'static [(&'static str, Longest)],
    /// Id columns that do not identify users and reference nothing: ids of their own rows, of keys, of leases.
    pub ids: &'static [&'static str],
    /// What must not be found whoever wrote beside whom: what would be wrong, and the rows that show it.
    pub never: &'static [(&'static str, &'static str)],
    /// What some writes do now and then only, and must have done, with its rows.
    pub met: &'static [(&'static str, &'static str)],
}

impl Domain {
    /// A domain that contributes nothing, as a base for those that contribute little.
    pub const NONE: Self = Self {
        writes: &[],
        reads: &[],
        perform: |_, write| panic!("nobody performs {write}"),
        ahead: |_| Box::pin(async { Ok(()) }),
        keeps: |_, _| Box::pin(async { Ok(()) }),
        repeats: |_, _| Box::pin(async { Ok(()) }),
        lasts: &[],
        ids: &[],
        never: &[],
        met: &[],
    };
}

macro_rules! list {
    ($($domain:ident $(: $port:path)?,)*) => {
        pub static DOMAINS: &[Domain] = &[$(crate::$domain::domain::DOMAIN),*];
    };
}
clowder_infra_base::for_domains!(list);
