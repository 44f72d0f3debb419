//! Whom somebody may see, and what of them: the rule, the lists, the search and the details agree, whatever connects people.

mod graph;
mod kept;
mod shown;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use clowder_accounts::{
    ProfilePatch,
    model::SettingsPatch,
    policy::sight::{Sight, sight},
    presence::{NewPresence, PresenceNews, TELL_EVERY},
    profiles::{
        Sort, User, UserFilter,
        ranking::{Sought, SuggestionKind},
    },
};
use clowder_core::{Actor, Ctx, Error, Input, PageRequest, Presence, Recorded, Timestamp, Topic, UserId, Visibility};
use clowder_messaging::{ChatFilter, NewChat};
use clowder_social::{NewBlock, NewFriendRequest};
use graph::{Drawn, Links, draw};
use serde_json::{json, value::to_raw_value};
use shown::Looking;

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

/// How much of each person a list shows.
fn sights<'u>(users: impl IntoIterator<Item = &'u User>) -> BTreeMap<UserId, Sight> {
    let sight = |user: &User| if user.created_at.is_some() { Sight::Profile } else { Sight::Card };
    users.into_iter().map(|user| (user.id, sight(user))).collect()
}

/// What everybody believes of everybody else's presence, by what they heard and by nothing else. Everybody watches everybody.
#[derive(Default)]
struct Beliefs {
    there: BTreeMap<(UserId, UserId), Presence>,
    friends: BTreeSet<(usize, usize)>,
    blocks: BTreeSet<(usize, usize)>,
    /// After the end of a friendship or of a block, who of whom: they hear of the next change only.
    unsure: BTreeSet<(UserId, UserId)>,
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
                if name == "friend.removed" {
                    self.unsure.insert((people[*of].id, people[*about].id));
                }
            }
        }
        self.friends = friends;
        let blocks: BTreeSet<_> = links.blocks.iter().copied().collect();
        for (one, other) in blocks.difference(&self.blocks) {
            online.hear(&change("block.added", people[*one].id, people[*other].id, now), now);
        }
        for (one, other) in self.blocks.difference(&blocks) {
            let (one, other) = (people[*one].id, people[*other].id);
            self.unsure.extend([(one, other), (other, one)]);
        }
        self.blocks = blocks;
        let everybody: Vec<UserId> = people.iter().map(|person| person.id).collect();
        for person in people {
            online.watch(person.id, &everybody, now);
        }
        // Whatever else was drawn.
        online.missed(now);
        world.wait(TELL_EVERY);
        while world.store.presence.tell_friends(&Ctx::new(Actor::System, world.now(), "presence")).await.unwrap() > 0 {}
        for told in online.news() {
            let news: PresenceNews = serde_json::from_str(told.data.get()).unwrap();
            for to in told.to.iter() {
                let pair = (*to, news.user_id);
                match news.there() {
                    Some(presence) => {
                        self.unsure.remove(&pair);
                        self.there.insert(pair, presence);
                    }
                    None => drop(self.there.remove(&pair)),
                }
            }
        }
    }

    /// Whether somebody believes what they may hear of another, and nothing else.
    fn agree(&self, who: UserId, of: UserId, expected: Option<Presence>) -> bool {
        let believed = self.there.get(&(who, of)).copied();
        believed == expected || believed.is_none() && self.unsure.contains(&(who, of))
    }
}

/// Two people become friends, and then one blocks the other; or one asks to be friends after the block.
async fn part(world: &World, people: &[Person], links: &Links) {
    for (one, other) in &links.parted {
        let (blocks, ctx) = (&world.store.blocks, world.ctx(&people[*one]));
        blocks.block(&ctx, people[*other].id, NewBlock::default()).await.unwrap();
    }
    for (one, other) in links.refused.iter().flat_map(|(one, other)| [(one, other), (other, one)]) {
        let ask = NewFriendRequest::from_json(json!({"user_id": people[*other].id})).unwrap();
        let asked = world.store.friends.request(&world.ctx(&people[*one]), ask).await;
        assert_eq!(code(asked), "user.unknown", "{one} asks {other}: {links:?}");
    }
}

fn change(name: &str, user: UserId, about: UserId, at: Timestamp) -> Recorded {
    let data = Arc::from(to_raw_value(&json!({})).unwrap());
    let (topic, subject) = (Topic::user(user), Some(about.uuid()));
    Recorded {
        stream: 0,
        position: 1,
        topic,
        name: name.into(),
        actor: None,
        subject,
        follow: None,
        seq: None,
        at,
        data,
    }
}

/// How long graphs are drawn, and how many at least; `TEST_GRAPHS` says how many instead.
const FOR: std::time::Duration = std::time::Duration::from_secs(4);
const AT_LEAST: usize = 8;

/// Says after a failure how the graph is drawn again: each has a seed of its own, one more than that of the graph before.
struct Seed {
    first: u64,
    graphs: usize,
}

impl Seed {
    /// Another one each time, or that which `TEST_SEED` says.
    fn take() -> Self {
        let given = clowder_tests::setting("TEST_SEED").map(|seed| seed.parse().unwrap());
        let drawn = || u64::from_str_radix(&clowder_tests::unique(), 16).unwrap() >> 16;
        Self { first: given.unwrap_or_else(drawn), graphs: 0 }
    }

    fn next(&mut self) -> Dice {
        self.graphs += 1;
        Dice(self.first.wrapping_add(self.graphs as u64 - 1))
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (first, graphs) = (self.first, self.graphs);
            eprintln!("TEST_SEED={} TEST_GRAPHS=1 draws this graph again", first.wrapping_add(graphs as u64 - 1));
            eprintln!("TEST_SEED={first} TEST_GRAPHS={graphs} draws all graphs up to it");
        }
    }
}

on_both! {
    async fn listed_is_found_is_what_may_be_seen(world: World) {
        let names = ["zqada", "zqbob", "zqcem", "zqdia", "zqeva", "zqfay"];
        let mut people = world.people(names).await;
        let profiles = &world.store.profiles;
        for person in &people {
            let patch = SettingsPatch::from_json(json!({"theme": "dark"})).unwrap();
            world.store.preferences.edit_settings(&world.ctx(person), None, patch).await.unwrap();
            let texts = ProfilePatch::from_json(json!({"bio": "bio", "pronouns": "they/them"})).unwrap();
            world.store.accounts.edit_me(&world.ctx(person), None, texts).await.unwrap();
            let status = NewPresence::from_json(json!({"status": "away"})).unwrap();
            world.store.presence.set_presence(&world.ctx(person), status).await.unwrap();
            world.store.online.enter(person.id, world.now());
        }
        let things = shown::Things::of(&world, &people).await;
        // Whoever has had to do with somebody in any graph: the journal remembers it.
        let (mut beliefs, mut ever) = (Beliefs::default(), BTreeSet::new());
        let start = world.store.journal.extent().await.unwrap().heads;
        let (began, mut seed) = (Instant::now(), Seed::take());
        let wanted: Option<usize> = clowder_tests::setting("TEST_GRAPHS").map(|number| number.parse().unwrap());
        let are_enough = |graphs| wanted.map_or(began.elapsed() >= FOR && graphs >= AT_LEAST, |wanted| graphs >= wanted);
        while !are_enough(seed.graphs) {
            let mut dice = seed.next();
            let drawn: Vec<Drawn> = people.iter().map(|_| Drawn::throw(&mut dice)).collect();
            let links = Links::throw(&mut dice, seed.graphs, &drawn);
            // These take longer than all the rest.
            let (finding, keeper, editor) = (dice.below(8) == 0, dice.below(6 * 8), dice.below(6));
            draw(&world, &people, &drawn, &links);
            part(&world, &people, &links).await;
            let mut met = BTreeSet::new();
            ever.extend(links.parted.iter().flat_map(|(one, other)| [(*one, *other), (*other, *one)]));
            beliefs.follow(&world, &people, &links).await;
            for viewer in (0..people.len()).filter(|viewer| !drawn[*viewer].erased) {
                if let Actor::User { role, .. } = &mut people[viewer].actor {
                    *role = drawn[viewer].role;
                }
                let ctx = world.ctx(&people[viewer]);
                let staff = drawn[viewer].is_staff();
                let mut expected = BTreeMap::new();
                for (other, person) in people.iter().enumerate() {
                    expected.insert(person.id, sight(&links.facts(&drawn, viewer, other)));
                }
                let mut by_id = BTreeMap::new();
                for (other, person) in people.iter().enumerate() {
                    let mut sees = None;
                    match profiles.user(&ctx, person.id, None).await {
                        Ok(shown) => {
                            sees = shown.user.presence.filter(|presence| *presence != Presence::Offline);
                            by_id.extend(sights([&shown.user]));
                            let facts = links.facts(&drawn, viewer, other);
                            shown::fields_agree(&shown.user, &facts, &drawn[other].privacy);
                        }
                        Err(error) => {
                            assert_eq!(code(Err::<(), _>(error)), "user.unknown");
                            by_id.insert(person.id, Sight::Nothing);
                        }
                    }
                    // Staff see more than they hear.
                    if !staff || !links.are_friends(viewer, other) {
                        let hears = links.are_friends(viewer, other)
                            || viewer != other && !links.blocked(viewer, other) && drawn[other].shows_presence_to_all();
                        let agree = beliefs.agree(people[viewer].id, person.id, sees.filter(|_| hears));
                        assert!(agree, "{viewer} of {other}, {sees:?} {hears}, in {drawn:?} {links:?}");
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
                    let suggested = profiles.suggestions(&ctx, Sought::of_all_kinds(sought), page).await.unwrap().items;
                    let people = suggested.into_iter().filter(|item| item.kind == SuggestionKind::User);
                    let mut suggested: Vec<_> = people.map(|item| UserId::from_uuid(item.id.unwrap())).collect();
                    suggested.sort_unstable();
                    assert_eq!(suggested, expected.keys().copied().collect::<Vec<_>>(), "{seen}");
                }
                let looking = Looking { world: &world, people: &people, names: &names, viewer, drawn: &drawn, links: &links, graph: &seen };
                looking.all_agree(&things, &expected).await;
                for (other, person) in people.iter().enumerate().filter(|_| finding) {
                    // Staff see people who have blocked them, and start no chats with them.
                    let is_found = expected.contains_key(&person.id) && !links.blocked(viewer, other);
                    assert_eq!(finds(&world, &people[viewer], person.id).await, is_found, "{seen}");
                    if is_found {
                        met.extend([(viewer, other), (other, viewer)]);
                        ever.extend([(viewer, other), (other, viewer)]);
                    }
                    let is_seen = expected.contains_key(&person.id);
                    looking.is_known_if(is_seen || met.contains(&(viewer, other)), other).await;
                }
                if viewer == keeper {
                    looking.takes_along(&things, &start, &met, &ever, editor).await;
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
