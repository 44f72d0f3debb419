//! The same of everything else that shows messages, chats or people: pages, threads, pins, what was saved, searches.

use clowder_core::{ChatId, MessageId, Page, PageRequest};
use clowder_messaging::{
    Emoji, Window, keeping::NewSave, participants::PeopleFilter, polls::NewVote, relations::MOST_FOLLOWED,
};
use serde_json::json;

use super::{Counted, send};
use crate::{
    search::{domain::search, index},
    stress::of,
    world::{Person, World, on_both},
};

/// What somebody looks at: a chat, in which these messages were sent.
struct Scene<'p> {
    who: &'p Person,
    chat: ChatId,
    root: MessageId,
    poll: MessageId,
}

/// A list, how many statements it took, and how much was in it.
type Taken = (&'static str, usize, usize);

/// A chat in which each kind of message was sent so often, by people in turns.
async fn talk<'p>(world: &World, who: &'p Person, others: &[Person], times: usize) -> Scene<'p> {
    let ids: Vec<_> = others.iter().map(|person| person.id).collect();
    let new = json!({"type": "group", "title": "Lunch", "participant_ids": ids});
    let store = &world.store;
    let chat = store.messaging.create_chat(&world.ctx(who), of(new)).await.unwrap().into_inner().id;
    let (mut root, mut poll) = (None, None);
    for number in 0..times {
        let (one, two) = (&others[number % others.len()], &others[(number + 1) % others.len()]);
        let said = send(world, one, chat, json!({"content": "hello", "mentions": [who.id, two.id]})).await.id;
        send(world, two, chat, json!({"content": "hello again", "reply_to": said})).await;
        // Threads of their own, and answers in the first of them.
        send(world, who, chat, json!({"content": "an answer", "thread_of": said})).await;
        send(world, two, chat, json!({"content": "so it is", "thread_of": said})).await;
        let first = *root.get_or_insert(said);
        send(world, two, chat, json!({"content": "and another", "thread_of": first, "reply_to": said})).await;
        let asked = json!({"content": "Which?", "type": "poll", "poll": {"options": ["Soup", "Rice"]}});
        let asked = send(world, one, chat, asked).await.id;
        store.polls.vote(&world.ctx(two), asked, NewVote { options: vec![1] }).await.unwrap();
        poll.get_or_insert(asked);
        for (person, message) in [(one, said), (two, said), (two, first), (who, asked)] {
            let thumb = Emoji::from_text("👍").unwrap();
            store.messaging.react(&world.ctx(person), message, thumb).await.unwrap();
        }
        store.keeping.pin(&world.ctx(who), said).await.unwrap();
        store.keeping.save(&world.ctx(who), asked, of::<NewSave>(json!({"note": "x"}))).await.unwrap();
        let gone = send(world, one, chat, json!({"content": "oh"})).await.id;
        store.messaging.delete(&world.ctx(one), gone, None).await.unwrap();
    }
    for person in others {
        let first = poll.unwrap();
        store.polls.vote(&world.ctx(person), first, NewVote { options: vec![0] }).await.unwrap();
    }
    Scene { who, chat, root: root.unwrap(), poll: poll.unwrap() }
}

async fn look<T>(
    counted: &Counted<'_>,
    what: &'static str,
    call: impl Future<Output = clowder_core::Result<Page<T>>>,
) -> Taken {
    let (page, taken) = counted.taken(call).await;
    (what, taken, page.items.len())
}

const fn all() -> PageRequest {
    PageRequest { limit: 200, cursor: None }
}

/// Everything that a chat shows.
async fn in_chat(world: &World, counted: &Counted<'_>, scene: &Scene<'_>) -> Vec<Taken> {
    let (ctx, chat, node) = (world.ctx(scene.who), scene.chat, &counted.node);
    let messaging = &node.messaging;
    let mut taken = Vec::new();
    for (what, window) in [
        ("the newest messages", Window::Before(i64::MAX)),
        ("the oldest messages", Window::After(0)),
        ("messages around one", Window::Around(1)),
    ] {
        taken.push(look(counted, what, messaging.messages(&ctx, chat, window, 200)).await);
    }
    taken.push(look(counted, "a thread", node.relations.thread(&ctx, scene.root, Window::After(0), 200)).await);
    taken.push(look(counted, "threads", node.relations.threads(&ctx, None, all())).await);
    taken.push(look(counted, "unread threads", node.relations.threads(&ctx, Some(true), all())).await);
    taken.push(look(counted, "pins", node.keeping.pins(&ctx, chat, all())).await);
    taken.push(look(counted, "saved messages", node.keeping.saved(&ctx, None, all())).await);
    taken.push(look(counted, "saved messages of a chat", node.keeping.saved(&ctx, Some(chat), all())).await);
    taken.push(look(counted, "mentions", messaging.mentions(&ctx, chat, all())).await);
    taken.push(look(counted, "all mentions", messaging.all_mentions(&ctx, Some(true), all())).await);
    taken.push(look(counted, "who reacted", messaging.reactions(&ctx, scene.root, None, all())).await);
    taken.push(look(counted, "voters", node.polls.voters(&ctx, scene.poll, None, all())).await);
    let people = node.participants.participants(&ctx, chat, PeopleFilter::default(), all());
    taken.push(look(counted, "participants", people).await);
    let named = PeopleFilter { search: Some("o".to_owned()), ..PeopleFilter::default() };
    taken.push(look(counted, "some participants", node.participants.participants(&ctx, chat, named, all())).await);
    taken.push(look(counted, "found messages", node.search.search_messages(&ctx, search("hello"), all())).await);
    let within = clowder_messaging::search::Search { chat: Some(chat), ..search("hello") };
    taken.push(look(counted, "messages found in a chat", node.search.search_messages(&ctx, within, all())).await);
    taken
}

/// The second of two looks: with cards and summaries in the caches, as on a node that has run for a while.
fn compare(few: &[Taken], many: &[Taken]) {
    assert_eq!(few.len(), many.len());
    for ((what, small, short), (_, large, long)) in few.iter().zip(many) {
        assert!(*short > 0 && long > short, "{what}: {short} and {long} are in the lists");
        assert_eq!(small, large, "{what}: as many statements for {long} as for {short}");
        assert!((1..30).contains(small), "{what}: {small} statements");
    }
}

on_both! {
    async fn pages_of_many_messages_take_as_many_statements_as_those_of_few(world: World) {
        let [few, many] = world.people(["few", "many"]).await;
        let small = world.people(["olga", "otto", "ozan"]).await;
        let names: [String; 15] = std::array::from_fn(|number| format!("other{number}"));
        let large = world.people(names.each_ref().map(String::as_str)).await;
        let small = talk(&world, &few, &small, 3).await;
        let large = talk(&world, &many, &large, 16).await;
        const { assert!(MOST_FOLLOWED > 16) };
        index(&world).await;
        let counted = Counted::new(&world).await;
        in_chat(&world, &counted, &small).await;
        in_chat(&world, &counted, &large).await;
        compare(&in_chat(&world, &counted, &small).await, &in_chat(&world, &counted, &large).await);
    }
}
