//! Somebody registers, signs in, edits their profile, and meets the refusals on the way.

use clowder_tests::{World, on_both, world::PASSWORD};
use serde_json::{Value, json};

on_both!(shared; register, names_are_taken, login, wrong_inputs, profile, one_shape_everywhere, simplejwt_clients);

async fn register(world: World) {
    let (name, email) = (world.name("Ada"), world.email("ada"));
    let new = json!({"username": name, "email": email, "password": PASSWORD, "display_name": "Ada L."});
    let answer = world.nobody().post("/api/auth/register", new).await.expect(201);
    assert_eq!(answer["token_type"].as_str().map(str::to_lowercase).as_deref(), Some("bearer"));
    assert_eq!(answer["expires_in"], 600);
    let user = &answer["user"];
    assert_eq!((&user["username"], &user["display_name"]), (&json!(name), &json!("Ada L.")));
    assert_eq!((&user["email"], &user["email_verified"]), (&json!(email), &json!(false)));
    assert_eq!(user["role"], "user");
    assert!(!answer.to_string().contains(PASSWORD));

    let ada = world.nobody().with(answer["access"].as_str().unwrap());
    for path in ["/api/auth/me", "/api/users/me"] {
        let me = ada.get(path).await;
        assert_eq!(me.header("cache-control"), "no-store");
        assert_eq!(me.expect(200)["id"], user["id"]);
    }
}

async fn names_are_taken(world: World) {
    world.user("ada").await;
    let new = |username: &str, email: &str| json!({"username": username, "email": email, "password": PASSWORD});
    for look_alike in ["ada", "ADA", "Ada"] {
        let new = new(&world.name(look_alike), &world.email("b"));
        world.nobody().post("/api/auth/register", new).await.refused(409, "username.taken");
    }
    let new_address = new(&world.name("bob"), &world.email("ADA"));
    world.nobody().post("/api/auth/register", new_address).await.refused(409, "email.taken");

    // If many compete for one name, exactly one wins.
    let race = (0..8).map(|i| {
        let (nobody, new) = (world.nobody().clone(), new(&world.name("racer"), &world.email(&format!("racer{i}"))));
        async move { nobody.post("/api/auth/register", new).await.status }
    });
    let mut statuses = futures_util::future::join_all(race).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

async fn login(world: World) {
    let ada = world.user("ada").await;
    let names = [("username", world.name("ada")), ("username", world.name("ADA")), ("email", world.email("ada"))];
    for (field, name) in names {
        let answer =
            world.nobody().post("/api/auth/login", json!({field: name, "password": PASSWORD})).await.expect(200);
        assert_eq!(answer["user"]["id"], *ada.id);
    }

    // The answer tells a guesser nothing.
    let guess = |name: &str| json!({"username": name, "password": "not the password"});
    let mut wrong = world.nobody().post("/api/auth/login", guess(&ada.name)).await.refused(401, "credentials.invalid");
    let unknown = world.nobody().post("/api/auth/login", guess(&world.name("nobody"))).await;
    let mut unknown = unknown.refused(401, "credentials.invalid");
    for problem in [&mut wrong, &mut unknown] {
        problem["request_id"].take();
    }
    assert_eq!(wrong, unknown);
}

async fn wrong_inputs(world: World) {
    let register = "/api/auth/register";
    let fields = world.nobody().post(register, json!({"username": "a", "email": "nowhere", "password": "short"})).await;
    let mut fields = fields.wrong_fields();
    fields.sort();
    assert_eq!(fields, ["/email", "/password", "/username"], "all wrong fields at once");

    let good = json!({"username": world.name("ada"), "email": world.email("ada"), "password": PASSWORD});
    for (field, wrong) in [
        ("username", json!("a b c")),
        ("username", json!("x".repeat(31))),
        ("username", json!(7)),
        ("username", json!("ada\u{0}")),
        ("password", json!("password123")),
        ("password", json!("x".repeat(257))),
        ("email", json!("ada@")),
        ("email", json!(null)),
    ] {
        let mut new = good.clone();
        new[field] = wrong.clone();
        assert_eq!(world.nobody().post(register, new).await.wrong_fields(), [format!("/{field}")], "{wrong}");
    }
    // Passwords that differ only after 72 bytes are different.
    let long = "Zähneputzen vor dem Schlafengehen ".repeat(3);
    let longer = format!("{long}x");
    let mut new = good.clone();
    new["password"] = json!(long);
    world.nobody().post(register, new).await.expect(201);
    let login = |password: &str| json!({"username": world.name("ada"), "password": password});
    world.nobody().post("/api/auth/login", login(&longer)).await.refused(401, "credentials.invalid");
    world.nobody().post("/api/auth/login", login(&long)).await.expect(200);
}

async fn profile(world: World) {
    let ada = world.user("ada").await;
    let seen = ada.get("/api/auth/me").await;
    let etag = seen.header("etag").to_owned();
    assert!(!etag.is_empty(), "what can be edited has an ETag");
    let same = clowder_tests::Answer::to(ada.request("GET", "/api/auth/me").header("if-none-match", &etag)).await;
    assert_eq!((same.status, same.text.as_str()), (304, ""));

    let edit = |etag: &str| ada.request("PATCH", "/api/auth/me").header("if-match", etag);
    let edited = clowder_tests::Answer::to(edit(&etag).json(&json!({"display_name": "Countess"}))).await;
    assert_ne!(edited.header("etag"), etag);
    let edited = edited.expect(200);
    assert_eq!(edited["display_name"], "Countess");
    assert_eq!(edited["email"], world.email("ada"), "absent fields stay");
    let stale = clowder_tests::Answer::to(edit(&etag).json(&json!({"display_name": "Lady"}))).await;
    assert_eq!(stale.status, 412);
}

/// One's own account has all members that others see, wherever it is told.
async fn one_shape_everywhere(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    ada.post("/api/friends/request", json!({"user_id": bob.id})).await.expect(201);
    bob.post("/api/friends/request", json!({"user_id": ada.id})).await.expect(200);
    ada.post("/api/pets", json!({"name": "Minka", "species": "cat"})).await.expect(201);
    let public: Vec<String> =
        bob.get(&format!("/api/users/{}", ada.id)).await.expect(200).as_object().unwrap().keys().cloned().collect();
    let login = json!({"username": world.name("ada"), "password": PASSWORD});
    let signed_in = world.nobody().post("/api/auth/login", login).await.expect(200);
    let mut socket = ada.socket().await;
    let edited = ada.patch("/api/auth/me", json!({"bio": "counting"})).await.expect(200);
    let told = socket.until("user.updated").await["data"].clone();
    let (short, whole) = (ada.get("/api/auth/me").await, ada.get("/api/users/me").await);
    let etag = whole.header("etag").to_owned();
    assert_eq!(etag, ada.get(&format!("/api/users/{}", ada.id)).await.header("etag"));
    let (short, whole) = (short.expect(200), whole.expect(200));
    for own in [&signed_in["user"], &edited, &told, &short, &whole] {
        for member in
            public.iter().map(String::as_str).chain(["email_verified", "role", "two_factor", "visibility", "version"])
        {
            assert!(own.as_object().unwrap().contains_key(member), "{member}: {own}");
        }
        for member in ["avatar", "cover", "friendship"] {
            assert_eq!(own[member], Value::Null, "{member}: {own}");
        }
    }
    assert_eq!((&whole["friends_count"], &whole["pets_count"]), (&json!(1), &json!(1)));
    assert_eq!((&whole["presence"], whole["last_seen_at"].is_string()), (&json!("online"), true));
    for unknown in ["friends_count", "pets_count", "presence", "last_seen_at"] {
        assert_eq!(short[unknown], Value::Null, "{unknown}");
    }
    // The tag of one call is good for the other.
    for path in ["/api/auth/me", "/api/users/me"] {
        for read in ["/api/auth/me", "/api/users/me"] {
            let etag = ada.get(read).await.header("etag").to_owned();
            let edit = |bio: &str| ada.request("PATCH", path).header("if-match", &etag).json(&json!({"bio": bio}));
            clowder_tests::Answer::to(edit(&format!("{path} {read}"))).await.expect(200);
            clowder_tests::Answer::to(edit("too late")).await.refused(412, "user.stale");
        }
    }
}

async fn simplejwt_clients(world: World) {
    let name = world.name("ada");
    let new = json!({"username": name, "email": world.email("ada"), "password": PASSWORD});
    let registered = world.nobody().post("/api/register/", new).await.expect(201);
    let mut keys: Vec<_> = registered.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(keys, ["access", "email", "id", "refresh", "username"]);

    let pair = world.nobody().post("/api/token/", json!({"username": name, "password": PASSWORD})).await.expect(200);
    assert_eq!(pair.as_object().unwrap().len(), 2);
    world.nobody().with(pair["access"].as_str().unwrap()).get("/api/auth/me").await.expect(200);
    let verify = async |token: &str| world.nobody().post("/api/token/verify/", json!({"token": token})).await;
    assert_eq!(verify(pair["access"].as_str().unwrap()).await.expect(200), json!({}));
    assert_eq!(verify("nonsense").await.status, 401);
    let next = world.nobody().post("/api/token/refresh/", json!({"refresh": pair["refresh"]})).await.expect(200);
    world.nobody().with(next["access"].as_str().unwrap()).get("/api/auth/me").await.expect(200);
    let wrong = json!({"username": name, "password": "not the password"});
    world.nobody().post("/api/token/", wrong).await.refused(401, "credentials.invalid");
}
