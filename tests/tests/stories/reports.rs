//! People report what they see, moderators decide, and whoever it concerns is told why.

use clowder_tests::{Answer, User, World, on_both};
use serde_json::{Value, json};

on_both!(shared; a_message_is_reported_and_removed, a_suspension_is_appealed_against, what_is_refused);

async fn reported(by: &User, kind: &str, id: &Value) -> Value {
    let new = json!({"target": {"type": kind, "id": id}, "category": "abuse", "comment": "This is rude"});
    by.post("/api/reports", new).await.expect(201)
}

fn of(report: &Value) -> String {
    format!("/api/admin/reports/{}", report["id"].as_str().unwrap())
}

async fn a_message_is_reported_and_removed(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let judge = world.staff("judge", "moderator").await;
    let chat = ada.group("Lunch", &[&bob]).await;
    ada.says(&chat, "Hello").await;
    let rude = bob.says(&chat, "something rude").await;
    let (mut laptop, mut phone) = (ada.socket().await, bob.socket().await);
    let report = reported(&ada, "message", &rude["id"]).await;
    assert_eq!((&report["status"], &report["comment"]), (&json!("open"), &json!("This is rude")));
    assert_eq!(laptop.until("report.made").await["data"]["report_id"], report["id"]);
    let list = ada.get("/api/reports").await.expect(200);
    assert_eq!(list["items"], json!([report]));
    assert_eq!(bob.get("/api/reports").await.expect(200)["items"], json!([]));

    // The evidence is what it was, whatever its author does meanwhile.
    let path = format!("/api/messages/{}", rude["id"].as_str().unwrap());
    bob.patch(&path, json!({"content": "something nice"})).await.expect(200);
    let examined = judge.get(&of(&report)).await;
    let tag = examined.header("etag").to_owned();
    let examined = examined.expect(200);
    let messages = examined["evidence"]["messages"].as_array().unwrap();
    assert_eq!(messages[0]["content"], "Hello");
    assert_eq!((&messages[1]["content"], &messages[1]["sender"]["id"]), (&json!("something rude"), &json!(bob.id)));
    assert_eq!((&examined["reporter"]["id"], &examined["reported"]["id"]), (&json!(ada.id), &json!(bob.id)));

    let taken = judge.patch(&of(&report), json!({"status": "reviewing"})).await.expect(200);
    assert_eq!((&taken["assigned"]["id"], &taken["evidence"]), (&json!(judge.id), &Value::Null));
    assert_eq!(laptop.until("report.updated").await["data"]["status"], "reviewing");
    let decision = json!({"status": "resolved", "action": "remove_content", "reason": "Insults"});
    let stale = judge.request("PATCH", &of(&report)).header("if-match", &tag).json(&decision);
    clowder_tests::Answer::to(stale).await.refused(412, "report.stale");
    let decided = judge.put(&of(&report), decision.clone()).await.expect(200);
    assert_eq!(
        (&decided["decision"]["action"], &decided["decision"]["reason"]),
        (&json!("remove_content"), &json!("Insults"))
    );
    judge.patch(&of(&report), decision).await.refused(409, "report.decided");

    assert_eq!(laptop.until("report.decided").await["data"]["resolution"]["action"], "remove_content");
    assert_eq!(phone.until("statement.issued").await["data"]["action"], "remove_content");
    assert_eq!(ada.get(&path).await.expect(200)["content"], Value::Null);
    let statements = bob.get("/api/users/me/statements").await.expect(200);
    assert_eq!(
        (&statements["items"][0]["reason"], &statements["items"][0]["target"]["id"]),
        (&json!("Insults"), &rude["id"])
    );
    assert!(!statements.to_string().contains(&ada.id), "it does not say who reported it");
    let shown = format!("/api/reports/{}", report["id"].as_str().unwrap());
    assert_eq!(ada.get(&shown).await.expect(200)["status"], "resolved");
}

async fn a_suspension_is_appealed_against(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (judge, other) = (world.staff("judge", "moderator").await, world.staff("other", "moderator").await);
    let report = reported(&ada, "user", &json!(bob.id)).await;
    let mut phone = bob.socket().await;
    let suspend = json!({"status": "resolved", "action": "suspend", "reason": "Spam", "until": "2099-12-31T00:00:00Z"});
    judge.patch(&of(&report), suspend).await.expect(200);
    assert_eq!(phone.until("statement.issued").await["data"]["action"], "suspend", "before the socket closes");
    assert_eq!(phone.closed().await, 4003);
    bob.get("/api/chats").await.refused(403, "account.suspended");
    let statements = bob.get("/api/users/me/statements").await.expect(200);
    assert_eq!(statements["items"][0]["until"], "2099-12-31T00:00:00.000Z");
    let appeal = format!("/api/users/me/statements/{}/appeal", statements["items"][0]["id"].as_str().unwrap());
    for wrong in [json!({}), json!({"text": " "}), json!({"text": "x".repeat(2001)})] {
        assert_eq!(bob.post(&appeal, wrong).await.wrong_fields(), ["/text"]);
    }
    let once =
        || bob.request("POST", &appeal).header("idempotency-key", "appeal").json(&json!({"text": "It was not me"}));
    let appealed = Answer::to(once()).await.expect(200);
    let again = Answer::to(once()).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(200), appealed);
    assert_eq!(appealed["appeal"]["status"], "pending");
    bob.post(&appeal, json!({"text": "It was not me"})).await.refused(409, "statement.appealed");
    ada.post(&appeal, json!({"text": "It was not me"})).await.refused(404, "statement.unknown");

    judge.patch(&of(&report), json!({"status": "reviewing"})).await.refused(403, "report.involved");
    let open =
        other.get("/api/admin/reports?status=open&target_type=user&category=abuse&assigned=none").await.expect(200);
    let ids =
        |page: &Value| page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect::<Vec<_>>();
    // Other tests make reports on the same server, too.
    let oldest = other.get("/api/admin/reports?sort=oldest&limit=200").await.expect(200);
    let newest = other.get("/api/admin/reports?sort=newest&limit=200").await.expect(200);
    assert!(
        ids(&newest).contains(&report["id"]) && ids(&oldest).is_sorted_by_key(|id| id.as_str().unwrap().to_owned())
    );
    assert!(ids(&newest).is_sorted_by_key(|id| std::cmp::Reverse(id.as_str().unwrap().to_owned())));
    other.get("/api/admin/reports?sort=best").await.refused(422, "input.invalid");
    for parameter in ["target_id", "reported"] {
        let about = other.get(&format!("/api/admin/reports?{parameter}={}", bob.id)).await.expect(200);
        assert_eq!(ids(&about), [report["id"].clone()], "{parameter}");
        other.get(&format!("/api/admin/reports?{parameter}=bob")).await.refused(422, "input.invalid");
    }
    let counts = other.get("/api/admin/reports/counts").await.expect(200);
    assert!(counts["open"].as_i64().unwrap() >= 1 && counts["reviewing"].is_i64(), "{counts}");
    ada.get("/api/admin/reports/counts").await.refused(403, "permission.denied");
    let appealed = other.get("/api/admin/reports?appeal=true&limit=100").await.expect(200);
    assert!(ids(&appealed).contains(&report["id"]));
    let others = other.get("/api/admin/reports?appeal=false&status=open&limit=100").await.expect(200);
    assert!(!ids(&others).contains(&report["id"]));
    let open = open["items"].as_array().unwrap().iter().find(|item| item["id"] == report["id"]).unwrap().clone();
    assert_eq!((&open["appeal"]["text"], &open["decision"]["action"]), (&json!("It was not me"), &json!("suspend")));
    other.patch(&of(&report), json!({"status": "dismissed", "reason": "A mistake"})).await.expect(200);
    bob.get("/api/chats").await.expect(200);
    let statements = bob.get("/api/users/me/statements").await.expect(200);
    assert_eq!(statements["items"][0]["appeal"]["answer"], "A mistake");
    assert_eq!(statements["items"][0]["appeal"]["status"], "reversed");

    // A warning does not close the socket, which hears of the appeal.
    let mut socket = bob.socket().await;
    let second = reported(&ada, "user", &json!(bob.id)).await;
    judge.patch(&of(&second), json!({"status": "resolved", "action": "warn", "reason": "Spam"})).await.expect(200);
    let statement = socket.until("statement.issued").await["data"]["statement_id"].as_str().unwrap().to_owned();
    let appeal = format!("/api/users/me/statements/{statement}/appeal");
    bob.post(&appeal, json!({"text": "Again, no"})).await.expect(200);
    assert_eq!(socket.until("statement.updated").await["data"]["appeal_status"], "pending");
    let seen = other.get(&of(&second)).await;
    let again = other.request("GET", &of(&second)).header("if-none-match", seen.header("etag"));
    assert_eq!(Answer::to(again).await.status, 304);
}

async fn what_is_refused(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (judge, root) = (world.staff("judge", "moderator").await, world.staff("root", "admin").await);
    let id = json!(bob.id);
    for (new, wrong) in [
        (json!({}), vec!["/target", "/category"]),
        (json!({"target": {}, "category": "rude"}), vec!["/target/type", "/target/id", "/category"]),
        (json!({"target": {"type": "event", "id": id}, "category": "spam"}), vec!["/target/type"]),
        (json!({"target": {"type": "user", "id": "x"}, "category": "spam"}), vec!["/target/id"]),
        (json!({"target": {"type": "user", "id": id}, "category": "spam", "comment": "\u{0}"}), vec!["/comment"]),
        (
            json!({"target": {"type": "user", "id": id}, "category": "spam", "comment": "x".repeat(2001)}),
            vec!["/comment"],
        ),
        (json!({"target": {"type": "user", "id": ada.id}, "category": "spam"}), vec!["/target/id"]),
    ] {
        assert_eq!(ada.post("/api/reports", new.clone()).await.wrong_fields(), wrong, "{new}");
    }
    let report = reported(&ada, "user", &id).await;
    let again = json!({"target": {"type": "user", "id": id}, "category": "spam"});
    ada.post("/api/reports", again).await.refused(409, "report.open");
    bob.get(&format!("/api/reports/{}", report["id"].as_str().unwrap())).await.refused(404, "report.unknown");
    ada.get(&of(&report)).await.refused(403, "permission.denied");
    for (patch, wrong) in [
        (json!({}), vec!["/status"]),
        (json!({"status": "resolved"}), vec!["/action", "/reason"]),
        (
            json!({"status": "dismissed", "action": "warn", "until": "2099-12-31T00:00:00Z", "reason": "x"}),
            vec!["/action", "/until"],
        ),
        (
            json!({"status": "resolved", "action": "suspend", "until": "2001-12-31T00:00:00Z", "reason": "x"}),
            vec!["/until"],
        ),
    ] {
        assert_eq!(judge.patch(&of(&report), patch.clone()).await.wrong_fields(), wrong, "{patch}");
    }
    // Nobody sees what was reported about them, or acts against their equals.
    let about = reported(&ada, "user", &json!(judge.id)).await;
    judge.get(&of(&about)).await.refused(404, "report.unknown");
    judge.patch(&of(&about), json!({"status": "reviewing"})).await.refused(404, "report.unknown");
    let equal = reported(&ada, "user", &json!(root.id)).await;
    let warn = json!({"status": "resolved", "action": "warn", "reason": "x"});
    judge.patch(&of(&equal), warn.clone()).await.refused(403, "user.outranked");
    root.patch(&of(&about), warn).await.expect(200);
}
