//! State before + events = state fetched after, and what is found is what is there: for random commands of several users
//! whose sockets drop and resume.

use clowder_tests::{Database, Socket, User, World};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use super::{
    finding::what_is_shown_is_found,
    replica::Replica,
    steps::{PEOPLE, Step, step, take},
};

/// A user with a replica that is fed by events alone.
pub struct Listener {
    pub user: User,
    pub socket: Option<Socket>,
    cursor: String,
    replica: Replica,
}

impl Listener {
    async fn new(user: User) -> Self {
        let mut socket = user.knock(None).await;
        let cursor = socket.hello().await["cursor"].as_str().unwrap().to_owned();
        let replica = Replica::fetch(&user).await;
        Self { user, socket: Some(socket), cursor, replica }
    }

    fn hear(&mut self, frame: &Value) {
        if let Some(cursor) = frame["cursor"].as_str() {
            self.replica.apply(frame);
            self.cursor = cursor.to_owned();
        }
    }

    /// The socket drops without a close frame. Received but unprocessed frames are lost with it.
    pub fn drop(&mut self) {
        self.socket = None;
    }

    pub async fn resume(&mut self) {
        if self.socket.is_some() {
            return;
        }
        let mut socket = self.user.knock(Some(&self.cursor)).await;
        assert_eq!(socket.hello().await["resumed"], true);
        let mut count = 0;
        loop {
            let frame = socket.frame().await;
            if frame["type"] == "resumed" {
                assert_eq!(frame["data"]["count"], count);
                break;
            }
            count += 1;
            self.hear(&frame);
        }
        self.socket = Some(socket);
    }

    /// Listens until the last message of everybody has arrived, and the end of chats that the user left.
    async fn listen_until(&mut self, last_words: &[Value], after: &Replica) {
        let mut awaited: Vec<_> = last_words.iter().filter(|words| self.replica_lacks(words)).cloned().collect();
        while !awaited.is_empty() || self.replica.chats.keys().any(|chat| !after.chats.contains_key(chat)) {
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
    let mut people = Vec::new();
    for name in names {
        people.push(Listener::new(world.user(name).await).await);
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
        let mut after = Replica::fetch(&person.user).await;
        let own = last_words.iter().filter(|(chat, _)| after.chats.contains_key(chat));
        let own: Vec<_> = own.map(|(_, words)| words.clone()).collect();
        person.listen_until(&own, &after).await;
        with_status += after.forget_what_events_cannot_tell(&person.replica);
        assert_eq!(person.replica.chats, after.chats, "what {} heard is not what is there", person.user.name);
        assert_eq!(person.replica.saved(), after.saved(), "what {} has saved", person.user.name);
        what_is_shown_is_found(&person.user).await;
    }
    with_status
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
