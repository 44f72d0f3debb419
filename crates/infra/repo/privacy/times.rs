//! What becomes of the times of exports and erasures when a clock was ahead.

use clowder_accounts::privacy::EXPORT_FOR;
use diesel::prelude::*;

use super::super::clock::{Time, never, until, when};
use crate::domains::privacy::{erasures, exports};

pub const TIMES: &[Time] = &[
    when!(OnReturn, erasures.requested_at),
    when!(
        OnReturn,
        erasures.erase_at,
        until!(erasures.erase_at, |options| options.privacy.erasure_after, erasures::erased_at.is_null())
    ),
    never("erasures.erased_at", "part of a signed receipt"),
    when!(OnReturn, exports.created_at),
    when!(OnReturn, exports.expires_at, until!(exports.expires_at, |_| EXPORT_FOR)),
];
