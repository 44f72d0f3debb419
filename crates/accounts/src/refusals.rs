//! The refusals of accounts.

use clowder_core::{Refusal, error::Kind::*};

pub const USERNAME_TAKEN: Refusal =
    Refusal::new(Conflict, "username.taken", "This username, or one that looks like it, is taken");
pub const USERNAME_RESERVED: Refusal =
    Refusal::new(Conflict, "username.reserved", "This username, or one that looks like it, is reserved");
/// For operators; people who sign up only learn that the name is taken.
pub const USERNAME_AWAITED: Refusal = Refusal::new(
    Conflict,
    "username.awaited",
    "A pending sign-up has this username, or one that looks like it; it is free when the sign-up is rejected or expires",
);
pub const USERNAME_TOO_SOON: Refusal = Refusal::new(
    Conflict,
    "username.too_soon",
    "The username was changed less than 30 days ago; you can change it again 30 days after that",
);
pub const BADGE_LIMIT: Refusal =
    Refusal::new(Conflict, "badge.limit", "A profile can have at most 10 badges; take one away first");
pub const EMAIL_TAKEN: Refusal = Refusal::new(Conflict, "email.taken", "An account with this address already exists");
pub const CREDENTIALS_INVALID: Refusal =
    Refusal::new(Unauthenticated, "credentials.invalid", "The username or password is wrong");
pub const TOKEN_INVALID: Refusal = Refusal::new(Unauthenticated, "token.invalid", "The token is invalid");
pub const TICKET_INVALID: Refusal =
    Refusal::new(Unauthenticated, "ticket.invalid", "The ticket was used, has expired or is not valid; get a new one");
pub const TOKEN_EXPIRED: Refusal = Refusal::new(Unauthenticated, "token.expired", "The token has expired");
pub const TOKEN_REUSED: Refusal = Refusal::new(
    Unauthenticated,
    "token.reused",
    "The refresh token has already been used; its session has been ended",
);
pub const TOKEN_SUSPENDED: Refusal =
    Refusal::new(Unauthenticated, "token.suspended", "The account of this token is suspended");
pub const SESSION_ENDED: Refusal = Refusal::new(Unauthenticated, "session.ended", "The session has been ended");
pub const SESSION_UNKNOWN: Refusal = Refusal::new(Unknown, "session.unknown", "You have no such session");
pub const USER_STALE: Refusal = Refusal::new(
    Stale,
    "user.stale",
    "The profile has changed since you read it; read it again: yours with GET /api/users/me, others with GET /api/users/{user_id}",
);
pub const OTP_REQUIRED: Refusal =
    Refusal::new(Unauthenticated, "otp.required", "This account uses two-factor authentication; send a code as `otp`");
pub const OTP_INVALID: Refusal =
    Refusal::new(Unauthenticated, "otp.invalid", "The code is wrong, has already been used, or has expired");
pub const OTP_WRONG: Refusal =
    Refusal::new(Forbidden, "otp.wrong", "The code is wrong, has already been used, or has expired");
pub const TWO_FACTOR_ON: Refusal =
    Refusal::new(Conflict, "two_factor.on", "Two-factor authentication is already enabled");
pub const TWO_FACTOR_OFF: Refusal =
    Refusal::new(Conflict, "two_factor.off", "Two-factor authentication is not enabled or not set up");
pub const AUTHENTICATION_STALE: Refusal = Refusal::new(
    Forbidden,
    "authentication.stale",
    "Confirm your identity first: POST /api/auth/reauthenticate is good for 10 minutes",
);

pub const LINK_GONE: Refusal =
    Refusal::new(Gone, "link.gone", "The link has already been used, has expired, or is unknown");
pub const PASSWORD_WRONG: Refusal = Refusal::new(Forbidden, "password.wrong", "The password is wrong");
pub const EMAIL_VERIFIED: Refusal = Refusal::new(Conflict, "email.verified", "The address is already confirmed");
pub const EMAIL_UNVERIFIED: Refusal = Refusal::new(
    Forbidden,
    "email.unverified",
    "Confirm your email address first: POST /api/auth/verify-email/resend sends another email",
);
pub const SIGN_UP_CLOSED: Refusal = Refusal::new(Forbidden, "sign_up.closed", "Registration is closed");
pub const INVITE_REQUIRED: Refusal = Refusal::new(Forbidden, "invite.required", "You need an invitation to register");
pub const INVITE_GONE: Refusal =
    Refusal::new(Gone, "invite.gone", "The invitation has been used up or revoked, has expired, or is unknown");
pub const INVITE_LIMIT: Refusal =
    Refusal::new(Conflict, "invite.limit", "You can have at most 100 open invitations; revoke one first");
pub const INVITE_UNKNOWN: Refusal = Refusal::new(Unknown, "invite.unknown", "There is no such invitation");
pub const SIGN_UP_UNKNOWN: Refusal = Refusal::new(Unknown, "sign_up.unknown", "There is no such sign-up");
pub const ACCOUNT_SUSPENDED: Refusal =
    Refusal::new(Forbidden, "account.suspended", "The account is suspended; `suspension` says why and until when");
pub const USER_UNKNOWN: Refusal = Refusal::new(Unknown, "user.unknown", "There is no such user");
pub const OUTRANKED: Refusal =
    Refusal::new(Forbidden, "user.outranked", "You need a higher role than this account has");
pub const LAST_ADMIN: Refusal =
    Refusal::new(Conflict, "role.last_admin", "This is the last active administrator; appoint another one first");
pub const API_KEY_INVALID: Refusal = Refusal::new(Unauthenticated, "api_key.invalid", "The API key is invalid");
pub const API_KEY_EXPIRED: Refusal = Refusal::new(Unauthenticated, "api_key.expired", "The API key has expired");
pub const API_KEY_UNKNOWN: Refusal = Refusal::new(Unknown, "api_key.unknown", "You have no such API key");
pub const API_KEY_LIMIT: Refusal =
    Refusal::new(Conflict, "api_key.limit", "You can have at most 50 API keys; revoke one first");

pub const SETTINGS_STALE: Refusal =
    Refusal::new(Stale, "settings.stale", "The settings have changed since you read them");

pub const EXPORT_UNKNOWN: Refusal = Refusal::new(Unknown, "export.unknown", "You have no such export");
/// The same code for anybody who follows a link, not only for the owner of the export.
pub const EXPORT_LINK_INVALID: Refusal = Refusal::new(Unknown, "export.unknown", "The link is invalid");
pub const EXPORT_GONE: Refusal =
    Refusal::new(Gone, "export.gone", "The export or its link has expired; request another export");
pub const ERASURE_NONE: Refusal = Refusal::new(Conflict, "erasure.none", "No erasure of this account is pending");

/// The table, for the list of problems and for the documents.
pub const ALL: &[Refusal] = &[
    clowder_core::ctx::TOKEN_MISSING,
    clowder_core::ctx::SCOPE_MISSING,
    USERNAME_TAKEN,
    EMAIL_TAKEN,
    CREDENTIALS_INVALID,
    TOKEN_INVALID,
    TICKET_INVALID,
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
    USERNAME_TOO_SOON,
    BADGE_LIMIT,
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
