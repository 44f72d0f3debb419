//! Files: one of the owner, and a list of many.

use super::{Domain, Reasons};
use crate::{
    files::examined,
    lists::{List, MANY},
    recorded::png,
    texts::{Then, WORD},
    things::{Comes, Thing},
    unique,
};

pub const DOMAIN: Domain =
    Domain { things: THINGS, texts: TEXTS, lists: LISTS, open: OPEN, not_sent: NOT_SENT, ..Domain::new("Files") };

const TEXTS: &[(&str, Then)] = &[
    (
        "POST /api/files/direct /name",
        Then::Never("a folder takes no such upload; in a bucket, it is the name of a file, and goes with that"),
    ),
    ("POST /api/files/direct /type", WORD),
    ("POST /api/files/direct /sha256", Then::Never("it is a hash")),
];

const THINGS: &[Thing] = &[
    Thing {
        name: "file_id",
        comes: Comes::Made(|stage| {
            Box::pin(async move {
                let content = png(3, 2, &unique());
                let file = examined(stage.owner, "", "; filename=\"a.png\"", &content).await;
                file["id"].as_str().unwrap().to_owned()
            })
        }),
    },
    Thing { name: "quarantined_file_id", comes: Comes::Never { unknown: "file.not_quarantined" } },
];

const LISTS: &[List] = &[
    List {
        path: "/api/files",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO file_objects (id, owner_id, status, size, sha256, type, refs, created_at)
                   SELECT {of_n}, {me}, 'quarantined', 1, {octets}, 'text/plain', 1, {now} FROM {series};
                 INSERT INTO files (id, owner_id, object_id, name, purpose, created_at)
                   SELECT {of_n}, {me}, {of_n}, 'a file', 'attachment', {now} FROM {series};",
                of_n = scene.id_of_n(),
                me = scene.me(),
                octets = scene.octets_of_n(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
    // The same ones.
    List { path: "/api/admin/files", at_least: MANY, rows: None },
];

const OPEN: Reasons = &[
    (
        "GET /api/files/{file_id}/public",
        "it is for a cache, and only for pictures that everybody sees; without `CDN_URL` for nothing",
    ),
    ("GET /api/files/{file_id}/download", "what the address holds is the credential, and expires"),
    ("OPTIONS /api/files/resumable", "only says what the server can do"),
];

const NOT_SENT: Reasons = &[
    ("editFile", "the example names no picture of the walk"),
    ("downloadFile", "the example has no address that was made here"),
    ("getPublicPicture", "the server of the tests has no cache in front of it; a story has one"),
    ("beginDirectUpload", "the folder of the tests takes no such upload; a story does it with a bucket"),
    ("createResumableUpload", "the length and the version of the protocol are in headers"),
    ("continueResumableUpload", "where it goes on, and the version of the protocol, are in headers"),
    ("endResumableUpload", "the version of the protocol is in a header"),
    ("deleteQuarantinedFile", "no file of the walk is in quarantine"),
];
