//! Follows everything that happens, once and in order, whichever process it comes from, as a bridge, an indexer or a
//! bot would.
//!
//!     cargo run -p clowder-infra --example follow_the_journal

use clowder_accounts::NewAccount;
use clowder_core::{Actor, Ctx, Input, Timestamp};
use clowder_infra::{DatabaseUrl, Options, Store};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let url = DatabaseUrl::Sqlite(folder.path().join("team.db"));
    Store::migrate(&url)?;
    let mut options = Options::new(url, "a secret of at least thirty-two characters");
    options.hasher.cost = 4;

    // Two stores over one database, like two processes.
    let (here, there) = (Store::open(options.clone(), now()).await?, Store::open(options, now()).await?);
    let mut follower = here.follow().await?;

    for name in ["ada", "bob", "eve"] {
        let email = format!("{name}@example.org");
        let new = json!({"username": name, "email": email, "password": "correct horse battery"});
        let ctx = Ctx::new(Actor::Nobody, now(), "example");
        there.accounts.register(&ctx, NewAccount::from_json(new)?).await?;
    }
    for position in 1..=3 {
        let change = follower.next().await?;
        println!("{}.{} {} on {}: {}", change.stream, change.position, change.name, change.topic, change.data);
        assert_eq!((change.position, &*change.name), (position, "user.registered"));
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a program reads the clock where it builds its `Ctx`")]
fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}
