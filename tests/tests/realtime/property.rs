//! State before + events = state fetched after, and what is found is what is there: for random commands of several users
//! whose sockets drop and resume.

mod moderation;

use clowder_tests::{Database, Socket, User, World, domains::messaging::new_year_after};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use self::moderation::{Moderation, moderate, moderation};
use super::{finding::what_is_shown_is_found, replica::Replica};

const PEOPLE: usize = 3;

/// One random action. The numbers are reduced to what exists when it runs.
#[derive(Debug, Clone)]
enum Step {
    Make { who: usize, channel: bool, since_join: bool },
    OpenPrivate { who: usize, with: usize },
    Send { who: usize, chat: usize, by_socket: bool },
    Answer { who: usize, chat: usize, seq: usize, thread: bool },
    Edit { who: usize, chat: usize, seq: usize },
    Delete { who: usize, chat: usize, seq: usize },
    Remove { who: usize, chat: usize, seq: usize },
    Clear { who: usize, chat: usize },
    Read { who: usize, chat: usize, seq: usize },
    React { who: usize, chat: usize, seq: usize, emoji: usize, on: bool },
    Ask { who: usize, chat: usize },
    Vote { who: usize, chat: usize, seq: usize, option: usize, on: bool },
    Close { who: usize, chat: usize, seq: usize },
    Join { who: usize, chat: usize },
    Leave { who: usize, chat: usize },
    Ban { who: usize, chat: usize },
    Moderate { who: usize, whom: usize, chat: usize, how: Moderation },
    Draft { who: usize, chat: usize, n: usize },
    Prefer { who: usize, chat: usize, what: usize, on: bool },
    FollowThread { who: usize, chat: usize, seq: usize, on: bool },
    Shun { who: usize, whom: usize, how: usize, on: bool },
    SetRole { who: usize, whom: usize, chat: usize, role: usize },
    HandOver { who: usize, to: usize, chat: usize },
    Pin { who: usize, chat: usize, seq: usize, on: bool },
    Forward { who: usize, chat: usize, seq: usize, to: usize },
    Rename { who: usize, chat: usize, n: usize },
    SetLifetime { who: usize, chat: usize, from_read: bool },
    Schedule { who: usize, chat: usize },
    Unreadable { chat: usize, times: usize },
    Drop { who: usize },
    Resume { who: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let (who, chat, seq) = (0..PEOPLE, 0..6_usize, 0..30_usize);
    prop_oneof![
        2 => (who.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(who, channel, since_join)| Step::Make { who, channel, since_join }),
        1 => (who.clone(), who.clone()).prop_map(|(who, with)| Step::OpenPrivate { who, with }),
        8 => (who.clone(), chat.clone(), any::<bool>()).prop_map(|(who, chat, by_socket)| Step::Send { who, chat, by_socket }),
        4 => (who.clone(), chat.clone(), seq.clone(), any::<bool>())
            .prop_map(|(who, chat, seq, thread)| Step::Answer { who, chat, seq, thread }),
        3 => (who.clone(), chat.clone(), seq.clone()).prop_map(|(who, chat, seq)| Step::Edit { who, chat, seq }),
        2 => (who.clone(), chat.clone(), seq.clone()).prop_map(|(who, chat, seq)| Step::Delete { who, chat, seq }),
        3 => (who.clone(), chat.clone(), seq.clone()).prop_map(|(who, chat, seq)| Step::Remove { who, chat, seq }),
        1 => (who.clone(), chat.clone()).prop_map(|(who, chat)| Step::Clear { who, chat }),
        3 => (who.clone(), chat.clone(), seq.clone()).prop_map(|(who, chat, seq)| Step::Read { who, chat, seq }),
        4 => (who.clone(), chat.clone(), seq.clone(), 0..3_usize, any::<bool>())
            .prop_map(|(who, chat, seq, emoji, on)| Step::React { who, chat, seq, emoji, on }),
        2 => (who.clone(), chat.clone()).prop_map(|(who, chat)| Step::Ask { who, chat }),
        6 => (who.clone(), chat.clone(), 0..4_usize, 0..3_usize, any::<bool>())
            .prop_map(|(who, chat, seq, option, on)| Step::Vote { who, chat, seq, option, on }),
        1 => (who.clone(), chat.clone(), 0..4_usize).prop_map(|(who, chat, seq)| Step::Close { who, chat, seq }),
        2 => (who.clone(), chat.clone()).prop_map(|(who, chat)| Step::Join { who, chat }),
        2 => (who.clone(), chat.clone()).prop_map(|(who, chat)| Step::Leave { who, chat }),
        1 => (who.clone(), chat.clone()).prop_map(|(who, chat)| Step::Ban { who, chat }),
        3 => (who.clone(), who.clone(), chat.clone(), moderation())
            .prop_map(|(who, whom, chat, how)| Step::Moderate { who, whom, chat, how }),
        3 => (who.clone(), chat.clone(), 0..3_usize).prop_map(|(who, chat, n)| Step::Draft { who, chat, n }),
        2 => (who.clone(), chat.clone(), 0..4_usize, any::<bool>())
            .prop_map(|(who, chat, what, on)| Step::Prefer { who, chat, what, on }),
        1 => (who.clone(), chat.clone(), seq.clone(), any::<bool>())
            .prop_map(|(who, chat, seq, on)| Step::FollowThread { who, chat, seq, on }),
        1 => (who.clone(), who.clone(), 0..2_usize, any::<bool>())
            .prop_map(|(who, whom, how, on)| Step::Shun { who, whom, how, on }),
        3 => (who.clone(), who.clone(), chat.clone(), 0..3_usize)
            .prop_map(|(who, whom, chat, role)| Step::SetRole { who, whom, chat, role }),
        1 => (who.clone(), who.clone(), chat.clone()).prop_map(|(who, to, chat)| Step::HandOver { who, to, chat }),
        4 => (who.clone(), chat.clone(), 0..6_usize, any::<bool>())
            .prop_map(|(who, chat, seq, on)| Step::Pin { who, chat, seq, on }),
        2 => (who.clone(), chat.clone(), seq.clone(), chat.clone())
            .prop_map(|(who, chat, seq, to)| Step::Forward { who, chat, seq, to }),
        1 => (who.clone(), chat.clone(), seq).prop_map(|(who, chat, n)| Step::Rename { who, chat, n }),
        1 => (who.clone(), chat.clone(), any::<bool>()).prop_map(|(who, chat, from_read)| Step::SetLifetime { who, chat, from_read }),
        1 => (who.clone(), chat.clone()).prop_map(|(who, chat)| Step::Schedule { who, chat }),
        1 => (chat, 1..300_usize).prop_map(|(chat, times)| Step::Unreadable { chat, times }),
        2 => who.clone().prop_map(|who| Step::Drop { who }),
        2 => who.prop_map(|who| Step::Resume { who }),
    ]
}

/// A user with a replica that is fed by events alone.
struct Listener {
    user: User,
    socket: Option<Socket>,
    cursor: String,
    replica: Replica,
}

impl Listener {
    async fn new(user: User, somebody_blocks: bool) -> Self {
        let mut socket = user.knock(None).await;
        let cursor = socket.hello().await["cursor"].as_str().unwrap().to_owned();
        let replica = Replica::fetch(&user, somebody_blocks).await;
        Self { user, socket: Some(socket), cursor, replica }
    }

    fn hear(&mut self, frame: &Value) {
        if let Some(cursor) = frame["cursor"].as_str() {
            self.replica.apply(frame);
            self.cursor = cursor.to_owned();
        }
    }

    /// The socket drops without a close frame. Received but unprocessed frames are lost with it.
    fn drop(&mut self) {
        self.socket = None;
    }

    async fn resume(&mut self) {
        if self.socket.is_some() {
            return;
        }
        let mut socket = self.user.knock(Some(&self.cursor)).await;
        assert_eq!(socket.hello().await["resumed"], true);
        let mut count = 0;
        loop {
            let frame = socket.any_frame().await;
            if frame["type"] == "resumed" {
                assert_eq!(frame["data"]["count"], count);
                break;
            }
            count += usize::from(frame["cursor"].is_string());
            self.hear(&frame);
        }
        self.socket = Some(socket);
    }

    /// Listens until the last message of everybody has arrived, what the user has last written for themselves in each chat, and
    /// the end of chats that they left.
    async fn listen_until(&mut self, last_words: &[Value], after: &Replica) {
        let mut awaited: Vec<_> = last_words.iter().filter(|words| self.replica_lacks(words)).cloned().collect();
        while !awaited.is_empty()
            || !self.replica.knows_choices_of(after)
            || self.replica.chats.keys().any(|chat| !after.chats.contains_key(chat))
        {
            let frame = self.socket.as_mut().unwrap().frame().await;
            self.hear(&frame);
            awaited.retain(|words| words["id"] != frame["data"]["id"]);
        }
    }

    fn replica_lacks(&self, message: &Value) -> bool {
        !format!("{:?}", self.replica).contains(message["id"].as_str().unwrap())
    }
}

/// Returns how many messages were compared by status.
async fn play(world: &World, names: &[String; PEOPLE], steps: &[Step]) -> usize {
    let somebody_blocks = steps.iter().any(|step| matches!(step, Step::Shun { how: 0, on: true, .. }));
    let mut people = Vec::new();
    for name in names {
        people.push(Listener::new(world.user(name).await, somebody_blocks).await);
    }
    // The participants of each chat; the first chat has all users.
    let others: Vec<_> = people[1..].iter().map(|person| &person.user).collect();
    let mut chats = vec![people[0].user.group("First", &others).await];
    for step in steps {
        take(world, &mut people, &mut chats, step).await;
    }
    // A last message in each chat follows all others.
    let mut last_words = Vec::new();
    for (i, chat) in chats.iter().enumerate() {
        for person in &people {
            let new = json!({"content": format!("last words {i}")});
            let answer = person.user.post(&format!("/api/chats/{chat}/messages"), new).await;
            if answer.status == 201 {
                last_words.push((chat.clone(), answer.body));
                break;
            }
        }
    }
    let mut with_status = 0;
    for person in &mut people {
        person.resume().await;
        // In chats where nobody may write any more, what they write for themselves follows all else.
        for chat in &chats {
            person.user.put(&format!("/api/chats/{chat}/draft"), json!({"content": "last"})).await;
        }
        let mut after = Replica::fetch(&person.user, somebody_blocks).await;
        let own = last_words.iter().filter(|(chat, _)| after.chats.contains_key(chat));
        let own: Vec<_> = own.map(|(_, words)| words.clone()).collect();
        person.listen_until(&own, &after).await;
        with_status += after.forget_what_events_cannot_tell(&person.replica);
        if somebody_blocks {
            [&mut after, &mut person.replica].into_iter().for_each(Replica::forget_reactions);
        }
        assert_eq!(person.replica.chats, after.chats, "what {} heard is not what is there", person.user.name);
        what_is_shown_is_found(&person.user).await;
    }
    with_status
}

/// Refusals are expected: a user who is not in a chat, or did not write the message, continues. Texts are shorter than those
/// that debug builds look for after a deletion: what this test itself writes into the journal keeps them.
async fn take(world: &World, people: &mut [Listener], chats: &mut Vec<String>, step: &Step) {
    let chat = |index: usize| chats[index % chats.len()].clone();
    match *step {
        Step::Make { who, channel, since_join } => {
            let others: Vec<_> =
                (0..PEOPLE).filter(|other| *other != who).map(|other| &people[other].user.id).collect();
            let history = if since_join { "since_join" } else { "all" };
            let kind = if channel { "channel" } else { "group" };
            let new = json!({"type": kind, "title": "More", "participant_ids": others, "history": history});
            // Nobody brings together people of whom one has blocked the other.
            let made = people[who].user.post("/api/chats", new).await;
            if made.status == 201 {
                chats.push(made.body["id"].as_str().unwrap().to_owned());
            }
        }
        Step::OpenPrivate { who, with } if who != with => {
            let new = json!({"type": "private", "participant_ids": [people[with].user.id]});
            let made = people[who].user.post("/api/chats", new).await;
            if let Some(made) = made.body["id"].as_str()
                && !chats.iter().any(|chat| chat == made)
            {
                chats.push(made.to_owned());
            }
        }
        Step::OpenPrivate { .. } => {}
        Step::Send { who, chat: index, by_socket } => {
            let mentioned = people[0].user.id.clone();
            let (chat, person) = (chat(index), &mut people[who]);
            match &mut person.socket {
                Some(socket) if by_socket => {
                    let _ = socket.command("message.send", json!({"chat_id": chat, "content": "sock"})).await;
                }
                _ => {
                    person
                        .user
                        .post(
                            &format!("/api/chats/{chat}/messages"),
                            json!({"content": "@all #rest", "mentions": [mentioned]}),
                        )
                        .await;
                }
            }
        }
        Step::Answer { who, chat: index, seq, thread } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                let named = if thread { "thread_of" } else { "reply_to" };
                let new = json!({"content": "re", named: path.trim_start_matches("/api/messages/")});
                people[who].user.post(&format!("/api/chats/{}/messages", chat(index)), new).await;
            }
        }
        Step::Edit { who, chat: index, seq } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                people[who].user.patch(&path, json!({"content": format!("e{seq} #edited"), "mentions": []})).await;
            }
        }
        Step::Delete { who, chat: index, seq } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                people[who].user.delete(&path).await;
            }
        }
        Step::Remove { who, chat: index, seq } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                people[who].user.delete(&format!("{path}?for=me")).await;
            }
        }
        Step::Clear { who, chat: index } => {
            people[who].user.post(&format!("/api/chats/{}/clear", chat(index)), json!({})).await;
        }
        Step::Read { who, chat: index, seq } => {
            people[who].user.post(&format!("/api/chats/{}/read", chat(index)), json!({"seq": seq})).await;
        }
        Step::React { who, chat: index, seq, emoji, on } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                let path = format!("{path}/reactions/{}", ["👍", "🍕", "❤"][emoji]);
                match on {
                    true => people[who].user.put(&path, json!({})).await,
                    false => people[who].user.delete(&path).await,
                };
            }
        }
        Step::Ask { who, chat: index } => {
            let poll = json!({"options": ["a", "b", "c"], "multiple": index % 2 == 0});
            let new = json!({"content": "ask", "type": "poll", "poll": poll});
            people[who].user.post(&format!("/api/chats/{}/messages", chat(index)), new).await;
        }
        Step::Vote { who, chat: index, seq, option, on } => {
            if let Some(path) = poll(&people[who].user, &chat(index), seq).await {
                let path = format!("{path}/poll/votes");
                match on {
                    true => people[who].user.put(&path, json!({"options": [option]})).await,
                    false => people[who].user.delete(&path).await,
                };
            }
        }
        Step::Close { who, chat: index, seq } => {
            if let Some(path) = poll(&people[who].user, &chat(index), seq).await {
                people[who].user.post(&format!("{path}/poll/close"), json!({})).await;
            }
        }
        Step::Join { who, chat: index } => {
            // Whoever is in the chat adds them; in a private chat, nobody can.
            let path = format!("/api/chats/{}", chat(index));
            let (who, mut is_in) = (&people[who].user, false);
            for person in people.iter() {
                let added = person.user.post(&format!("{path}/participants"), json!({"user_ids": [who.id]})).await;
                is_in |= added.status < 300;
            }
            // Whoever has left is not added by strangers, and can be asked.
            if !is_in {
                for person in people.iter() {
                    person.user.post(&format!("{path}/invites"), json!({"user_ids": [who.id]})).await;
                }
                who.put(&format!("/api/chat-invitations/{}", chat(index)), json!({"action": "accept"})).await;
            }
        }
        Step::Leave { who, chat: index } => {
            // The last owner cannot, and makes somebody else the owner.
            let (path, user) = (format!("/api/chats/{}/participants", chat(index)), &people[who].user);
            if user.delete(&format!("{path}/{}", user.id)).await.status == 409 {
                let heir = &people[(who + 1) % PEOPLE].user.id;
                user.put(&format!("{path}/{heir}"), json!({"role": "owner"})).await;
            }
        }
        Step::Ban { who, chat: index } => {
            // Whoever may do so, and at once lifts it, so that the person can come back.
            let (path, new) = (format!("/api/chats/{}/moderation", chat(index)), &people[who].user.id);
            let new = json!({"user_id": new, "reason": "a test"});
            for person in people.iter() {
                person.user.post(&format!("{path}/ban"), new.clone()).await;
                person.user.post(&format!("{path}/unban"), new.clone()).await;
            }
        }
        Step::Moderate { who, whom, chat: index, how } => {
            moderate(&people[who].user, &people[whom].user, &chat(index), how).await
        }
        Step::Draft { who, chat: index, n } => {
            let draft = ["d1", "d2"].get(n);
            people[who].user.put(&format!("/api/chats/{}/draft", chat(index)), json!({"content": draft})).await;
        }
        Step::Prefer { who, chat: index, what, on } => {
            let chosen = match what {
                0 => json!({"archived": on}),
                1 => json!({"pinned": on}),
                2 => json!({"notify": if on { "mentions" } else { "all" }}),
                _ => json!({"title": on.then_some("Own")}),
            };
            people[who].user.put(&format!("/api/chats/{}/preferences", chat(index)), chosen).await;
        }
        Step::FollowThread { who, chat: index, seq, on } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                let path = format!("{path}/thread/follow");
                match on {
                    true => people[who].user.put(&path, json!({})).await,
                    false => people[who].user.delete(&path).await,
                };
            }
        }
        Step::Shun { who, whom, how, on } => {
            let path = format!("/api/users/{}/{}", people[whom].user.id, ["block", "mute"][how]);
            match on {
                true => people[who].user.put(&path, json!({})).await,
                false => people[who].user.delete(&path).await,
            };
        }
        Step::SetRole { who, whom, chat: index, role } => {
            let path = format!("/api/chats/{}/participants/{}", chat(index), people[whom].user.id);
            let role = ["owner", "admin", "member"][role];
            people[who].user.put(&path, json!({"role": role})).await;
        }
        Step::HandOver { who, to, chat: index } => {
            let path = format!("/api/chats/{}/owner", chat(index));
            people[who].user.put(&path, json!({"user_id": people[to].user.id})).await;
        }
        Step::Pin { who, chat: index, seq, on } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                let path = format!("{path}/pin");
                match on {
                    true => people[who].user.put(&path, json!({})).await,
                    false => people[who].user.delete(&path).await,
                };
            }
        }
        Step::Forward { who, chat: index, seq, to } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                people[who].user.post(&format!("{path}/forward"), json!({"chat_ids": [chat(to)]})).await;
            }
        }
        Step::Rename { who, chat: index, n } => {
            let path = format!("/api/chats/{}", chat(index));
            people[who].user.patch(&path, json!({"title": format!("Title {n}")})).await;
        }
        // They stay for longer than any test, but it is told when they go, and if all have read them.
        Step::SetLifetime { who, chat: index, from_read } => {
            let lifetime = json!({"seconds": 86_400, "from": if from_read { "read" } else { "sent" }});
            let path = format!("/api/chats/{}/lifetime", chat(index));
            people[who].user.put(&path, json!({"lifetime": lifetime})).await;
        }
        // What waits is told to its author alone, and changes nothing in the chat.
        Step::Schedule { who, chat: index } => {
            let made = people[who].user.get("/api/auth/me").await.expect(200);
            let new = json!({"content": "later", "send_at": new_year_after(&made)});
            people[who].user.post(&format!("/api/chats/{}/messages", chat(index)), new).await;
        }
        Step::Unreadable { chat: index, times } => {
            world.database.scribe().unreadable(chat(index), times).commit();
        }
        Step::Drop { who } => people[who].drop(),
        Step::Resume { who } => people[who].resume().await,
    }
}

/// The path of one message of a chat, if there is any.
async fn message(user: &User, chat: &str, index: usize) -> Option<String> {
    let page = user.get(&format!("/api/chats/{chat}/messages")).await;
    let items = page.body["items"].as_array()?;
    let message = items.get(index % items.len().max(1))?;
    Some(format!("/api/messages/{}", message["id"].as_str()?))
}

/// The path of one of the polls of a chat, if there is any.
async fn poll(user: &User, chat: &str, index: usize) -> Option<String> {
    let page = user.get(&format!("/api/chats/{chat}/messages")).await;
    let polls: Vec<_> = page.body["items"].as_array()?.iter().filter(|message| message["type"] == "poll").collect();
    let message = polls.get(index % polls.len().max(1))?;
    Some(format!("/api/messages/{}", message["id"].as_str()?))
}

/// One server for all cases, which are separated by new users.
fn check(database: Database, cases: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = runtime.block_on(World::new(database));
    let mut runner =
        TestRunner::new(Config { cases, max_shrink_iters: 200, failure_persistence: None, ..Config::default() });
    let (case, with_status) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let outcome = runner.run(&prop::collection::vec(step(), 1..50), |steps| {
        case.set(case.get() + 1);
        let names = ["ada", "bob", "cem"].map(|name| format!("{name}{}", case.get()));
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            with_status.set(with_status.get() + runtime.block_on(play(&world, &names, &steps)));
        }));
        played.map_err(|_| TestCaseError::fail("see above"))
    });
    let _guard = runtime.enter();
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    assert!(with_status.get() > 0, "the status of no message was compared");
    drop(world);
}

#[test]
fn property_on_sqlite() {
    check(Database::sqlite(), 16);
}

#[test]
fn property_on_postgres() {
    check(Database::postgres(), 12);
}
