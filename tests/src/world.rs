//! A server with users.

use std::ops::Deref;

use serde_json::{Value, json};

use crate::{Auth, Client, Database, Server, Socket};

pub const PASSWORD: &str = "correct horse battery";

pub struct World {
    pub server: Server,
    pub database: Database,
    nobody: Client,
    /// The suffix of all names of this world. Worlds that share a server have no name in common.
    ending: String,
}

impl World {
    pub async fn new(database: Database) -> Self {
        Self::with(database, &[]).await
    }

    /// With its own settings.
    pub async fn with(database: Database, settings: &[(&str, &str)]) -> Self {
        database.prepare();
        let server = Server::start(&database, settings).await;
        Self::around(server, database)
    }

    /// The same with a server whose clock is wrong, so that it may never be ready.
    pub async fn with_wrong_clock(database: Database, settings: &[(&str, &str)]) -> Self {
        let server = Server::start_with_wrong_clock(&database, settings).await;
        Self::around(server, database)
    }

    fn around(server: Server, database: Database) -> Self {
        let nobody = Client::new(&server.address);
        Self { server, database, nobody, ending: String::new() }
    }

    /// On the SQLite server of the suite with these settings, which other tests use at the same time.
    pub async fn shared_on_sqlite(settings: &[(&str, &str)]) -> Self {
        Self::shared(true, settings).await
    }

    /// On the PostgreSQL server of the suite with these settings, which other tests use at the same time.
    pub async fn shared_on_postgres(settings: &[(&str, &str)]) -> Self {
        Self::shared(false, settings).await
    }

    async fn shared(embedded: bool, settings: &[(&str, &str)]) -> Self {
        let (server, database) = crate::shared::server(embedded, settings).await;
        let unique = crate::unique();
        let [.., a, b, c] = u64::from_str_radix(&unique, 16).unwrap().to_be_bytes();
        let mut world = Self { ending: format!("-{}", &unique[..10]), ..Self::around(server, database) };
        world.nobody = world.nobody.from_place(&format!("10.{a}.{b}.{c}"));
        world
    }

    /// The email address of somebody in this world.
    pub fn email(&self, name: &str) -> String {
        format!("{}@example.org", self.name(name))
    }

    /// The username of somebody in this world.
    pub fn name(&self, name: &str) -> String {
        let bare = name.strip_suffix(&self.ending).unwrap_or(name);
        format!("{bare}{}", self.ending)
    }

    /// The same database under another server, after the first was stopped in the way `end` says.
    pub async fn restart(self, end: impl AsyncFnOnce(Server)) -> Self {
        end(self.server).await;
        Self::new(self.database).await
    }

    /// The same, when something is done to the database in between.
    pub async fn restart_with(self, end: impl AsyncFnOnce(Server, &Database)) -> Self {
        end(self.server, &self.database).await;
        Self::new(self.database).await
    }

    /// Opens a socket as a client of this world. A refused handshake returns its status and problem.
    pub async fn open(&self, auth: Auth<'_>, cursor: Option<&str>) -> Result<Socket, (u16, Value)> {
        Socket::open_from(self.nobody.place(), &self.server.address, auth, cursor).await
    }

    /// Somebody without a token.
    pub fn nobody(&self) -> &Client {
        &self.nobody
    }

    /// Registers somebody.
    pub async fn user(&self, name: &str) -> User {
        let name = &*self.name(name);
        let new = json!({"username": name, "email": self.email(name), "password": PASSWORD});
        self.signed_in(name, self.nobody.post("/api/auth/register", new).await.expect(201))
    }

    /// Signs in once more: a second device.
    pub async fn login(&self, name: &str) -> User {
        let name = &*self.name(name);
        let login = json!({"username": name, "password": PASSWORD});
        self.signed_in(name, self.nobody.post("/api/auth/login", login).await.expect(200))
    }

    /// A user with a role, which only the command line can give to the first one.
    pub async fn staff(&self, name: &str, role: &str) -> User {
        let user = self.user(name).await;
        let said = self.command(&["admin", "set-role", &user.name, role], &[]);
        assert!(said.well, "{}", said.text);
        self.until(&user, |me| me["role"] == role).await;
        user
    }

    /// Waits until the server has applied what another process did to somebody's account.
    pub async fn until(&self, user: &User, holds: impl Fn(&Value) -> bool) {
        crate::until("the server learns of it", async || holds(&user.get("/api/auth/me").await.body)).await;
    }

    fn signed_in(&self, name: &str, answer: Value) -> User {
        let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        User {
            id: text("/user/id"),
            name: name.to_owned(),
            refresh: text("/refresh"),
            client: self.nobody.with(text("/access")),
            address: self.server.address.clone(),
        }
    }
}

/// A user with an account and one session; calls the API as themselves.
#[derive(Clone)]
pub struct User {
    pub id: String,
    pub name: String,
    pub refresh: String,
    client: Client,
    address: String,
}

impl Deref for User {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl User {
    pub fn token(&self) -> &str {
        self.client.access.as_deref().unwrap()
    }

    /// The id of the one private chat with somebody.
    pub async fn private_chat(&self, with: &User) -> String {
        let answer = self.post("/api/chats", json!({"type": "private", "participant_ids": [with.id]})).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// The id of a new group with these people.
    pub async fn group(&self, title: &str, with: &[&User]) -> String {
        let ids: Vec<_> = with.iter().map(|user| &user.id).collect();
        let new = json!({"type": "group", "title": title, "participant_ids": ids});
        self.post("/api/chats", new).await.expect(201)["id"].as_str().unwrap().to_owned()
    }

    /// Sends a message and returns it.
    pub async fn says(&self, chat: &str, content: &str) -> Value {
        self.post(&format!("/api/chats/{chat}/messages"), json!({"content": content})).await.expect(201)
    }

    /// Sends a poll.
    pub async fn asks(&self, chat: &str, poll: Value) -> Value {
        let new = json!({"content": "What shall we eat?", "type": "poll", "poll": poll});
        self.post(&format!("/api/chats/{chat}/messages"), new).await.expect(201)
    }

    /// A chat as this user sees it.
    pub async fn chat(&self, chat: &str) -> Value {
        self.get(&format!("/api/chats/{chat}")).await.expect(200)
    }

    /// Every message of a chat, oldest first.
    pub async fn messages(&self, chat: &str) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let after = all.last().map_or(0, |message: &Value| message["seq"].as_i64().unwrap());
            let page = self.get(&format!("/api/chats/{chat}/messages?after={after}&limit=200")).await.expect(200);
            match page["items"].as_array().unwrap().as_slice() {
                [] => return all,
                items => all.extend_from_slice(items),
            }
        }
    }

    /// The same session at another server of the same database.
    pub fn at(&self, server: &Server) -> Self {
        Self { client: self.client.at(&server.address), address: server.address.clone(), ..self.clone() }
    }

    /// An open socket that has been greeted.
    pub async fn socket(&self) -> Socket {
        let mut socket = self.knock(None).await;
        socket.hello().await;
        socket
    }

    /// A socket that resumes from a cursor; `hello` is the next frame.
    pub async fn knock(&self, cursor: Option<&str>) -> Socket {
        Socket::open_from(self.client.place(), &self.address, Auth::Header(self.token()), cursor).await.unwrap()
    }
}

/// One field of each, in order.
pub fn each<'a>(things: impl IntoIterator<Item = &'a Value>, field: &str) -> Vec<Value> {
    things.into_iter().map(|thing| thing[field].clone()).collect()
}
