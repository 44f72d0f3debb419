//! The routes of staff.

use clowder_accounts::{
    Account, NewRole, NewSuspension,
    model::{EndKeys, Status},
    permissions::{END_SESSIONS, READ_USERS, SET_BADGES, SET_ROLES, SUSPEND_USERS},
    refusals::*,
    scopes::{ADMIN_READ, ADMIN_WRITE},
};
use clowder_core::Role;

use super::handlers;
use crate::routes::{Endpoint, delete, get, post, put};

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/admin/users", handlers::accounts)
            .says("List accounts, the newest first")
            .called("listUsers")
            .notes("Filters can be combined. An empty page means that nothing fits.")
            .needs(READ_USERS)
            .scope(ADMIN_READ)
            .asks::<Role>("role", "Only accounts with this role")
            .asks::<Status>("status", "Only accounts that are suspended, or only those that are not")
            .asks::<String>("q", "Only accounts whose username or address contains this")
            .lists::<Account>(),
        get("/api/admin/users/{user_id}", handlers::account)
            .says("Read an account")
            .called("getUser")
            .notes("Shows the account with its address, role and suspension.")
            .needs(READ_USERS)
            .scope(ADMIN_READ)
            .gives::<Account>(200, "The account")
            .refuses(&[USER_UNKNOWN]),
        put("/api/admin/users/{user_id}/role", handlers::set_role)
            .says("Change the role of an account")
            .called("setUserRole")
            .notes("Needs a recent authentication. Nobody gives a role above their own or changes somebody of an equal or higher role. The last administrator cannot be demoted.")
            .needs(SET_ROLES)
            .takes::<NewRole>()
            .gives::<Account>(200, "As it is now; it takes effect at once, even for tokens already issued")
            .refuses(&[USER_UNKNOWN, OUTRANKED, LAST_ADMIN, AUTHENTICATION_STALE]),
        put("/api/admin/users/{user_id}/badges/{badge}", handlers::give_badge)
            .says("Put a badge on a profile")
            .called("giveBadge")
            .notes("A profile has at most 10 badges. Everybody who sees the profile sees them. A badge that is already there is not an error.")
            .needs(SET_BADGES)
            .scope(ADMIN_WRITE)
            .gives::<Account>(200, "As it is now")
            .refuses(&[USER_UNKNOWN, OUTRANKED, BADGE_LIMIT]),
        delete("/api/admin/users/{user_id}/badges/{badge}", handlers::take_badge)
            .says("Take a badge from a profile")
            .called("takeBadge")
            .notes("Taking a badge that is not there is not an error.")
            .needs(SET_BADGES)
            .scope(ADMIN_WRITE)
            .gives_nothing(204, "The profile does not have it")
            .refuses(&[USER_UNKNOWN, OUTRANKED]),
        put("/api/admin/users/{user_id}/suspension", handlers::suspend)
            .says("Suspend an account, or change its suspension")
            .called("suspendUser")
            .notes("The account can then only read why. Without `until` the suspension lasts until it is lifted.")
            .needs(SUSPEND_USERS)
            .scope(ADMIN_WRITE)
            .takes::<NewSuspension>()
            .gives::<Account>(200, "As it is now; its sockets are closed")
            .refuses(&[USER_UNKNOWN, OUTRANKED, LAST_ADMIN]),
        delete("/api/admin/users/{user_id}/suspension", handlers::lift)
            .says("Lift a suspension")
            .called("liftSuspension")
            .notes("Lifting a suspension that does not exist is not an error.")
            .needs(SUSPEND_USERS)
            .scope(ADMIN_WRITE)
            .gives_nothing(204, "It is not suspended")
            .refuses(&[USER_UNKNOWN, OUTRANKED]),
        post("/api/admin/users/{user_id}/sessions/end", handlers::end_sessions)
            .says("End all sessions of an account")
            .called("endUserSessions")
            .notes("Nobody signs out somebody of an equal or higher role.")
            .needs(END_SESSIONS)
            .scope(ADMIN_WRITE)
            .takes_if_any::<EndKeys>()
            .gives_nothing(204, "Its tokens and export links are no longer valid; its API keys stay valid unless `end_keys` is given")
            .refuses(&[USER_UNKNOWN, OUTRANKED]),
    ]
}
