//! The routes of the second factor.

use clowder_accounts::{
    refusals::*,
    two_factor::{Disabling, Enabling, Enrolment, Reauthentication, RecoveryCodes},
};

use super::handlers;
use crate::routes::{Endpoint, post};

pub fn all() -> Vec<Endpoint> {
    const CODES: &str = "Ten codes, each valid once; they are never shown again";
    vec![
        post("/api/auth/2fa/setup", handlers::setup)
            .says("Start to set up two-factor authentication")
            .called("setUpTwoFactor")
            .notes("Returns a new secret each time. Nothing changes for signing in until `POST /api/auth/2fa/enable` confirms a code of it.")
            .guarded()
            .gives::<Enrolment>(200, "What the authenticator needs; it takes effect once it is enabled")
            .refuses(&[TWO_FACTOR_ON, AUTHENTICATION_STALE]),
        post("/api/auth/2fa/enable", handlers::enable)
            .says("Enable two-factor authentication")
            .called("enableTwoFactor")
            .notes("Confirms that the authenticator works and returns the recovery codes.")
            .guarded()
            .takes::<Enabling>()
            .gives::<RecoveryCodes>(200, CODES)
            .refuses(&[TWO_FACTOR_ON, TWO_FACTOR_OFF, OTP_WRONG]),
        post("/api/auth/2fa/disable", handlers::disable)
            .says("Turn off two-factor authentication")
            .called("disableTwoFactor")
            .notes("Needs the password and a code of the authenticator, or a recovery code.")
            .guarded()
            .takes::<Disabling>()
            .gives_nothing(204, "It is off")
            .refuses(&[TWO_FACTOR_OFF, PASSWORD_WRONG, OTP_WRONG]),
        post("/api/auth/2fa/recovery-codes", handlers::renew_codes)
            .says("Replace your recovery codes with new ones")
            .called("renewRecoveryCodes")
            .notes("The previous recovery codes stop working at once.")
            .guarded()
            .gives::<RecoveryCodes>(200, CODES)
            .refuses(&[TWO_FACTOR_OFF, AUTHENTICATION_STALE]),
        post("/api/auth/reauthenticate", handlers::reauthenticate)
            .says("Confirm your identity, so that this session may make sensitive calls for 10 minutes")
            .called("reauthenticate")
            .notes("Sensitive calls answer 403 `authentication.stale` until this was done within the last 10 minutes. Signing in counts as well.")
            .guarded()
            .takes::<Reauthentication>()
            .gives_nothing(204, "It may")
            .refuses(&[PASSWORD_WRONG, OTP_WRONG]),
    ]
}
