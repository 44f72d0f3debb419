//! Every route, in one table. A line says what is asked, what answers it, and everything that the documents, the front
//! and the tests need to know about it.

mod access;
mod endpoint;
mod privacy;
mod router;
mod shape;

pub use endpoint::{Access, Asked, Endpoint, Given, delete, get, patch, post, put};
pub use router::{Found, Router};
pub use shape::{Components, Shape};

use clowder_accounts::{
    Login, NewAccount, Own, ProfilePatch, Scope, Session, SessionPatch, SignedIn,
    model::{
        ChangeEmail, ChangePassword, EndKeys, Forgot, Proof, Resend, ResetPassword, Settings, SettingsPatch, Waiting,
    },
    refusals::*,
    two_factor::{Disabling, Enabling, Enrolment, Reauthentication, RecoveryCodes},
};
use clowder_core::{idempotency, input::Opaque};
use clowder_messaging::{Chat, Edit, Message, MessagePatch, NewChat, NewMessage, NewRead, Read, refusals::*};

use crate::{
    http::{
        account_page, accounts, credentials, docs,
        health::{self, Health},
        messaging, metrics, preferences,
        problems::{self, Problems},
        token::{self, Refresh, Registered, Token, TokenPair, Verified},
        two_factor,
    },
    refusals::{NOT_READY, SOCKETS, UPGRADE_REQUIRED},
    ws,
};

/// `metrics_here` is false when they are served on a port of their own.
pub fn table(metrics_here: bool) -> Vec<Endpoint> {
    let mut table = [
        accounts(),
        credentials(),
        two_factor(),
        access::sign_ups(),
        access::security(),
        access::api_keys(),
        access::staff(),
        privacy::lines(),
        messaging(),
        realtime(),
        operation(),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>();
    if metrics_here {
        table.push(self::metrics());
    }
    table
}

fn realtime() -> Vec<Endpoint> {
    vec![
        get("/api/ws", ws::connect)
            .also("/ws")
            .says("Open a WebSocket; /api/asyncapi.json describes its messages")
            .public()
            .scope(Scope::RealtimeConnect)
            .asks_long("ticket", Opaque::MAX, "One way to authenticate: from POST /api/ws/ticket")
            .asks_long("cursor", Opaque::MAX, "Resume after this event")
            .gives_nothing(101, "The connection now uses the subprotocol clowder.v1")
            .refuses(&[TOKEN_INVALID, TOKEN_EXPIRED, SESSION_ENDED])
            .fails(&[UPGRADE_REQUIRED, SOCKETS]),
        post("/api/ws/ticket", ws::ticket)
            .says("Get a ticket for one WebSocket")
            .gives::<clowder_accounts::Ticket>(201, "Valid for 30 seconds"),
    ]
}

fn accounts() -> Vec<Endpoint> {
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
        post("/api/auth/register", accounts::register)
            .says("Create an account and sign in")
            .public()
            .guarded()
            .creates()
            .takes::<NewAccount>()
            .gives::<SignedIn>(201, "The account and its first tokens")
            .gives::<Waiting>(202, LATER)
            .refuses(SIGNING_UP),
        post("/api/auth/login", accounts::login)
            .says("Sign in by username or email")
            .public()
            .guarded()
            .takes::<Login>()
            .gives::<SignedIn>(200, "Tokens of a new session")
            .refuses(&[CREDENTIALS_INVALID, OTP_REQUIRED, OTP_INVALID]),
        post("/api/auth/refresh", accounts::refresh)
            .says("Exchange a refresh token for a new pair")
            .public()
            .takes::<Refresh>()
            .gives::<SignedIn>(200, "The next pair of tokens")
            .refuses(REFRESHING),
        post("/api/auth/logout", accounts::logout)
            .says("End the current session")
            .even_suspended()
            .gives_nothing(204, "Its tokens are no longer valid"),
        post("/api/auth/logout-all", accounts::logout_all)
            .says("End all your sessions and, with `end_keys`, revoke your API keys")
            .even_suspended()
            .takes_if_any::<EndKeys>()
            .gives_nothing(
                204,
                "Their tokens, tickets and sockets, and links to exports, are worth nothing from now on",
            ),
        get("/api/auth/me", accounts::me)
            .also("/api/users/me")
            .says("Read your account")
            .scope(Scope::ProfileRead)
            .even_suspended()
            .tagged()
            .gives::<Own>(200, "With private fields"),
        patch("/api/auth/me", accounts::edit_me)
            .or_put()
            .also("/api/users/me")
            .says("Edit your profile")
            .scope(Scope::ProfileWrite)
            .edits()
            .takes::<ProfilePatch>()
            .gives::<Own>(200, "As it is now")
            .refuses(&[USER_STALE]),
        get("/api/auth/sessions", accounts::sessions)
            .says("List your open sessions, at most 100, the most recently used first")
            .lists::<Session>(),
        patch("/api/auth/sessions/{session_id}", accounts::name_session)
            .says("Name a session")
            .takes::<SessionPatch>()
            .gives::<Session>(200, "As it is now")
            .refuses(&[SESSION_UNKNOWN]),
        delete("/api/auth/sessions", accounts::end_other_sessions)
            .says("End all your other sessions")
            .gives_nothing(204, "Their tokens are no longer valid"),
        delete("/api/auth/sessions/{session_id}", accounts::end_session)
            .says("End a session")
            .gives_nothing(204, "Its tokens are no longer valid")
            .refuses(&[SESSION_UNKNOWN]),
        get("/api/users/me/settings", preferences::settings)
            .says("Read your settings")
            .scope(Scope::ProfileRead)
            .tagged()
            .gives::<Settings>(200, "All of them"),
        patch("/api/users/me/settings", preferences::edit_settings)
            .or_put()
            .says("Change some of your settings")
            .scope(Scope::ProfileWrite)
            .edits()
            .takes::<SettingsPatch>()
            .nothing_else()
            .gives::<Settings>(200, "As they are now")
            .refuses(&[SETTINGS_STALE]),
        post("/api/token", token::obtain)
            .says("Sign in, in the format of simplejwt")
            .public()
            .guarded()
            .takes::<Login>()
            .gives::<TokenPair>(200, "Tokens of a new session")
            .refuses(&[CREDENTIALS_INVALID, OTP_REQUIRED, OTP_INVALID]),
        post("/api/token/refresh", token::refresh)
            .says("Exchange a refresh token, in the format of simplejwt")
            .public()
            .takes::<Refresh>()
            .gives::<TokenPair>(200, "The next pair of tokens")
            .refuses(REFRESHING),
        post("/api/token/verify", token::verify)
            .says("Check whether an access token is valid")
            .public()
            .takes::<Token>()
            .gives::<Verified>(200, "It is")
            .refuses(&[TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_SUSPENDED, SESSION_ENDED]),
        post("/api/register", token::register)
            .says("Create an account, in the format of simplejwt")
            .public()
            .guarded()
            .creates()
            .takes::<NewAccount>()
            .gives::<Registered>(201, "The account and its first tokens")
            .gives::<Waiting>(202, LATER)
            .refuses(SIGNING_UP),
    ]
}

fn credentials() -> Vec<Endpoint> {
    vec![
        post("/api/auth/verify-email", credentials::verify_email)
            .says("Confirm an address with the token from the email; with `REVEAL_TAKEN=false` also with the password of the account")
            .public()
            .guarded()
            .takes::<Proof>()
            .gives_nothing(204, "It is confirmed")
            .refuses(&[LINK_GONE, PASSWORD_WRONG, EMAIL_TAKEN, USERNAME_TAKEN]),
        post("/api/auth/verify-email/resend", credentials::resend)
            .says("Send the confirmation email again; one a minute, five an hour")
            .guarded()
            .gives_nothing(204, "It is on its way")
            .refuses(&[EMAIL_VERIFIED]),
        post("/api/auth/verify-email/request", credentials::resend_to)
            .says("Send the confirmation email again, without being signed in; one a minute, five an hour")
            .public()
            .guarded()
            .takes::<Resend>()
            .gives_nothing(204, "If the address still has to be confirmed, and you have not caused too many emails, an email is on its way"),
        post("/api/auth/email/change", credentials::change_email)
            .says("Change your address; it changes once you follow the link in the email")
            .guarded()
            .takes::<ChangeEmail>()
            .gives_nothing(204, "An email to the new address and a notice to the current one are on their way")
            .refuses(&[PASSWORD_WRONG, EMAIL_TAKEN, EMAIL_VERIFIED, AUTHENTICATION_STALE]),
        post("/api/auth/password/forgot", credentials::forgot)
            .says("Request an email to choose a new password")
            .public()
            .guarded()
            .takes::<Forgot>()
            .gives_nothing(204, "If the account exists, and you have not caused too many emails, an email is on its way"),
        post("/api/auth/password/reset", credentials::reset)
            .says("Choose a new password with the token from the email")
            .public()
            .guarded()
            .takes::<ResetPassword>()
            .gives_nothing(204, "It is changed, all sessions and export links have ended, and all API keys are revoked")
            .refuses(&[LINK_GONE]),
        post("/api/auth/password/change", credentials::change_password)
            .says("Change your password")
            .guarded()
            .takes::<ChangePassword>()
            .gives_nothing(204, "It is changed, and all other sessions and all export links have ended; with `end_keys`, your API keys are revoked")
            .refuses(&[PASSWORD_WRONG]),
        get("/account", account_page::page)
            .says("The page that emails link to")
            .public()
            .gives_text("text/html", "A page that confirms an address or sets a new password"),
        get("/account/{file}", account_page::part)
            .says("A part of that page")
            .public()
            .gives_text("*/*", "A script or a style sheet")
            .fails(&[crate::refusals::ROUTE_UNKNOWN]),
    ]
}

fn two_factor() -> Vec<Endpoint> {
    const CODES: &str = "Ten codes, each good once; they are never shown again";
    vec![
        post("/api/auth/2fa/setup", two_factor::setup)
            .says("Start to set up two-factor authentication")
            .guarded()
            .gives::<Enrolment>(200, "What the authenticator needs; it takes effect once it is enabled")
            .refuses(&[TWO_FACTOR_ON, AUTHENTICATION_STALE]),
        post("/api/auth/2fa/enable", two_factor::enable)
            .says("Enable two-factor authentication")
            .guarded()
            .takes::<Enabling>()
            .gives::<RecoveryCodes>(200, CODES)
            .refuses(&[TWO_FACTOR_ON, TWO_FACTOR_OFF, OTP_WRONG]),
        post("/api/auth/2fa/disable", two_factor::disable)
            .says("Turn off two-factor authentication")
            .guarded()
            .takes::<Disabling>()
            .gives_nothing(204, "It is off")
            .refuses(&[TWO_FACTOR_OFF, PASSWORD_WRONG, OTP_WRONG]),
        post("/api/auth/2fa/recovery-codes", two_factor::renew_codes)
            .says("Replace your recovery codes with new ones")
            .guarded()
            .gives::<RecoveryCodes>(200, CODES)
            .refuses(&[TWO_FACTOR_OFF, AUTHENTICATION_STALE]),
        post("/api/auth/reauthenticate", two_factor::reauthenticate)
            .says("Confirm your identity, so that this session may make sensitive calls for 10 minutes")
            .guarded()
            .takes::<Reauthentication>()
            .gives_nothing(204, "It may")
            .refuses(&[PASSWORD_WRONG, OTP_WRONG]),
    ]
}

fn messaging() -> Vec<Endpoint> {
    vec![
        get("/api/chats", messaging::chats)
            .says("List your chats, the most recently active first")
            .notes(
                "A message moves its chat to the top. A chat that moves while the list is read page by page is on the \
                 first page from then on: it may be missing from the pages that follow, or be listed a second time if its \
                 page is read again. Its event (`message.sent`, `chat.created`) says that it moved, and reading from the \
                 top again finds it. Chats that do not move are neither skipped nor repeated.",
            )
            .scope(Scope::ChatsRead)
            .asks::<clowder_messaging::ChatType>("type", "Only chats of this type")
            .asks::<bool>("unread", "Only chats with (`true`) or without (`false`) unread messages")
            .lists::<Chat>(),
        post("/api/chats", messaging::create_chat)
            .says("Make a chat")
            .scope(Scope::ChatsWrite)
            .reaches_others()
            .creates()
            .takes::<NewChat>()
            .gives::<Chat>(201, "A new chat")
            .gives::<Chat>(200, "The private chat that the two already have")
            // Of a repeated call, when the caller has left the chat since.
            .refuses(&[CHAT_UNKNOWN, CHAT_LIMIT, idempotency::MISMATCH, idempotency::RUNNING]),
        get("/api/chats/{chat_id}", messaging::chat)
            .says("Read a chat")
            .scope(Scope::ChatsRead)
            .tagged()
            .gives::<Chat>(200, "The chat as you see it")
            .refuses(&[CHAT_UNKNOWN]),
        get("/api/chats/{chat_id}/messages", messaging::messages)
            .says("Read messages: newest first, or from `after` oldest first")
            .scope(Scope::MessagesRead)
            .asks::<i64>("before", "Those with a smaller `seq`, newest first")
            .asks::<i64>("after", "Those with a larger `seq`, oldest first")
            .asks::<i64>("around", "Messages around this `seq`, oldest first")
            .lists::<Message>()
            .refuses(&[CHAT_UNKNOWN]),
        post("/api/chats/{chat_id}/messages", messaging::send)
            .says("Send a message")
            .scope(Scope::MessagesWrite)
            .reaches_others()
            .creates()
            .takes::<NewMessage>()
            .gives::<Message>(201, "The message, durable and in its place")
            .gives::<Message>(200, "The message that was first sent with this `client_id`")
            .refuses(&[CHAT_UNKNOWN, CLIENT_ID_MISMATCH, idempotency::MISMATCH, idempotency::RUNNING]),
        post("/api/chats/{chat_id}/read", messaging::read)
            .says("Move your read mark forward")
            .scope(Scope::MessagesWrite)
            .takes::<NewRead>()
            .gives::<Read>(200, "Where the mark is now")
            .refuses(&[CHAT_UNKNOWN]),
        get("/api/messages/{message_id}", messaging::message)
            .says("Read a message")
            .scope(Scope::MessagesRead)
            .tagged()
            .gives::<Message>(200, "The message")
            .refuses(&[MESSAGE_UNKNOWN]),
        patch("/api/messages/{message_id}", messaging::edit)
            .or_put_whole()
            .says("Edit your message")
            .scope(Scope::MessagesWrite)
            .reaches_others()
            .edits()
            .takes::<MessagePatch>()
            .gives::<Message>(200, "As it is now")
            .refuses(&[MESSAGE_UNKNOWN, MESSAGE_FORBIDDEN, MESSAGE_GONE, MESSAGE_STALE, MESSAGE_EDITS]),
        delete("/api/messages/{message_id}", messaging::delete)
            .says("Delete a message")
            .scope(Scope::MessagesWrite)
            .edits()
            .gives_nothing(204, "It is deleted, and its text is gone")
            .refuses(&[MESSAGE_UNKNOWN, MESSAGE_FORBIDDEN, MESSAGE_STALE]),
        get("/api/messages/{message_id}/history", messaging::history)
            .says("List the versions of a message, the oldest first, the current one last")
            .scope(Scope::MessagesRead)
            .lists::<Edit>()
            .refuses(&[MESSAGE_UNKNOWN]),
        post("/api/messages/{message_id}/read", messaging::read_message)
            .says("Mark everything up to a message as read")
            .scope(Scope::MessagesWrite)
            .gives::<Read>(200, "Where the mark is now")
            .refuses(&[MESSAGE_UNKNOWN]),
    ]
}

fn operation() -> Vec<Endpoint> {
    const HTML: &str = "text/html";
    vec![
        get("/api/health/live", health::live)
            .says("Liveness check")
            .public()
            .any_host()
            .gives::<Health>(200, "It does"),
        get("/api/health/ready", health::ready)
            .says("Readiness check")
            .public()
            .any_host()
            .gives::<Health>(200, "It should")
            .fails(&[NOT_READY]),
        get("/api/health", health::report)
            .says("Health, for people")
            .public()
            .any_host()
            .gives::<Health>(200, "Every check with its result"),
        get("/api/problems", problems::list)
            .says("List every code that an error can have")
            .public()
            .gives::<Problems>(200, "Also as a page, for browsers"),
        get("/api/openapi.json", docs::openapi)
            .also("/api/schema")
            .says("This document")
            .public()
            .gives_text("application/json", "OpenAPI 3.1"),
        get("/api/asyncapi.json", docs::asyncapi)
            .says("The messages of the WebSocket")
            .public()
            .gives_text("application/json", "AsyncAPI 3.0"),
        get("/api/asyncapi", docs::asyncapi_page)
            .says("Read about what goes over the WebSocket")
            .public()
            .gives_text(HTML, "The AsyncAPI document as a page"),
        get("/api/swagger", docs::swagger).says("Try the API").public().gives_text(HTML, "Swagger UI"),
        get("/api/swagger/{file}", docs::swagger_file)
            .says("A part of Swagger UI")
            .public()
            .gives_text("*/*", "A script or a style sheet")
            .fails(&[crate::refusals::ROUTE_UNKNOWN]),
        get("/api/redoc", docs::redoc).says("Read about the API").public().gives_text(HTML, "ReDoc"),
        get("/api/redoc/redoc.standalone.js", docs::redoc_script)
            .says("A part of ReDoc")
            .public()
            .gives_text("text/javascript", "Its script"),
    ]
}

/// What `/metrics` is, wherever it is served.
pub fn metrics() -> Endpoint {
    get("/metrics", metrics::all)
        .says("Metrics for Prometheus")
        .public()
        .any_host()
        .gives_text("text/plain", "The Prometheus text format")
}

#[cfg(test)]
mod tests {
    use clowder_accounts::Permission;
    use clowder_core::Word;

    use super::*;
    use crate::front::Policy;

    #[test]
    fn every_line_is_complete() {
        let table = table(true);
        assert!(Router::new(self::table(true)).is_ok());
        for line in &table {
            let (method, path) = (&line.methods[0], line.path);
            assert!(!line.summary.is_empty() && !line.gives.is_empty(), "{method} {path} says too little");
            assert!(!line.name.contains('{') && line.name.contains('.'), "{method} {path} is called {}", line.name);
            // Random tokens and signatures are not guessed, so whoever presents one needs no guard.
            let presents = line.name == "token.verify" || line.name.ends_with(".refresh");
            let guesses = line.access == Access::Public && line.takes.is_some() && !presents;
            // Those who are signed in could guess a password or a code, or make us send mail.
            let asks = ["credentials.", "two_factor.", "privacy.erase"].iter().any(|noun| line.name.starts_with(noun))
                && !matches!(line.access, Access::Needs(_));
            assert_eq!(line.policy == Policy::Auth, guesses || asks, "{method} {path}");
        }
        for (word, permission) in Permission::WORDS {
            let named = table.iter().any(|line| line.access == Access::Needs(*permission));
            assert!(named, "no route needs {word}");
        }
    }

    #[test]
    fn what_counts_as_auth_is_documented() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/limits.md");
        let text = std::fs::read_to_string(page).unwrap();
        let (_, section) = text.split_once("### Calls that count as `auth`").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let listed = section.lines().filter(|line| line.starts_with("- "));
        let mut listed: Vec<_> = listed.flat_map(|line| line.split('`').skip(1).step_by(2)).collect();
        let table = table(true);
        let mut counted = Vec::new();
        for line in table.iter().filter(|line| line.policy == Policy::Auth) {
            for path in line.paths() {
                counted.extend(line.methods.iter().map(|method| format!("{method} {path}")));
            }
        }
        listed.sort_unstable();
        counted.sort_unstable();
        assert_eq!(listed, counted);
    }
}
