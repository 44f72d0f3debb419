//! The routes of pending sign-ups and invitations.

use clowder_accounts::{
    model::{Invite, NewInvite, NewInvited, Rejection, SignUp},
    permissions::{DECIDE_SIGN_UPS, INVITE},
    refusals::*,
};
use clowder_core::idempotency;

use super::handlers;
use crate::routes::{Endpoint, delete, get, post};

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/admin/sign-ups", handlers::waiting)
            .says("List sign-ups that wait for approval, the oldest first")
            .called("listSignUps")
            .notes("Sign-ups wait where `SIGN_UP=approval`.")
            .needs(DECIDE_SIGN_UPS)
            .lists::<SignUp>(),
        post("/api/admin/sign-ups/{sign_up_id}/approve", handlers::approve)
            .says("Approve a sign-up")
            .called("approveSignUp")
            .notes("Creates the account. If its name or address was taken in the meantime, the answer is 409 and the sign-up stays.")
            .needs(DECIDE_SIGN_UPS)
            .gives_nothing(204, "The account is created, and an email tells its owner")
            .refuses(&[SIGN_UP_UNKNOWN, USERNAME_TAKEN, EMAIL_TAKEN]),
        post("/api/admin/sign-ups/{sign_up_id}/reject", handlers::reject)
            .says("Reject a sign-up")
            .called("rejectSignUp")
            .notes("The reason, if any, is part of the email.")
            .needs(DECIDE_SIGN_UPS)
            .takes::<Rejection>()
            .gives_nothing(204, "The request is dropped, and an email tells the person")
            .refuses(&[SIGN_UP_UNKNOWN]),
        get("/api/admin/invites", handlers::invites)
            .says("List invitations, the newest first")
            .called("listInvites")
            .notes("Codes are not shown again.")
            .needs(INVITE)
            .lists::<Invite>(),
        post("/api/admin/invites", handlers::invite)
            .says("Create an invitation")
            .called("createInvite")
            .notes("An invitation lets people register where `SIGN_UP=invite`. It may be limited in uses and in time.")
            .needs(INVITE)
            .creates()
            .takes::<NewInvite>()
            .gives::<NewInvited>(201, "The invitation with its code, which is shown only here")
            .refuses(&[INVITE_LIMIT, idempotency::MISMATCH, idempotency::RUNNING])
            .refuses_again(&[INVITE_UNKNOWN]),
        delete("/api/admin/invites/{invite_id}", handlers::revoke_invite)
            .says("Revoke an invitation")
            .called("revokeInvite")
            .notes("Accounts that were created with it stay.")
            .needs(INVITE)
            .gives_nothing(204, "It is revoked")
            .refuses(&[INVITE_UNKNOWN]),
    ]
}
