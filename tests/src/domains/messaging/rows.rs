//! Rows that fill the lists of messaging.

use crate::lists::{MANY, Scene};

/// Messages after that of the stage, with these numbers, in its chat: in this thread, or with one.
pub fn in_chat_of_message(scene: &Scene, from: u32, thread: &str, replies: &str, last_reply_at: &str) -> String {
    format!(
        "INSERT INTO messages (id, chat_id, seq, type, sender_id, content, created_at, version, thread_id, replies,
             last_reply_at)
           SELECT {id}, m.chat_id, {from} + s.n, 'text', m.sender_id, CASE WHEN s.n < 250 THEN {long} ELSE 'x' END, {now},
             1, {thread}, {replies}, {last_reply_at} FROM messages m, {series} WHERE m.id = {message};",
        id = scene.new_id(),
        long = scene.long_text(),
        now = scene.at("0"),
        series = scene.series(MANY),
        message = scene.id_of("message_id"),
    )
}

/// People with accounts of their own, whose names begin like this.
fn people(scene: &Scene, name: &str) -> String {
    format!(
        "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role,
             created_at, version)
           SELECT {id}, '{name}' || s.n, '{name}' || s.n, 'x', '{name}' || s.n, 'x', 'x', 'public', 'user', {now}, 1
           FROM {series};",
        id = scene.new_id(),
        now = scene.at("0"),
        series = scene.series(1_000),
    )
}

/// People to whom this was done.
pub fn sanctions(scene: &Scene, kind: &str) -> String {
    format!(
        "{people}
         INSERT INTO chat_sanctions (id, chat_id, user_id, kind, reason, since, told)
           SELECT {id}, {chat}, u.id, '{kind}', 'x', {now}, {yes} FROM users u WHERE u.username LIKE 's{kind}%';",
        people = people(scene, &format!("s{kind}")),
        yes = scene.yes(),
        id = scene.new_id(),
        chat = scene.id_of("chat_id"),
        now = scene.at("0"),
    )
}

/// Messages of the owner that a filter caught, each as long as it can be.
pub fn reviews(scene: &Scene, by_server: &str) -> String {
    format!(
        "INSERT INTO message_reviews (id, chat_id, user_id, by_server, kind, content, fingerprint, created_at)
           SELECT {id}, {chat}, {me}, {by_server}, 'held', CASE WHEN s.n < 250 THEN {long} ELSE 'x' END, {octets}, {now}
           FROM {series};",
        id = scene.id_of_the_future(),
        chat = scene.id_of("chat_id"),
        me = scene.me(),
        long = scene.long_text(),
        octets = if by_server == scene.no() { scene.octets_of_n().to_owned() } else { octets_of_later(scene) },
        now = scene.at("0"),
        series = scene.series(1_000),
    )
}

/// Others than the numbers themselves.
fn octets_of_later(scene: &Scene) -> String {
    scene.octets_of_n().replace("s.n", &format!("s.n + {MANY}"))
}

/// People who stand to the chat like this.
pub fn guests(scene: &Scene, status: &str) -> String {
    format!(
        "{people}
         INSERT INTO chat_guests (chat_id, user_id, status, role, since)
           SELECT {chat}, u.id, '{status}', 'member', {now} FROM users u WHERE u.username LIKE 'c{status}%';",
        people = people(scene, &format!("c{status}")),
        chat = scene.id_of("chat_id"),
        now = scene.at("0"),
    )
}

/// Exports of chats that nobody works on.
pub fn exports(scene: &Scene) -> String {
    format!(
        "INSERT INTO chat_exports (id, user_id, chat_id, member_since, format, status, from_seq, last_seq, seq, pieces,
             messages, size, created_at)
           SELECT {id}, {me}, {id}, {now}, 'json', 'failed', 0, 0, 0, 0, 0, 0, {now} FROM {series};",
        id = scene.new_id(),
        me = scene.me(),
        now = scene.at("0"),
        series = scene.series(MANY),
    )
}

/// As many templates as somebody can have, and as many as the server can have.
pub fn templates(scene: &Scene) -> String {
    let of = |owner: &str| {
        format!(
            "INSERT INTO chat_templates (id, user_id, type, name, settings, created_at, version)
               SELECT {id}, {owner}, 'group', 'x', '{settings}', {now}, 1 FROM {series};",
            id = scene.new_id(),
            settings = r#"{"visibility":"private","history":"all","rights":{"post":true,"mention_all":false,"pin":false,"edit":false,"add":true,"invite":false},"lifetime":null,"slow_seconds":0}"#,
            now = scene.at("0"),
            series = scene.series(100),
        )
    };
    format!("{}{}", of(&scene.me()), of("NULL"))
}
