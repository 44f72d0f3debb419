//! Every list of the OpenAPI document, with ten thousand things on it or as many as there can be: it is read in pages that
//! the server measures, and nothing but a cursor of its own leads on.

use std::collections::{BTreeMap, HashSet};

use clowder_tests::{Client, World, documents::OpenApi, on_both};
use serde_json::{Value, json};

on_both!(every_list_is_read_in_pages);

/// How many things there are of what has no cap.
const MANY: usize = 10_000;
/// The most octets of one thing on a list: the longest text, each character as four octets, and what stands around it.
const LONGEST_THING: usize = 40 << 10;

/// The words of SQL in which the databases differ.
struct Sql {
    sqlite: bool,
}

impl Sql {
    /// Rows from 1 to `count`, as `s.n`.
    fn series(&self, count: usize) -> String {
        if self.sqlite {
            format!(
                "(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {count}) SELECT n FROM t) s"
            )
        } else {
            format!("generate_series(1, {count}) AS s(n)")
        }
    }

    fn new_id(&self) -> &str {
        if self.sqlite { "randomblob(16)" } else { "gen_random_uuid()" }
    }

    /// An id that can be told again: the same one for the same number.
    fn id_of_n(&self) -> &str {
        if self.sqlite { "CAST(printf('%016d', s.n) AS BLOB)" } else { "CAST(lpad(to_hex(s.n), 32, '0') AS uuid)" }
    }

    fn octets_of_n(&self) -> &str {
        if self.sqlite { "CAST(printf('%032d', s.n) AS BLOB)" } else { "decode(lpad(to_hex(s.n), 64, '0'), 'hex')" }
    }

    fn id(&self, id: &str) -> String {
        if self.sqlite { format!("x'{}'", id.replace('-', "")) } else { format!("CAST('{id}' AS uuid)") }
    }

    /// Some seconds after now, different for each `s.n` when that is part of it.
    fn at(&self, seconds: &str) -> String {
        if self.sqlite {
            format!("(CAST(strftime('%s', 'now') AS INTEGER) + {seconds}) * 1000000")
        } else {
            format!("now() + ({seconds}) * interval '1 second'")
        }
    }

    fn no(&self) -> &str {
        if self.sqlite { "0" } else { "false" }
    }

    fn yes(&self) -> &str {
        if self.sqlite { "1" } else { "true" }
    }

    /// Four octets a character.
    fn long_text(&self) -> &str {
        if self.sqlite { "replace(hex(zeroblob(8000)), '00', '🦀')" } else { "repeat('🦀', 8000)" }
    }
}

struct Things {
    /// What stands for each kind of id in a path.
    ids: BTreeMap<&'static str, String>,
    /// How many there are at least, by list.
    counts: BTreeMap<&'static str, usize>,
}

/// Makes ten thousand of everything that can be there so often, all of one administrator's.
async fn plant(world: &World, root: &clowder_tests::User) -> Things {
    let sql = Sql { sqlite: world.database.is_sqlite() };
    let chat = root.group("Long", &[]).await;
    let edited = root.says(&chat, "first").await["id"].as_str().unwrap().to_owned();
    let (me, id, now, soon) = (sql.id(&root.id), sql.new_id(), sql.at("0"), sql.at("s.n"));
    let (long, series, of_n, octets) = (sql.long_text(), sql.series(MANY), sql.id_of_n(), sql.octets_of_n());
    let (chat_id, last, yes, no) = (sql.id(&chat), MANY + 1, sql.yes(), sql.no());
    world.database.run(&format!(
        "INSERT INTO messages (id, chat_id, seq, type, sender_id, content, created_at, version)
           SELECT {id}, {chat_id}, s.n + 1, 'text', {me}, CASE WHEN s.n > {MANY} - 250 THEN {long} ELSE 'x' END, {now}, 1
           FROM {series};
         UPDATE chats SET last_seq = {last}, revision = revision + 1 WHERE id = {chat_id};
         INSERT INTO chats (id, type, title, participant_count, last_seq, revision, deleted_count, created_at, active_at,
             version)
           SELECT {of_n}, 'group', 'x', 1, 0, 0, 0, {now}, {soon}, 1 FROM {series};
         INSERT INTO participants (chat_id, user_id, role, joined_at, read_seq, own_after_read)
           SELECT {of_n}, {me}, 'owner', {now}, 0, 0 FROM {series};
         INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role,
             created_at, version)
           SELECT {id}, 'u' || s.n, 'k' || s.n, s.n || '@x.org', s.n || '@x.org', 'x', 'x', 'public', 'user', {now}, 1
           FROM {series};
         INSERT INTO invites (id, code_hash, created_by, uses, created_at, revoked_at)
           SELECT {id}, {octets}, {me}, 0, {now}, {now} FROM {series};
         INSERT INTO sign_ups (id, username, username_key, email, email_key, password, display_name, pretended,
             needs_approval, confirmed_at, created_at, expires_at)
           SELECT {id}, 'w' || s.n, 'w' || s.n, 'e', 'e', 'x', 'x', {no}, {yes}, {now}, {now}, {later} FROM {series};
         INSERT INTO audit (position, id, at, actor_type, actor_id, subject_id, action, request_id, previous, hash)
           SELECT 1000 + s.n, {id}, {now}, 'user', {me}, {me}, 'session.opened', 'x', {octets}, {octets} FROM {series};
         UPDATE audit_head SET position = 1000 + {MANY};
         INSERT INTO message_edits (chat_id, seq, version, content, written_at)
           SELECT m.chat_id, m.seq, s.n, {long}, {now} FROM messages m, {hundred} WHERE m.id = {edited};
         UPDATE messages SET version = 101, content = {long} WHERE id = {edited};
         INSERT INTO api_keys (id, user_id, name, hash, scopes, created_at)
           SELECT {id}, {me}, 'x', {octets}, 'chats:read', {now} FROM {fifty};
         INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, authenticated_at)
           SELECT {id}, {me}, {now}, {soon}, {later}, {now} FROM {hundred};
         INSERT INTO exports (id, user_id, status, progress, size, created_at)
           SELECT {id}, {me}, 'failed', 0, 0, {now} FROM {hundred};",
        later = sql.at("3600"),
        edited = sql.id(&edited),
        hundred = sql.series(100),
        fifty = sql.series(50),
    ));
    Things {
        ids: [("chats", chat), ("messages", edited)].into(),
        counts: [
            ("/api/admin/audit", MANY),
            ("/api/admin/invites", MANY),
            ("/api/admin/sign-ups", MANY),
            ("/api/admin/users", MANY),
            ("/api/api-keys", 50),
            ("/api/api-keys/scopes", 5),
            ("/api/auth/sessions", 101),
            ("/api/chats", MANY),
            ("/api/chats/{chat_id}/messages", MANY),
            ("/api/messages/{message_id}/history", 101),
            ("/api/users/me/exports", 100),
            ("/api/users/me/security", MANY),
        ]
        .into(),
    }
}

/// Paths of what answers with a page, whether or not it says so.
fn lists(api: &OpenApi) -> Vec<(String, bool)> {
    let lists = api.operations().into_iter().filter(|(method, ..)| method == "GET");
    let lists = lists.filter_map(|(_, path, operation)| {
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        let is_page = schema["properties"]["items"].is_object();
        let asked = operation["parameters"].as_array()?.iter().filter(|parameter| parameter["in"] == "query");
        let pages =
            asked.filter(|parameter| parameter["name"] == "cursor" || parameter["name"] == "limit").count() == 2;
        (is_page || pages).then(|| (path.to_owned(), pages))
    });
    lists.collect()
}

/// A page that is no larger than it may be.
async fn page(client: &Client, path: &str, query: &str, most: usize) -> Value {
    let answer = client.get(&format!("{path}?{query}")).await;
    assert_eq!(answer.status, 200, "{path}?{query}: {}", answer.text);
    let items = answer.body["items"].as_array().unwrap().len();
    assert!(items <= most, "{path}?{query}: {items} things on a page");
    assert!(answer.text.len() <= (items + 1) * LONGEST_THING, "{path}?{query}: {} octets", answer.text.len());
    let link = answer.header("link");
    assert_eq!(answer.body["next_cursor"].is_string(), link.contains("rel=\"next\""), "{path}: {link}");
    answer.body
}

async fn every_list_is_read_in_pages(world: World) {
    let root = world.staff("rita", "admin").await;
    let mut things = plant(&world, &root).await;
    let api = OpenApi(world.nobody().get("/api/openapi.json").await.expect(200));
    let mut cursors = BTreeMap::new();
    for (template, pages) in lists(&api) {
        assert!(pages, "{template} gives a list and takes no limit and cursor");
        let mut path = Vec::<String>::new();
        for segment in template.split('/') {
            let of = path.last().and_then(|parent| things.ids.get(parent.as_str()));
            path.push(if segment.starts_with('{') {
                of.expect("an id that is planted").clone()
            } else {
                segment.into()
            });
        }
        let path = path.join("/");
        let expected = things.counts.remove(template.as_str());
        let expected = expected.unwrap_or_else(|| panic!("{template} is a list: plant as much as it can hold"));

        page(&root, &path, "", 50).await;
        page(&root, &path, "limit=1", 1).await;
        page(&root, &path, "limit=100000", 200).await;
        let (mut seen, mut query) = (HashSet::new(), "limit=200".to_owned());
        loop {
            let page = page(&root, &path, &query, 200).await;
            for item in page["items"].as_array().unwrap() {
                let key = ["id", "seq", "version", "position", "scope"].into_iter().map(|key| &item[key]);
                let key = key.map(ToString::to_string).collect::<String>();
                assert!(seen.insert(key), "{path}: {item} twice");
            }
            match page["next_cursor"].as_str() {
                Some(next) => query = format!("limit=200&cursor={next}"),
                None => break,
            }
        }
        assert!(seen.len() >= expected, "{path}: {} of {expected}", seen.len());
        let own = page(&root, &path, "limit=1", 1).await["next_cursor"].as_str().unwrap().to_owned();
        cursors.insert(path, own);
    }
    assert!(things.counts.is_empty(), "planted, but no list of the document: {:?}", things.counts);

    // A cursor that another list made, or another person's, is as wrong as one that nobody made.
    let ada = world.user("ada").await;
    for (path, own) in &cursors {
        let mut wrong = vec!["nonsense", "AAAA", "1", "before.4", "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10"];
        wrong.extend(cursors.iter().filter(|(other, _)| *other != path).map(|(_, cursor)| cursor.as_str()));
        for cursor in wrong {
            let answer = root.get(&format!("{path}?cursor={cursor}")).await;
            assert_eq!(answer.wrong_fields(), ["?cursor"], "{path}?cursor={cursor}");
        }
        root.get(&format!("{path}?cursor={own}")).await.expect(200);
        // Also on a list that fits one page.
        if ["/api/chats", "/api/api-keys", "/api/auth/sessions", "/api/users/me/exports"].contains(&path.as_str()) {
            for cursor in ["nonsense", own] {
                assert_eq!(ada.get(&format!("{path}?cursor={cursor}")).await.wrong_fields(), ["?cursor"], "{path}");
            }
        }
    }
    assert_eq!(ada.get("/api/chats").await.expect(200), json!({"items": [], "next_cursor": null}));
}
