//! Credentials: what whoever holds an email may do without a token.

use serde_json::json;

use super::{Domain, Reasons};
use crate::{
    User, World,
    texts::{
        SECRET,
        Then::{self, Gone},
        call,
    },
    world::PASSWORD,
};

pub const DOMAIN: Domain = Domain {
    texts: TEXTS,
    plants: Some(|stage| Box::pin(plant(stage.world, stage.owner))),
    open: OPEN,
    shared: SHARED,
    people: PEOPLE,
    not_sent: NOT_SENT,
    ..Domain::new("Credentials")
};

const TEXTS: &[(&str, Then)] = &[
    ("POST /api/auth/email/change /email", Gone("zqelsewhere")),
    ("POST /api/auth/link /token", SECRET),
    ("POST /api/auth/password/forgot /email", Gone("zqmail")),
    ("POST /api/auth/password/reset /token", SECRET),
    ("POST /api/auth/verify-email /token", SECRET),
    ("POST /api/auth/verify-email/request /email", Gone("zqmail")),
];

const OPEN: Reasons = &[
    ("POST /api/auth/link", "what the email held is the credential"),
    ("POST /api/auth/verify-email", "what the email held is the credential"),
    ("POST /api/auth/verify-email/request", "for those who have no account yet"),
    ("POST /api/auth/password/forgot", "for those who cannot sign in"),
    ("POST /api/auth/password/reset", "what the email held is the credential"),
    ("GET /account", "the page that emails link to"),
    ("GET /account/{file}", "a part of that page"),
];

const SHARED: Reasons = &[("GET /account/{file}", "a part of the page that emails link to")];

const PEOPLE: Reasons = &[
    ("POST /api/auth/email/change", "whoever has the address has the account"),
    ("POST /api/auth/verify-email/resend", "whoever has the address has the account"),
    ("POST /api/auth/password/change", "whoever has the password has the account"),
];

const NOT_SENT: Reasons = &[
    ("resendVerification", "one email a minute, and signing up has just sent one"),
    ("getAccountPageFile", "a file, which has no example"),
];

/// The address of the account in other spellings, and another address.
async fn plant(world: &World, ada: &User) {
    let nobody = world.nobody();
    for email in ["zqmail@zqdomäne.example", "ZQMAIL@xn--zqdomne-9wa.example"] {
        nobody.post("/api/auth/password/forgot", json!({"email": email})).await.expect(204);
        nobody.post("/api/auth/verify-email/request", json!({"email": email})).await.expect(204);
    }
    let change = json!({"email": "zqelsewhere@zqdomäne.example", "password": PASSWORD});
    call(ada, "POST", "/api/auth/email/change", change, "").await.expect(204);
}
