//! People have pets, look after those of others, lose and find them, and nobody sees one who should not.

use clowder_tests::{Answer, User, World, on_both, world::each};
use serde_json::{Value, json};

on_both!(shared; a_pet, names, what_is_wrong, a_hidden_pet, editing, keepers, lost_and_found, a_log, microchips, live);

async fn pet(owner: &User, visibility: &str) -> String {
    let new = json!({"name": "Minka", "species": "cat", "visibility": visibility});
    format!("/api/pets/{}", owner.post("/api/pets", new).await.expect(201)["id"].as_str().unwrap())
}

async fn two(world: &World) -> (User, User) {
    (world.user("ada").await, world.user("bob").await)
}

async fn keeps(owner: &User, pet: &str, user: &User, role: &str) {
    owner.post(&format!("{pet}/keepers"), json!({"user_id": user.id, "role": role})).await.expect(201);
    user.put(&format!("{pet}/keepers/me"), json!({"action": "accept"})).await.expect(204);
}

async fn a_pet(world: World) {
    let (ada, bob) = two(&world).await;
    let new = json!({"name": " Minka ", "species": "cat", "birth_date": "2020-05-17", "birth_date_precision": "month"});
    let made = ada.post("/api/pets", new).await;
    let tag = made.header("etag").to_owned();
    let made = made.expect(201);
    assert_eq!(
        (&made["name"], &made["sex"], &made["visibility"], &made["birth_date"], &made["birth_date_precision"]),
        (&json!("Minka"), &json!("unknown"), &json!("public"), &json!("2020-05"), &json!("month"))
    );
    assert_eq!((&made["avatar"], &made["lost"], &made["microchip"]), (&Value::Null, &Value::Null, &Value::Null));
    let path = format!("/api/pets/{}", made["id"].as_str().unwrap());
    assert_eq!(ada.get(&path).await.header("etag"), tag);
    assert_eq!(bob.get(&path).await.expect(200)["my_role"], "none");
    let theirs = bob.get(&format!("/api/users/{}/pets", ada.id)).await.expect(200);
    assert_eq!(each(theirs["items"].as_array().unwrap(), "id"), [made["id"].clone()]);
    assert_eq!(ada.get("/api/pets?mine=true&species=cat").await.expect(200)["items"][0]["id"], made["id"]);
    assert_eq!(ada.get("/api/pets?mine=true&species=dog").await.expect(200)["items"], json!([]));
    let species = bob.get("/api/pets/species?limit=200").await.expect(200);
    assert_eq!(species["items"].as_array().unwrap().last().unwrap()["id"], "other");
    ada.delete(&path).await.expect(204);
    bob.get(&path).await.refused(404, "pet.unknown");
}

/// A name shows what it is made of, in any script and direction.
async fn names(world: World) {
    let ada = world.user("ada").await;
    let add = async |name: &str| ada.post("/api/pets", json!({"name": name, "species": "cat"})).await;
    for good in ["מינקה", "مينكا", "می\u{200c}خواهم", "みんか", "🐈\u{200d}⬛", "Mi\u{301}nka"] {
        let made = add(good).await.expect(201);
        ada.delete(&format!("/api/pets/{}", made["id"].as_str().unwrap())).await.expect(204);
    }
    for bad in
        ["", " ", "\u{200b}", "Minka\u{200b}", "\u{202e}aknim", "A\u{2066}b\u{2069}", "\u{3164}", "a\nb", "\u{2800}"]
    {
        assert_eq!(add(bad).await.wrong_fields(), ["/name"], "{}", bad.escape_unicode());
    }
    assert_eq!(add(&"x".repeat(81)).await.wrong_fields(), ["/name"]);
    add(&"🦀".repeat(80)).await.expect(201);
}

async fn what_is_wrong(world: World) {
    let ada = world.user("ada").await;
    let all = json!({
        "species": "dragon", "breed": "\u{200b}", "sex": "maybe", "birth_date": "2021-02-29", "birth_date_precision": "week",
        "bio": 1, "visibility": "secret", "microchip": "27609810234567x",
    });
    let mut wrong = ada.post("/api/pets", all).await.wrong_fields();
    wrong.sort();
    assert_eq!(
        wrong,
        [
            "/bio",
            "/birth_date",
            "/birth_date_precision",
            "/breed",
            "/microchip",
            "/name",
            "/sex",
            "/species",
            "/visibility"
        ]
    );
    let born = async |date: Value, precision: Value| {
        let new = json!({"name": "Minka", "species": "cat", "birth_date": date, "birth_date_precision": precision});
        ada.post("/api/pets", new).await
    };
    for (date, precision, at) in [
        (json!("2999"), Value::Null, "/birth_date"),
        (json!("1700-01-01"), Value::Null, "/birth_date"),
        (json!("2020"), json!("day"), "/birth_date_precision"),
        (Value::Null, json!("day"), "/birth_date_precision"),
        (json!(2020), Value::Null, "/birth_date"),
        (json!("2020-5"), Value::Null, "/birth_date"),
    ] {
        assert_eq!(born(date.clone(), precision).await.wrong_fields(), [at], "{date}");
    }
    let unborn = json!({"name": "", "species": "cat", "birth_date": "2999-01"});
    let told = ada.post("/api/pets", unborn).await.refused(422, "input.invalid");
    let codes: Vec<_> = told["errors"].as_array().unwrap().iter().map(|error| error["code"].clone()).collect();
    assert_eq!(codes, ["required", "future"], "in one round");
    let path = pet(&ada, "public").await;
    let lose = async |body: Value| ada.put(&format!("{path}/lost"), body).await.wrong_fields();
    assert_eq!(lose(json!({"text": "\u{200b}"})).await, ["/text"]);
    assert_eq!(lose(json!({"text": "x", "place": {"text": "y", "lat": 1}})).await, ["/place/lng"]);
    assert_eq!(
        lose(json!({"text": "x", "place": {"text": "y", "lat": 91, "lng": -181}})).await,
        ["/place/lat", "/place/lng"]
    );
    assert_eq!(lose(json!({"text": "x", "place": {"lat": 1, "lng": 1}})).await, ["/place/text"]);
    let log = async |body: Value| ada.post(&format!("{path}/log"), body).await.wrong_fields();
    assert_eq!(log(json!({"kind": "weight"})).await, ["/grams"]);
    assert_eq!(log(json!({"kind": "weight", "grams": 0})).await, ["/grams"]);
    assert_eq!(log(json!({"kind": "note"})).await, ["/text"]);
    assert_eq!(log(json!({"kind": "note", "text": "x", "grams": 5})).await, ["/grams"]);
    assert_eq!(log(json!({"kind": "note", "text": "x", "at": "2999-01-01T00:00:00Z"})).await, ["/at"]);
    assert_eq!(ada.get("/api/pets?species=dragon&mine=1&lost=x").await.wrong_fields(), ["?species", "?mine", "?lost"]);
}

/// The same answer as for a pet that does not exist.
async fn a_hidden_pet(world: World) {
    let (ada, bob) = two(&world).await;
    let (hidden, nothing) = (pet(&ada, "private").await, "/api/pets/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10".to_owned());
    let like = |body: &Value| json!([body["status"], body["code"], body["title"], body["detail"], body["type"]]);
    for tail in ["", "/keepers", "/log"] {
        let [one, other] = [&hidden, &nothing].map(|pet| format!("{pet}{tail}"));
        let [one, other] = [bob.get(&one).await, bob.get(&other).await];
        assert_eq!(like(&one.body), like(&other.body), "{tail}");
        one.refused(404, "pet.unknown");
    }
    bob.patch(&hidden, json!({"name": "Mimi"})).await.refused(404, "pet.unknown");
    bob.delete(&hidden).await.refused(404, "pet.unknown");
    bob.delete(&format!("{hidden}/keepers/me")).await.refused(404, "pet.unknown");
    let theirs = bob.get(&format!("/api/users/{}/pets", ada.id)).await.expect(200);
    assert_eq!(theirs["items"], json!([]));
    ada.patch("/api/users/me", json!({"visibility": "private"})).await.expect(200);
    bob.get(&format!("/api/users/{}/pets", ada.id)).await.refused(404, "user.unknown");
}

async fn editing(world: World) {
    let (ada, bob) = two(&world).await;
    let path = pet(&ada, "public").await;
    let tag = ada.get(&path).await.header("etag").to_owned();
    let edit =
        async |tag: &str, body: Value| Answer::to(ada.request("PUT", &path).header("if-match", tag).json(&body)).await;
    let edited = edit(&tag, json!({"bio": "Sleeps.", "sex": "female"})).await.expect(200);
    assert_eq!((&edited["bio"], &edited["version"], &edited["name"]), (&json!("Sleeps."), &json!(2), &json!("Minka")));
    edit(&tag, json!({"name": "Mimi"})).await.refused(412, "pet.stale");
    bob.patch(&path, json!({"name": "Mimi"})).await.refused(403, "pet.forbidden");
    // What was answered can be sent back.
    let again = ada.put(&path, edited.clone()).await.expect(200);
    assert_eq!(again, edited);
    let now = ada.get(&path).await.header("etag").to_owned();
    let known = Answer::to(ada.request("GET", &path).header("if-none-match", &now)).await;
    assert_eq!(known.status, 304);
    // The tag is that of what is shown: to whom, and how they stand to the pet.
    let as_stranger = bob.get(&path).await.header("etag").to_owned();
    assert_ne!(as_stranger, now);
    ada.put(&format!("/api/pets/{}/lost", edited["id"].as_str().unwrap()), json!({"text": "Shy"})).await.expect(200);
    let lost = ada.get(&path).await.header("etag").to_owned();
    ada.post(&format!("{path}/keepers"), json!({"user_id": bob.id, "role": "co_owner"})).await.expect(201);
    assert_eq!(ada.get(&path).await.header("etag"), lost, "an invitation shows nowhere");
    ada.patch("/api/users/me", json!({"display_name": "Ada of the pets"})).await.expect(200);
    let renamed = ada.get(&path).await;
    assert_ne!(renamed.header("etag"), lost, "a card is shown, too");
    let renamed = renamed.header("etag").to_owned();
    bob.put(&format!("{path}/keepers/me"), json!({"action": "accept"})).await.expect(204);
    let kept = ada.get(&path).await.header("etag").to_owned();
    edit(&renamed, json!({"name": "Mimi"})).await.refused(412, "pet.stale");
    edit(&kept, json!({"name": "Minka", "breed": "mixed"})).await.expect(200);
    // A version alone is as good, as a refusal tells it.
    let refused = Answer::to(ada.request("PUT", &path).header("if-match", &kept).json(&json!({"name": "Mimi"}))).await;
    let current = refused.header("etag").to_owned();
    refused.refused(412, "pet.stale");
    edit(&current, json!({"breed": null})).await.expect(200);
    bob.delete(&format!("{path}/keepers/me")).await.expect(204);
    let stale = Answer::to(ada.request("DELETE", &path).header("if-match", &tag)).await;
    stale.refused(412, "pet.stale");
    ada.delete(&path).await.expect(204);
    ada.delete(&path).await.refused(404, "pet.unknown");
}

async fn keepers(world: World) {
    let (ada, bob) = two(&world).await;
    let cem = world.user("cem").await;
    let path = pet(&ada, "private").await;
    let keepers = format!("{path}/keepers");
    let invite = |user: &User, role: &str| json!({"user_id": user.id, "role": role});
    assert_eq!(ada.post(&keepers, invite(&ada, "caretaker")).await.wrong_fields(), ["/user_id"]);
    assert_eq!(ada.post(&keepers, invite(&bob, "owner")).await.wrong_fields(), ["/role"]);
    ada.post(&keepers, invite(&bob, "co_owner")).await.expect(201);
    ada.post(&keepers, invite(&bob, "caretaker")).await.refused(409, "pet.kept");
    let invited = bob.get("/api/pets/invitations").await.expect(200);
    assert_eq!(
        (&invited["items"][0]["pet"]["name"], &invited["items"][0]["role"]),
        (&json!("Minka"), &json!("co_owner"))
    );
    bob.get(&format!("{path}/log")).await.refused(403, "pet.forbidden");
    cem.put(&format!("{keepers}/me"), json!({"action": "accept"})).await.refused(404, "pet.unknown");
    bob.put(&format!("{keepers}/me"), json!({"action": "accept"})).await.expect(204);
    bob.put(&format!("{keepers}/me"), json!({"action": "accept"})).await.refused(404, "pet.invitation_unknown");
    bob.patch(&path, json!({"bio": "Ours."})).await.expect(200);
    bob.delete(&path).await.refused(403, "pet.forbidden");
    bob.delete(&format!("{keepers}/{}", ada.id)).await.refused(403, "pet.forbidden");
    keeps(&ada, &path, &cem, "caretaker").await;
    cem.patch(&path, json!({"bio": "Mine."})).await.refused(403, "pet.forbidden");
    assert_eq!(
        each(cem.get(&keepers).await.expect(200)["items"].as_array().unwrap(), "role"),
        ["owner", "co_owner", "caretaker"]
    );
    ada.delete(&format!("{keepers}/me")).await.refused(409, "pet.owner");
    ada.put(&format!("{path}/owner"), json!({"user_id": bob.id})).await.expect(200);
    ada.delete(&format!("{keepers}/me")).await.expect(204);
    ada.get(&path).await.refused(404, "pet.unknown");
    bob.delete(&format!("{keepers}/{}", cem.id)).await.expect(204);
    bob.delete(&format!("{keepers}/{}", cem.id)).await.refused(404, "pet.keeper_unknown");
    // Whom one does not see, one cannot invite.
    cem.patch("/api/users/me", json!({"visibility": "private"})).await.expect(200);
    assert_eq!(bob.post(&keepers, invite(&cem, "caretaker")).await.wrong_fields(), ["/user_id"]);
    ada.put(&format!("/api/users/{}/block", bob.id), json!({})).await.expect(200);
    assert_eq!(bob.post(&keepers, invite(&ada, "caretaker")).await.wrong_fields(), ["/user_id"]);
}

async fn lost_and_found(world: World) {
    let (ada, bob) = two(&world).await;
    let [shy, secret] = [pet(&ada, "friends").await, pet(&ada, "private").await];
    ada.patch(&shy, json!({"bio": "Sleeps.", "birth_date": "2020"})).await.expect(200);
    bob.get(&shy).await.refused(404, "pet.unknown");
    let place = json!({"text": "In the park", "lat": 52.5162724, "lng": -13.0});
    for pet in [&shy, &secret] {
        let lost = ada.put(&format!("{pet}/lost"), json!({"text": "Shy.", "place": place})).await.expect(200);
        assert_eq!(lost["lost"]["place"], json!({"text": "In the park", "lat": 52.516272, "lng": -13.0}));
    }
    let card = bob.get(&shy).await.expect(200);
    assert_eq!(
        (&card["lost"]["text"], &card["bio"], &card["birth_date"]),
        (&json!("Shy."), &Value::Null, &Value::Null)
    );
    bob.get(&secret).await.refused(404, "pet.unknown");
    bob.put(&format!("{shy}/lost"), json!({"text": "Mine."})).await.refused(403, "pet.forbidden");
    let listed = bob.get(&format!("/api/users/{}/pets", ada.id)).await.expect(200);
    assert_eq!(each(listed["items"].as_array().unwrap(), "id"), [card["id"].clone()]);
    let missing = ada.get("/api/pets?lost=true&mine=true").await.expect(200);
    assert_eq!(missing["items"].as_array().unwrap().len(), 2);
    ada.delete(&format!("{shy}/lost")).await.expect(204);
    ada.delete(&format!("{shy}/lost")).await.expect(204);
    bob.get(&shy).await.refused(404, "pet.unknown");
}

async fn a_log(world: World) {
    let (ada, bob) = two(&world).await;
    let path = pet(&ada, "public").await;
    let log = format!("{path}/log");
    let weight = json!({"kind": "weight", "grams": 4200, "at": "2026-01-02T00:00:00Z"});
    let first = ada.post(&log, weight).await.expect(201);
    assert_eq!((&first["grams"], &first["author"]["id"]), (&json!(4200), &json!(ada.id)));
    bob.get(&log).await.refused(403, "pet.forbidden");
    keeps(&ada, &path, &bob, "caretaker").await;
    let note = bob.post(&log, json!({"kind": "note", "text": "Ate."})).await.expect(201);
    assert_eq!(each(bob.get(&log).await.expect(200)["items"].as_array().unwrap(), "kind"), ["note", "weight"]);
    bob.delete(&format!("{log}/{}", first["id"].as_str().unwrap())).await.refused(403, "pet.forbidden");
    bob.delete(&format!("{log}/{}", note["id"].as_str().unwrap())).await.expect(204);
    bob.delete(&format!("{log}/{}", note["id"].as_str().unwrap())).await.refused(404, "pet.entry_unknown");
}

async fn microchips(world: World) {
    let (ada, bob) = two(&world).await;
    let moderator = world.staff("mona", "moderator").await;
    let number: String = clowder_tests::unique().bytes().map(|octet| char::from(b'0' + octet % 10)).take(15).collect();
    let new = |name: &str| json!({"name": name, "species": "dog", "visibility": "private", "microchip": number});
    let rex = ada.post("/api/pets", new("Rex")).await.expect(201);
    bob.post("/api/pets", new("Rexona")).await.expect(201);
    assert_eq!(rex["microchip"], json!(number));
    let (find, sought) = ("/api/pet-microchips/search", json!({"number": number}));
    ada.post(find, sought.clone()).await.refused(403, "permission.denied");
    let found = moderator.post(find, sought.clone()).await.expect(200);
    assert_eq!(each(found["items"].as_array().unwrap(), "name"), ["Rexona", "Rex"]);
    assert_eq!(moderator.post(find, json!({"number": "12"})).await.wrong_fields(), ["/number"]);
    // A vet's key, created by the staff.
    let key = json!({"name": "vet", "scopes": ["pets:microchip"]});
    ada.post("/api/api-keys", key.clone()).await.expect(422);
    let key = moderator.post("/api/api-keys", key).await.expect(201);
    let vet = world.nobody().with_key(key["key"].as_str().unwrap());
    assert_eq!(vet.post(find, sought).await.expect(200)["items"].as_array().unwrap().len(), 2);
    vet.get("/api/pets").await.refused(403, "scope.missing");
    // Only owners see it.
    let path = format!("/api/pets/{}", rex["id"].as_str().unwrap());
    keeps(&ada, &path, &bob, "caretaker").await;
    assert_eq!(bob.get(&path).await.expect(200)["microchip"], Value::Null);
    let seen = moderator.get("/api/users/me/security").await.expect(200);
    let actions = each(seen["items"].as_array().unwrap(), "action");
    assert!(actions.contains(&json!("pet.microchip_sought")), "{actions:?}");
}

async fn live(world: World) {
    let (ada, bob) = two(&world).await;
    let (mut hears, mut theirs) = (ada.socket().await, bob.socket().await);
    let path = pet(&ada, "private").await;
    assert_eq!(hears.until("pet.created").await["data"]["version"], 1);
    ada.post(&format!("{path}/keepers"), json!({"user_id": bob.id, "role": "caretaker"})).await.expect(201);
    let invited = theirs.until("pet.keeper_invited").await;
    assert_eq!((&invited["data"]["user_id"], &invited["data"]["role"]), (&json!(bob.id), &json!("caretaker")));
    bob.put(&format!("{path}/keepers/me"), json!({"action": "accept"})).await.expect(204);
    hears.until("pet.keeper_added").await;
    ada.patch(&path, json!({"bio": "Sleeps."})).await.expect(200);
    assert_eq!(theirs.until("pet.updated").await["data"]["version"], 3);
    ada.put(&format!("{path}/owner"), json!({"user_id": bob.id})).await.expect(200);
    theirs.until("pet.keeper_updated").await;
    ada.delete(&format!("{path}/keepers/me")).await.expect(204);
    theirs.until("pet.keeper_removed").await;
    bob.delete(&path).await.expect(204);
    theirs.until("pet.deleted").await;
}
