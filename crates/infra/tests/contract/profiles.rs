//! The guarantees of `Profiles`.

pub mod domain;
mod usernames;
mod verifying;

use std::time::Duration;

use clowder_accounts::{
    ProfilePatch,
    model::SettingsPatch,
    profiles::{SeenAs, Sort, UserFilter, UserPatch},
};
use clowder_core::{Error, Friendship, Id, Input, PageRequest, Role, UserId};
use serde_json::{Value, json};

use crate::world::{Person, World, code, on_both};

fn patch(patch: Value) -> UserPatch {
    UserPatch::from_json(patch).unwrap()
}

async fn edit(world: &World, person: &Person, patch: Value) {
    let patch = ProfilePatch::from_json(patch).unwrap();
    world.store.accounts.edit_me(&world.ctx(person), None, patch).await.unwrap();
}

fn befriend(world: &World, a: &Person, b: &Person) {
    let id = |person: &Person| {
        let id = person.id.uuid().simple();
        if world.is_postgres() { format!("CAST('{id}' AS uuid)") } else { format!("x'{id}'") }
    };
    let now = if world.is_postgres() { "now()" } else { "1790000000000000" };
    let (a, b) = (id(a), id(b));
    world.batch(&format!(
        "INSERT INTO friendships (user_id, friend_id, since) VALUES ({a}, {b}, {now}), ({b}, {a}, {now});
         INSERT INTO friend_lists (user_id, friends, version) VALUES ({a}, 1, 1), ({b}, 1, 1)
           ON CONFLICT (user_id) DO UPDATE SET friends = friend_lists.friends + 1"
    ));
}

/// Many people with names that begin like this.
async fn crowd(world: &World, name: &str, people: usize) {
    let (id, number, series, now) = match world.is_postgres() {
        true => (
            "CAST('ffffffff' || lpad(to_hex(s.n), 24, '0') AS uuid)",
            "lpad(s.n::text, 5, '0')",
            format!("generate_series(1, {people}) AS s(n)"),
            "now()",
        ),
        false => (
            "CAST(printf('zzzz%012d', s.n) AS BLOB)",
            "printf('%05d', s.n)",
            format!(
                "(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {people}) SELECT n FROM t) s"
            ),
            "1790000000000000",
        ),
    };
    world.batch(&format!(
        "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role,
             created_at, version)
           SELECT {id}, 'a' || {number}, 'a' || {number}, {number} || '@x.org', {number} || '@x.org', 'x',
             '{name}' || {number}, 'public', 'user', {now}, 1 FROM {series}"
    ));
    // It writes the index of names when it starts.
    drop(world.another_node().await);
}

/// The usernames of those who are found, in their order.
async fn found(world: &World, viewer: &Person, sought: &str) -> Vec<String> {
    let ctx = world.ctx(viewer);
    let page = world.store.profiles.search_users(&ctx, Some(sought.to_owned()), PageRequest::default());
    page.await.unwrap().items.into_iter().map(|found| found.user.username).collect()
}

async fn listed(world: &World, viewer: &Person, search: Option<&str>, sort: Sort, limit: u32) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let filter = UserFilter { search: search.map(str::to_owned), sort };
        let page = world.store.profiles.users(&world.ctx(viewer), filter, PageRequest { limit, cursor }).await.unwrap();
        assert!(page.items.len() <= limit as usize);
        names.extend(page.items.into_iter().map(|user| user.username));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return names;
        }
    }
}

on_both! {
    async fn a_profile_is_shown_as_its_owner_wants(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        befriend(&world, &ada, &bob);
        edit(&world, &ada, json!({"bio": "Counting.", "status_text": "busy"})).await;
        let settings = SettingsPatch::from_json(json!({"privacy": {"bio": "friends", "email": "friends"}})).unwrap();
        world.store.preferences.edit_settings(&world.ctx(&ada), None, settings).await.unwrap();
        let profiles = &world.store.profiles;
        let seen = async |viewer: &Person, seen_as| {
            profiles.user(&world.ctx(viewer), ada.id, seen_as).await.map(|shown| shown.user)
        };
        let (friend, stranger) = (seen(&bob, None).await.unwrap(), seen(&eve, None).await.unwrap());
        assert_eq!((friend.bio.as_deref(), friend.friends_count), (Some("Counting."), Some(1)));
        assert_eq!((friend.email.as_deref(), friend.friendship), (Some("ada@example.org"), Some(Friendship::Friends)));
        assert_eq!((&stranger.bio, &stranger.status_text, &stranger.email), (&None, &None, &None));
        assert_eq!((stranger.friends_count, stranger.friendship), (Some(1), Some(Friendship::None)));
        // The owner sees the same as they do.
        assert_eq!(seen(&ada, Some(SeenAs::Friend)).await.unwrap(), friend);
        assert_eq!(seen(&ada, Some(SeenAs::Public)).await.unwrap(), stranger);
        assert_eq!(seen(&ada, None).await.unwrap().email.as_deref(), Some("ada@example.org"));
        assert_eq!(seen(&eve, Some(SeenAs::Friend)).await.unwrap(), stranger, "only for one's own profile");

        edit(&world, &ada, json!({"visibility": "friends"})).await;
        let card = serde_json::to_value(seen(&eve, None).await.unwrap()).unwrap();
        let told: Vec<_> = card.as_object().unwrap().iter().filter(|(_, value)| !value.is_null()).collect();
        assert_eq!(told.len(), 3, "id and names: {told:?}");
        assert_eq!(seen(&bob, None).await.unwrap().bio.as_deref(), Some("Counting."));
        edit(&world, &ada, json!({"visibility": "private"})).await;
        let nobody: UserId = Id::new(world.now());
        for refused in [
            seen(&bob, None).await,
            seen(&ada, Some(SeenAs::Friend)).await,
            profiles.user(&world.ctx(&bob), nobody, None).await.map(|shown| shown.user),
        ] {
            assert_eq!(code(refused), "user.unknown");
        }
    }

    async fn details_are_shown_and_a_status_ends(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let until = world.now().plus(Duration::from_secs(3600));
        let link = json!({"label": "My garden", "url": "https://ada.example/garden"});
        let details = json!({"pronouns": "she/her", "location": "London", "links": [link]});
        edit(&world, &ada, details.clone()).await;
        edit(&world, &ada, json!({"status_text": "away", "status_until": until})).await;
        assert_eq!(world.names().await, ["user.updated", "user.updated", "presence.updated"]);
        edit(&world, &ada, details).await;
        assert!(world.names().await.is_empty(), "what changes nothing is no change");
        let seen = async || world.store.profiles.user(&world.ctx(&bob), ada.id, None).await.unwrap();
        let before = seen().await;
        let links = before.user.links.clone().unwrap();
        assert_eq!((links[0].url.as_str(), links[0].verified), ("https://ada.example/garden", false));
        assert_eq!((before.user.pronouns.as_deref(), before.user.location.as_deref()), (Some("she/her"), Some("London")));
        assert_eq!((before.user.status_text.as_deref(), before.user.status_until), (Some("away"), Some(until)));
        world.wait(Duration::from_secs(3600));
        let after = seen().await;
        assert_eq!((&after.user.status_text, after.user.status_until), (&None, None));
        assert_ne!(after.tag(), before.tag(), "who has it gets it anew");
        assert_eq!(world.store.accounts.me(&world.ctx(&ada)).await.unwrap().status_text, None);
        let ends = async |patch: serde_json::Value| {
            let patch = ProfilePatch::from_json(patch).unwrap();
            let edited = world.store.accounts.edit_me(&world.ctx(&ada), None, patch).await;
            edited.map(|own| own.status_text).map_err(|error| match error {
                Error::Invalid(errors) => (errors[0].pointer.clone(), errors[0].code.to_string()),
                other => panic!("{other:?}"),
            })
        };
        let wrong = |code: &str| Err(("/status_until".to_owned(), code.to_owned()));
        assert_eq!(ends(json!({"status_until": world.now().plus(Duration::from_secs(60))})).await, wrong("unwanted"));
        assert_eq!(ends(json!({"status_text": "x", "status_until": until})).await, wrong("past"));
        assert_eq!(ends(json!({"status_until": null, "bio": "hello"})).await, Ok(None), "what is over does not come back");
        edit(&world, &ada, json!({"bio": null})).await;
        assert_eq!(seen().await.user.status_text, None);
        edit(&world, &ada, json!({"status_text": "away"})).await;
        assert_eq!(seen().await.user.status_text.as_deref(), Some("away"), "the same text again is a new one");
        edit(&world, &ada, json!({"status_text": "back"})).await;
        assert_eq!(seen().await.user.status_text.as_deref(), Some("back"), "does not end with the one before");

        let settings = SettingsPatch::from_json(json!({"privacy": {"details": "friends"}})).unwrap();
        world.store.preferences.edit_settings(&world.ctx(&ada), None, settings).await.unwrap();
        let hidden = seen().await.user;
        assert_eq!((hidden.pronouns, hidden.location, hidden.links), (None, None, None));
        edit(&world, &ada, json!({"links": null, "pronouns": null})).await;
        let own = world.store.accounts.me(&world.ctx(&ada)).await.unwrap();
        assert_eq!((own.links.len(), own.pronouns, own.location.as_deref()), (0, None, Some("London")));
    }

    async fn administrators_edit_with_a_reason(world: World) {
        let [ada, eve] = world.people(["ada", "eve"]).await;
        let root = world.with_role("rita", Role::Admin).await;
        let moderator = world.with_role("mona", Role::Moderator).await;
        let profiles = &world.store.profiles;
        let tag = profiles.user(&world.ctx(&root), ada.id, None).await.unwrap().tag();
        let change = || patch(json!({"display_name": "Somebody", "reason": "an impersonation"}));
        for nobody in [&eve, &moderator] {
            let refused = profiles.edit_user(&world.ctx(nobody), ada.id, None, change()).await;
            assert_eq!(code(refused), "permission.denied");
        }
        assert!(world.names().await.is_empty(), "a refusal writes nothing");
        let edited = profiles.edit_user(&world.ctx(&root), ada.id, Some(tag.into()), change()).await.unwrap();
        assert_eq!(edited.user.display_name, "Somebody");
        assert_eq!(world.names().await, ["user.updated"]);
        let stale = profiles.edit_user(&world.ctx(&root), ada.id, Some(tag.into()), change()).await;
        assert_eq!(code(stale), "user.stale");
        assert_eq!(found(&world, &eve, "somebody").await, ["ada"]);
        assert!(found(&world, &eve, "ada").await.contains(&"ada".to_owned()), "the username stays");
        let same = profiles.edit_user(&world.ctx(&root), ada.id, None, change()).await.unwrap();
        assert_eq!((same.tag(), world.names().await.len()), (edited.tag(), 0), "what changes nothing is no change");
        let own = profiles.edit_user(&world.ctx(&ada), ada.id, None, patch(json!({"bio": "me"}))).await.unwrap();
        assert_eq!((own.user.bio.as_deref(), world.names().await.len()), (Some("me"), 1));
        let silent = patch(json!({"bio": "x"}));
        profiles.edit_user(&world.ctx(&root), ada.id, None, silent).await.unwrap();
        assert_eq!(world.names().await, ["user.updated"]);
        let told = usernames::audited(&world, "profile.edited").await;
        let reasons = told.iter().map(|entry| entry.after.as_ref().unwrap()["reason"].as_str());
        assert_eq!(reasons.collect::<Vec<_>>(), [None, Some("an impersonation")]);
        edit(&world, &ada, json!({"visibility": "private"})).await;
        let hidden = profiles.edit_user(&world.ctx(&eve), ada.id, None, change()).await;
        assert_eq!(code(hidden), "user.unknown");
    }

    async fn lists_are_read_in_their_order(world: World) {
        let people = world.people(["ada", "bob", "cem", "dia"]).await;
        for (person, name) in people.iter().zip(["Zoë", "émile", "Anna", "Mia Anna"]) {
            edit(&world, person, json!({"display_name": name})).await;
        }
        for limit in [1, 2, 50] {
            assert_eq!(listed(&world, &people[0], None, Sort::New, limit).await, ["dia", "cem", "bob", "ada"]);
            assert_eq!(listed(&world, &people[0], None, Sort::Name, limit).await, ["cem", "bob", "dia", "ada"]);
            assert_eq!(listed(&world, &people[0], Some("ann"), Sort::New, limit).await, ["dia", "cem"]);
            assert_eq!(listed(&world, &people[0], Some("ANNA mi"), Sort::Name, limit).await, ["dia"]);
            assert_eq!(listed(&world, &people[0], Some("zoe"), Sort::Name, limit).await, ["ada"]);
            for sort in [Sort::New, Sort::Name] {
                assert_eq!(listed(&world, &people[0], Some("emlie"), sort, limit).await, ["bob"], "one typo");
            }
            assert_eq!(listed(&world, &people[0], Some("anma"), Sort::New, limit).await, ["dia", "cem"]);
            assert_eq!(listed(&world, &people[0], Some("anma"), Sort::Name, limit).await, ["cem", "dia"]);
            assert_eq!(listed(&world, &people[0], Some("deea"), Sort::New, limit).await, [""; 0], "two typos");
            assert!(listed(&world, &people[0], Some("..."), Sort::New, limit).await.is_empty());
            assert!(listed(&world, &people[0], Some("xyz"), Sort::New, limit).await.is_empty());
        }
    }

    async fn names_are_found_in_any_script_and_with_a_typo(world: World) {
        let names = ["ada", "bob", "cem", "dia", "eva", "fay", "gus"];
        let people = world.people(names).await;
        let shown =
            ["Ada Lovelace", "Søren Müller", "田中 さくら", "Владимир", "हिन्दी नाम", "김민수", "Lovell 100%_x"];
        for (person, name) in people.iter().zip(shown) {
            edit(&world, person, json!({"display_name": name})).await;
        }
        for (sought, expected) in [
            ("ADA", &["ada"][..]),
            ("lovelace", &["ada"]),
            ("lovelcae", &["ada"]),
            ("love", &["gus", "ada"]),
            ("velac", &["ada"]),
            ("ad", &["ada"]),
            ("soren", &["bob"]),
            ("SØREN MULLER", &["bob"]),
            ("uller", &["bob"]),
            ("mulelr", &["bob"]),
            ("中", &["cem"]),
            ("さくら", &["cem"]),
            ("влад", &["dia"]),
            ("владимер", &["dia"]),
            ("हिन्", &["eva"]),
            ("민", &["fay"]),
            ("100%", &["gus"]),
            ("%", &[]),
            ("_", &[]),
            ("nobody at all", &[]),
        ] {
            assert_eq!(found(&world, &people[0], sought).await, expected, "{sought}");
        }
        // Whoever changes a name is found by the new one only.
        edit(&world, &people[2], json!({"display_name": "Sakura"})).await;
        assert!(found(&world, &people[0], "中").await.is_empty());
        assert_eq!(found(&world, &people[0], "sakura").await, ["cem"]);
    }

    async fn the_best_come_first_and_pages_follow(world: World) {
        let people = world.people(["viewer", "annabel", "susanna", "hannah", "ann", "ana", "mutual"]).await;
        let [viewer, _, susanna, .., mutual] = &people;
        befriend(&world, viewer, mutual);
        befriend(&world, susanna, mutual);
        let expected = ["ann", "annabel", "susanna", "hannah", "ana"];
        assert_eq!(found(&world, viewer, "ann").await, expected);
        let (mut seen, mut cursor, mut scores) = (Vec::new(), None, Vec::new());
        loop {
            let (ctx, page) = (world.ctx(viewer), PageRequest { limit: 2, cursor });
            let page = world.store.profiles.search_users(&ctx, Some("ann".to_owned()), page).await.unwrap();
            seen.extend(page.items.iter().map(|found| found.user.username.clone()));
            scores.extend(page.items.iter().map(|found| found.score));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!((seen, scores), (expected.map(str::to_owned).to_vec(), vec![1.0, 0.8, 0.6, 0.4, 0.2]));
        // Whoever comes in between moves nobody to another page.
        let page_of = async |sought: Option<&str>, cursor| {
            let (ctx, page) = (world.ctx(viewer), PageRequest { limit: 2, cursor });
            let page = world.store.profiles.search_users(&ctx, sought.map(str::to_owned), page).await.unwrap();
            (page.items.into_iter().map(|found| found.user.username).collect::<Vec<_>>(), page.next_cursor)
        };
        let (first, cursor) = page_of(Some("ann"), None).await;
        let (newest, before) = page_of(None, None).await;
        world.people(["anne"]).await;
        assert_eq!((&*first, page_of(Some("ann"), cursor).await.0), (&["ann", "annabel"].map(str::to_owned)[..], vec!["susanna".to_owned(), "hannah".to_owned()]));
        assert_eq!((&*newest, page_of(None, before).await.0), (&["mutual", "ana"].map(str::to_owned)[..], vec!["ann".to_owned(), "hannah".to_owned()]));
        let wrong = PageRequest { limit: 2, cursor: Some("2".to_owned()) };
        for sought in [Some("ann".to_owned()), None] {
            let refused = world.store.profiles.search_users(&world.ctx(viewer), sought, wrong.clone()).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        }
    }

    /// In a crowd of people with a word, those with friends in common are found, and come first.
    async fn friends_of_friends_are_found_in_a_crowd(world: World) {
        let [viewer, mutual] = world.people(["viewer", "mutual"]).await;
        // The oldest and the last by name, so that neither order finds her.
        let near = world.person("xx-smithzzz").await;
        befriend(&world, &viewer, &mutual);
        befriend(&world, &near, &mutual);
        crowd(&world, "Xx Smith", 1_200).await;
        assert_eq!(found(&world, &viewer, "smith").await[0], "xx-smithzzz");
        assert!(found(&world, &mutual, "smith").await.len() >= 50);
    }

    /// Whoever is sought comes on the first page, however many others come before them by name.
    async fn a_search_in_the_order_of_names_finds_whom_a_crowd_precedes(world: World) {
        let people = world.people(["viewer", "zz-lovelace", "zx-lovelace", "zy-lovelace"]).await;
        crowd(&world, "Aa Smith", 2_100).await;
        let expected = ["zx-lovelace", "zy-lovelace", "zz-lovelace"].map(str::to_owned);
        assert_eq!(listed(&world, &people[0], Some("lovelace"), Sort::Name, 2).await, expected);
        assert_eq!(listed(&world, &people[0], Some("lovelacf"), Sort::Name, 2).await, listed(&world, &people[0], Some("lovelacf"), Sort::New, 9).await.into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>());
        let filter = || UserFilter { search: Some("lovelace".to_owned()), sort: Sort::Name };
        let (ctx, first) = (world.ctx(&people[0]), PageRequest { limit: 2, cursor: None });
        let page = world.store.profiles.users(&ctx, filter(), first).await.unwrap();
        let names = |users: Vec<clowder_accounts::profiles::User>| users.into_iter().map(|user| user.username).collect::<Vec<_>>();
        assert_eq!(names(page.items), expected[..2]);
        // Whoever comes in between moves nobody to another page.
        world.people(["zxy-lovelace"]).await;
        let second = PageRequest { limit: 2, cursor: page.next_cursor };
        let page = world.store.profiles.users(&ctx, filter(), second).await.unwrap();
        assert_eq!((names(page.items), page.next_cursor), (expected[2..].to_vec(), None));
    }

    /// An older version wrote the names, and another one since.
    async fn names_that_nobody_indexed_are_indexed_at_the_start(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        world.batch("DELETE FROM name_grams; DELETE FROM name_index WHERE username = 'ada'");
        world.batch("UPDATE users SET display_name = 'Robert' WHERE username = 'bob'");
        assert!(found(&world, &bob, "ada").await.is_empty());
        drop(world.another_node().await);
        assert_eq!(found(&world, &bob, "ada").await, ["ada"]);
        assert_eq!(found(&world, &ada, "bert").await, ["bob"]);
        assert!(found(&world, &ada, "obe").await == ["bob"] && found(&world, &ada, "bob").await == ["bob"]);
    }
}
