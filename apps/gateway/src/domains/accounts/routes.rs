//! The routes of one's account: signing up and in, the profile, sessions and settings.

use clowder_accounts::{
    Login, NewAccount, Own, ProfilePatch, Session, SessionPatch, SignedIn,
    model::{EndKeys, Settings, SettingsPatch, Waiting},
    refusals::*,
    scopes::{PROFILE_READ, PROFILE_WRITE},
};
use clowder_core::{SeenAs, idempotency};

use super::{
    handlers, preferences,
    token::{self, Refresh, Registered, Token, TokenPair, Verified},
};
use crate::routes::{Endpoint, delete, get, patch, post};

pub fn all() -> Vec<Endpoint> {
    const SIGNING_UP: &[clowder_core::Refusal] = &[
        USERNAME_TAKEN,
        USERNAME_RESERVED,
        EMAIL_TAKEN,
        SIGN_UP_CLOSED,
        INVITE_REQUIRED,
        INVITE_GONE,
        idempotency::MISMATCH,
        idempotency::RUNNING,
    ];
    const LATER: &str = "Something has to happen first: what `next` says";
    const REFRESHING: &[clowder_core::Refusal] = &[TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REUSED, SESSION_ENDED];
    vec![
        post("/api/auth/register", handlers::register)
            .says("Create an account and sign in")
            .called("register")
            .notes("Creates an account and signs it in. An email asks whether the address belongs to the caller. Where sign-ups wait for approval, or accounts begin only with a confirmed address, the answer is 202 and has no tokens.")
            .public()
            .guarded()
            .creates()
            .takes::<NewAccount>()
            .gives::<SignedIn>(201, "The account and its first tokens")
            .gives::<Waiting>(202, LATER)
            .refuses(SIGNING_UP),
        post("/api/auth/login", handlers::login)
            .says("Sign in by username or email")
            .called("logIn")
            .notes("Opens a session. Accounts with two factors also need `otp`; without it the answer is 401 `otp.required`. After several failed attempts, further ones have to wait (429).")
            .public()
            .guarded()
            .takes::<Login>()
            .gives::<SignedIn>(200, "Tokens of a new session")
            .refuses(&[CREDENTIALS_INVALID, OTP_REQUIRED, OTP_INVALID]),
        post("/api/auth/refresh", handlers::refresh)
            .says("Exchange a refresh token for a new pair")
            .called("refreshTokens")
            .notes("A refresh token is good for one use. Using one a second time ends its session, because it may have been stolen.")
            .public()
            .takes::<Refresh>()
            .gives::<SignedIn>(200, "The next pair of tokens")
            .refuses(REFRESHING),
        post("/api/auth/logout", handlers::logout)
            .says("End the current session")
            .called("logOut")
            .notes("Its tokens, tickets and sockets end at once on this node and within a second on every other.")
            .even_suspended()
            .gives_nothing(204, "Its tokens are no longer valid"),
        post("/api/auth/logout-all", handlers::logout_all)
            .says("End all your sessions and, with `end_keys`, revoke your API keys")
            .called("logOutEverywhere")
            .notes("Ends every session of the account, including the one that asks.")
            .even_suspended()
            .takes_if_any::<EndKeys>()
            .gives_nothing(
                204,
                "All sessions have ended: their tokens, tickets, sockets and export links no longer work",
            ),
        get("/api/auth/me", handlers::me)
            .says("Read your account")
            .called("getMe")
            .notes("Returns your profile with its private fields: email address, role, suspension and pending erasure. It reads no database while the account is in memory; so `presence`, `last_seen_at`, `friends_count` and `pets_count` are `null`. `GET /api/users/me` knows them.")
            .scope(PROFILE_READ)
            .even_suspended()
            .tagged()
            .gives::<Own>(200, "With private fields"),
        patch("/api/auth/me", handlers::edit_me)
            .or_put()
            .says("Edit your profile")
            .called("editMe")
            .notes("Changes username, display name, bio, status text, details or visibility. The username can be changed once in 30 days; nobody else gets the name before for another 30 days. Your other devices receive `user.updated`.")
            .scope(PROFILE_WRITE)
            .edits()
            .takes::<ProfilePatch>()
            .gives::<Own>(200, "As it is now")
            .refuses(&[USER_STALE, USERNAME_TAKEN, USERNAME_RESERVED, USERNAME_TOO_SOON]),
        get("/api/users/me", handlers::own_profile)
            .says("Read your account and your profile")
            .called("getOwnProfile")
            .notes("The same as `GET /api/auth/me`, with `presence`, `last_seen_at`, `friends_count` and `pets_count`. Its `ETag` is that of `GET /api/users/{user_id}` with your id. With `as`, it is `GET /api/users/{user_id}?as=` with your id: your profile as others see it, and 404 if they see nothing.")
            .scope(PROFILE_READ)
            .asks::<SeenAs>("as", "Your profile as somebody else sees it")
            .even_suspended()
            .tagged()
            .gives::<handlers::OwnProfile>(200, "With private fields; with `as`, without them")
            .refuses(&[USER_UNKNOWN]),
        patch("/api/users/me", handlers::edit_own_profile)
            .or_put()
            .says("Edit your profile and read all of it")
            .called("editOwnProfile")
            .notes("The same as `PATCH /api/auth/me`, with the response and the `ETag` of `GET /api/users/me`. `If-Match` takes the `ETag` of either call.")
            .scope(PROFILE_WRITE)
            .edits()
            .takes::<ProfilePatch>()
            .gives::<Own>(200, "As it is now")
            .refuses(&[USER_STALE, USERNAME_TAKEN, USERNAME_RESERVED, USERNAME_TOO_SOON]),
        get("/api/auth/sessions", handlers::sessions)
            .says("List your open sessions, at most 100, the most recently used first")
            .called("listSessions")
            .notes("Each session is one device. `current` marks the one that asks.")
            .lists::<Session>(),
        patch("/api/auth/sessions/{session_id}", handlers::name_session)
            .says("Name a session")
            .called("renameSession")
            .notes("The name helps you to recognise the device in the list of sessions.")
            .takes::<SessionPatch>()
            .gives::<Session>(200, "As it is now")
            .refuses(&[SESSION_UNKNOWN]),
        delete("/api/auth/sessions", handlers::end_other_sessions)
            .says("End all your other sessions")
            .called("endOtherSessions")
            .notes("Also ends their tickets, their sockets and the links to exports. API keys stay.")
            .gives_nothing(204, "Their tokens are no longer valid"),
        delete("/api/auth/sessions/{session_id}", handlers::end_session)
            .says("End a session")
            .called("endSession")
            .notes("Signs one device out. Sessions of other people are reported as unknown.")
            .gives_nothing(204, "Its tokens are no longer valid")
            .refuses(&[SESSION_UNKNOWN]),
        get("/api/users/me/settings", preferences::settings)
            .says("Read your settings")
            .called("getSettings")
            .notes("Returns language, time zone, theme, privacy and notification settings.")
            .scope(PROFILE_READ)
            .tagged()
            .gives::<Settings>(200, "All of them"),
        patch("/api/users/me/settings", preferences::edit_settings)
            .or_put()
            .says("Change some of your settings")
            .called("editSettings")
            .notes("Your other devices receive `settings.updated`.")
            .scope(PROFILE_WRITE)
            .edits()
            .takes::<SettingsPatch>()
            .nothing_else()
            .gives::<Settings>(200, "As they are now")
            .refuses(&[SETTINGS_STALE]),
        post("/api/token", token::obtain)
            .says("Sign in, in the format of simplejwt")
            .called("obtainTokenPair")
            .notes("The same as `POST /api/auth/login`, for clients written for djangorestframework-simplejwt.")
            .public()
            .guarded()
            .takes::<Login>()
            .gives::<TokenPair>(200, "Tokens of a new session")
            .refuses(&[CREDENTIALS_INVALID, OTP_REQUIRED, OTP_INVALID]),
        post("/api/token/refresh", token::refresh)
            .says("Exchange a refresh token, in the format of simplejwt")
            .called("refreshTokenPair")
            .notes("The same as `POST /api/auth/refresh`, for clients written for djangorestframework-simplejwt.")
            .public()
            .takes::<Refresh>()
            .gives::<TokenPair>(200, "The next pair of tokens")
            .refuses(REFRESHING),
        post("/api/token/verify", token::verify)
            .says("Check whether an access token is valid")
            .called("verifyToken")
            .notes("Returns an empty object when the token is valid. It reads no database.")
            .public()
            .takes::<Token>()
            .gives::<Verified>(200, "The token is valid")
            .refuses(&[TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_SUSPENDED, SESSION_ENDED]),
        post("/api/register", token::register)
            .says("Create an account, in the format of simplejwt")
            .called("registerFlat")
            .notes("The same as `POST /api/auth/register`, with the account and its tokens in one flat object.")
            .public()
            .guarded()
            .creates()
            .takes::<NewAccount>()
            .gives::<Registered>(201, "The account and its first tokens")
            .gives::<Waiting>(202, LATER)
            .refuses(SIGNING_UP),
    ]
}
