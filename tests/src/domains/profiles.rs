//! Profiles: the profile of somebody whom strangers may see, and texts in it.

use serde_json::json;

use super::{Domain, Reasons};
use crate::{
    User,
    lists::List,
    texts::{
        Then::{self, Gone},
        call,
    },
    things::{Comes, Thing},
};

pub const DOMAIN: Domain = Domain {
    texts: TEXTS,
    things: THINGS,
    plants: Some(|stage| Box::pin(plant(stage.owner))),
    lists: LISTS,
    shared: SHARED,
    not_sent: NOT_SENT,
    ..Domain::new("People")
};

const THINGS: &[Thing] = &[Thing {
    name: "username",
    comes: Comes::Made(|stage| {
        Box::pin(
            async move { stage.owner.get("/api/auth/me").await.expect(200)["username"].as_str().unwrap().to_owned() },
        )
    }),
}];

const REASON: Then = Then::Kept("the audit log says why an administrator edited a profile");

const TEXTS: &[(&str, Then)] = &[
    ("PATCH /api/users/{user_id} /bio", Gone("zqbiobyid")),
    ("PATCH /api/users/{user_id} /display_name", Gone("zqnamebyid")),
    ("PATCH /api/users/{user_id} /username", Gone("zqrenamed")),
    ("PATCH /api/users/{user_id} /reason", REASON),
    ("PATCH /api/users/{user_id} /status_text", Gone("zqstatusbyid")),
    ("PATCH /api/users/{user_id} /pronouns", Gone("zqpronounsbyid")),
    ("PATCH /api/users/{user_id} /location", Gone("zqlocationbyid")),
    ("PATCH /api/users/{user_id} /links/*/label", Gone("zqlabelbyid")),
    ("PATCH /api/users/{user_id} /links/*/url", Gone("zqurlbyid")),
    ("PUT /api/users/{user_id} /bio", Gone("zqbiobyid")),
    ("PUT /api/users/{user_id} /display_name", Gone("zqnamebyid")),
    ("PUT /api/users/{user_id} /username", Gone("zqrenamed")),
    ("PUT /api/users/{user_id} /reason", REASON),
    ("PUT /api/users/{user_id} /status_text", Gone("zqstatusbyid")),
    ("PUT /api/users/{user_id} /pronouns", Gone("zqpronounsbyid")),
    ("PUT /api/users/{user_id} /location", Gone("zqlocationbyid")),
    ("PUT /api/users/{user_id} /links/*/label", Gone("zqlabelbyid")),
    ("PUT /api/users/{user_id} /links/*/url", Gone("zqurlbyid")),
];

const LISTS: &[List] = &[
    // The rows of `/api/admin/users` are accounts, too.
    List { path: "/api/users", at_least: crate::lists::MANY, rows: None },
    List { path: "/api/users/search", at_least: 200, rows: None },
    List { path: "/api/search/suggestions", at_least: 20, rows: None },
    List { path: "/api/search/users", at_least: 200, rows: None },
];

const SHARED: Reasons = &[
    ("GET /api/users/{user_id}", "strangers see a public profile"),
    ("GET /api/usernames/{username}", "strangers see a public profile"),
    ("PATCH /api/users/{user_id}", "who sees a profile and may not edit it is refused"),
    ("PUT /api/users/{user_id}", "who sees a profile and may not edit it is refused"),
];

const NOT_SENT: Reasons = &[("editPerson", "the person in the walk is somebody else, whom only administrators edit")];

async fn plant(ada: &User) {
    let links = json!([{"label": "zqlabelbyid", "url": "https://zqurlbyid.example"}]);
    let profile = json!({
        "bio": "zqbiobyid", "display_name": "Zqnamebyid", "status_text": "zqstatusbyid", "pronouns": "zqpronounsbyid",
        "location": "zqlocationbyid", "links": links,
    });
    call(ada, "PATCH", &format!("/api/users/{}", ada.id), profile, "").await.expect(200);
}
