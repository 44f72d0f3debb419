//! Every list of the OpenAPI document, with thousands of items or as many as there can be: it is read in pages that the
//! server bounds, and only with a cursor of its own.

use std::collections::{BTreeMap, HashSet};

use clowder_tests::{
    Client, World,
    documents::OpenApi,
    domains::{DOMAINS, messaging::new_year_after},
    lists::Scene,
    on_both,
    things::{Stage, Things},
};
use serde_json::{Value, json};

on_both!(every_list_is_read_in_pages);

/// The maximum size of one item in octets: the longest text, each character as four octets, and the rest.
const LONGEST_THING: usize = 40 << 10;

/// The cursors of how many other lists each list is asked with: of those that follow, so that each cursor comes to as many.
const OTHERS: usize = 8;

/// A list of the document.
struct Listed {
    path: String,
    /// What the query string must have.
    needs: String,
    /// Whether it takes `limit` and `cursor`.
    pages: bool,
    /// Whether it is about the caller, so that nobody else's cursor fits.
    is_own: bool,
}

/// Everything that returns a page, whether or not the document says so.
fn lists(api: &OpenApi) -> Vec<Listed> {
    // The journal is followed: its cursors are those of the live channel, and it has no last page.
    let lists = api.operations().into_iter().filter(|(method, path, _)| *method == "GET" && *path != "/api/journal");
    let lists = lists.filter_map(|(_, path, operation)| {
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        let is_page = schema["properties"]["items"].is_object();
        let asked = operation["parameters"].as_array()?.iter().filter(|parameter| parameter["in"] == "query");
        let pages =
            asked.filter(|parameter| parameter["name"] == "cursor" || parameter["name"] == "limit").count() == 2;
        let is_open = operation["security"].as_array().is_none_or(|ways| ways.is_empty() || ways.contains(&json!({})));
        let is_own = !is_open && operation["x-permission"].is_null() && !path.contains('{');
        let needs = OpenApi::needed(operation, "", "");
        (is_page || pages).then(|| Listed { path: path.to_owned(), needs, pages, is_own })
    });
    lists.collect()
}

/// A page within the size limit. The path ends where a parameter can follow.
async fn page(client: &Client, path: &str, query: &str, most: usize) -> Value {
    let answer = client.get(&format!("{path}{query}")).await;
    assert_eq!(answer.status, 200, "{path}{query}: {}", answer.text);
    let items = answer.body["items"].as_array().unwrap().len();
    assert!(items <= most, "{path}{query}: {items} things on a page");
    assert!(answer.text.len() <= (items + 1) * LONGEST_THING, "{path}{query}: {} octets", answer.text.len());
    let link = answer.header("link");
    assert_eq!(answer.body["next_cursor"].is_string(), link.contains("rel=\"next\""), "{path}: {link}");
    answer.body
}

async fn every_list_is_read_in_pages(world: World) {
    let root = world.staff("rita", "admin").await;
    let friend = world.user("bob").await;
    let known: BTreeMap<_, _> = DOMAINS.iter().flat_map(|domain| domain.lists).map(|list| (list.path, list)).collect();
    let stage = Stage { world: &world, owner: &root, friend: &friend };
    let things = Things::of(stage, known.keys().copied()).await;
    let scene = Scene { is_sqlite: world.database.is_sqlite(), owner: &root.id, things: &things };
    let rows: String = known.values().filter_map(|list| list.rows).map(|rows| rows(&scene)).collect();
    world.database.run(&rows);
    let rebuilt = world.command(&["search", "rebuild"], &[]);
    assert!(rebuilt.well, "{}", rebuilt.text);
    let later = new_year_after(&root.get("/api/auth/me").await.expect(200));
    let path = format!("/api/chats/{}/messages", root.private_chat(&friend).await);
    for content in ["one", "two", "three"] {
        root.post(&path, json!({"content": content, "send_at": later})).await.expect(202);
    }
    let api = OpenApi(world.nobody().get("/api/openapi.json").await.expect(200));
    let (mut cursors, mut own_lists, mut left) = (BTreeMap::new(), 0, known.clone());
    for Listed { path: template, needs, pages, is_own } in lists(&api) {
        assert!(pages, "{template} gives a list and takes no limit and cursor");
        let list = left.remove(template.as_str());
        let list = list.unwrap_or_else(|| panic!("{template} is a list: its domain in tests/src/domains fills it"));
        let path = format!("{}?{needs}", things.fill(&template));

        page(&root, &path, "", 50).await;
        page(&root, &path, "limit=1", 1).await;
        page(&root, &path, "limit=100000", 200).await;
        let (mut seen, mut query) = (HashSet::new(), "limit=200".to_owned());
        loop {
            let page = page(&root, &path, &query, 200).await;
            for item in page["items"].as_array().unwrap() {
                let key = [
                    "id", "seq", "version", "position", "scope", "user", "pet", "group", "chat_id", "emoji", "name",
                    "number",
                ]
                .into_iter()
                .map(|key| &item[key]);
                let key = key.chain(["message", "root", "chat"].map(|inner| &item[inner]["id"]));
                let key = key.map(ToString::to_string).collect::<String>();
                assert!(seen.insert(key), "{path}: {item} twice");
            }
            match page["next_cursor"].as_str() {
                Some(next) => query = format!("limit=200&cursor={next}"),
                None => break,
            }
        }
        assert!(seen.len() >= list.at_least, "{path}: {} of {}", seen.len(), list.at_least);
        let own = page(&root, &path, "limit=1", 1).await["next_cursor"].as_str().unwrap().to_owned();
        cursors.insert(path, (own, is_own));
    }
    assert!(left.is_empty(), "filled, but no list of the document: {:?}", left.keys());

    // A cursor of another list or another user is as invalid as a forged one.
    let ada = world.user("ada").await;
    let all: Vec<_> = cursors.values().map(|(cursor, _)| cursor.as_str()).collect();
    for (number, (path, (own, is_own))) in cursors.iter().enumerate() {
        let mut wrong = vec!["nonsense", "AAAA", "1", "before.4", "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10"];
        wrong.extend(all.iter().cycle().skip(number + 1).take(OTHERS));
        for cursor in wrong {
            let answer = root.get(&format!("{path}cursor={cursor}")).await;
            assert_eq!(answer.wrong_fields(), ["?cursor"], "{path}cursor={cursor}");
        }
        root.get(&format!("{path}cursor={own}")).await.expect(200);
        // Also on a list that fits one page.
        if *is_own {
            for cursor in ["nonsense", own] {
                assert_eq!(ada.get(&format!("{path}cursor={cursor}")).await.wrong_fields(), ["?cursor"], "{path}");
            }
            own_lists += 1;
        }
    }
    assert!(own_lists >= 4, "{own_lists}");
    assert_eq!(ada.get("/api/chats").await.expect(200), json!({"items": [], "next_cursor": null}));
}
