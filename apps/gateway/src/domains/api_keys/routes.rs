//! The routes of API keys.

use clowder_accounts::{ApiKey, IssuedKey, NewApiKey, refusals::*};
use clowder_core::idempotency;

use super::handlers::{self, Opened};
use crate::routes::{Endpoint, delete, get, post};

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/api-keys/scopes", handlers::scopes)
            .says("List the scopes an API key can have, and what each opens")
            .called("listScopes")
            .notes("Lists for each scope its routes, its socket commands and the least role that may ask for it.")
            .public()
            .lists::<Opened>(),
        get("/api/api-keys", handlers::list).says("List your API keys, the newest first").called("listApiKeys")
            .notes("Secrets are never shown again.")
            .lists::<ApiKey>(),
        post("/api/api-keys", handlers::create)
            .says("Create an API key")
            .called("createApiKey")
            .notes("Needs a recent authentication. An account has at most 50 keys. Scopes that open nothing to your role are refused.")
            .reaches_others()
            .creates()
            .takes::<NewApiKey>()
            .gives::<IssuedKey>(201, "The key, shown only this once")
            .refuses(&[API_KEY_LIMIT, AUTHENTICATION_STALE, idempotency::MISMATCH, idempotency::RUNNING])
            .refuses_again(&[API_KEY_UNKNOWN]),
        get("/api/api-keys/{api_key_id}", handlers::one)
            .says("Read an API key")
            .called("getApiKey")
            .notes("Shows when the key was last used, to the minute.")
            .gives::<ApiKey>(200, "Without its secret")
            .refuses(&[API_KEY_UNKNOWN]),
        delete("/api/api-keys/{api_key_id}", handlers::revoke)
            .says("Revoke an API key")
            .called("revokeApiKey")
            .notes("The key stops working at once on this node and within a second on every other.")
            .gives_nothing(204, "It is revoked, and its sockets are closed")
            .refuses(&[API_KEY_UNKNOWN]),
    ]
}
