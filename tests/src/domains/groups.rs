//! Groups: one of the owner, in which the friend is, and texts that go with a group where nobody is left.

use serde_json::json;

use super::{Domain, Reasons};
use crate::{
    User,
    lists::{List, MANY, Scene},
    texts::{
        Then::{self, Kept},
        call,
    },
    things::{Comes, Thing},
};

pub const DOMAIN: Domain = Domain {
    things: THINGS,
    texts: TEXTS,
    plants: Some(|stage| Box::pin(plant(stage.owner, stage.friend))),
    lists: LISTS,
    not_sent: NOT_SENT,
    ..Domain::new("Groups")
};

const THINGS: &[Thing] = &[
    Thing {
        name: "group_id",
        comes: Comes::Made(|stage| {
            Box::pin(async move {
                let new = json!({"name": "Gardeners", "visibility": "secret"});
                let group = stage.owner.post("/api/groups", new).await.expect(201)["id"].as_str().unwrap().to_owned();
                let invites = format!("/api/groups/{group}/invites");
                // By a link, of which there may be more in a day than invitations.
                let code = stage.owner.post(&invites, json!({})).await.expect(201)["code"].as_str().unwrap().to_owned();
                stage.friend.post(&format!("/api/group-invites/{code}/join"), json!({})).await.expect(201);
                group
            })
        }),
    },
    Thing { name: "member_id", comes: Comes::Made(|stage| Box::pin(async move { stage.friend.id.clone() })) },
    Thing { name: "requester_id", comes: Comes::Never { unknown: "group.request_unknown" } },
    Thing { name: "group_invite_id", comes: Comes::Never { unknown: "group.invite_unknown" } },
    Thing { name: "group_deletion_id", comes: Comes::Never { unknown: "group.deletion_unknown" } },
    Thing { name: "group_code", comes: Comes::Never { unknown: "group.invite_unknown" } },
];

const OF_GROUP: Then = Kept("it belongs to the group while somebody is in it; see `plant` for one where nobody is");

const TEXTS: &[(&str, Then)] = &[
    ("POST /api/groups /name", OF_GROUP),
    ("POST /api/groups /title", OF_GROUP),
    ("POST /api/groups /description", OF_GROUP),
    ("POST /api/groups /rules", OF_GROUP),
    ("PATCH /api/groups/{group_id} /name", OF_GROUP),
    ("PATCH /api/groups/{group_id} /title", OF_GROUP),
    ("PATCH /api/groups/{group_id} /description", OF_GROUP),
    ("PATCH /api/groups/{group_id} /rules", OF_GROUP),
    ("PUT /api/groups/{group_id} /name", OF_GROUP),
    ("PUT /api/groups/{group_id} /title", OF_GROUP),
    ("PUT /api/groups/{group_id} /description", OF_GROUP),
    ("PUT /api/groups/{group_id} /rules", OF_GROUP),
    ("PUT /api/groups/{group_id}/bans/{member_id} /reason", OF_GROUP),
];

const LISTS: &[List] = &[
    List {
        path: "/api/groups",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO chats (id, type, participant_count, last_seq, revision, deleted_count, created_at,
                     active_at, version)
                   SELECT {of_n}, 'group', 0, 0, 0, 0, {now}, {now}, 1 FROM {series} WHERE NOT EXISTS
                     (SELECT 1 FROM chats c WHERE c.id = {of_n});
                 INSERT INTO groups (id, name, visibility, owner_id, member_count, chat_id, created_at, version)
                   SELECT {of_n}, 'x', 'public', {me}, 1, {of_n}, {now}, 1 FROM {series};",
                of_n = scene.id_of_n(),
                me = scene.me(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
    List {
        path: "/api/groups/invitations",
        at_least: MANY,
        // To the groups above.
        rows: Some(|scene| {
            format!(
                "INSERT INTO group_people (group_id, user_id, status, since, invited_by)
                   SELECT {of_n}, {me}, 'invited', {now}, {me} FROM {series};",
                of_n = scene.id_of_n(),
                me = scene.me(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
    List { path: "/api/groups/{group_id}/members", at_least: MANY, rows: Some(|scene| people(scene, "member")) },
    List { path: "/api/groups/{group_id}/requests", at_least: 1_000, rows: Some(|scene| people(scene, "pending")) },
    List { path: "/api/groups/{group_id}/bans", at_least: MANY, rows: Some(|scene| people(scene, "banned")) },
    List {
        path: "/api/groups/{group_id}/invites",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO group_links (id, group_id, code_hash, created_by, uses, created_at, revoked_at)
                   SELECT {id}, {group}, {octets}, {me}, 0, {now}, {now} FROM {series};",
                id = scene.new_id(),
                group = scene.id_of("group_id"),
                octets = scene.octets_of_n(),
                me = scene.me(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
];

const NOT_SENT: Reasons = &[
    ("transferGroup", "the example names nobody of the walk"),
    ("decideGroupRequest", "nobody has asked to join"),
    ("getGroupByCode", "only with a code"),
    ("getGroupDeletion", "groups of a walk are small, and gone at once"),
    ("joinGroupByCode", "only with a code"),
    ("revokeGroupInvite", "there is no link in a walk"),
    ("leaveGroup", "the owner cannot leave"),
];

/// People with accounts of their own who stand to the group like this.
fn people(scene: &Scene, status: &str) -> String {
    format!(
        "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role,
             created_at, version)
           SELECT {id}, 'g{status}' || s.n, 'g{status}' || s.n, 'x', 'g{status}' || s.n, 'x', 'x', 'public', 'user', {now}, 1
           FROM {series};
         INSERT INTO group_people (group_id, user_id, status, role, since)
           SELECT {group}, u.id, '{status}', {role}, {now} FROM users u WHERE u.username LIKE 'g{status}%';",
        id = scene.new_id(),
        group = scene.id_of("group_id"),
        role = if status == "member" { "'member'" } else { "NULL" },
        now = scene.at("0"),
        series = scene.series(if status == "pending" { 1_000 } else { MANY }),
    )
}

/// A group with nobody else, from which somebody is banned.
async fn plant(ada: &User, bob: &User) {
    let new = json!({"name": "Zqgroupname", "description": "zqgrouptext", "rules": "zqgrouprules"});
    let group = call(ada, "POST", "/api/groups", new, "zqidempotency-g").await.expect(201);
    let group = format!("/api/groups/{}", group["id"].as_str().unwrap());
    let patch = json!({"name": "Zqgrouprenamed", "description": "zqgroupedited", "rules": "zqgroupkind"});
    call(ada, "PATCH", &group, patch, "").await.expect(200);
    let ban = format!("{group}/bans/{}", bob.id);
    call(ada, "PUT", &ban, json!({"reason": "zqbanreason"}), "").await.expect(204);
}
