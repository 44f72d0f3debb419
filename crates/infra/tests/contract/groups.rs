//! The guarantees of `Groups`.

mod admission;
pub mod deleting;
pub mod domain;
mod finding;
mod growth;
mod leaving;
mod links;

use std::time::Duration;

use clowder_core::{Error, Id, PageRequest, Topic, UserId};
use clowder_messaging::{CHAT, ChatRole};
use clowder_social::groups::{
    GROUP, Group, GroupFilter, GroupId, GroupPatch, Joined, MemberFilter, MyRole, NewGroup, NewGroupBan,
    NewGroupInvite, NewOwner, Role, RolePatch, Standing, Verdict, model::Code,
};
use serde_json::{Value, json};

use crate::{
    privacy::{system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

async fn make(world: &World, owner: &Person, visibility: &str) -> Group {
    let new = of::<NewGroup>(json!({"name": "Garden Friends", "visibility": visibility}));
    let group = world.store.groups.create(&world.ctx(owner), new).await.unwrap();
    world.changes().await;
    group
}

async fn told(world: &World) -> Vec<(String, Topic)> {
    world.changes().await.iter().map(|change| (change.name.to_string(), change.topic)).collect()
}

fn sorted<T: Ord>(mut things: Vec<T>) -> Vec<T> {
    things.sort_unstable();
    things
}

async fn ids(world: &World, who: &Person, group: GroupId, status: Standing, role: Option<Role>) -> Vec<UserId> {
    let mut page = PageRequest { limit: 2, cursor: None };
    let mut found = Vec::new();
    loop {
        let filter = MemberFilter { status, role };
        let got = world.store.groups.members(&world.ctx(who), group, filter, page.clone()).await.unwrap();
        found.extend(got.items.into_iter().map(|member| member.user.id));
        if got.next_cursor.is_none() {
            return found;
        }
        page.cursor = got.next_cursor;
    }
}

async fn names(world: &World, who: &Person, search: Option<&str>, mine: bool) -> Vec<String> {
    let mut page = PageRequest { limit: 2, cursor: None };
    let mut found = Vec::new();
    loop {
        let filter = GroupFilter { search: search.map(str::to_owned), mine, my_role: None };
        let got = world.store.groups.groups(&world.ctx(who), filter, page.clone()).await.unwrap();
        found.extend(got.items.into_iter().map(|group| group.name));
        if got.next_cursor.is_none() {
            return found;
        }
        page.cursor = got.next_cursor;
    }
}

fn verdict(action: &str) -> Verdict {
    of(json!({"action": action}))
}

fn role(role: &str) -> RolePatch {
    of(json!({"role": role}))
}

fn owner(user: UserId) -> NewOwner {
    of(json!({"user_id": user}))
}

/// The rows that contradict each other, as the stress test looks for them.
fn contradictions(world: &World) -> Vec<&'static str> {
    let never = domain::DOMAIN.never.iter().chain(crate::messaging::domain::DOMAIN.never);
    never.filter(|(_, rows)| count(world, rows) > 0).map(|(what, _)| *what).collect()
}

fn count(world: &World, rows: &str) -> i64 {
    use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query, sql_types::BigInt};
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let query = sql_query(format!("SELECT count(*) AS n FROM {rows}"));
    let found: Count = match &world.options.url {
        clowder_infra::DatabaseUrl::Postgres(url) => query.get_result(&mut PgConnection::establish(url).unwrap()),
        clowder_infra::DatabaseUrl::Sqlite(path) => query.get_result(&mut crate::world::beside(path)),
    }
    .unwrap();
    found.n
}

on_both! {
    async fn a_group_and_its_chat_are_one(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let groups = &world.store.groups;
        let new = of::<NewGroup>(json!({"title": "Garden Friends", "rules": "be kind"}));
        let group = groups.create(&world.ctx(&ada), new).await.unwrap();
        assert_eq!((group.my_role, group.member_count, group.owner_id), (MyRole::Owner, 1, Some(ada.id)));
        assert_eq!(sorted(told(&world).await), sorted(vec![
            ("group.created".to_owned(), Topic::user(ada.id)),
            ("chat.created".to_owned(), Topic::user(ada.id)),
        ]));
        let chat = group.chat_id.unwrap();
        let shown = world.store.messaging.chat(&world.ctx(&ada), chat).await.unwrap();
        assert_eq!((shown.title.as_deref(), shown.my_role, shown.participant_count), (Some("Garden Friends"), ChatRole::Owner, 1));
        world.say(&ada, chat, "first").await;
        world.changes().await;

        let Joined::New(joined) = groups.join(&world.ctx(&bob), group.id).await.unwrap() else { panic!("must be new") };
        assert_eq!((joined.my_role, joined.member_count, joined.chat_id), (MyRole::Member, 2, Some(chat)));
        assert_eq!(sorted(told(&world).await), sorted(vec![
            ("group.member_added".to_owned(), Topic::new(GROUP, group.id)),
            ("chat.created".to_owned(), Topic::user(bob.id)),
            ("message.sent".to_owned(), Topic::new(CHAT, chat)),
        ]));
        let shown = world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap();
        assert_eq!((shown.my_role, shown.participant_count, shown.read_seq, shown.unread_count), (ChatRole::Member, 2, 1, 0));
        assert!(matches!(groups.join(&world.ctx(&bob), group.id).await.unwrap(), Joined::Already(_)));
        assert!(world.names().await.is_empty(), "what changes nothing is no change");
        world.say(&bob, chat, "second").await;
        world.changes().await;
        let now = world.store.journal.extent().await.unwrap().heads;
        let followed = world.store.journal.followed(bob.id, now).await.unwrap();
        assert!(followed.contains(&Topic::new(GROUP, group.id).into()));

        groups.set_role(&world.ctx(&ada), group.id, bob.id, role("moderator")).await.unwrap();
        assert_eq!(sorted(world.names().await), ["group.member_updated", "message.sent"]);
        assert_eq!(world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap().my_role, ChatRole::Admin);

        let seen = groups.group(&world.ctx(&ada), group.id).await.unwrap();
        assert_ne!(seen.tag(), group.tag(), "somebody has joined");
        let patch = of::<GroupPatch>(json!({"title": "Cooks", "rules": null}));
        // What was seen before somebody joined is of the same version.
        let edited = groups.edit(&world.ctx(&ada), group.id, Some(group.tag().into()), patch).await.unwrap();
        assert_eq!((&*edited.name, edited.rules.as_deref(), edited.version), ("Cooks", None, 2));
        assert_eq!(sorted(world.names().await), ["group.updated", "message.sent"]);
        assert_eq!(world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap().title.as_deref(), Some("Cooks"));
        let stale = groups.edit(&world.ctx(&ada), group.id, Some(seen.tag().into()), of(json!({"name": "x"}))).await;
        assert!(matches!(stale, Err(Error::Stale { current, .. }) if current == edited.tag()), "{stale:?}");
        let forbidden = groups.edit(&world.ctx(&bob), group.id, None, of(json!({"name": "x"}))).await;
        assert_eq!(code(forbidden), "group.forbidden");
        assert!(!world.everything().await.iter().any(|change| change.data.get().contains("be kind")));

        groups.leave(&world.ctx(&bob), group.id).await.unwrap();
        assert_eq!(sorted(told(&world).await), sorted(vec![
            ("group.member_removed".to_owned(), Topic::new(GROUP, group.id)),
            ("message.sent".to_owned(), Topic::new(CHAT, chat)),
            ("participant.removed".to_owned(), Topic::user(bob.id)),
        ]));
        assert_eq!(code(world.store.messaging.chat(&world.ctx(&bob), chat).await), "chat.unknown");
        assert_eq!(code(world.try_say(&bob, chat, "still here?", None).await), "chat.unknown");
        groups.leave(&world.ctx(&bob), group.id).await.unwrap();
        assert_eq!(code(groups.leave(&world.ctx(&ada), group.id).await), "group.owner");
        assert!(world.names().await.is_empty());
        assert!(matches!(groups.join(&world.ctx(&bob), group.id).await.unwrap(), Joined::New(_)), "and comes back");
        assert_eq!(contradictions(&world), Vec::<&str>::new());
    }

    async fn who_may_not_see_a_group_is_told_nothing(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let groups = &world.store.groups;
        let secret = make(&world, &ada, "secret").await;
        for who in [&bob, &eve] {
            let ctx = || world.ctx(who);
            assert_eq!(code(groups.group(&ctx(), secret.id).await), "group.unknown");
            assert_eq!(code(groups.join(&ctx(), secret.id).await), "group.unknown");
            assert_eq!(code(groups.leave(&ctx(), secret.id).await), "group.unknown");
            assert_eq!(code(groups.edit(&ctx(), secret.id, None, GroupPatch::default()).await), "group.unknown");
            assert_eq!(code(groups.delete(&ctx(), secret.id, None).await), "group.unknown");
            let filter = MemberFilter { status: Standing::Member, role: None };
            assert_eq!(code(groups.members(&ctx(), secret.id, filter, PageRequest::default()).await), "group.unknown");
            assert_eq!(code(groups.remove(&ctx(), secret.id, ada.id).await), "group.unknown");
            assert_eq!(code(groups.ban(&ctx(), secret.id, ada.id, NewGroupBan::default()).await), "group.unknown");
            assert_eq!(code(groups.unban(&ctx(), secret.id, ada.id).await), "group.unknown");
            assert_eq!(code(groups.decide(&ctx(), secret.id, ada.id, verdict("approve")).await), "group.unknown");
            assert_eq!(code(groups.set_role(&ctx(), secret.id, ada.id, role("member")).await), "group.unknown");
            assert_eq!(code(groups.transfer(&ctx(), secret.id, owner(who.id)).await), "group.unknown");
            assert_eq!(code(groups.invite(&ctx(), secret.id, of(json!({}))).await), "group.unknown");
            assert_eq!(code(groups.invites(&ctx(), secret.id, PageRequest::default()).await), "group.unknown");
            assert_eq!(code(groups.revoke(&ctx(), secret.id, Id::new(world.now())).await), "group.unknown");
            assert!(names(&world, who, None, false).await.is_empty() && names(&world, who, Some("garden"), false).await.is_empty());
        }
        assert!(world.names().await.is_empty());
        let invited = groups.invite(&world.ctx(&ada), secret.id, of(json!({"user_ids": [bob.id]}))).await.unwrap();
        assert_eq!(invited.user_ids, [bob.id]);
        assert_eq!(told(&world).await, [("group.invited".to_owned(), Topic::user(bob.id))]);
        let seen = groups.group(&world.ctx(&bob), secret.id).await.unwrap();
        assert_eq!((seen.my_role, seen.chat_id), (MyRole::Invited, None));
        assert_eq!(names(&world, &bob, Some("friends gar"), false).await, ["Garden Friends"]);
        assert!(names(&world, &bob, None, true).await.is_empty());
        assert!(matches!(groups.join(&world.ctx(&bob), secret.id).await.unwrap(), Joined::New(_)));
        assert_eq!(names(&world, &bob, None, true).await, ["Garden Friends"]);
    }

    /// Members whom a stranger may not see leave no gaps in the pages.
    async fn pages_of_members_tell_nothing_of_the_hidden(world: World) {
        let [ada, bob, cem, dia, eve] = world.people(["ada", "bob", "cem", "dia", "eve"]).await;
        let group = make(&world, &ada, "public").await.id;
        for person in [&bob, &cem, &dia] {
            world.wait(Duration::from_secs(1));
            world.store.groups.join(&world.ctx(person), group).await.unwrap();
        }
        world.meddle("UPDATE users SET visibility = 'private' WHERE username IN ('bob', 'cem')").unwrap();
        let pages = async |viewer: &Person| {
            let (mut pages, mut cursor) = (Vec::new(), None);
            loop {
                let filter = MemberFilter { status: Standing::Member, role: None };
                let page = PageRequest { limit: 1, cursor };
                let page = world.store.groups.members(&world.ctx(viewer), group, filter, page).await.unwrap();
                pages.push(page.items.into_iter().map(|member| member.user.id).collect::<Vec<_>>());
                cursor = page.next_cursor;
                if cursor.is_none() {
                    return pages;
                }
            }
        };
        assert_eq!(pages(&eve).await, [[ada.id], [dia.id]]);
        assert_eq!(pages(&dia).await, [[ada.id], [bob.id], [cem.id], [dia.id]]);
        world.meddle("UPDATE users SET visibility = 'private' WHERE username = 'dia'").unwrap();
        assert_eq!(pages(&eve).await, [[ada.id]], "nobody follows");
    }

    async fn a_closed_group_admits(world: World) {
        let [ada, bob, cem, eve] = world.people(["ada", "bob", "cem", "eve"]).await;
        let groups = &world.store.groups;
        let group = make(&world, &ada, "closed").await;
        let Joined::Asked(asked) = groups.join(&world.ctx(&bob), group.id).await.unwrap() else { panic!("must ask") };
        assert_eq!((asked.my_role, asked.chat_id, asked.member_count), (MyRole::Pending, None, 1));
        assert_eq!(told(&world).await, [("group.requested".to_owned(), Topic::user(ada.id))]);
        assert!(matches!(groups.join(&world.ctx(&bob), group.id).await.unwrap(), Joined::Asked(_)));
        groups.join(&world.ctx(&cem), group.id).await.unwrap();
        world.changes().await;
        let filter = MemberFilter { status: Standing::Member, role: None };
        assert_eq!(code(groups.members(&world.ctx(&bob), group.id, filter, PageRequest::default()).await), "group.forbidden");
        assert_eq!(ids(&world, &ada, group.id, Standing::Pending, None).await, [bob.id, cem.id]);
        assert_eq!(code(groups.decide(&world.ctx(&bob), group.id, bob.id, verdict("approve")).await), "group.forbidden");
        groups.decide(&world.ctx(&ada), group.id, bob.id, verdict("approve")).await.unwrap();
        assert_eq!(sorted(told(&world).await), sorted(vec![
            ("group.decided".to_owned(), Topic::user(bob.id)),
            ("group.decided".to_owned(), Topic::user(ada.id)),
            ("group.member_added".to_owned(), Topic::new(GROUP, group.id)),
            ("chat.created".to_owned(), Topic::user(bob.id)),
            ("message.sent".to_owned(), Topic::new(CHAT, group.chat_id.unwrap())),
        ]));
        groups.decide(&world.ctx(&ada), group.id, cem.id, verdict("reject")).await.unwrap();
        let decided = |user: UserId| ("group.decided".to_owned(), Topic::user(user));
        assert_eq!(sorted(told(&world).await), sorted(vec![decided(ada.id), decided(cem.id)]));
        assert_eq!(code(groups.decide(&world.ctx(&ada), group.id, cem.id, verdict("approve")).await), "group.request_unknown");
        assert_eq!(ids(&world, &bob, group.id, Standing::Member, None).await, [ada.id, bob.id]);
        assert_eq!(ids(&world, &bob, group.id, Standing::Member, Some(Role::Owner)).await, [ada.id]);

        groups.ban(&world.ctx(&ada), group.id, bob.id, NewGroupBan::default()).await.unwrap();
        assert_eq!(sorted(world.names().await), ["group.member_removed", "message.sent", "participant.removed"]);
        groups.ban(&world.ctx(&ada), group.id, eve.id, NewGroupBan::default()).await.unwrap();
        assert!(world.names().await.is_empty());
        assert_eq!(code(groups.join(&world.ctx(&bob), group.id).await), "group.banned");
        assert_eq!(ids(&world, &ada, group.id, Standing::Banned, None).await, [bob.id, eve.id]);
        let invited = groups.invite(&world.ctx(&ada), group.id, of(json!({"user_ids": [eve.id]}))).await;
        assert!(matches!(invited, Err(Error::Invalid(_))));
        groups.unban(&world.ctx(&ada), group.id, bob.id).await.unwrap();
        assert!(matches!(groups.join(&world.ctx(&bob), group.id).await.unwrap(), Joined::Asked(_)));
        assert_eq!(contradictions(&world), Vec::<&str>::new());
    }

    async fn a_role_on_the_server_is_none_in_a_group(world: World) {
        let [ada] = world.people(["ada"]).await;
        let groups = &world.store.groups;
        let (secret, closed) = (make(&world, &ada, "secret").await, make(&world, &ada, "closed").await);
        for staff in [world.with_role("mona", clowder_core::Role::Moderator).await, world.with_role("rita", clowder_core::Role::Admin).await] {
            let ctx = || world.ctx(&staff);
            assert_eq!(code(groups.group(&ctx(), secret.id).await), "group.unknown");
            assert_eq!(code(groups.join(&ctx(), secret.id).await), "group.unknown");
            assert_eq!(code(groups.delete(&ctx(), secret.id, None).await), "group.unknown");
            assert_eq!(names(&world, &staff, Some("garden"), false).await, ["Garden Friends"], "the closed one");
            assert_eq!(code(world.store.messaging.chat(&ctx(), closed.chat_id.unwrap()).await), "chat.unknown");
            let filter = MemberFilter { status: Standing::Member, role: None };
            assert_eq!(code(groups.members(&ctx(), closed.id, filter, PageRequest::default()).await), "group.forbidden");
            assert_eq!(code(groups.edit(&ctx(), closed.id, None, of(json!({"name": "x"}))).await), "group.forbidden");
            assert_eq!(code(groups.delete(&ctx(), closed.id, None).await), "group.forbidden");
            assert_eq!(code(groups.remove(&ctx(), closed.id, ada.id).await), "group.forbidden");
        }
    }

    async fn links_let_in_as_many_as_they_may(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let store = world.store.clone();
        let group = make(&world, &ada, "secret").await;
        let link = async |body: Value| store.groups.invite(&world.ctx(&ada), group.id, of::<NewGroupInvite>(body)).await.unwrap();
        let made = link(json!({"max_uses": 3})).await;
        let kept = made.link.clone().unwrap();
        let listed = store.groups.invites(&world.ctx(&ada), group.id, PageRequest::default()).await.unwrap().items;
        assert_eq!(listed, [kept]);
        assert!(!world.holds(made.code.as_deref().unwrap().as_bytes()), "only a hash is stored");
        let others = world.another_node().await;
        let mut tries = Vec::new();
        for n in 0..8 {
            let person = world.person(&format!("pal{n}")).await;
            let (ctx, code) = (world.ctx(&person), Code::new(made.code.clone().unwrap()));
            let store = if n % 2 == 0 { store.clone() } else { others.clone() };
            tries.push(tokio::spawn(async move { store.groups.join_by_code(&ctx, code).await }));
        }
        let mut seen = Vec::new();
        for tried in tries {
            seen.push(match tried.await.unwrap() {
                Ok(Joined::New(_)) => "in",
                Ok(other) => panic!("{other:?}"),
                refused => code(refused),
            });
        }
        assert_eq!(sorted(seen), [vec!["group.invite_gone"; 5], vec!["in"; 3]].concat());
        assert_eq!(store.groups.group(&world.ctx(&ada), group.id).await.unwrap().member_count, 4);
        let unknown = store.groups.join_by_code(&world.ctx(&bob), Code::new("nonsense".into())).await;
        assert_eq!(code(unknown), "group.invite_unknown");
        let revoked = link(json!({})).await;
        store.groups.revoke(&world.ctx(&ada), group.id, revoked.link.unwrap().id).await.unwrap();
        assert_eq!(code(store.groups.join_by_code(&world.ctx(&bob), Code::new(revoked.code.unwrap())).await), "group.invite_gone");
        let past = link(json!({"expires_at": world.now().plus(Duration::from_secs(60))})).await;
        world.wait(Duration::from_secs(61));
        assert_eq!(code(store.groups.join_by_code(&world.ctx(&bob), Code::new(past.code.unwrap())).await), "group.invite_gone");
        let open = Code::new(link(json!({})).await.code.unwrap());
        assert!(matches!(store.groups.join_by_code(&world.ctx(&bob), open.clone()).await.unwrap(), Joined::New(_)));
        assert!(matches!(store.groups.join_by_code(&world.ctx(&bob), open).await.unwrap(), Joined::Already(_)));
        assert_eq!(contradictions(&world), Vec::<&str>::new());
    }

    async fn a_group_keeps_one_owner_whatever_happens_at_once(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let group = make(&world, &ada, "public").await;
        for person in [&bob, &cem] {
            world.store.groups.join(&world.ctx(person), group.id).await.unwrap();
        }
        let others = world.another_node().await;
        for round in 0..6 {
            let mut tries = Vec::new();
            for (n, (from, to)) in [(&ada, &bob), (&bob, &ada), (&ada, &cem), (&cem, &ada), (&bob, &cem)].into_iter().enumerate() {
                let (give, leave, to) = (world.ctx(from), world.ctx(from), owner(to.id));
                let store = if (n + round) % 2 == 0 { world.store.clone() } else { others.clone() };
                tries.push(tokio::spawn(async move {
                    let given = store.groups.transfer(&give, group.id, to).await.map(drop);
                    [given, store.groups.leave(&leave, group.id).await]
                }));
            }
            for tried in tries {
                for outcome in tried.await.unwrap() {
                    assert!(matches!(outcome, Ok(()) | Err(Error::Refused(_) | Error::Explained { .. })), "{outcome:?}");
                }
            }
            assert_eq!(contradictions(&world), Vec::<&str>::new());
            // Nobody joins the same group more often than five times a day.
            world.wait(Duration::from_secs(24 * 3600));
            for person in [&ada, &bob, &cem] {
                world.store.groups.join(&world.ctx(person), group.id).await.unwrap();
            }
        }
    }

    async fn the_last_place_goes_to_one(world: World) {
        let [ada] = world.people(["ada"]).await;
        let node = world.node_with(|options| options.groups.members = 3).await;
        let group = make(&world, &ada, "public").await;
        let mut tries = Vec::new();
        for n in 0..6 {
            let person = world.person(&format!("pal{n}")).await;
            let (store, ctx) = (node.clone(), world.ctx(&person));
            tries.push(tokio::spawn(async move { store.groups.join(&ctx, group.id).await }));
        }
        let mut seen = Vec::new();
        for tried in tries {
            seen.push(match tried.await.unwrap() {
                Ok(_) => "in",
                refused => code(refused),
            });
        }
        assert_eq!(sorted(seen), [vec!["group.full"; 4], vec!["in"; 2]].concat());
        let few = world.node_with(|options| (options.groups.owned, options.groups.memberships) = (2, 2)).await;
        few.groups.create(&world.ctx(&ada), of(json!({"name": "Two"}))).await.unwrap();
        assert_eq!(code(few.groups.create(&world.ctx(&ada), of(json!({"name": "Three"}))).await), "group.limit");
    }

    async fn who_is_banned_while_joining_is_out(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let group = make(&world, &ada, "public").await;
        let others = world.another_node().await;
        for _ in 0..6 {
            let (store, ban, join) = (world.store.clone(), world.ctx(&ada), world.ctx(&bob));
            let (others, bob_id) = (others.clone(), bob.id);
            let banned = tokio::spawn(async move { store.groups.ban(&ban, group.id, bob_id, NewGroupBan::default()).await });
            let joined = tokio::spawn(async move { others.groups.join(&join, group.id).await });
            banned.await.unwrap().unwrap();
            if let Err(error) = joined.await.unwrap() {
                assert_eq!(code(Err::<(), _>(error)), "group.banned");
            }
            assert_eq!(ids(&world, &ada, group.id, Standing::Member, None).await, [ada.id]);
            assert_eq!(contradictions(&world), Vec::<&str>::new());
            world.store.groups.unban(&world.ctx(&ada), group.id, bob.id).await.unwrap();
        }
    }

    async fn groups_are_found_by_their_words(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        for (name, visibility) in
            [("Gärtner im Norden", "public"), ("Garten Gärten", "closed"), ("Nordic Garage", "public"), ("Gartenzwerge", "secret")]
        {
            let new = of::<NewGroup>(json!({"name": name, "visibility": visibility}));
            world.store.groups.create(&world.ctx(&ada), new).await.unwrap();
        }
        let found = async |search: &str| names(&world, &bob, Some(search), false).await;
        assert_eq!(found("gart").await, ["Garten Gärten", "Gärtner im Norden"]);
        assert_eq!(found("NORD gar").await, ["Gärtner im Norden", "Nordic Garage"]);
        assert_eq!(found("orden").await, Vec::<String>::new());
        assert_eq!(found("%").await, Vec::<String>::new());
        assert_eq!(names(&world, &bob, None, false).await, ["Nordic Garage", "Garten Gärten", "Gärtner im Norden"]);
        assert_eq!(names(&world, &ada, Some("gartenz"), true).await, ["Gartenzwerge"]);
        assert_eq!(names(&world, &ada, None, false).await.len(), 4);
    }

    async fn a_hidden_owner_is_shown_to_members_only(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let groups = &world.store.groups;
        let id = make(&world, &ada, "public").await.id;
        groups.join(&world.ctx(&bob), id).await.unwrap();
        let shown = async |person: &Person| {
            let ctx = world.ctx(person);
            let one = groups.group(&ctx, id).await.unwrap().owner_id;
            for search in [None, Some("g".to_owned())] {
                let filter = GroupFilter { search, ..GroupFilter::default() };
                let found = groups.groups(&ctx, filter, PageRequest::default()).await.unwrap().items;
                assert!(!found.is_empty() && found.iter().all(|group| group.owner_id == one), "{found:?}");
            }
            one
        };
        assert_eq!((shown(&bob).await, shown(&eve).await), (Some(ada.id), Some(ada.id)));
        for person in [&bob, &eve] {
            world.store.blocks.block(&world.ctx(&ada), person.id, clowder_social::NewBlock::default()).await.unwrap();
        }
        assert_eq!((shown(&bob).await, shown(&eve).await), (Some(ada.id), None));
        let Joined::New(joined) = groups.join(&world.ctx(&eve), id).await.unwrap() else { panic!("must be new") };
        assert_eq!(joined.owner_id, Some(ada.id));
    }

    async fn an_erased_owner_hands_on(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let groups = &world.store.groups;
        let (group, alone) = (make(&world, &ada, "public").await, make(&world, &ada, "public").await);
        for person in [&bob, &cem] {
            groups.join(&world.ctx(person), group.id).await.unwrap();
        }
        groups.set_role(&world.ctx(&ada), group.id, cem.id, role("moderator")).await.unwrap();
        world.say(&ada, alone.chat_id.unwrap(), "to nobody").await;
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        let after = groups.group(&world.ctx(&bob), group.id).await.unwrap();
        assert_eq!((after.owner_id, after.member_count), (Some(cem.id), 2));
        assert_eq!(code(groups.group(&world.ctx(&bob), alone.id).await), "group.unknown");
        assert_eq!(count(&world, "groups"), 1);
        assert_eq!(count(&world, "messages"), 3, "that two people came, and one has another role");
        assert_eq!(contradictions(&world), Vec::<&str>::new());
    }
}
