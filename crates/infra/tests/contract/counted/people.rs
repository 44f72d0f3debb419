//! The same of people, groups and pets: a list of many takes as many statements as one of one.

use std::ops::Range;

use clowder_accounts::profiles::{Sort, UserFilter};
use clowder_core::{PageRequest, UserId};
use clowder_social::{
    FriendFilter, FriendsOf,
    groups::{GroupFilter, GroupId, MemberFilter, NewGroup, Standing},
    pets::PetFilter,
};
use serde_json::json;

use super::Counted;
use crate::{
    pets,
    stress::of,
    world::{Person, World, on_both},
};

/// How many people are related to the viewer.
const MANY: usize = 100;

/// Another hundred people, who are friends of these; past the store, because there are many.
fn add_people(world: &World, friends_of: &[&Person]) {
    let (id, series, now) = match world.is_postgres() {
        true => (
            "CAST('01999999' || lpad(to_hex(s.n), 24, '0') AS uuid)",
            format!("generate_series(1, {MANY}) AS s(n)"),
            "now()",
        ),
        false => (
            "CAST(printf('aaaa%012d', s.n) AS BLOB)",
            format!(
                "(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {MANY}) SELECT n FROM t) s"
            ),
            "1790000000000000",
        ),
    };
    let mut statements = vec![format!(
        "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role,
             created_at, version)
           SELECT {id}, 'p' || s.n, 'p' || s.n, s.n || '@x.org', s.n || '@x.org', 'x', 'Pat ' || s.n, 'public', 'user',
             {now}, 1 FROM {series}"
    )];
    for person in friends_of {
        let own = person.id.uuid().simple();
        let own = if world.is_postgres() { format!("CAST('{own}' AS uuid)") } else { format!("x'{own}'") };
        for pair in [format!("{own}, {id}"), format!("{id}, {own}")] {
            statements.push(format!(
                "INSERT INTO friendships (user_id, friend_id, since) SELECT {pair}, {now} FROM {series}"
            ));
        }
        statements.push(format!(
            "INSERT INTO friend_lists (user_id, friends, version) VALUES ({own}, {MANY}, 1)
               ON CONFLICT (user_id) DO UPDATE SET friends = friend_lists.friends + {MANY}, version = friend_lists.version + 1"
        ));
    }
    world.batch(&statements.join(";"));
}

impl Counted<'_> {
    /// The number of statements of one look.
    async fn of<T>(&self, look: impl AsyncFnOnce() -> T) -> (usize, T) {
        let before = self.count();
        let shown = look().await;
        let after = self.count();
        (if self.relay.is_some() { after - before } else { after }, shown)
    }
}

on_both! {
    async fn lists_of_people_take_as_many_statements_as_one_person(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let befriend = async |one: &Person, other: &Person| {
            for (from, to) in [(one, other), (other, one)] {
                world.store.friends.request(&world.ctx(from), of(json!({"user_id": to.id}))).await.unwrap();
            }
        };
        befriend(&ada, &bob).await;
        befriend(&bob, &eve).await;
        let group = world.store.groups.create(&world.ctx(&ada), of::<NewGroup>(json!({"name": "Rowers"}))).await.unwrap().id;
        world.store.groups.join(&world.ctx(&bob), group).await.unwrap();
        for who in [&ada, &bob] {
            pets::make(&world, who, json!({})).await;
        }
        add_people(&world, &[&ada, &bob]);
        // It writes the index of names when it starts.
        drop(world.another_node().await);
        let people: Vec<UserId> = {
            let all = PageRequest { limit: 200, cursor: None };
            let filter = UserFilter { search: Some("pat".to_owned()), sort: Sort::New };
            world.store.profiles.users(&world.ctx(&ada), filter, all).await.unwrap().items.into_iter().map(|user| user.id).collect()
        };
        assert_eq!(people.len(), MANY);
        for number in 0..20 {
            let new = of::<NewGroup>(json!({"name": format!("Rowers {number}")}));
            world.store.groups.create(&world.ctx(&bob), new).await.unwrap();
            pets::make(&world, &bob, json!({})).await;
        }
        join_all(&world, group, &people);
        // Everybody keeps a pet, so that pets are counted on every page of people.
        let since = if world.is_postgres() { "now()" } else { "1790000000000000" };
        world.batch(&format!(
            "INSERT INTO pet_keepers (pet_id, user_id, role, accepted, since)
               SELECT p.id, u.id, 'co_owner', true, {since} FROM pets p JOIN users o ON o.id = p.owner_id, users u
               WHERE o.username = 'ada' AND u.username <> 'ada'"
        ));
        let counted = Counted::new(&world).await;
        let (node, ctx) = (&counted.node, world.ctx(&ada));
        let of_size = |limit: u32| PageRequest { limit, cursor: None };
        let related = async |ids: Range<usize>| {
            node.friends.relationships(&ctx, people[ids].to_vec()).await.unwrap().len()
        };
        let friends = async |limit| node.friends.list(&ctx, FriendFilter::default(), of_size(limit)).await.unwrap().items.len();
        let of_bob = async |limit| node.friends.of(&ctx, FriendsOf::user(bob.id), of_size(limit)).await.unwrap().items.len();
        let users = async |limit| {
            let filter = UserFilter { search: None, sort: Sort::New };
            node.profiles.users(&ctx, filter, of_size(limit)).await.unwrap().items.len()
        };
        let named = async |limit| {
            let filter = UserFilter { search: Some("pat".to_owned()), sort: Sort::Name };
            node.profiles.users(&ctx, filter, of_size(limit)).await.unwrap().items.len()
        };
        let members = async |limit| {
            let filter = MemberFilter { status: Standing::Member, role: None };
            node.groups.members(&ctx, group, filter, of_size(limit)).await.unwrap().items.len()
        };
        let groups = async |limit| node.groups.groups(&ctx, GroupFilter::default(), of_size(limit)).await.unwrap().items.len();
        let pets = async |limit| node.pets.pets(&ctx, PetFilter::default(), of_size(limit)).await.unwrap().items.len();
        // What a node and its connections ask only once, they have asked before.
        for _ in 0..2 {
            related(0..MANY).await;
            for limit in [1, 200] {
                friends(limit).await;
                of_bob(limit).await;
                users(limit).await;
                named(limit).await;
                members(limit).await;
                groups(limit).await;
                pets(limit).await;
            }
        }
        macro_rules! alike {
            ($list:ident, $few:expr, $many:expr, $most:expr) => {
                let (few, many) = (counted.of(async || $list($few).await).await, counted.of(async || $list($many).await).await);
                assert_eq!((few.1, many.1), (1, $most), stringify!($list));
                assert!(few.0 > 0 && few.0 == many.0, "{}: {} and {}", stringify!($list), few.0, many.0);
            };
        }
        alike!(related, 0..1, 0..MANY, MANY);
        alike!(friends, 1, 200, MANY + 1);
        // A page with room for more than there are needs one more, which finds the end.
        alike!(of_bob, 1, 100, 100);
        alike!(users, 1, 200, MANY + 3);
        alike!(named, 1, 200, MANY);
        alike!(members, 1, 200, MANY + 2);
        alike!(groups, 1, 200, 21);
        alike!(pets, 1, 200, 22);
    }
}

/// Makes these people members, past the store.
fn join_all(world: &World, group: GroupId, people: &[UserId]) {
    let id = |id: &uuid::Uuid| match world.is_postgres() {
        true => format!("CAST('{}' AS uuid)", id.simple()),
        false => format!("x'{}'", id.simple()),
    };
    let now = if world.is_postgres() { "now()" } else { "1790000000000000" };
    let rows = people.iter().map(|person| {
        let (group, person) = (id(&group.uuid()), id(&person.uuid()));
        format!(
            "INSERT INTO group_people (group_id, user_id, status, role, since, role_since)
               VALUES ({group}, {person}, 'member', 'member', {now}, {now})"
        )
    });
    world.batch(&rows.collect::<Vec<_>>().join(";"));
}
