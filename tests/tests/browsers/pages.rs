//! The server's pages on phones and desktops, in light and dark, and where they put the focus.

use clowder_tests::{Browser, Database, Mailbox, World};
use serde_json::json;

/// Whether nothing is wider than the screen.
const FITS: &str = "return [document.documentElement.scrollWidth, innerWidth]";
/// The brightness of the background, from 0 to 255.
const GROUND: &str = "return Number(getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g)[0])";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_fit_and_follow_the_colours_of_the_system() {
    let world = World::new(Database::sqlite()).await;
    let mail = Mailbox::new(world.database.folder.path().join("mail"));
    world.user("ada").await;
    let link = format!("/account#verify={}", mail.next("ada@example.org").await.token("verify"));
    let mut browser = Browser::start().await;
    let pages = [
        ("account", "/account", "!document.getElementById('nothing').hidden"),
        ("link", &*link, "!document.getElementById('verify').hidden"),
        ("problems", "/api/problems", "document.querySelector('td code')"),
        ("problem", "/api/problems/chat.unknown", "document.querySelector('li code')"),
        ("asyncapi", "/api/asyncapi", "document.querySelector('#schema-Message')"),
    ];
    for (name, path, shown) in pages {
        for (width, scheme) in [(320, "light"), (320, "dark"), (1280, "light"), (1280, "dark")] {
            browser.looks(width, scheme).await;
            browser.open(&format!("http://{}{path}", world.server.address)).await;
            browser.until(shown).await;
            let sizes = browser.run(FITS).await;
            assert!(sizes[0].as_u64() <= sizes[1].as_u64(), "{name} at {width}: {sizes}");
            let ground = browser.run(GROUND).await.as_u64().unwrap();
            assert_eq!(ground < 64, scheme == "dark", "{name} in {scheme}: {ground}");
            assert!(!(64..=191).contains(&ground), "{name} in {scheme}: {ground}");
            if let Some(folder) = clowder_tests::setting("TEST_PICTURES") {
                let picture = browser.picture().await;
                std::fs::write(format!("{folder}/{name}-{width}-{scheme}.b64"), picture).unwrap();
            }
        }
    }
    assert_eq!(browser.failures, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_take_the_focus() {
    let world = World::new(Database::sqlite()).await;
    let mail = Mailbox::new(world.database.folder.path().join("mail"));
    world.user("ada").await;
    mail.next("ada@example.org").await;
    world.nobody().post("/api/auth/password/forgot", json!({"email": "ada@example.org"})).await.expect(204);
    let link =
        format!("http://{}/account#reset={}", world.server.address, mail.next("ada@example.org").await.token("reset"));
    let mut browser = Browser::start().await;
    browser.open(&link).await;
    browser.until("document.querySelector('#reset .address').textContent === 'ada@example.org'").await;
    // Errors found by the page itself, and by the server.
    for (typed, says) in [("short", "at least 10 characters"), ("password123", "common")] {
        browser
            .run(&format!(
                "const field = document.getElementById('new_password'); field.value = '{typed}'; \
                 field.dispatchEvent(new Event('input')); document.querySelector('#reset button').click();"
            ))
            .await;
        browser.until(&format!("document.getElementById('new_password-fault').textContent.includes('{says}')")).await;
        browser
            .until(
                "document.activeElement.id === 'new_password' && document.activeElement.getAttribute('aria-invalid') === 'true'",
            )
            .await;
    }
    browser
        .run(
            "document.getElementById('new_password').value = 'staple battery horse'; \
             document.querySelector('#reset button').click();",
        )
        .await;
    let told = |says: &str| format!("document.getElementById('told').textContent.includes('{says}')");
    browser.until(&told("ada@example.org has been changed")).await;
    browser.until("document.activeElement.id === 'told' && location.hash === ''").await;
    assert_eq!(browser.run("return document.getElementById('told').getAttribute('aria-live')").await, "polite");
    // A used link says so at once, and names nobody.
    browser.open(&link).await;
    browser.until(&told("already been used or has expired")).await;
    browser.until("document.activeElement.id === 'told'").await;
    assert_eq!(browser.run("return [...document.forms].every((form) => form.hidden)").await, true);
}
