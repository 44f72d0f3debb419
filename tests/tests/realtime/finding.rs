//! What somebody finds is what pages show them.

use std::collections::BTreeMap;

use clowder_tests::{User, until};

/// Each message of the property test has one of these words.
const WORDS: &[&str] = &["sock", "rest", "re", "edited", "ask", "later", "last"];

/// The texts of messages by their ids.
type Texts = BTreeMap<String, String>;

async fn shown(user: &User) -> Texts {
    let mut texts = Texts::new();
    let chats = user.get("/api/chats?limit=200").await.expect(200);
    for chat in chats["items"].as_array().unwrap() {
        for message in user.messages(chat["id"].as_str().unwrap()).await {
            if let (Some(text), Some(id)) = (message["content"].as_str(), message["id"].as_str())
                && message["type"] != "system"
            {
                texts.insert(id.to_owned(), text.to_owned());
            }
        }
    }
    texts
}

async fn found(user: &User) -> Texts {
    let mut texts = Texts::new();
    for word in WORDS {
        let mut cursor = String::new();
        loop {
            let page = format!("/api/search/messages?q=%22{word}%22&sort=newest&limit=50{cursor}");
            let page = user.get(&page).await.expect(200);
            for item in page["items"].as_array().unwrap() {
                let [id, text] = ["id", "content"].map(|member| item["message"][member].as_str().unwrap().to_owned());
                texts.insert(id, text);
            }
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
    }
    texts
}

/// At once, nothing is found that is not shown; a moment later everything that is. Nobody writes meanwhile.
pub async fn what_is_shown_is_found(user: &User) {
    let shown = shown(user).await;
    until("what is shown is found", async || {
        let found = found(user).await;
        let wrong: Vec<_> = found.iter().filter(|(id, text)| shown.get(*id) != Some(*text)).collect();
        assert!(wrong.is_empty(), "{} finds what is not shown: {wrong:?}", user.name);
        found.len() == shown.len()
    })
    .await;
}
