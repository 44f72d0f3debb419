//! Rows that fill the lists of messaging.

use crate::lists::{LONG, MANY, Scene};

/// Messages after that of the stage, with these numbers, in its chat: in this thread, or with one.
pub fn in_chat_of_message(scene: &Scene, from: u32, thread: &str, replies: &str, last_reply_at: &str) -> String {
    format!(
        "INSERT INTO messages (id, chat_id, seq, type, sender_id, content, created_at, version, thread_id, replies,
             last_reply_at)
           SELECT {id}, m.chat_id, {from} + s.n, 'text', m.sender_id, CASE WHEN s.n < {LONG} THEN {long} ELSE 'x' END, {now},
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
           SELECT {id}, {chat}, {me}, {by_server}, 'held', CASE WHEN s.n < {LONG} THEN {long} ELSE 'x' END, {octets}, {now}
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

/// Participants of the chat.
pub fn crowd(scene: &Scene) -> String {
    format!(
        "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role,
             created_at, version)
           SELECT {id}, 'crowd' || s.n, 'crowd' || s.n, 'x', 'crowd' || s.n, 'x', 'x', 'public', 'user', {now}, 1
           FROM {series};
         INSERT INTO name_index (user_id, username, display_name, written)
           SELECT u.id, u.username, 'x', 'x' FROM users u WHERE u.username LIKE 'crowd%';
         INSERT INTO participants (chat_id, user_id, role, joined_at, read_seq, own_after_read)
           SELECT {chat}, u.id, 'member', {now}, 0, 0 FROM users u WHERE u.username LIKE 'crowd%';
         UPDATE chats SET participant_count = participant_count + {MANY} WHERE id = {chat};",
        id = scene.new_id(),
        chat = scene.id_of("chat_id"),
        now = scene.at("0"),
        series = scene.series(MANY),
    )
}

/// Participants of the chat who have received a message.
pub fn heard(scene: &Scene) -> String {
    format!(
        "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role,
             created_at, version)
           SELECT {id}, 'heard' || s.n, 'heard' || s.n, 'x', 'heard' || s.n, 'x', 'x', 'public', 'user', {now}, 1
           FROM {series};
         INSERT INTO participants (chat_id, user_id, role, joined_at, read_seq, own_after_read)
           SELECT m.chat_id, u.id, 'member', {before}, 0, 0 FROM messages m, users u
           WHERE m.id = {message} AND u.username LIKE 'heard%';",
        id = scene.new_id(),
        now = scene.at("0"),
        before = scene.at("-3600"),
        series = scene.series(250),
        message = scene.id_of("message_id"),
    )
}

/// An import of which nothing was taken.
pub fn refused(scene: &Scene) -> String {
    format!(
        "INSERT INTO chat_imports (id, user_id, status, problem, authors, digest, pieces, size, checked, items, done, messages,
             skipped, refused, left_out, created_at, finished_at)
           SELECT {import}, {me}, 'failed', 'chat.import_failed', 'name', {octets}, 0, 0, {no}, 0, 0, 0, 0, 0, 0, {now}, {now}
           FROM {one};
         INSERT INTO chat_import_refusals (import_id, number, pointer, code, message)
           SELECT {import}, s.n, '', 'json', 'is not JSON' FROM {series};",
        import = scene.id_of("chat_import_id"),
        me = scene.me(),
        octets = scene.octets_of_n(),
        no = scene.no(),
        now = scene.at("0"),
        one = scene.series(1),
        series = scene.series(MANY),
    )
}

/// What was done to moderate a chat, as the audit log has it.
pub fn moderated(scene: &Scene) -> String {
    format!(
        "INSERT INTO audit (position, id, at, actor_type, actor_id, subject_id, action, target_type, target_id,
           request_id, previous, hash)
           SELECT 100000 + s.n, {id}, {now}, 'user', {me}, {me}, 'chat.slowed', 'chat', {chat}, 'x', {octets}, {octets}
           FROM {series};",
        id = scene.new_id(),
        me = scene.me(),
        chat = scene.id_of("chat_id"),
        octets = scene.octets_of_n(),
        now = scene.at("0"),
        series = scene.series(MANY),
    )
}
