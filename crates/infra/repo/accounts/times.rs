//! What becomes of the times of accounts and sessions when a clock was ahead.

use diesel::prelude::*;

use super::super::clock::{CHOSEN, PRESENCE, SHOWN, Time, never, until, when};
use crate::domains::accounts::{sessions, users};

pub const TIMES: &[Time] = &[
    when!(AtOnce, sessions.authenticated_at),
    when!(OnReturn, sessions.created_at),
    when!(OnReturn, sessions.ended_at),
    when!(OnReturn, sessions.last_used_at),
    when!(OnReturn, sessions.expires_at, until!(sessions.expires_at, |options| options.accounts.refresh_for)),
    when!(OnReturn, users.erase_at, until!(users.erase_at, |options| options.privacy.erasure_after)),
    never("users.created_at", SHOWN),
    never("users.deleted_at", PRESENCE),
    never("users.email_verified_at", PRESENCE),
    never("users.status_until", CHOSEN),
    never("users.suspended_until", CHOSEN),
    never("users.two_factor_at", PRESENCE),
];
