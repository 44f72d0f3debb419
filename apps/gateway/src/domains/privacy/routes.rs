//! The routes of exports and erasures.

use clowder_accounts::{
    model::{Erasing, Erasure, Export, Fate},
    permissions::ERASE_USERS,
    refusals::{
        ACCOUNT_SUSPENDED, AUTHENTICATION_STALE, ERASURE_NONE, EXPORT_GONE, EXPORT_LINK_INVALID, EXPORT_UNKNOWN,
        LAST_ADMIN, OUTRANKED, PASSWORD_WRONG, USER_UNKNOWN,
    },
};
use clowder_core::input::Opaque;

use super::handlers;
use crate::routes::{Endpoint, delete, get, post};

pub fn all() -> Vec<Endpoint> {
    vec![
        post("/api/users/me/export", handlers::export)
            .says("Export your data; three times a day, and an export from the last hour is returned again")
            .called("requestExport")
            .notes("Prepares a zip file in the background. Needs a recent authentication.")
            .starts::<Export>("It is being created, or was created in the last hour; an email says when it is ready")
            .refuses(&[AUTHENTICATION_STALE]),
        get("/api/users/me/exports", handlers::exports)
            .says("List your exports of the last 30 days, the newest first")
            .called("listExports")
            .notes("Links are shown only within 10 minutes of an authentication.")
            .lists::<Export>()
            .shows_secret(),
        get("/api/users/me/exports/{export_id}", handlers::one_export)
            .says("Read the status of an export")
            .called("getExport")
            .notes("Poll it, or wait for the email.")
            .gives::<Export>(200, "The export; once it is ready, with its link for sessions with a recent authentication")
            .shows_secret()
            .refuses(&[EXPORT_UNKNOWN]),
        get("/api/exports/{export_id}/download", handlers::download)
            .says("Download an export by its link")
            .called("downloadExport")
            .notes("The link needs no token, so whoever has it can download the file. It expires.")
            .public()
            .asks_long("token", Opaque::MAX, "What the link holds")
            .downloads()
            .gives_text("application/zip", "JSON files, and a README.txt that says what they contain")
            .refuses(&[EXPORT_LINK_INVALID, EXPORT_GONE, ACCOUNT_SUSPENDED]),
        delete("/api/users/me", handlers::erase)
            .says("Delete your account, after a grace period")
            .called("deleteMe")
            .notes("Needs the password and a recent authentication. The account is erased after the grace period (`ERASURE_DAYS`); signing in again and `DELETE /api/users/me/erasure` undo it.")
            .guarded()
            .takes::<Erasure>()
            .starts::<Erasing>(
                "All sessions, export links and API keys are ended; sign in again until then to undo it",
            )
            .refuses(&[PASSWORD_WRONG, AUTHENTICATION_STALE, LAST_ADMIN]),
        delete("/api/users/me/erasure", handlers::undo_erasure)
            .says("Keep your account after all")
            .called("cancelErasure")
            .notes("Possible until the grace period ends.")
            .gives_nothing(204, "It stays")
            .refuses(&[ERASURE_NONE]),
        delete("/api/admin/users/{user_id}", handlers::erase_user)
            .says("Erase an account now")
            .called("eraseUser")
            .notes("There is no grace period, and it can’t be undone. Needs a recent authentication.")
            .needs(ERASE_USERS)
            .asks::<Fate>("messages", "What happens to its messages; if absent, what its owner asked for, or `keep`")
            .starts::<Erasing>("All its sessions have ended, and it is being erased")
            .refuses(&[USER_UNKNOWN, OUTRANKED, LAST_ADMIN, AUTHENTICATION_STALE]),
    ]
}
