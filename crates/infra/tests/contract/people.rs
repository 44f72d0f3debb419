//! Whom somebody may see: the rule, the lists, the search and the details agree, whatever connects people.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use clowder_accounts::{
    ProfilePatch,
    model::{Audience, SettingsPatch},
    policy::sight::{Sight, SightFacts, sight},
    presence::{NewPresence, PresenceNews, PresenceStatus, TELL_EVERY},
    profiles::{Sort, User, UserFilter},
};
use clowder_core::{
    Actor, Ctx, Error, Input, PageRequest, Presence, Recorded, Role, Timestamp, Topic, UserId, Visibility, Word,
};
use clowder_messaging::{ChatFilter, NewChat};
use serde_json::{json, value::to_raw_value};

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
    /// Who sees their presence.
    last_seen: Audience,
    status: PresenceStatus,
}

impl Drawn {
    fn throw(dice: &mut Dice) -> Self {
        Self {
            visibility: Visibility::WORDS[dice.below(3)].1,
            role: [Role::User, Role::User, Role::User, Role::Moderator, Role::Admin][dice.below(5)],
            suspended: dice.below(5) == 0,
            erased: dice.below(8) == 0,
            last_seen: Audience::WORDS[dice.below(3)].1,
            status: PresenceStatus::WORDS[dice.below(4)].1,
        }
    }
}

/// What connects the people of a graph, and which graph it is.
#[derive(Debug)]
struct Links {
    graph: usize,
    friends: Vec<(usize, usize)>,
    blocks: Vec<(usize, usize)>,
}

impl Links {
    fn are_friends(&self, one: usize, other: usize) -> bool {
        self.friends.contains(&(one.max(other), one.min(other)))
    }

    fn blocked(&self, one: usize, other: usize) -> bool {
        self.blocks.contains(&(one, other)) || self.blocks.contains(&(other, one))
    }
}

/// Writes a graph of people past the store.
fn draw(world: &World, people: &[Person], drawn: &[Drawn], links: &Links) {
    let id = |person: &Person| {
        let id = person.id.uuid().simple();
        if world.is_postgres() { format!("CAST('{id}' AS uuid)") } else { format!("x'{id}'") }
    };
    let now = if world.is_postgres() { "now()" } else { "1790000000000000" };
    let Links { graph, friends, blocks } = links;
    let tables = ["friendships", "friend_lists", "blocks"];
    let mut statements: Vec<_> = tables.iter().map(|table| format!("DELETE FROM {table}")).collect();
    for (person, Drawn { visibility, role, suspended, erased, last_seen, status }) in people.iter().zip(drawn) {
        let (person, last_seen) = (id(person), last_seen.as_str());
        statements.push(format!("UPDATE preferences SET last_seen = '{last_seen}' WHERE user_id = {person}"));
        let status = status.as_str();
        statements.push(format!("UPDATE presence SET status = '{status}' WHERE user_id = {person}"));
        statements.push(format!("INSERT INTO friend_lists (user_id, friends, version) VALUES ({person}, 1, {graph})"));
        statements.push(format!(
            "UPDATE users SET visibility = '{}', role = '{}', suspension_reason = {}, deleted_at = {} WHERE id = {}",
            visibility.as_str(),
            role.as_str(),
            if *suspended { "'spam'" } else { "NULL" },
            if *erased { now } else { "NULL" },
            person
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

/// What everybody believes of everybody else's presence, by what they heard and by nothing else.
#[derive(Default)]
struct Beliefs {
    there: BTreeMap<(UserId, UserId), Presence>,
    friends: BTreeSet<(usize, usize)>,
}

impl Beliefs {
    /// Tells the node which friendships there are now, and everybody what changed for them.
    async fn follow(&mut self, world: &World, people: &[Person], links: &Links) {
        let (online, now) = (&world.store.online, world.now());
        let friends: BTreeSet<_> = links.friends.iter().copied().collect();
        for (one, other) in friends.symmetric_difference(&self.friends) {
            let name = if friends.contains(&(*one, *other)) { "friend.added" } else { "friend.removed" };
            for (of, about) in [(one, other), (other, one)] {
                online.hear(&change(name, people[*of].id, people[*about].id, now), now);
            }
        }
        self.friends = friends;
        // Whatever else was drawn.
        online.missed(now);
        world.wait(TELL_EVERY);
        while world.store.presence.tell_friends(&Ctx::new(Actor::System, world.now(), "presence")).await.unwrap() > 0 {}
        for told in online.news() {
            let news: PresenceNews = serde_json::from_str(told.data.get()).unwrap();
            for to in told.to.iter() {
                match news.there() {
                    Some(presence) => self.there.insert((*to, news.user_id), presence),
                    None => self.there.remove(&(*to, news.user_id)),
                };
            }
        }
    }
}

fn change(name: &str, user: UserId, about: UserId, at: Timestamp) -> Recorded {
    let data = Arc::from(to_raw_value(&json!({})).unwrap());
    let (topic, subject) = (Topic::user(user), Some(about.uuid()));
    Recorded { stream: 0, position: 1, topic, name: name.into(), actor: None, subject, follow: None, at, data }
}

/// Lists of friends, their numbers, friends in common and suggestions show whom the viewer may see, and nobody else.
async fn friends_agree(
    world: &World,
    people: &[Person],
    viewer: usize,
    links: &Links,
    seen: &BTreeMap<UserId, Sight>,
    graph: &str,
) {
    let (ctx, friends) = (world.ctx(&people[viewer]), &world.store.friends);
    let indexes = || 0..people.len();
    let ids = |some: Vec<usize>| some.into_iter().map(|one| people[one].id).collect::<BTreeSet<_>>();
    let sees = |one: usize| seen.contains_key(&people[one].id);
    let shows = |one: usize| seen.get(&people[one].id) == Some(&Sight::Profile);
    let all: Vec<UserId> = people.iter().map(|person| person.id).collect();
    let related = friends.relationships(&ctx, all).await.unwrap();
    for other in indexes().filter(|other| *other != viewer && shows(*other)) {
        let theirs = ids(indexes().filter(|one| links.are_friends(other, *one) && sees(*one)).collect());
        let common: Vec<_> = indexes().filter(|one| links.are_friends(viewer, *one)).collect();
        let common = &ids(common) & &theirs;
        for (mutual, expected) in [(false, &theirs), (true, &common)] {
            let page = friends.of(&ctx, people[other].id, mutual, PageRequest::default()).await.unwrap();
            let listed: BTreeSet<UserId> = page.items.into_iter().map(|friend| friend.user.id).collect();
            assert_eq!(listed, *expected, "friends of {other}, in common: {mutual}, {graph}");
        }
        assert_eq!(related[other].mutual_friends, common.len() as i64, "in common with {other}: {graph}");
        let user = world.store.profiles.user(&ctx, people[other].id, None).await.unwrap().user;
        let is_staff = matches!(people[viewer].actor, Actor::User { role, .. } if role >= Role::Moderator);
        if !is_staff {
            assert_eq!(user.friends_count, Some(theirs.len() as i64), "of {other}: {graph}");
        }
    }
    let near = |one: usize| indexes().any(|f| links.are_friends(viewer, f) && shows(f) && links.are_friends(f, one));
    let is_new = |one: usize| one != viewer && sees(one) && !links.are_friends(viewer, one);
    let expected = ids(indexes().filter(|one| is_new(*one) && near(*one)).collect());
    let page = friends.suggestions(&ctx, PageRequest::default()).await.unwrap();
    assert_eq!(page.items.iter().map(|item| item.user.id).collect::<BTreeSet<_>>(), expected, "suggested: {graph}");
}

/// How long graphs are drawn, and how many at least; `TEST_GRAPHS` says how many instead.
const FOR: std::time::Duration = std::time::Duration::from_secs(4);
const AT_LEAST: usize = 8;

on_both! {
    async fn listed_is_found_is_what_may_be_seen(world: World) {
        let names = ["zqada", "zqbob", "zqcem", "zqdia", "zqeva", "zqfay"];
        let mut people = world.people(names).await;
        let profiles = &world.store.profiles;
        for person in &people {
            let patch = SettingsPatch::from_json(json!({"theme": "dark"})).unwrap();
            world.store.preferences.edit_settings(&world.ctx(person), None, patch).await.unwrap();
            let status = NewPresence::from_json(json!({"status": "away"})).unwrap();
            world.store.presence.set_presence(&world.ctx(person), status).await.unwrap();
            world.store.online.enter(person.id, world.now());
        }
        let mut beliefs = Beliefs::default();
        let (began, mut dice, mut graphs) = (Instant::now(), Dice(11), 0_usize);
        let wanted: Option<usize> = clowder_tests::setting("TEST_GRAPHS").map(|number| number.parse().unwrap());
        let are_enough = |graphs| wanted.map_or(began.elapsed() >= FOR && graphs >= AT_LEAST, |wanted| graphs >= wanted);
        while !are_enough(graphs) {
            graphs += 1;
            let drawn: Vec<Drawn> = people.iter().map(|_| Drawn::throw(&mut dice)).collect();
            let pairs = (0..people.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
            let friends: Vec<(usize, usize)> = pairs.filter(|_| dice.below(3) == 0).collect();
            let pairs = (0..people.len()).flat_map(|a| (0..people.len()).map(move |b| (a, b))).filter(|(a, b)| a != b);
            let blocks: Vec<(usize, usize)> = pairs.filter(|_| dice.below(8) == 0).collect();
            let links = Links { graph: graphs, friends, blocks };
            draw(&world, &people, &drawn, &links);
            beliefs.follow(&world, &people, &links).await;
            for viewer in (0..people.len()).filter(|viewer| !drawn[*viewer].erased) {
                if let Actor::User { role, .. } = &mut people[viewer].actor {
                    *role = drawn[viewer].role;
                }
                let ctx = world.ctx(&people[viewer]);
                let staff = drawn[viewer].role >= Role::Moderator;
                let mut expected = BTreeMap::new();
                for (other, person) in people.iter().enumerate() {
                    let facts = SightFacts {
                        own: other == viewer,
                        staff,
                        friends: links.are_friends(viewer, other),
                        blocked: links.blocked(viewer, other),
                        visibility: drawn[other].visibility,
                        suspended: drawn[other].suspended,
                        erased: drawn[other].erased,
                    };
                    expected.insert(person.id, sight(&facts));
                }
                let mut by_id = BTreeMap::new();
                for (other, person) in people.iter().enumerate() {
                    let mut sees = None;
                    match profiles.user(&ctx, person.id, None).await {
                        Ok(shown) => {
                            sees = shown.user.presence.filter(|presence| *presence != Presence::Offline);
                            by_id.extend(sights([&shown.user]));
                        }
                        Err(error) => {
                            assert_eq!(code(Err::<(), _>(error)), "user.unknown");
                            by_id.insert(person.id, Sight::Nothing);
                        }
                    }
                    // A block ends a friendship, so nobody is connected by both.
                    if !links.blocked(viewer, other) && (!staff || !links.are_friends(viewer, other)) {
                        let believes = beliefs.there.get(&(people[viewer].id, person.id)).copied();
                        let expected = sees.filter(|_| links.are_friends(viewer, other));
                        assert_eq!(believes, expected, "{viewer} of {other} in {drawn:?} {links:?}");
                    }
                }
                let seen = format!("{viewer} of {drawn:?} {links:?}");
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
                friends_agree(&world, &people, viewer, &links, &expected, &seen).await;
                for (other, person) in people.iter().enumerate().filter(|_| graphs % 8 == 1) {
                    // Staff see people who have blocked them, and start no chats with them.
                    let expected = expected.contains_key(&person.id) && !links.blocked(viewer, other);
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
