//! What becomes of the times of mailed tokens, and of what slows down guessing and sending, when a clock was ahead.

use clowder_accounts::{
    policy::{RESET_FOR, VERIFY_FOR},
    sign_up::CONFIRM_FOR,
};
use diesel::prelude::*;

use super::{
    super::clock::{PRESENCE, Time, never, until, when},
    mailed::{RESETS, words},
};
use crate::domains::credentials::{caused_emails, mailed_tokens, throttles};

pub const TIMES: &[Time] = &[
    // Their times are part of the key, so they cannot all become now. The hour begins again.
    when!(AtOnce, caused_emails.created_at, |tx, _, now| {
        let ahead = caused_emails::table.filter(caused_emails::created_at.gt(now));
        Ok(diesel::delete(ahead).execute(tx.conn)?)
    }),
    when!(OnReturn, mailed_tokens.created_at),
    when!(
        OnReturn,
        mailed_tokens.expires_at,
        until!(mailed_tokens.expires_at, |_| RESET_FOR, mailed_tokens::purpose.eq_any(words(RESETS))),
        until!(mailed_tokens.expires_at, |_| VERIFY_FOR.max(CONFIRM_FOR))
    ),
    never("mailed_tokens.used_at", PRESENCE),
    when!(AtOnce, throttles.last_at),
];
