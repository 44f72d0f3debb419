//! Accounts: another session of the owner, the texts of a profile, and what opens without a token.

use serde_json::json;

use super::{Domain, Reasons};
use crate::{
    User,
    lists::List,
    texts::{
        SECRET, TYPED,
        Then::{self, Gone},
        WORD, call,
    },
    things::{Comes, Thing},
};

pub const DOMAIN: Domain = Domain {
    things: THINGS,
    texts: TEXTS,
    plants: Some(|stage| Box::pin(plant(stage.owner))),
    lists: LISTS,
    open: OPEN,
    suspended: SUSPENDED,
    people: PEOPLE,
    ..Domain::new("Accounts")
};

const THINGS: &[Thing] = &[Thing {
    name: "session_id",
    comes: Comes::Made(|stage| {
        Box::pin(async move {
            let second = stage.world.login(&stage.owner.name).await;
            let sessions = second.get("/api/auth/sessions").await.expect(200);
            let sessions = sessions["items"].as_array().unwrap();
            let other = sessions.iter().find(|session| session["current"] == true).unwrap();
            other["id"].as_str().unwrap().to_owned()
        })
    }),
}];

const TEXTS: &[(&str, Then)] = &[
    ("POST /api/auth/login /device_name", Gone("zqdevice")),
    ("POST /api/auth/login /email", TYPED),
    ("POST /api/auth/login /otp", SECRET),
    ("POST /api/auth/login /username", TYPED),
    ("PATCH /api/auth/me /bio", Gone("zqbio")),
    ("PATCH /api/auth/me /display_name", Gone("zqdisplay")),
    ("PATCH /api/auth/me /username", Gone("zqrenamed")),
    ("PATCH /api/auth/me /status_text", Gone("zqstatus")),
    ("PATCH /api/auth/me /pronouns", Gone("zqpronouns")),
    ("PATCH /api/auth/me /location", Gone("zqlocation")),
    ("PATCH /api/auth/me /links/*/label", Gone("zqlabel")),
    ("PATCH /api/auth/me /links/*/url", Gone("zqurl")),
    ("PUT /api/auth/me /bio", Gone("zqbio")),
    ("PUT /api/auth/me /display_name", Gone("zqdisplay")),
    ("PUT /api/auth/me /username", Gone("zqrenamed")),
    ("PUT /api/auth/me /status_text", Gone("zqstatus")),
    ("PUT /api/auth/me /pronouns", Gone("zqpronouns")),
    ("PUT /api/auth/me /location", Gone("zqlocation")),
    ("PUT /api/auth/me /links/*/label", Gone("zqlabel")),
    ("PUT /api/auth/me /links/*/url", Gone("zqurl")),
    ("POST /api/auth/refresh /refresh", SECRET),
    ("POST /api/auth/register /display_name", Gone("zqfirstname")),
    ("POST /api/auth/register /email", Gone("zqmail")),
    ("POST /api/auth/register /invite", SECRET),
    ("POST /api/auth/register /username", Gone("zquser")),
    ("PATCH /api/auth/sessions/{session_id} /name", Gone("zqsession")),
    ("POST /api/register /display_name", Gone("zqfirstname")),
    ("POST /api/register /email", Gone("zqmail")),
    ("POST /api/register /invite", SECRET),
    ("POST /api/register /username", Gone("zquser")),
    ("POST /api/token /device_name", Gone("zqdevice")),
    ("POST /api/token /email", TYPED),
    ("POST /api/token /otp", SECRET),
    ("POST /api/token /username", TYPED),
    ("POST /api/token/refresh /refresh", SECRET),
    ("POST /api/token/verify /token", SECRET),
    ("PATCH /api/users/me /bio", Gone("zqbio")),
    ("PATCH /api/users/me /display_name", Gone("zqdisplay")),
    ("PATCH /api/users/me /username", Gone("zqrenamed")),
    ("PATCH /api/users/me /status_text", Gone("zqstatus")),
    ("PATCH /api/users/me /pronouns", Gone("zqpronouns")),
    ("PATCH /api/users/me /location", Gone("zqlocation")),
    ("PATCH /api/users/me /links/*/label", Gone("zqlabel")),
    ("PATCH /api/users/me /links/*/url", Gone("zqurl")),
    ("PUT /api/users/me /bio", Gone("zqbio")),
    ("PUT /api/users/me /display_name", Gone("zqdisplay")),
    ("PUT /api/users/me /username", Gone("zqrenamed")),
    ("PUT /api/users/me /status_text", Gone("zqstatus")),
    ("PUT /api/users/me /pronouns", Gone("zqpronouns")),
    ("PUT /api/users/me /location", Gone("zqlocation")),
    ("PUT /api/users/me /links/*/label", Gone("zqlabel")),
    ("PUT /api/users/me /links/*/url", Gone("zqurl")),
    ("PATCH /api/users/me/settings /language", WORD),
    ("PATCH /api/users/me/settings /time_zone", WORD),
    ("PUT /api/users/me/settings /language", WORD),
    ("PUT /api/users/me/settings /time_zone", WORD),
];

const LISTS: &[List] = &[List {
    path: "/api/auth/sessions",
    at_least: 101,
    rows: Some(|scene| {
        format!(
            "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, authenticated_at)
               SELECT {id}, {me}, {now}, {soon}, {later}, {now} FROM {hundred};",
            id = scene.new_id(),
            me = scene.me(),
            now = scene.at("0"),
            soon = scene.at("s.n"),
            later = scene.at("3600"),
            hundred = scene.series(100),
        )
    }),
}];

const OPEN: Reasons = &[
    ("POST /api/auth/register", "this is how one gets a token"),
    ("POST /api/auth/login", "this is how one gets a token"),
    ("POST /api/auth/refresh", "the refresh token is the credential"),
    ("POST /api/register", "this is how one gets a token"),
    ("POST /api/token", "this is how one gets a token"),
    ("POST /api/token/refresh", "the refresh token is the credential"),
    ("POST /api/token/verify", "the token asked about is the credential"),
];

const SUSPENDED: Reasons = &[
    ("GET /api/auth/me", "here it says why"),
    ("GET /api/users/me", "the same by its other name"),
    ("POST /api/auth/logout", "everybody may leave"),
    ("POST /api/auth/logout-all", "everybody may leave"),
];

const PEOPLE: Reasons = &[
    ("POST /api/auth/logout", "a key has no session"),
    ("POST /api/auth/logout-all", "sessions are of people"),
    ("GET /api/auth/sessions", "sessions are of people"),
    ("DELETE /api/auth/sessions", "sessions are of people"),
    ("PATCH /api/auth/sessions/{session_id}", "sessions are of people"),
    ("DELETE /api/auth/sessions/{session_id}", "sessions are of people"),
];

/// The name of a session and the profile. The account itself, and the name of a device, come from whoever signs up.
async fn plant(ada: &User) {
    let sessions = ada.get("/api/auth/sessions").await.expect(200);
    let sessions = sessions["items"].as_array().unwrap();
    let own = sessions.iter().find(|session| session["current"] == true).unwrap()["id"].as_str().unwrap();
    call(ada, "PATCH", &format!("/api/auth/sessions/{own}"), json!({"name": "Zqsession"}), "").await.expect(200);
    let links = json!([{"label": "zqlabel", "url": "https://zqurl.example"}]);
    let profile = json!({
        "bio": "zqbio", "display_name": "Zqdisplay", "status_text": "zqstatus", "pronouns": "zqpronouns",
        "location": "zqlocation", "links": links, "username": "zqrenamed",
    });
    call(ada, "PATCH", "/api/auth/me", profile, "").await.expect(200);
}
