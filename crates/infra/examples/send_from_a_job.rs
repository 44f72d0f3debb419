//! The domain crates without the gateway: opens a store by its URL, sends a message as a job would, and reads a page.
//!
//!     cargo run -p clowder-infra --example send_from_a_job [URL]
//!
//! Without a URL it uses a SQLite file in a temporary folder.

use clowder_accounts::{Accounts, NewAccount, SignedIn};
use clowder_core::{Actor, Ctx, Input, Timestamp};
use clowder_infra::{DatabaseUrl, Options, Store};
use clowder_messaging::{NewChat, NewMessage, Window};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let url = std::env::args().nth(1).unwrap_or_else(|| format!("sqlite:{}/team.db", folder.path().display()));
    let url = DatabaseUrl::parse(&url)?;
    Store::migrate(&url)?;
    let mut options = Options::new(url, "a secret of at least thirty-two characters");
    options.hasher.cost = 4;
    let store = Store::open(options, now()).await?;

    let [ada, bob] = [register(&*store.accounts, "ada").await?, register(&*store.accounts, "bob").await?];
    let new = NewChat::from_json(json!({"type": "private", "participant_ids": [bob.user.id]}))?;
    let chat = store.messaging.create_chat(&by(&store, &ada)?, new).await?.into_inner();

    // A job that may run twice sends with a client id of its own: the second run finds the first message.
    for _ in 0..2 {
        let new = NewMessage::from_json(json!({"content": "Your weekly report is ready.", "client_id": "report-47"}))?;
        let said = store.messaging.send(&by(&store, &ada)?, chat.id, new).await?;
        println!("{said:?}");
    }

    let page = store.messaging.messages(&by(&store, &bob)?, chat.id, Window::NEWEST, 50).await?;
    for message in &page.items {
        println!("{} {}: {}", message.seq, message.sender.username, message.content.as_deref().unwrap_or("(deleted)"));
    }
    assert_eq!(page.items.len(), 1);
    Ok(())
}

async fn register(accounts: &dyn Accounts, name: &str) -> Result<SignedIn, Box<dyn std::error::Error>> {
    // Names are unique: on a shared database, this creates users of its own.
    let name = format!("{name}-{}", now().as_micros());
    let new = json!({"username": name, "email": format!("{name}@example.org"), "password": "correct horse battery"});
    let registered = accounts.register(&Ctx::new(Actor::Nobody, now(), "job"), NewAccount::from_json(new)?).await?;
    Ok(registered.signed_in().ok_or("the account has to wait")?)
}

/// The context of a call by a signed-in user.
fn by(store: &Store, who: &SignedIn) -> clowder_core::Result<Ctx> {
    let now = now();
    Ok(Ctx::new(store.accounts.identify(&who.access, now)?.actor, now, "job"))
}

#[expect(clippy::disallowed_methods, reason = "a program reads the clock where it builds its `Ctx`")]
fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}
