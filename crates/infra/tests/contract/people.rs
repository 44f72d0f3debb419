//! Whom somebody may see: the rule, the lists, the search and the details agree, whatever connects people.

use std::{collections::BTreeMap, time::Instant};

use clowder_accounts::{
    ProfilePatch,
    policy::sight::{Sight, SightFacts, sight},
    profiles::{Sort, User, UserFilter},
};
use clowder_core::{Actor, Error, Input, PageRequest, Role, UserId, Visibility, Word};
use clowder_messaging::{ChatFilter, NewChat};
use serde_json::json;

use crate::{
    stress::Dice,
    world::{Person, World, code, on_both},
};

async fn show(world: &World, person: &Person, visibility: Visibility) {
    let patch = ProfilePatch::from_json(json!({"visibility": visibility})).unwrap();
    world.store.accounts.edit_me(&world.ctx(person), None, patch).await.unwrap();
}

/// Whether the viewer can invite somebody by their id.
async fn finds(world: &World, viewer: &Person, user: UserId) -> bool {
    let new = json!({"type": "group", "title": "x", "participant_ids": [user]});
    match world.store.messaging.create_chat(&world.ctx(viewer), NewChat::from_json(new).unwrap()).await {
        Ok(_) => true,
        Err(Error::Invalid(errors)) => {
            assert_eq!((errors[0].pointer.as_str(), errors[0].code.as_ref()), ("/participant_ids/0", "user.unknown"));
            false
        }
        Err(other) => panic!("{other}"),
    }
}

/// What one person is in a graph.
#[derive(Debug, Clone, Copy)]
struct Drawn {
    visibility: Visibility,
    role: Role,
    suspended: bool,
    erased: bool,
}

impl Drawn {
    fn throw(dice: &mut Dice) -> Self {
        Self {
            visibility: Visibility::WORDS[dice.below(3)].1,
            role: [Role::User, Role::User, Role::User, Role::Moderator, Role::Admin][dice.below(5)],
            suspended: dice.below(5) == 0,
            erased: dice.below(8) == 0,
        }
    }
}

/// Writes a graph of people and friendships past the store.
fn draw(world: &World, people: &[Person], drawn: &[Drawn], friends: &[(usize, usize)], blocks: &[(usize, usize)]) {
    let id = |person: &Person| {
        let id = person.id.uuid().simple();
        if world.is_postgres() { format!("CAST('{id}' AS uuid)") } else { format!("x'{id}'") }
    };
    let now = if world.is_postgres() { "now()" } else { "1790000000000000" };
    let mut statements = vec!["DELETE FROM friendships".to_owned(), "DELETE FROM blocks".to_owned()];
    for (person, Drawn { visibility, role, suspended, erased }) in people.iter().zip(drawn) {
        statements.push(format!(
            "UPDATE users SET visibility = '{}', role = '{}', suspension_reason = {}, deleted_at = {} WHERE id = {}",
            visibility.as_str(),
            role.as_str(),
            if *suspended { "'spam'" } else { "NULL" },
            if *erased { now } else { "NULL" },
            id(person)
        ));
    }
    for (a, b) in friends {
        let (a, b) = (id(&people[*a]), id(&people[*b]));
        statements.push(format!(
            "INSERT INTO friendships (user_id, friend_id, since) VALUES ({a}, {b}, {now}), ({b}, {a}, {now})"
        ));
    }
    for (one, other) in blocks {
        let (one, other) = (id(&people[*one]), id(&people[*other]));
        let no = if world.is_postgres() { "false" } else { "0" };
        statements.push(format!(
            "INSERT INTO blocks (user_id, blocked_id, hide_messages, since) VALUES ({one}, {other}, {no}, {now})"
        ));
    }
    world.batch(&statements.join(";"));
}

/// How much of each person a list shows.
fn sights<'u>(users: impl IntoIterator<Item = &'u User>) -> BTreeMap<UserId, Sight> {
    let sight = |user: &User| if user.created_at.is_some() { Sight::Profile } else { Sight::Card };
    users.into_iter().map(|user| (user.id, sight(user))).collect()
}

/// How long graphs are drawn, and how many at least.
const FOR: std::time::Duration = std::time::Duration::from_secs(4);
const AT_LEAST: usize = 8;

on_both! {
    async fn listed_is_found_is_what_may_be_seen(world: World) {
        let names = ["zqada", "zqbob", "zqcem", "zqdia", "zqeva", "zqfay"];
        let mut people = world.people(names).await;
        let profiles = &world.store.profiles;
        let (began, mut dice, mut graphs) = (Instant::now(), Dice(11), 0);
        while began.elapsed() < FOR || graphs < AT_LEAST {
            graphs += 1;
            let drawn: Vec<Drawn> = people.iter().map(|_| Drawn::throw(&mut dice)).collect();
            let pairs = (0..people.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
            let friends: Vec<(usize, usize)> = pairs.filter(|_| dice.below(3) == 0).collect();
            let pairs = (0..people.len()).flat_map(|a| (0..people.len()).map(move |b| (a, b))).filter(|(a, b)| a != b);
            let blocks: Vec<(usize, usize)> = pairs.filter(|_| dice.below(8) == 0).collect();
            draw(&world, &people, &drawn, &friends, &blocks);
            for viewer in (0..people.len()).filter(|viewer| !drawn[*viewer].erased) {
                if let Actor::User { role, .. } = &mut people[viewer].actor {
                    *role = drawn[viewer].role;
                }
                let ctx = world.ctx(&people[viewer]);
                let mut expected = BTreeMap::new();
                for (other, person) in people.iter().enumerate() {
                    let facts = SightFacts {
                        own: other == viewer,
                        staff: drawn[viewer].role >= Role::Moderator,
                        friends: friends.contains(&(viewer.max(other), viewer.min(other))),
                        blocked: blocks.contains(&(viewer, other)) || blocks.contains(&(other, viewer)),
                        visibility: drawn[other].visibility,
                        suspended: drawn[other].suspended,
                        erased: drawn[other].erased,
                    };
                    expected.insert(person.id, sight(&facts));
                }
                let mut by_id = BTreeMap::new();
                for person in &people {
                    match profiles.user(&ctx, person.id, None).await {
                        Ok(shown) => by_id.extend(sights([&shown.user])),
                        Err(error) => {
                            assert_eq!(code(Err::<(), _>(error)), "user.unknown");
                            by_id.insert(person.id, Sight::Nothing);
                        }
                    }
                }
                let seen = format!("graph {graphs}, {viewer} of {drawn:?} {friends:?} {blocks:?}");
                assert_eq!(by_id, expected, "by id: {seen}");
                expected.retain(|_, sight| *sight > Sight::Nothing);
                for sort in [Sort::New, Sort::Name] {
                    for search in [None, Some("zq".to_owned())] {
                        let filter = UserFilter { search, sort };
                        let listed = profiles.users(&ctx, filter.clone(), PageRequest::default()).await.unwrap().items;
                        assert_eq!(sights(&listed), expected, "{filter:?}: {seen}");
                    }
                }
                for sought in [None, Some("zq".to_owned())] {
                    let page = PageRequest::default();
                    let found = profiles.search_users(&ctx, sought.clone(), page.clone()).await.unwrap().items;
                    assert_eq!(sights(found.iter().map(|found| &found.user)), expected, "{sought:?}: {seen}");
                    let suggested = profiles.suggestions(&ctx, sought, page).await.unwrap().items;
                    let mut suggested: Vec<UserId> = suggested.into_iter().map(|item| item.id).collect();
                    suggested.sort_unstable();
                    assert_eq!(suggested, expected.keys().copied().collect::<Vec<_>>(), "{seen}");
                }
                for (other, person) in people.iter().enumerate().filter(|_| graphs % 8 == 1) {
                    // Staff see people who have blocked them, and start no chats with them.
                    let blocked = blocks.contains(&(viewer, other)) || blocks.contains(&(other, viewer));
                    let expected = expected.contains_key(&person.id) && !blocked;
                    assert_eq!(finds(&world, &people[viewer], person.id).await, expected, "{seen}");
                }
            }
        }
    }

    async fn a_private_profile_shows_its_card_to_nobody_new(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let pair = |with: &Person| NewChat::from_json(json!({"type": "private", "participant_ids": [with.id]})).unwrap();
        world.store.messaging.create_chat(&world.ctx(&bob), pair(&ada)).await.unwrap();
        show(&world, &ada, Visibility::Private).await;
        let refused = world.store.messaging.create_chat(&world.ctx(&eve), pair(&ada)).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        let known = world.store.messaging.create_chat(&world.ctx(&bob), pair(&ada)).await.unwrap().into_inner();
        assert_eq!(known.peer.unwrap().id, ada.id, "an existing chat is found");
        assert!(!finds(&world, &bob, ada.id).await, "and nothing else");
        // A hidden user may still write to others, who then see the author.
        let met = world.store.messaging.create_chat(&world.ctx(&ada), pair(&eve)).await.unwrap().into_inner();
        world.say(&ada, met.id, "hello").await;
        let ctx = world.ctx(&eve);
        let listed = world.store.messaging.chats(&ctx, ChatFilter::default(), PageRequest::default()).await.unwrap().items;
        assert_eq!(listed[0].last_message.as_ref().unwrap().sender.id, ada.id);
    }
}
