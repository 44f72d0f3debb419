//! What becomes of the times of invitations and sign-ups when a clock was ahead.

use clowder_accounts::sign_up::{APPROVE_FOR, CONFIRM_FOR};
use diesel::prelude::*;

use super::super::clock::{CHOSEN, PRESENCE, SHOWN, Time, never, until, when};
use crate::domains::sign_ups::sign_ups;

pub const TIMES: &[Time] = &[
    never("invites.created_at", SHOWN),
    never("invites.expires_at", CHOSEN),
    never("invites.revoked_at", PRESENCE),
    never("sign_ups.confirmed_at", PRESENCE),
    when!(OnReturn, sign_ups.created_at),
    when!(
        OnReturn,
        sign_ups.expires_at,
        until!(sign_ups.expires_at, |_| CONFIRM_FOR, sign_ups::confirmed_at.is_null()),
        until!(sign_ups.expires_at, |_| APPROVE_FOR)
    ),
];
