//! Messaging: the private chat of the owner and their friend, a message in it, and texts that go with them.

mod rows;

use serde_json::{Value, json};

use self::rows::{
    crowd, exports, guests, heard, in_chat_of_message, moderated, refused, reviews, sanctions, templates,
};
use super::{Domain, Reasons};
use crate::{
    User,
    lists::{LONG, List, MANY},
    texts::{
        Then::{self, Gone, Kept},
        WORD, call,
    },
    things::{Comes, Thing},
};

pub const DOMAIN: Domain = Domain {
    things: THINGS,
    texts: TEXTS,
    plants: Some(|stage| Box::pin(plant(stage.owner, stage.friend))),
    lists: LISTS,
    not_sent: NOT_SENT,
    people: PEOPLE,
    ..Domain::new("Messaging")
};

const THINGS: &[Thing] = &[
    Thing {
        name: "chat_id",
        comes: Comes::Made(|stage| {
            Box::pin(async move {
                let chat = stage.owner.group("Lunch", &[stage.friend]).await;
                stage.owner.says(&chat, "among us").await;
                chat
            })
        }),
    },
    Thing { name: "invited_chat_id", comes: Comes::Never { unknown: "chat.invitation_unknown" } },
    Thing { name: "chat_deletion_id", comes: Comes::Never { unknown: "chat.deletion_unknown" } },
    Thing {
        name: "chat_template_id",
        comes: Comes::Made(|stage| {
            Box::pin(async move {
                let new = json!({"name": "Project", "type": "group", "title": "Project"});
                stage.owner.post("/api/chat-templates", new).await.expect(201)["id"].as_str().unwrap().to_owned()
            })
        }),
    },
    Thing { name: "server_template_id", comes: Comes::Never { unknown: "chat.template_unknown" } },
    Thing { name: "chat_export_id", comes: Comes::Never { unknown: "chat.export_unknown" } },
    Thing { name: "chat_import_id", comes: Comes::Never { unknown: "chat.import_unknown" } },
    Thing { name: "chat_code", comes: Comes::Never { unknown: "chat.link_unknown" } },
    Thing { name: "chat_link_id", comes: Comes::Never { unknown: "chat.link_unknown" } },
    Thing { name: "chat_purge_id", comes: Comes::Never { unknown: "chat.purge_unknown" } },
    Thing { name: "message_review_id", comes: Comes::Never { unknown: "message.review_unknown" } },
    Thing { name: "held_message_id", comes: Comes::Never { unknown: "message.review_unknown" } },
    Thing { name: "server_review_id", comes: Comes::Never { unknown: "message.review_unknown" } },
    Thing { name: "chat_requester_id", comes: Comes::Never { unknown: "chat.request_unknown" } },
    Thing {
        name: "scheduled_message_id",
        comes: Comes::Made(|stage| {
            Box::pin(async move {
                let chat = stage.owner.private_chat(stage.friend).await;
                let at = new_year_after(&stage.owner.says(&chat, "now").await);
                let new = json!({"content": "later", "send_at": at});
                let path = format!("/api/chats/{chat}/messages");
                stage.owner.post(&path, new).await.expect(202)["id"].as_str().unwrap().to_owned()
            })
        }),
    },
    Thing { name: "participant_id", comes: Comes::Made(|stage| Box::pin(async move { stage.friend.id.clone() })) },
    Thing {
        name: "message_id",
        comes: Comes::Made(|stage| {
            Box::pin(async move {
                let chat = stage.owner.private_chat(stage.friend).await;
                stage.owner.says(&chat, "between us").await["id"].as_str().unwrap().to_owned()
            })
        }),
    },
    Thing {
        name: "poll_id",
        comes: Comes::Made(|stage| {
            Box::pin(async move {
                let chat = stage.owner.private_chat(stage.friend).await;
                let poll = stage.owner.asks(&chat, json!({"options": ["Noodles", "Soup"]})).await;
                poll["id"].as_str().unwrap().to_owned()
            })
        }),
    },
    Thing { name: "emoji", comes: Comes::Made(|_| Box::pin(async { "👍".to_owned() })) },
];

const OF_CHAT: Then = Kept("it belongs to the chat while somebody is in it; see `plant` for one where nobody is");

const IN_THE_LOG: Then = Then::Never("it is only in the audit log, encrypted with the key of whoever wrote it");

const OWN: Then = Then::Never("it is encrypted with the key of its author");

/// Reasons of moderators, and words of filters.
const OF_MODERATION: Then = Kept(
    "it belongs to the chat; those about a person go with the account of that person, and half a year after the end",
);

const PEOPLE: Reasons = &[
    ("GET /api/admin/message-reviews/{server_review_id}", "the message may be private"),
    ("PUT /api/admin/message-reviews/{server_review_id}", "a person decides"),
];

const NOT_SENT: Reasons = &[
    ("muteParticipant", "the example names nobody of the walk"),
    ("banFromChat", "the example names nobody of the walk"),
    ("purgeChat", "the example names nobody of the walk"),
    ("getChatPurge", "nothing is purged in a walk"),
    ("editServerChatTemplate", "the server has no template in a walk"),
    ("deleteServerChatTemplate", "the server has no template in a walk"),
    ("createChatFromTemplate", "the example names nobody of the walk"),
    ("getChatExport", "nothing is exported in a walk"),
    ("downloadChatExport", "nothing is exported in a walk"),
    ("endChatExport", "nothing is exported in a walk"),
    ("getChatImport", "nothing is imported in a walk"),
    ("listRefusedImports", "nothing is imported in a walk"),
    ("decideChatReview", "nothing is caught in a walk"),
    ("examineServerReview", "nothing is caught in a walk"),
    ("decideServerReview", "nothing is caught in a walk"),
    ("withdrawHeldMessage", "nothing is caught in a walk"),
    ("answerChatInvitation", "nobody has invited the caller"),
    ("joinChatByCode", "only with a code"),
    ("getChatByCode", "only with a code"),
    ("getChatDeletion", "chats of a walk are small, and gone at once"),
    ("revokeChatLink", "there is no link in a walk"),
    ("decideChatRequest", "nobody has asked to join"),
    ("addParticipants", "the example names nobody of the walk"),
    ("transferChat", "the example names nobody of the walk"),
];

const OF_SERVER: Then = Kept("it belongs to the server");

const TEXTS: &[(&str, Then)] = &[
    ("POST /api/chat-templates /name", Gone("zqtemplate")),
    ("POST /api/chat-templates /title", Gone("zqtemplate")),
    ("POST /api/chat-templates /description", Gone("zqtemplate")),
    ("PATCH /api/chat-templates/{chat_template_id} /name", Gone("zqretemplate")),
    ("PATCH /api/chat-templates/{chat_template_id} /title", Gone("zqretemplate")),
    ("PATCH /api/chat-templates/{chat_template_id} /description", Gone("zqretemplate")),
    ("PUT /api/chat-templates/{chat_template_id} /name", Gone("zqretemplate")),
    ("PUT /api/chat-templates/{chat_template_id} /title", Gone("zqretemplate")),
    ("PUT /api/chat-templates/{chat_template_id} /description", Gone("zqretemplate")),
    ("POST /api/chat-templates/{chat_template_id}/chats /title", OF_CHAT),
    ("POST /api/chat-templates/{chat_template_id}/chats /description", OF_CHAT),
    ("POST /api/admin/chat-templates /name", OF_SERVER),
    ("POST /api/admin/chat-templates /title", OF_SERVER),
    ("POST /api/admin/chat-templates /description", OF_SERVER),
    ("PATCH /api/admin/chat-templates/{server_template_id} /name", OF_SERVER),
    ("PATCH /api/admin/chat-templates/{server_template_id} /title", OF_SERVER),
    ("PATCH /api/admin/chat-templates/{server_template_id} /description", OF_SERVER),
    ("PUT /api/admin/chat-templates/{server_template_id} /name", OF_SERVER),
    ("PUT /api/admin/chat-templates/{server_template_id} /title", OF_SERVER),
    ("PUT /api/admin/chat-templates/{server_template_id} /description", OF_SERVER),
    ("POST /api/chats /description", OF_CHAT),
    ("POST /api/chats /name", OF_CHAT),
    ("POST /api/chats /title", OF_CHAT),
    ("PATCH /api/chats/{chat_id} /description", OF_CHAT),
    ("PATCH /api/chats/{chat_id} /name", OF_CHAT),
    ("PATCH /api/chats/{chat_id} /title", OF_CHAT),
    ("PUT /api/chats/{chat_id} /description", OF_CHAT),
    ("PUT /api/chats/{chat_id} /name", OF_CHAT),
    ("PUT /api/chats/{chat_id} /title", OF_CHAT),
    ("POST /api/chats/{chat_id}/moderation/mute /reason", OF_MODERATION),
    ("POST /api/chats/{chat_id}/moderation/unmute /reason", OF_MODERATION),
    ("POST /api/chats/{chat_id}/moderation/ban /reason", OF_MODERATION),
    ("POST /api/chats/{chat_id}/moderation/unban /reason", OF_MODERATION),
    ("POST /api/chats/{chat_id}/moderation/purge /reason", OF_MODERATION),
    ("POST /api/chats/{chat_id}/moderation/slow-mode /reason", IN_THE_LOG),
    ("PUT /api/chats/{chat_id}/moderation/filter /reason", IN_THE_LOG),
    ("PUT /api/chats/{chat_id}/moderation/filter /words/*", OF_MODERATION),
    ("PUT /api/chats/{chat_id}/moderation/brake /reason", IN_THE_LOG),
    ("PUT /api/chats/{chat_id}/moderation/reviews/{message_review_id} /reason", OF_MODERATION),
    ("PUT /api/admin/word-filter /reason", IN_THE_LOG),
    ("PUT /api/admin/word-filter /words/*", OF_SERVER),
    ("PUT /api/admin/message-reviews/{server_review_id} /reason", OF_MODERATION),
    ("PATCH /api/chats/{chat_id}/preferences /title", OWN),
    ("PUT /api/chats/{chat_id}/preferences /title", OWN),
    ("PUT /api/chats/{chat_id}/draft /content", OWN),
    ("POST /api/messages/{message_id}/forward /client_id", Then::Never("only a keyed hash of it is kept")),
    ("POST /api/chats/{chat_id}/messages /client_id", Gone("zqclient")),
    ("POST /api/chats/{chat_id}/messages /content", Gone("zqcontent")),
    ("POST /api/chats/{chat_id}/messages /poll/options/*", Gone("zqoption")),
    ("POST /api/chats/{chat_id}/messages /repeat", WORD),
    ("POST /api/chats/{chat_id}/messages /time_zone", WORD),
    ("PATCH /api/scheduled-messages/{scheduled_message_id} /content", OWN),
    ("PATCH /api/scheduled-messages/{scheduled_message_id} /poll/options/*", OWN),
    ("PATCH /api/scheduled-messages/{scheduled_message_id} /repeat", WORD),
    ("PATCH /api/scheduled-messages/{scheduled_message_id} /time_zone", WORD),
    ("PUT /api/scheduled-messages/{scheduled_message_id} /content", OWN),
    ("PUT /api/scheduled-messages/{scheduled_message_id} /poll/options/*", OWN),
    ("PUT /api/scheduled-messages/{scheduled_message_id} /repeat", WORD),
    ("PUT /api/scheduled-messages/{scheduled_message_id} /time_zone", WORD),
    ("POST /api/chats/{chat_id}/messages/delete /reason", OF_MODERATION),
    ("DELETE /api/messages/{message_id} /reason", OF_MODERATION),
    ("DELETE /api/chats/{chat_id}/participants/{participant_id} /reason", OF_MODERATION),
    ("PUT /api/messages/{message_id}/save /note", Gone("zqnote")),
    ("PATCH /api/messages/{message_id} /content", Gone("zqedited")),
    ("PUT /api/messages/{message_id} /content", Gone("zqedited")),
];

const LISTS: &[List] = &[
    List { path: "/api/admin/chat-imports/{chat_import_id}/refused", at_least: MANY, rows: Some(refused) },
    List {
        path: "/api/chats",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO chats (id, type, title, participant_count, last_seq, revision, deleted_count, created_at,
                     active_at, version)
                   SELECT {of_n}, 'group', 'x', 1, 0, 0, 0, {now}, {soon}, 1 FROM {series} WHERE NOT EXISTS
                     (SELECT 1 FROM chats c WHERE c.id = {of_n});
                 INSERT INTO participants (chat_id, user_id, role, joined_at, read_seq, own_after_read)
                   SELECT {of_n}, {me}, 'owner', {now}, 0, 0 FROM {series};",
                of_n = scene.id_of_n(),
                me = scene.me(),
                now = scene.at("0"),
                soon = scene.at("s.n"),
                series = scene.series(MANY),
            )
        }),
    },
    List {
        path: "/api/chats/{chat_id}/moderation/mutes",
        at_least: 1_000,
        rows: Some(|scene| sanctions(scene, "mute")),
    },
    List { path: "/api/chats/{chat_id}/moderation/bans", at_least: 1_000, rows: Some(|scene| sanctions(scene, "ban")) },
    List {
        path: "/api/chat-sanctions",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO chat_sanctions (id, chat_id, user_id, kind, reason, since, told)
                   SELECT {id}, {chat}, {me}, 'rejection', 'x', {now}, {yes} FROM {series};",
                yes = scene.yes(),
                id = scene.new_id(),
                chat = scene.id_of("chat_id"),
                me = scene.me(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
    List {
        path: "/api/chats/{chat_id}/moderation/reviews",
        at_least: 1_000,
        rows: Some(|scene| reviews(scene, scene.no())),
    },
    List { path: "/api/chats/{chat_id}/moderation/log", at_least: MANY, rows: Some(moderated) },
    List { path: "/api/held-messages", at_least: 1_000, rows: None },
    List { path: "/api/chat-templates", at_least: 200, rows: Some(templates) },
    List { path: "/api/chat-exports", at_least: MANY, rows: Some(exports) },
    List { path: "/api/admin/message-reviews", at_least: 1_000, rows: Some(|scene| reviews(scene, scene.yes())) },
    List { path: "/api/chats/{chat_id}/invitations", at_least: 1_000, rows: Some(|scene| guests(scene, "invited")) },
    List { path: "/api/chats/{chat_id}/requests", at_least: 1_000, rows: Some(|scene| guests(scene, "pending")) },
    List {
        path: "/api/chats/{chat_id}/invites",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO chat_links (id, chat_id, code_hash, created_by, role, approval, uses, created_at, revoked_at)
                   SELECT {id}, {chat}, {octets}, {me}, 'member', {no}, 0, {now}, {now} FROM {series};",
                id = scene.new_id(),
                chat = scene.id_of("chat_id"),
                octets = scene.octets_of_n(),
                me = scene.me(),
                no = scene.no(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
    List {
        path: "/api/chat-invitations",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO chats (id, type, title, participant_count, last_seq, revision, deleted_count, created_at,
                     active_at, version)
                   SELECT {of_n}, 'group', 'x', 1, 0, 0, 0, {now}, {now}, 1 FROM {series} WHERE NOT EXISTS
                     (SELECT 1 FROM chats c WHERE c.id = {of_n});
                 INSERT INTO chat_guests (chat_id, user_id, status, role, since)
                   SELECT {of_n}, {me}, 'invited', 'member', {now} FROM {series};",
                of_n = scene.id_of_n(),
                me = scene.me(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
    // What they say is encrypted, so no statement can fill it: the test schedules some.
    List { path: "/api/scheduled-messages", at_least: 3, rows: None },
    List {
        path: "/api/chats/directory",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO chats (id, type, title, participant_count, last_seq, revision, deleted_count, created_at,
                     active_at, version, visibility)
                   SELECT {id}, 'channel', 'x', 0, 0, 0, 0, {now}, {now}, 1, 'public' FROM {series};",
                id = scene.new_id(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
    List { path: "/api/chats/{chat_id}/participants", at_least: MANY, rows: Some(crowd) },
    // The longest page: the last messages are as long as a message can be.
    List {
        path: "/api/chats/{chat_id}/messages",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO messages (id, chat_id, seq, type, sender_id, content, created_at, version)
                   SELECT {id}, {chat}, s.n + 1, 'text', {me}, CASE WHEN s.n > {MANY} - {LONG} THEN {long} ELSE 'x' END,
                     {now}, 1
                   FROM {series};
                 UPDATE chats SET last_seq = 1 + {MANY}, revision = revision + 1 WHERE id = {chat};
                 INSERT INTO message_mentions (chat_id, seq, user_id, place, given, counted)
                   SELECT m.chat_id, m.seq, {me}, 0, {no}, {yes} FROM messages m WHERE m.chat_id = {chat};",
                no = scene.no(),
                yes = scene.yes(),
                id = scene.new_id(),
                chat = scene.id_of("chat_id"),
                me = scene.me(),
                long = scene.long_text(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
    // Those of the messages before.
    List { path: "/api/chats/{chat_id}/mentions", at_least: MANY, rows: None },
    List { path: "/api/mentions", at_least: MANY, rows: None },
    // The best of them; the test lets a command index them.
    List { path: "/api/chats/{chat_id}/search", at_least: 500, rows: None },
    List { path: "/api/search/messages", at_least: 500, rows: None },
    // The chats of the list of chats.
    List {
        path: "/api/search/chats",
        at_least: 200,
        rows: Some(|scene| {
            let (of_n, series) = (scene.id_of_n(), scene.series(MANY));
            format!("INSERT INTO chat_words (word, chat_id) SELECT 'x', {of_n} FROM {series};")
        }),
    },
    List {
        path: "/api/messages/{message_id}/thread",
        at_least: MANY,
        rows: Some(|scene| in_chat_of_message(scene, 100_000, "m.id", "NULL", "NULL")),
    },
    List {
        path: "/api/threads",
        at_least: MANY,
        rows: Some(|scene| {
            let roots = in_chat_of_message(scene, 200_000, "NULL", "1", scene.at("s.n").as_str());
            format!(
                "{roots}
                 INSERT INTO thread_marks (user_id, chat_id, message_id, following, read_seq)
                   SELECT {me}, r.chat_id, r.id, {yes}, 0 FROM messages r JOIN messages m ON m.chat_id = r.chat_id
                   WHERE m.id = {message} AND r.replies IS NOT NULL AND r.seq > 200000;",
                me = scene.me(),
                yes = scene.yes(),
                message = scene.id_of("message_id"),
            )
        }),
    },
    List {
        path: "/api/messages/{message_id}/history",
        at_least: 101,
        rows: Some(|scene| {
            format!(
                "INSERT INTO message_edits (chat_id, seq, version, content, written_at)
                   SELECT m.chat_id, m.seq, s.n, {long}, {now} FROM messages m, {hundred} WHERE m.id = {edited};
                 UPDATE messages SET version = 101, content = {long} WHERE id = {edited};",
                long = scene.long_text(),
                now = scene.at("0"),
                hundred = scene.series(100),
                edited = scene.id_of("message_id"),
            )
        }),
    },
    // Above 256 people, nobody sees the list.
    List { path: "/api/messages/{message_id}/receipts", at_least: 251, rows: Some(heard) },
    List {
        path: "/api/messages/{poll_id}/poll/votes",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role,
                     created_at, version)
                   SELECT {id}, 'voter' || s.n, 'voter' || s.n, 'x', 'voter' || s.n, 'x', 'x', 'public', 'user', {now}, 1
                   FROM {series};
                 INSERT INTO message_poll_votes (chat_id, seq, user_id, choices, voted_at)
                   SELECT m.chat_id, m.seq, u.id, 1, {now} FROM messages m, users u
                   WHERE m.id = {poll} AND u.username LIKE 'voter%';
                 UPDATE message_polls SET voters = {MANY}, votes = '[{MANY},0]'
                   WHERE (chat_id, seq) IN (SELECT m.chat_id, m.seq FROM messages m WHERE m.id = {poll});",
                id = scene.new_id(),
                now = scene.at("0"),
                series = scene.series(MANY),
                poll = scene.id_of("poll_id"),
            )
        }),
    },
    List {
        path: "/api/messages/{message_id}/reactions",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO message_reactions (chat_id, seq, emoji, user_id, reacted_at)
                   SELECT m.chat_id, m.seq, {n}, {me}, {now} FROM messages m, {series} WHERE m.id = {message};",
                n = "CAST(s.n AS TEXT)",
                me = scene.me(),
                now = scene.at("0"),
                series = scene.series(MANY),
                message = scene.id_of("message_id"),
            )
        }),
    },
    List {
        path: "/api/chats/{chat_id}/pins",
        at_least: 50,
        rows: Some(|scene| {
            format!(
                "INSERT INTO messages (id, chat_id, seq, type, sender_id, content, created_at, version, pinned)
                   SELECT {id}, {chat}, s.n + 100000, 'text', {me}, {long}, {now}, 1, {yes} FROM {series};
                 INSERT INTO message_pins (chat_id, seq, rank, pinned_by, pinned_at)
                   SELECT {chat}, s.n + 100000, s.n, {me}, {now} FROM {series};",
                id = scene.new_id(),
                chat = scene.id_of("chat_id"),
                me = scene.me(),
                long = scene.long_text(),
                now = scene.at("0"),
                yes = scene.yes(),
                series = scene.series(50),
            )
        }),
    },
    List {
        path: "/api/saved-messages",
        at_least: MANY,
        rows: Some(|scene| {
            format!(
                "INSERT INTO messages (id, chat_id, seq, type, sender_id, content, created_at, version)
                   SELECT {id}, {chat}, s.n + 200000, 'text', {me}, 'x', {now}, 1 FROM {series};
                 INSERT INTO saved_messages (user_id, message_id, chat_id, saved_at)
                   SELECT {me}, m.id, m.chat_id, {now} FROM messages m WHERE m.chat_id = {chat} AND m.seq > 200000;",
                id = scene.new_id(),
                chat = scene.id_of("chat_id"),
                me = scene.me(),
                now = scene.at("0"),
                series = scene.series(MANY),
            )
        }),
    },
];

/// The first new year after something was made: in the future, and within a year.
pub fn new_year_after(made: &Value) -> String {
    let year: u32 = made["created_at"].as_str().unwrap()[..4].parse().unwrap();
    format!("{}-01-01T00:00:00Z", year + 1)
}

/// A group with a friend and a message that was edited, a private chat, and a group with nobody else.
async fn plant(ada: &User, bob: &User) {
    let new = json!({"type": "group", "title": "Lunch", "participant_ids": [bob.id]});
    let chat = call(ada, "POST", "/api/chats", new, "zqidempotency-4").await.expect(201);
    let messages = format!("/api/chats/{}/messages", chat["id"].as_str().unwrap());
    let new = json!({"content": "zqcontent", "client_id": "zqclient-1"});
    let said = call(ada, "POST", &messages, new, "zqidempotency-5").await.expect(201);
    let message = format!("/api/messages/{}", said["id"].as_str().unwrap());
    call(ada, "PATCH", &message, json!({"content": "zqedited"}), "").await.expect(200);
    call(ada, "PUT", &format!("{message}/save"), json!({"note": "zqnote"}), "").await.expect(200);
    for name in ["zqtemplate", "zqtemplate to edit"] {
        let new = json!({"name": name, "type": "group", "title": name, "description": name});
        let template = call(ada, "POST", "/api/chat-templates", new, "").await.expect(201);
        if name != "zqtemplate" {
            let edited = json!({"name": "zqretemplate", "title": "zqretemplate", "description": "zqretemplate"});
            let path = format!("/api/chat-templates/{}", template["id"].as_str().unwrap());
            call(ada, "PATCH", &path, edited, "").await.expect(200);
        }
    }
    ada.private_chat(bob).await;
    let alone = json!({"type": "group", "title": "Zqalonetitle", "description": "Zqalonetext"});
    let alone = ada.post("/api/chats", alone).await.expect(201)["id"].as_str().unwrap().to_owned();
    ada.says(&alone, "zqalonesaid").await;
    ada.asks(&alone, json!({"options": ["zqoption one", "zqoption two"]})).await;
    call(ada, "PATCH", &format!("/api/chats/{alone}"), json!({"description": "Zqaloneedited"}), "").await.expect(200);
}
