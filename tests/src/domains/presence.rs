//! Presence: a status text.

use serde_json::json;

use super::Domain;
use crate::{
    User,
    texts::{
        Then::{self, Gone},
        call,
    },
};

pub const DOMAIN: Domain =
    Domain { texts: TEXTS, plants: Some(|stage| Box::pin(plant(stage.owner))), ..Domain::new("Presence") };

const TEXTS: &[(&str, Then)] = &[("PUT /api/users/me/presence /text", Gone("zqstatus"))];

async fn plant(ada: &User) {
    let new = json!({"status": "busy", "text": "zqstatus"});
    call(ada, "PUT", "/api/users/me/presence", new, "").await.expect(200);
}
