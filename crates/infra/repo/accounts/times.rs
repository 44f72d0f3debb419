//! What becomes of the times of accounts and sessions when a clock was ahead.

use clowder_accounts::usernames::KEPT_FOR;
use diesel::prelude::*;

use super::super::clock::{CHOSEN, PRESENCE, SHOWN, Time, never, until, when};
use crate::domains::accounts::{sessions, username_claims, users};

pub const TIMES: &[Time] = &[
    when!(AtOnce, sessions.authenticated_at),
    when!(OnReturn, sessions.created_at),
    when!(OnReturn, sessions.ended_at),
    when!(OnReturn, sessions.last_used_at),
    when!(OnReturn, sessions.expires_at, until!(sessions.expires_at, |options| options.accounts.refresh_for)),
    // Whoever changed a name under a clock that was ahead waits no longer than anybody else.
    when!(OnReturn, users.renamed_at),
    when!(OnReturn, username_claims.until, until!(username_claims.until, |_| KEPT_FOR)),
    when!(OnReturn, users.erase_at, until!(users.erase_at, |options| options.privacy.erasure_after)),
    never("users.created_at", SHOWN),
    never("users.deleted_at", PRESENCE),
    never("users.email_verified_at", PRESENCE),
    never("users.status_until", CHOSEN),
    never("users.suspended_until", CHOSEN),
    never("users.two_factor_at", PRESENCE),
];
