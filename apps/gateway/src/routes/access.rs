//! The routes of people with a role, those of API keys, and those that show what was done.

use clowder_accounts::{
    Account, ApiKey, AuditRecord, IssuedKey, NewApiKey, NewRole, NewSuspension, Permission, Scope, SecurityEvent,
    audit::AuditChain,
    model::{EndKeys, Invite, NewInvite, NewInvited, Rejection, SignUp, Status},
    refusals::*,
};
use clowder_core::{Role, idempotency};

use super::{Endpoint, delete, get, post, put};
use crate::http::{
    api_keys::{self, Opened},
    audit, sign_ups, staff,
};

pub fn staff() -> Vec<Endpoint> {
    vec![
        get("/api/admin/users", staff::accounts)
            .says("List accounts, the newest first")
            .needs(Permission::ReadUsers)
            .scope(Scope::AdminRead)
            .asks::<Role>("role", "Only accounts with this role")
            .asks::<Status>("status", "Only accounts that are suspended, or only those that are not")
            .asks::<String>("q", "Only accounts whose username or address contains this")
            .lists::<Account>(),
        get("/api/admin/users/{user_id}", staff::account)
            .says("Read an account")
            .needs(Permission::ReadUsers)
            .scope(Scope::AdminRead)
            .gives::<Account>(200, "The account")
            .refuses(&[USER_UNKNOWN]),
        put("/api/admin/users/{user_id}/role", staff::set_role)
            .says("Change the role of an account")
            .needs(Permission::SetRoles)
            .takes::<NewRole>()
            .gives::<Account>(200, "As it is now; it takes effect at once, even for tokens already issued")
            .refuses(&[USER_UNKNOWN, OUTRANKED, LAST_ADMIN, AUTHENTICATION_STALE]),
        put("/api/admin/users/{user_id}/suspension", staff::suspend)
            .says("Suspend an account, or change its suspension")
            .needs(Permission::SuspendUsers)
            .scope(Scope::AdminWrite)
            .takes::<NewSuspension>()
            .gives::<Account>(200, "As it is now; its sockets are closed")
            .refuses(&[USER_UNKNOWN, OUTRANKED, LAST_ADMIN]),
        delete("/api/admin/users/{user_id}/suspension", staff::lift)
            .says("Lift a suspension")
            .needs(Permission::SuspendUsers)
            .scope(Scope::AdminWrite)
            .gives_nothing(204, "It is not suspended")
            .refuses(&[USER_UNKNOWN, OUTRANKED]),
        post("/api/admin/users/{user_id}/sessions/end", staff::end_sessions)
            .says("End all sessions of an account")
            .needs(Permission::EndSessions)
            .scope(Scope::AdminWrite)
            .takes_if_any::<EndKeys>()
            .gives_nothing(
                204,
                "Its tokens and export links are no longer valid; its API keys stay valid unless `end_keys` is given",
            )
            .refuses(&[USER_UNKNOWN, OUTRANKED]),
    ]
}

pub fn api_keys() -> Vec<Endpoint> {
    vec![
        get("/api/api-keys/scopes", api_keys::scopes)
            .says("List the scopes an API key can have, and what each opens")
            .public()
            .lists::<Opened>(),
        get("/api/api-keys", api_keys::list).says("List your API keys, the newest first").lists::<ApiKey>(),
        post("/api/api-keys", api_keys::create)
            .says("Create an API key")
            .reaches_others()
            .creates()
            .takes::<NewApiKey>()
            .gives::<IssuedKey>(201, "The key, shown only this once")
            // Unknown is the key of a repeated call that has been revoked since.
            .refuses(&[
                API_KEY_LIMIT,
                API_KEY_UNKNOWN,
                AUTHENTICATION_STALE,
                idempotency::MISMATCH,
                idempotency::RUNNING,
            ]),
        get("/api/api-keys/{api_key_id}", api_keys::one)
            .says("Read an API key")
            .gives::<ApiKey>(200, "Without its secret")
            .refuses(&[API_KEY_UNKNOWN]),
        delete("/api/api-keys/{api_key_id}", api_keys::revoke)
            .says("Revoke an API key")
            .gives_nothing(204, "It is revoked, and its sockets are closed")
            .refuses(&[API_KEY_UNKNOWN]),
    ]
}

pub fn sign_ups() -> Vec<Endpoint> {
    vec![
        get("/api/admin/sign-ups", sign_ups::waiting)
            .says("List sign-ups that wait for approval, the oldest first")
            .needs(Permission::DecideSignUps)
            .lists::<SignUp>(),
        post("/api/admin/sign-ups/{sign_up_id}/approve", sign_ups::approve)
            .says("Approve a sign-up")
            .needs(Permission::DecideSignUps)
            .gives_nothing(204, "The account is created, and an email tells its owner")
            .refuses(&[SIGN_UP_UNKNOWN, USERNAME_TAKEN, EMAIL_TAKEN]),
        post("/api/admin/sign-ups/{sign_up_id}/reject", sign_ups::reject)
            .says("Reject a sign-up")
            .needs(Permission::DecideSignUps)
            .takes::<Rejection>()
            .gives_nothing(204, "The request is dropped, and an email tells the person")
            .refuses(&[SIGN_UP_UNKNOWN]),
        get("/api/admin/invites", sign_ups::invites)
            .says("List invitations, the newest first")
            .needs(Permission::Invite)
            .lists::<Invite>(),
        post("/api/admin/invites", sign_ups::invite)
            .says("Create an invitation")
            .needs(Permission::Invite)
            .creates()
            .takes::<NewInvite>()
            .gives::<NewInvited>(201, "The invitation with its code, which is shown only here")
            // Of a repeated call, when whoever made it has been erased since.
            .refuses(&[INVITE_UNKNOWN, INVITE_LIMIT, idempotency::MISMATCH, idempotency::RUNNING]),
        delete("/api/admin/invites/{invite_id}", sign_ups::revoke_invite)
            .says("Revoke an invitation")
            .needs(Permission::Invite)
            .gives_nothing(204, "It is revoked")
            .refuses(&[INVITE_UNKNOWN]),
    ]
}

pub fn security() -> Vec<Endpoint> {
    vec![
        get("/api/users/me/security", audit::security)
            .says("Read the security timeline of your account, newest first")
            .lists::<SecurityEvent>(),
        audit_filter(get("/api/admin/audit", audit::list))
            .needs(Permission::ReadAudit)
            .scope(Scope::AdminRead)
            .says("Search the audit log, newest first")
            .lists::<AuditRecord>(),
        get("/api/admin/audit/chain", audit::chain)
            .needs(Permission::ReadAudit)
            .scope(Scope::AdminRead)
            .says("Read how far the audit log is chained")
            .gives::<AuditChain>(200, "From where to where the chain reaches, and what is pending"),
        audit_filter(get("/api/admin/audit/export", audit::export))
            .needs(Permission::ReadAudit)
            .scope(Scope::AdminRead)
            .says("Export the audit log, oldest first, at any size")
            .asks::<String>(
                "format",
                "`json` (when absent): one array with an entry per line; `csv`: RFC 4180 with a header",
            )
            .gives::<Vec<AuditRecord>>(200, "The whole log; a response that is cut off is incomplete")
            .gives_text("text/csv", "The whole log; a response that is cut off is incomplete"),
    ]
}

fn audit_filter(line: Endpoint) -> Endpoint {
    line.asks::<String>("actor", "By this actor: an id, or `user`, `api_key`, `system` or `nobody`")
        .asks::<String>("action", "This action, `session.opened`, or a family of them, `session.*`")
        .asks::<String>("target", "On this target: an id, or `type:id`")
        .asks::<clowder_core::Timestamp>("from", "Not before this time")
        .asks::<clowder_core::Timestamp>("to", "Before this time")
}
