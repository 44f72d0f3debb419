//! The operator creates the first administrator and manages accounts from the command line, while the server runs.

use clowder_tests::{World, on_both, until, world::PASSWORD};
use serde_json::json;

on_both!(shared; the_first_administrator, a_given_password, governing_from_outside, a_link_for_a_new_password);
// About the last administrator.
on_both!(wrong_input);

async fn the_first_administrator(world: World) {
    let (name, email) = (world.name("root"), world.email("root"));
    let create = ["admin", "create", "--username", &name, "--email", &email];
    let said = world.command(&create, &[]);
    assert_eq!(said.code, Some(0), "{}", said.text);
    let password = said.text.lines().find_map(|line| line.strip_prefix("password: ")).expect("a password made up");
    let login = json!({"username": name, "password": password});
    let signed_in = world.nobody().post("/api/auth/login", login).await.expect(200);
    assert_eq!(signed_in["user"]["role"], "admin");
    let root = world.nobody().with(signed_in["access"].as_str().unwrap());
    // The running server learned of it from the journal.
    until("the server learns of it", async || root.get("/api/admin/users").await.status == 200).await;
    let said = world.command(&create, &[]);
    assert_eq!(said.code, Some(1));
    assert!(said.text.contains("username.taken"), "{}", said.text);
}

async fn a_given_password(world: World) {
    let create = |name: &str| {
        vec![
            "admin".to_owned(),
            "create".into(),
            "--username".into(),
            world.name(name),
            "--email".into(),
            world.email(name),
        ]
    };
    let run = |name: &str, more: &[&str], input: &[u8]| {
        let mut arguments = create(name);
        arguments.extend(more.iter().map(|more| (*more).to_owned()));
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        world.command_with(&arguments, &[], input)
    };
    let said = run("root", &["--password", PASSWORD], b"");
    assert!(said.well && !said.text.contains(PASSWORD), "{}", said.text);
    let said = run("toor", &["--password-stdin", "--role", "moderator"], format!("{PASSWORD}\nmore\n").as_bytes());
    assert!(said.well && said.text.contains("moderator"), "{}", said.text);
    // Some editors and shells write a byte order mark at the start of a text, and end lines with CR LF.
    let said = run("mark", &["--password-stdin"], format!("\u{feff}{PASSWORD}\r\n").as_bytes());
    assert!(said.well, "{}", said.text);
    for name in ["root", "toor", "mark"] {
        world.login(name).await;
    }
    assert_eq!(run("both", &["--password", PASSWORD, "--password-stdin"], b"").code, Some(2));
    for (input, says) in
        [(&b"\xff\xfec\0o\0r\0r\0e\0c\0t\0\n\0"[..], "must be UTF-8"), (b"", "password"), (b"\n", "password")]
    {
        let said = run("wrong", &["--password-stdin"], input);
        assert!(said.code == Some(2) && said.err.contains(says), "{said:?}");
    }
}

async fn wrong_input(world: World) {
    world.user("ada").await;
    for (arguments, code, says) in [
        (vec!["admin", "create", "--username", "a", "--email", "a@example.org"], 2, "username"),
        (vec!["admin", "create", "--username", "bob", "--email", "nowhere"], 2, "email"),
        (vec!["admin", "create", "--username", "bob"], 2, "--email"),
        (
            vec!["admin", "create", "--username", "bob", "--email", "b@example.org", "--password", "short"],
            2,
            "password",
        ),
        (vec!["admin", "create", "--username", "bob", "--email", "b@example.org", "--role", "king"], 2, "role"),
        (vec!["admin", "set-role", "ada", "king"], 2, "role"),
        (vec!["admin", "set-role", "nobody", "admin"], 1, "user.unknown"),
        (vec!["admin", "set-role", "a b", "admin"], 2, "username"),
        (vec!["admin", "suspend", "ada"], 2, "--reason"),
        (vec!["admin", "suspend", "ada", "--reason", " "], 2, "reason"),
        (vec!["admin", "suspend", "ada", "--reason", "spam", "--until", "tomorrow"], 2, "until"),
        (vec!["admin", "suspend", "ada", "--reason", "spam", "--until", "2001-01-01T00:00:00Z"], 2, "until"),
        (vec!["admin", "lift", "nobody"], 1, "user.unknown"),
    ] {
        let said = world.command(&arguments, &[]);
        assert_eq!(said.code, Some(code), "{arguments:?}: {}", said.text);
        assert!(said.err.to_lowercase().contains(says), "{arguments:?}: {}", said.text);
        assert!(said.out.is_empty(), "{}", said.out);
        assert!(!said.text.contains("internal"), "{}", said.text);
    }
    assert!(world.command(&["admin", "set-role", "ada", "admin"], &[]).well);
    let last = world.command(&["admin", "set-role", "ada", "user"], &[]);
    assert!(last.code == Some(1) && last.text.contains("role.last_admin"), "{}", last.text);
}

async fn governing_from_outside(world: World) {
    let ada = world.user("ada").await;
    let mut socket = ada.socket().await;
    let suspend = ["admin", "suspend", &ada.name, "--reason", "spam", "--until", "2199-01-01T00:00:00Z"];
    let said = world.command(&suspend, &[]);
    assert!(
        said.well
            && said.text.to_lowercase().matches("suspended").count() == 1
            && said.text.contains("until 2199-01-01"),
        "{}",
        said.text
    );
    assert_eq!(socket.closed().await, 4003);
    ada.get("/api/chats").await.refused(403, "account.suspended");
    assert!(world.command(&["admin", "lift", &world.name("ADA")], &[]).well);
    world.until(&ada, |me| me["suspension"].is_null()).await;
    ada.get("/api/chats").await.expect(200);
}

async fn a_link_for_a_new_password(world: World) {
    let ada = world.user("ada").await;
    let said = world.command(&["admin", "reset-link", &world.name("ADA")], &[]);
    assert!(
        said.well && said.text.contains("It works once, until") && !said.text.contains("clowder:"),
        "{}",
        said.text
    );
    let (_, token) = said.text.split_once("/account#reset=").expect("a link");
    let token = token.split_whitespace().next().unwrap();
    let reset = json!({"token": token, "new_password": "staple battery horse"});
    world.nobody().post("/api/auth/password/reset", reset.clone()).await.expect(204);
    world.nobody().post("/api/auth/password/reset", reset).await.refused(410, "link.gone");
    ada.get("/api/auth/me").await.refused(401, "session.ended");
    let login = json!({"username": ada.name, "password": "staple battery horse"});
    world.nobody().post("/api/auth/login", login).await.expect(200);
    let said = world.command(&["admin", "reset-link", &world.email("ada")], &[]);
    assert!(said.code == Some(2) && said.text.contains("use the username"), "{}", said.text);
    let said = world.command(&["admin", "reset-link", &world.name("nobody")], &[]);
    assert!(said.code == Some(1) && said.text.contains("user.unknown"), "{}", said.text);
}
