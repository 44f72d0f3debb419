//! Everything accounts say no to.

use clowder_core::{Refusal, error::Kind::*};

pub const USERNAME_TAKEN: Refusal =
    Refusal::new(Conflict, "username.taken", "This username, or one that looks like it, is taken");
pub const USERNAME_RESERVED: Refusal =
    Refusal::new(Conflict, "username.reserved", "This username, or one that looks like it, is reserved");
/// For whoever runs the server: those who sign up learn that the name is taken.
pub const USERNAME_AWAITED: Refusal = Refusal::new(
    Conflict,
    "username.awaited",
    "Somebody who is signing up has this username, or one that looks like it, until they are rejected or it expires",
);
pub const EMAIL_TAKEN: Refusal = Refusal::new(Conflict, "email.taken", "This address has an account already");
pub const CREDENTIALS_INVALID: Refusal =
    Refusal::new(Unauthenticated, "credentials.invalid", "Username or password is wrong");
pub const TOKEN_INVALID: Refusal = Refusal::new(Unauthenticated, "token.invalid", "The token is not valid");
pub const TOKEN_EXPIRED: Refusal = Refusal::new(Unauthenticated, "token.expired", "The token has expired");
pub const TOKEN_REUSED: Refusal =
    Refusal::new(Unauthenticated, "token.reused", "The refresh token was used before; its session has been ended");
pub const TOKEN_SUSPENDED: Refusal =
    Refusal::new(Unauthenticated, "token.suspended", "The account of this token is suspended");
pub const SESSION_ENDED: Refusal = Refusal::new(Unauthenticated, "session.ended", "The session has been ended");
pub const SESSION_UNKNOWN: Refusal = Refusal::new(Unknown, "session.unknown", "There is no such session of yours");
pub const USER_STALE: Refusal = Refusal::new(Stale, "user.stale", "The profile has changed since you read it");
pub const OTP_REQUIRED: Refusal =
    Refusal::new(Unauthenticated, "otp.required", "The account has two factors; send a code as `otp`");
pub const OTP_INVALID: Refusal =
    Refusal::new(Unauthenticated, "otp.invalid", "The code is wrong, was used before, or has expired");
pub const OTP_WRONG: Refusal =
    Refusal::new(Forbidden, "otp.wrong", "The code is wrong, was used before, or has expired");
pub const TWO_FACTOR_ON: Refusal = Refusal::new(Conflict, "two_factor.on", "The account has two factors already");
pub const TWO_FACTOR_OFF: Refusal =
    Refusal::new(Conflict, "two_factor.off", "The account has no second factor, or none is set up");
pub const AUTHENTICATION_STALE: Refusal = Refusal::new(
    Forbidden,
    "authentication.stale",
    "This needs a session that has shown within 10 minutes who it is: POST /api/auth/reauthenticate",
);

pub const LINK_GONE: Refusal = Refusal::new(Gone, "link.gone", "The link has been used, has expired, or is unknown");
pub const PASSWORD_WRONG: Refusal = Refusal::new(Forbidden, "password.wrong", "The password is wrong");
pub const EMAIL_VERIFIED: Refusal = Refusal::new(Conflict, "email.verified", "The address is confirmed already");
pub const EMAIL_UNVERIFIED: Refusal = Refusal::new(
    Forbidden,
    "email.unverified",
    "Confirm the address of the account first: POST /api/auth/verify-email/resend sends another email",
);
pub const SIGN_UP_CLOSED: Refusal = Refusal::new(Forbidden, "sign_up.closed", "Registration is closed");
pub const INVITE_REQUIRED: Refusal = Refusal::new(Forbidden, "invite.required", "Registration needs an invitation");
pub const INVITE_GONE: Refusal =
    Refusal::new(Gone, "invite.gone", "The invitation is used up, revoked, expired or unknown");
pub const INVITE_LIMIT: Refusal =
    Refusal::new(Conflict, "invite.limit", "One person has at most 100 open invitations; revoke one first");
pub const INVITE_UNKNOWN: Refusal = Refusal::new(Unknown, "invite.unknown", "There is no such invitation");
pub const SIGN_UP_UNKNOWN: Refusal = Refusal::new(Unknown, "sign_up.unknown", "Nobody waits under this id");
pub const ACCOUNT_SUSPENDED: Refusal =
    Refusal::new(Forbidden, "account.suspended", "The account is suspended; `suspension` says why and for how long");
pub const USER_UNKNOWN: Refusal = Refusal::new(Unknown, "user.unknown", "There is no such user");
pub const OUTRANKED: Refusal =
    Refusal::new(Forbidden, "user.outranked", "Only somebody of a higher role may do this to this account");
pub const LAST_ADMIN: Refusal =
    Refusal::new(Conflict, "role.last_admin", "This is the last administrator who can act; name another first");
pub const API_KEY_INVALID: Refusal = Refusal::new(Unauthenticated, "api_key.invalid", "The API key is not valid");
pub const API_KEY_EXPIRED: Refusal = Refusal::new(Unauthenticated, "api_key.expired", "The API key has expired");
pub const API_KEY_UNKNOWN: Refusal = Refusal::new(Unknown, "api_key.unknown", "There is no such API key of yours");
pub const API_KEY_LIMIT: Refusal =
    Refusal::new(Conflict, "api_key.limit", "A user has at most 50 API keys; revoke one first");

pub const SETTINGS_STALE: Refusal =
    Refusal::new(Stale, "settings.stale", "The settings have changed since you read them");

pub const EXPORT_UNKNOWN: Refusal = Refusal::new(Unknown, "export.unknown", "There is no such export of yours");
/// The same code where anybody with a link asks, who has no exports.
pub const EXPORT_LINK_INVALID: Refusal = Refusal::new(Unknown, "export.unknown", "This link is not valid");
pub const EXPORT_GONE: Refusal =
    Refusal::new(Gone, "export.gone", "The export has expired, or its link has been ended; ask for another one");
pub const ERASURE_NONE: Refusal = Refusal::new(Conflict, "erasure.none", "The account is not about to be erased");

/// The table, for the page of problems and for the documents.
pub const ALL: &[Refusal] = &[
    clowder_core::ctx::TOKEN_MISSING,
    clowder_core::ctx::SCOPE_MISSING,
    USERNAME_TAKEN,
    EMAIL_TAKEN,
    CREDENTIALS_INVALID,
    TOKEN_INVALID,
    TOKEN_EXPIRED,
    TOKEN_REUSED,
    TOKEN_SUSPENDED,
    SESSION_ENDED,
    SESSION_UNKNOWN,
    USER_STALE,
    LINK_GONE,
    PASSWORD_WRONG,
    USERNAME_RESERVED,
    USERNAME_AWAITED,
    EMAIL_VERIFIED,
    EMAIL_UNVERIFIED,
    SIGN_UP_CLOSED,
    INVITE_REQUIRED,
    INVITE_GONE,
    INVITE_UNKNOWN,
    INVITE_LIMIT,
    SIGN_UP_UNKNOWN,
    SETTINGS_STALE,
    OTP_REQUIRED,
    OTP_INVALID,
    OTP_WRONG,
    TWO_FACTOR_ON,
    TWO_FACTOR_OFF,
    AUTHENTICATION_STALE,
    USER_UNKNOWN,
    EXPORT_UNKNOWN,
    EXPORT_GONE,
    ERASURE_NONE,
    ACCOUNT_SUSPENDED,
    OUTRANKED,
    LAST_ADMIN,
    API_KEY_INVALID,
    API_KEY_EXPIRED,
    API_KEY_UNKNOWN,
    API_KEY_LIMIT,
];
