//! Files: one of the owner, and a list of many.

use serde_json::json;

use super::{Domain, Reasons};
use crate::{
    Answer,
    client::form,
    lists::{List, MANY},
    things::{Comes, Thing},
    unique,
};

pub const DOMAIN: Domain =
    Domain { things: THINGS, lists: LISTS, open: OPEN, not_sent: NOT_SENT, ..Domain::new("Files") };

const THINGS: &[Thing] = &[Thing {
    name: "file_id",
    comes: Comes::Made(|stage| {
        Box::pin(async move {
            let content = json!({"file": format!("a file, {}", unique())});
            let sent = Answer::to(form(stage.owner.request("POST", "/api/files/upload"), &content)).await;
            sent.expect(201)["id"].as_str().unwrap().to_owned()
        })
    }),
}];

const LISTS: &[List] = &[List {
    path: "/api/files",
    at_least: MANY,
    rows: Some(|scene| {
        format!(
            "INSERT INTO file_objects (id, owner_id, status, size, sha256, type, refs, created_at)
               SELECT {of_n}, {me}, 'ready', 1, {octets}, 'text/plain', 1, {now} FROM {series};
             INSERT INTO files (id, owner_id, object_id, name, purpose, created_at)
               SELECT {of_n}, {me}, {of_n}, 'a file', 'attachment', {now} FROM {series};",
            of_n = scene.id_of_n(),
            me = scene.me(),
            octets = scene.octets_of_n(),
            now = scene.at("0"),
            series = scene.series(MANY),
        )
    }),
}];

const OPEN: Reasons = &[("GET /api/files/{file_id}/download", "what the address holds is the credential, and expires")];

const NOT_SENT: Reasons = &[
    ("editFile", "the example names no picture of the walk"),
    ("downloadFile", "the example has no address that was made here"),
];
