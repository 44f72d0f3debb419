//! What ends access, cell by cell: the table of docs/security.md, tested on the real server, and on a second node.

use clowder_tests::{
    Answer, Auth, Client, Database, Heard, Mailbox, SECOND, Server, Socket, User, World, authenticator::Authenticator,
    client::form, on_both, until, within, world::PASSWORD,
};
use serde_json::{Value, json};

on_both!(shared with [("JOB_CONCURRENCY", "1")];
    what_ends_access, a_role_that_is_lowered, empty_credentials, verifying_asks_for_the_standing,
    a_second_factor_is_removed_by_hand, the_last_moments_of_time,
);

const NEW: &str = "staple battery horse";

/// Event; then of another session and of this one: access tokens, refresh tokens, tickets, sockets; then export links,
/// addresses of files, API keys, and the second factor. `+` continues, `-` has ended.
const TABLE: &[(&str, &str)] = &[
    ("logout", "+- +- +- +- + + + +"),
    ("logout-all", "-- -- -- -- - - + +"),
    ("logout-all with end_keys", "-- -- -- -- - - - +"),
    ("other sessions ended", "-+ -+ -+ -+ - - + +"),
    ("password change", "-+ -+ -+ -+ - - + +"),
    ("password change with end_keys", "-+ -+ -+ -+ - - - +"),
    ("one session ended", "-+ -+ -+ -+ + + + +"),
    ("reset by link", "-- -- -- -- - - - +"),
    ("reset by mail", "-- -- -- -- - - - +"),
    ("reset by mail, first proof", "-- -- -- -- - - - -"),
    ("erasure request", "-- -- -- -- - - - +"),
    ("suspension", "-- ++ -- -- - - - +"),
    ("signed out by staff", "-- -- -- -- - - + +"),
    ("signed out by staff with end_keys", "-- -- -- -- - - - +"),
];

/// A user with every kind of access.
struct Holder {
    this: User,
    other: User,
    tickets: [String; 2],
    link: String,
    file: String,
    key: String,
    _phone: Authenticator,
}

fn mailbox(world: &World) -> Mailbox {
    Mailbox::new(world.database.folder.path().join("mail"))
}

async fn ticket(user: &User) -> String {
    let made = user.post("/api/ws/ticket", json!({})).await.expect(201);
    made["ticket"].as_str().unwrap().to_owned()
}

/// An address of a file that needs no token.
async fn address(user: &User) -> String {
    let content = json!({"file": format!("a file of {}", user.name)});
    let file = Answer::to(form(user.request("POST", "/api/files/upload"), &content)).await.expect(201);
    let made = user.post(&format!("/api/files/{}/url", file["id"].as_str().unwrap()), json!({})).await.expect(200);
    let url = made["url"].as_str().unwrap();
    url[url.find("/api/").unwrap()..].to_owned()
}

async fn holder(world: &World, name: &str) -> Holder {
    let this = world.user(name).await;
    let other = world.login(name).await;
    let key = this.post("/api/api-keys", json!({"name": "bot", "scopes": ["chats:read"]})).await.expect(201);
    let copy = this.post("/api/users/me/export", json!({})).await.expect(202);
    let path = format!("/api/users/me/exports/{}", copy["id"].as_str().unwrap());
    until("the copy is never ready", async || this.get(&path).await.body["status"] == "ready").await;
    let link = this.get(&path).await.expect(200)["url"].as_str().unwrap().to_owned();
    let file = address(&this).await;
    let made = this.post("/api/auth/2fa/setup", json!({})).await.expect(200);
    let mut phone = Authenticator::new(made["secret"].as_str().unwrap());
    this.post("/api/auth/2fa/enable", json!({"otp": phone.code()})).await.expect(200);
    let tickets = [ticket(&other).await, ticket(&this).await];
    Holder { this, other, tickets, link, file, key: key["key"].as_str().unwrap().to_owned(), _phone: phone }
}

/// Causes the event; returns the password from then on.
async fn happens(world: &World, root: &User, event: &str, holder: &Holder) -> &'static str {
    let (this, id) = (&holder.this, &holder.this.id);
    let end_keys = json!({"end_keys": event.ends_with("with end_keys")});
    let path = |what: &str| format!("/api/admin/users/{id}/{what}");
    let answer: Answer = match event.split(" with ").next().unwrap() {
        "logout" => this.post("/api/auth/logout", json!({})).await,
        "logout-all" if end_keys["end_keys"] == false => Answer::to(this.request("POST", "/api/auth/logout-all")).await,
        "logout-all" => this.post("/api/auth/logout-all", end_keys).await,
        "one session ended" => {
            let sessions = this.get("/api/auth/sessions").await.expect(200);
            let other = sessions["items"].as_array().unwrap().iter().find(|session| session["current"] == false);
            this.delete(&format!("/api/auth/sessions/{}", other.unwrap()["id"].as_str().unwrap())).await
        }
        "reset by link" => {
            let said = world.command(&["admin", "reset-link", &this.name], &[]);
            let (_, token) = said.text.split_once("#reset=").expect("a link");
            let reset = json!({"token": token.split_whitespace().next().unwrap(), "new_password": NEW});
            world.nobody().post("/api/auth/password/reset", reset).await
        }
        "other sessions ended" => this.delete("/api/auth/sessions").await,
        "password change" => {
            let change = json!({"current_password": PASSWORD, "new_password": NEW, "end_keys": end_keys["end_keys"]});
            this.post("/api/auth/password/change", change).await
        }
        "reset by mail" | "reset by mail, first proof" => {
            let (mail, address) = (mailbox(world), format!("{}@example.org", this.name));
            let email = mail.next(&address).await;
            if event == "reset by mail" {
                let proof = json!({"token": email.token("verify")});
                world.nobody().post("/api/auth/verify-email", proof).await.expect(204);
            }
            world.nobody().post("/api/auth/password/forgot", json!({"email": address})).await.expect(204);
            let token = loop {
                let email = mail.next(&address).await;
                if email.subject == "Choose a new password" {
                    break email.token("reset");
                }
            };
            let reset = json!({"token": token, "new_password": NEW});
            world.nobody().post("/api/auth/password/reset", reset).await
        }
        "erasure request" => {
            let erase = this.request("DELETE", "/api/users/me").json(&json!({"password": PASSWORD}));
            Answer::to(erase).await
        }
        "suspension" => root.put(&path("suspension"), json!({"reason": "spam"})).await,
        "signed out by staff" => root.post(&path("sessions/end"), end_keys).await,
        other => panic!("{other}"),
    };
    assert!((200..300).contains(&answer.status), "{event}: {}", answer.text);
    if event.contains("password") || event.contains("reset") { NEW } else { PASSWORD }
}

fn sign(goes_on: bool) -> char {
    if goes_on { '+' } else { '-' }
}

async fn opens(address: &str, ticket: &str) -> bool {
    match Socket::open(address, Auth::Ticket(ticket), None).await {
        Ok(mut socket) => matches!(socket.next().await, Heard::Frame(frame) if frame["type"] == "hello"),
        Err(_) => false,
    }
}

/// The row of the table as observed on a node.
async fn line(
    world: &World,
    node: &str,
    holder: &Holder,
    sockets: &mut [Socket; 2],
    wanted: &str,
    password: &str,
) -> String {
    let client = world.nobody().at(node);
    let both = [&holder.other, &holder.this];
    let mut line = String::new();
    for user in both {
        line.push(sign(client.with(user.token()).get("/api/chats").await.status == 200));
    }
    line.push(' ');
    let refresh = async |user: &User| {
        let pair = client.post("/api/auth/refresh", json!({"refresh": user.refresh})).await;
        sign(pair.status == 200)
    };
    line.extend([refresh(both[0]).await, refresh(both[1]).await]);
    line.push(' ');
    for ticket in &holder.tickets {
        line.push(sign(opens(node, ticket).await));
    }
    line.push(' ');
    for (socket, wanted) in sockets.iter_mut().zip(wanted.split(' ').nth(3).unwrap().chars()) {
        let goes_on = match wanted {
            '-' => socket.closed().await != 4003,
            _ => socket.command("ping", json!({})).await.is_ok(),
        };
        line.push(sign(goes_on));
    }
    let fetched = client.get(&holder.link).await;
    assert!(matches!(fetched.status, 200 | 403 | 410), "{}", fetched.status);
    let file = client.get(&holder.file).await;
    assert!(matches!(file.status, 200 | 403 | 404), "{}", file.status);
    let by_key = client.with_key(&holder.key).get("/api/chats").await;
    let login = json!({"username": holder.this.name, "password": password});
    let login = client.post("/api/auth/login", login).await;
    assert!(login.status == 200 || login.body["code"] == "otp.required", "{}", login.text);
    for goes_on in [fetched.status == 200, file.status == 200, by_key.status == 200, login.status == 401] {
        line.push(' ');
        line.push(sign(goes_on));
    }
    line
}

async fn what_ends_access(world: World) {
    let root = world.staff("rita", "admin").await;
    for (number, (event, wanted)) in TABLE.iter().enumerate() {
        let holder = holder(&world, &format!("holder{number}")).await;
        let mut sockets = [holder.other.socket().await, holder.this.socket().await];
        let password = happens(&world, &root, event, &holder).await;
        assert_eq!(
            line(&world, &world.server.address, &holder, &mut sockets, wanted, password).await,
            *wanted,
            "{event}"
        );
        if *event == "suspension" {
            root.delete(&format!("/api/admin/users/{}/suspension", holder.this.id)).await.expect(204);
            for user in [&holder.other, &holder.this] {
                user.get("/api/chats").await.expect(200);
            }
            for link in [&holder.link, &holder.file] {
                assert_eq!(world.nobody().get(link).await.status, 200, "it comes back when lifted");
            }
            world.nobody().with_key(&holder.key).get("/api/chats").await.expect(200);
        }
        if event.starts_with("password change") {
            let mail = mailbox(&world);
            let told = loop {
                let email = mail.next(&format!("{}@example.org", holder.this.name)).await;
                if email.subject == "Your password has been changed" {
                    break email.text;
                }
            };
            let keys = if event.ends_with("end_keys") {
                "Your API key has been revoked."
            } else {
                "One API key still has access"
            };
            assert!(told.contains(keys), "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn within_a_second_on_another_node() {
    let world = World::with(Database::postgres(), &[("JOB_CONCURRENCY", "1")]).await;
    let root = world.staff("rita", "admin").await;
    let far = Server::start(&world.database, &[("JOB_CONCURRENCY", "0")]).await;
    for (number, (event, wanted)) in TABLE.iter().enumerate() {
        let holder = holder(&world, &format!("holder{number}")).await;
        let open = async |user: &User| {
            let mut socket = Socket::open(&far.address, Auth::Header(user.token()), None).await.ok().unwrap();
            socket.hello().await;
            socket
        };
        let mut sockets = [open(&holder.other).await, open(&holder.this).await];
        let password = happens(&world, &root, event, &holder).await;
        let client = Client::new(&far.address);
        let cells: Vec<char> = wanted.chars().collect();
        within(SECOND, event, async || {
            let other = client.with(holder.other.token()).get("/api/chats").await.status == 200;
            let this = client.with(holder.this.token()).get("/api/chats").await.status == 200;
            let key = client.with_key(&holder.key).get("/api/chats").await.status == 200;
            [sign(other), sign(this), sign(key)] == [cells[0], cells[1], cells[cells.len() - 3]]
        })
        .await;
        assert_eq!(line(&world, &far.address, &holder, &mut sockets, wanted, password).await, *wanted, "{event}");
    }
}

async fn a_role_that_is_lowered(world: World) {
    let (root, mo) = (world.staff("rita", "admin").await, world.staff("mo_1", "moderator").await);
    let key = mo.post("/api/api-keys", json!({"name": "bot", "scopes": ["admin:read"]})).await.expect(201);
    let program = world.nobody().with_key(key["key"].as_str().unwrap());
    let copy = mo.post("/api/users/me/export", json!({})).await.expect(202);
    let path = format!("/api/users/me/exports/{}", copy["id"].as_str().unwrap());
    until("the copy is never ready", async || mo.get(&path).await.body["status"] == "ready").await;
    let link = mo.get(&path).await.expect(200)["url"].as_str().unwrap().to_owned();
    let file = address(&mo).await;
    let (mut socket, ticket) = (mo.socket().await, ticket(&mo).await);
    let role = format!("/api/admin/users/{}/role", mo.id);
    for (given, status) in [("user", 403), ("moderator", 200)] {
        for caller in [&*mo, &program] {
            assert_ne!(caller.get("/api/admin/users").await.status, status, "before");
        }
        root.put(&role, json!({"role": given})).await.expect(200);
        for caller in [&*mo, &program] {
            assert_eq!(caller.get("/api/admin/users").await.status, status, "{given}");
        }
        mo.get("/api/chats").await.expect(200);
        for link in [&link, &file] {
            assert_eq!(world.nobody().get(link).await.status, 200, "{given}");
        }
        socket.command("ping", json!({})).await.unwrap();
    }
    assert!(opens(&world.server.address, &ticket).await);
}

async fn empty_credentials(world: World) {
    let nobody = world.nobody();
    let with =
        async |name: &str, value: &str| Answer::to(nobody.request("GET", "/api/auth/me").header(name, value)).await;
    nobody.get("/api/auth/me").await.refused(401, "token.missing");
    for value in ["Bearer", "Bearer ", "bearer  "] {
        with("authorization", value).await.refused(401, "token.invalid");
    }
    with("x-api-key", "").await.refused(401, "api_key.invalid");
    // An unauthenticated socket that sent something empty cannot authenticate any more.
    for auth in [Auth::Header(""), Auth::Key(""), Auth::Ticket(""), Auth::Subprotocol("")] {
        let refused = match world.open(auth, None).await {
            Ok(mut socket) => socket.closed().await == 4001,
            Err((status, _)) => status == 401,
        };
        assert!(refused);
    }
    let export = format!("/api/exports/{}/download?token=", world.user("ada").await.id);
    nobody.get(&export).await.refused(404, "export.unknown");
}

async fn verifying_asks_for_the_standing(world: World) {
    let (root, ada) = (world.staff("rita", "admin").await, world.user("ada").await);
    let verify = async || world.nobody().post("/api/token/verify", json!({"token": ada.token()})).await;
    verify().await.expect(200);
    let path = format!("/api/admin/users/{}/suspension", ada.id);
    root.put(&path, json!({"reason": "spam"})).await.expect(200);
    verify().await.refused(401, "token.suspended");
    root.delete(&path).await.expect(204);
    verify().await.expect(200);
    root.delete(&format!("/api/admin/users/{}", ada.id)).await.expect(202);
    verify().await.refused(401, "session.ended");
}

async fn a_second_factor_is_removed_by_hand(world: World) {
    let root = world.staff("rita", "admin").await;
    let ada = holder(&world, "ada").await.this;
    let login = json!({"username": ada.name, "password": PASSWORD});
    world.nobody().post("/api/auth/login", login.clone()).await.refused(401, "otp.required");
    let said = world.command(&["admin", "remove-second-factor", &ada.name], &[]);
    let told = format!("removed the second factor of: {}", ada.name);
    assert!(said.well && said.text.contains(&told), "{}", said.text);
    world.nobody().post("/api/auth/login", login).await.expect(200);
    world.until(&ada, |me| me["two_factor"] == false).await;
    let again = world.command(&["admin", "remove-second-factor", &ada.name], &[]);
    assert!(!again.well && again.text.contains("two_factor.off"), "{}", again.text);
    let about_her = format!("/api/admin/audit?action=two_factor.removed&target=user:{}", ada.id);
    let audit = root.get(&about_her).await.expect(200);
    let entries: &Vec<Value> = audit["items"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[0]["target"]["id"]), (1, &json!(ada.id)), "{audit}");
    let mail = mailbox(&world);
    while mail.next(&world.email("ada")).await.subject != "Your second factor has been removed" {}
}

/// What people write who mean "never".
async fn the_last_moments_of_time(world: World) {
    let (root, ada) = (world.staff("rita", "admin").await, world.user("ada").await);
    let never = "9999-12-31T23:59:59Z";
    let shown = "9999-12-31T23:59:59.000Z";
    let key = json!({"name": "bot", "scopes": ["chats:read", "realtime:connect"], "expires_at": never});
    let key = ada.post("/api/api-keys", key).await.expect(201);
    assert_eq!(key["expires_at"], shown);
    world.nobody().with_key(key["key"].as_str().unwrap()).get("/api/chats").await.expect(200);
    let mut socket =
        Socket::open(&world.server.address, Auth::Key(key["key"].as_str().unwrap()), None).await.ok().unwrap();
    socket.hello().await;
    assert_eq!(ada.get("/api/api-keys").await.expect(200)["items"][0]["expires_at"], shown);
    assert_eq!(root.post("/api/admin/invites", json!({"expires_at": never})).await.expect(201)["expires_at"], shown);
    let suspension = root
        .put(&format!("/api/admin/users/{}/suspension", ada.id), json!({"reason": "spam", "until": never}))
        .await
        .expect(200);
    assert_eq!(suspension["suspension"]["until"], shown);
    ada.get("/api/chats").await.refused(403, "account.suspended");
    let audit = async |from: &str, to: &str| {
        let found = root.get(&format!("/api/admin/audit?from={from}&to={to}")).await.expect(200);
        found["items"].as_array().unwrap().len()
    };
    assert!(audit("0001-01-01T00:00:00Z", never).await > 3);
    assert_eq!(audit(never, never).await, 0);
    for beyond in ["9999-12-31T23:59:59-01:00", "+010000-01-01T00:00:00Z", "0000-12-31T23:59:59Z"] {
        let wrong = json!({"name": "bot", "scopes": ["chats:read"], "expires_at": beyond});
        assert_eq!(root.post("/api/api-keys", wrong).await.wrong_fields(), ["/expires_at"], "{beyond}");
    }
    for zone in ["localtime", "posixrules", "Factory"] {
        let wrong = root.patch("/api/users/me/settings", json!({"time_zone": zone})).await;
        assert_eq!(wrong.wrong_fields(), ["/time_zone"], "{zone}");
    }
}
