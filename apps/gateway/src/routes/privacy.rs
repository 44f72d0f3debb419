//! The lines of the table about the rights over one's own data.

use clowder_accounts::{
    Permission,
    model::{Erasing, Erasure, Export, Fate},
    refusals::{
        ACCOUNT_SUSPENDED, AUTHENTICATION_STALE, ERASURE_NONE, EXPORT_GONE, EXPORT_LINK_INVALID, EXPORT_UNKNOWN,
        LAST_ADMIN, OUTRANKED, PASSWORD_WRONG, USER_UNKNOWN,
    },
};

use clowder_core::input::Opaque;

use super::{Endpoint, delete, get, post};
use crate::http::privacy;

pub fn lines() -> Vec<Endpoint> {
    vec![
        post("/api/users/me/export", privacy::export)
            .says("Export your data; three times a day, and an export from the last hour is returned again")
            .gives::<Export>(
                202,
                "It is being created, or was created in the last hour; an email says when it is ready",
            )
            .refuses(&[AUTHENTICATION_STALE]),
        get("/api/users/me/exports", privacy::exports)
            .says("List your exports of the last 30 days, the newest first")
            .lists::<Export>()
            .shows_secret(),
        get("/api/users/me/exports/{export_id}", privacy::one_export)
            .says("Read the status of an export")
            .gives::<Export>(
                200,
                "The export; once it is ready, with its link for sessions with a recent authentication",
            )
            .shows_secret()
            .refuses(&[EXPORT_UNKNOWN]),
        get("/api/exports/{export_id}/download", privacy::download)
            .says("Download an export by its link")
            .public()
            .asks_long("token", Opaque::MAX, "What the link holds")
            .gives_text("application/zip", "JSON files, and a README.txt that says what they contain")
            .refuses(&[EXPORT_LINK_INVALID, EXPORT_GONE, ACCOUNT_SUSPENDED]),
        delete("/api/users/me", privacy::erase)
            .says("Delete your account, after a grace period")
            .guarded()
            .takes::<Erasure>()
            .gives::<Erasing>(
                202,
                "All sessions, export links and API keys are ended; sign in again until then to undo it",
            )
            .refuses(&[PASSWORD_WRONG, AUTHENTICATION_STALE, LAST_ADMIN]),
        delete("/api/users/me/erasure", privacy::undo_erasure)
            .says("Keep your account after all")
            .gives_nothing(204, "It stays")
            .refuses(&[ERASURE_NONE]),
        delete("/api/admin/users/{user_id}", privacy::erase_user)
            .says("Erase an account now")
            .needs(Permission::EraseUsers)
            .asks::<Fate>("messages", "What happens to its messages; if absent, what its owner asked for, or `keep`")
            .gives::<Erasing>(202, "All its sessions have ended, and it is being erased")
            .refuses(&[USER_UNKNOWN, OUTRANKED, LAST_ADMIN, AUTHENTICATION_STALE]),
    ]
}
