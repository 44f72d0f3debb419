//! The crates for people without the gateway: two people become friends, and the rule of sight says who may see a profile.
//!
//!     cargo run -p clowder-infra --example befriend_and_see [URL]
//!
//! Without a URL it uses a SQLite file in a temporary folder.

use clowder_accounts::{
    NewAccount, ProfilePatch, SignedIn,
    policy::sight::{SightFacts, sight},
};
use clowder_core::{Actor, Ctx, Input, PageRequest, Timestamp, Visibility, Word};
use clowder_infra::{DatabaseUrl, Options, Store};
use clowder_social::{Decision, FriendFilter, NewFriendRequest};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let url = std::env::args().nth(1).unwrap_or_else(|| format!("sqlite:{}/people.db", folder.path().display()));
    let url = DatabaseUrl::parse(&url)?;
    Store::migrate(&url)?;
    let mut options = Options::new(url, "a secret of at least thirty-two characters");
    options.hasher.cost = 4;
    let store = Store::open(options, now()).await?;

    let [ada, bob, eve] =
        [register(&store, "ada").await?, register(&store, "bob").await?, register(&store, "eve").await?];
    let patch = ProfilePatch::from_json(json!({"visibility": "friends", "bio": "Counting"}))?;
    store.accounts.edit_me(&by(&store, &ada)?, None, patch).await?;

    let new = NewFriendRequest::from_json(json!({"user_id": bob.user.id, "message": "We met in Turin"}))?;
    let request = store.friends.request(&by(&store, &ada)?, new).await?.into_inner();
    store.friends.decide(&by(&store, &bob)?, request.id, Decision::from_json(json!({"action": "accept"}))?).await?;
    let friends = store.friends.list(&by(&store, &bob)?, FriendFilter::default(), PageRequest::default()).await?;
    println!("friends of bob: {}", friends.items[0].user.username);

    for (who, viewer) in [("bob", &bob), ("eve", &eve)] {
        let shown = store.profiles.user(&by(&store, viewer)?, ada.user.id, None).await?.user;
        println!("{who} sees {} and reads: {}", shown.username, shown.bio.as_deref().unwrap_or("(nothing more)"));
    }

    // The rule itself, as a pure function, for a table of one's own.
    for (word, visibility) in Visibility::WORDS {
        let facts = SightFacts {
            own: false,
            staff: false,
            friends: false,
            blocked: false,
            visibility: *visibility,
            suspended: false,
            erased: false,
        };
        let seen = |friends| sight(&SightFacts { friends, ..facts });
        println!("{word}: a friend sees {:?}, a stranger {:?}", seen(true), seen(false));
    }
    Ok(())
}

async fn register(store: &Store, name: &str) -> Result<SignedIn, Box<dyn std::error::Error>> {
    // Names are unique: on a shared database, this creates users of its own.
    let name = format!("{name}-{}", now().as_micros());
    let new = json!({"username": name, "email": format!("{name}@example.org"), "password": "correct horse battery"});
    let ctx = Ctx::new(Actor::Nobody, now(), "example");
    let registered = store.accounts.register(&ctx, NewAccount::from_json(new)?).await?;
    Ok(registered.signed_in().ok_or("the account has to wait")?)
}

fn by(store: &Store, person: &SignedIn) -> clowder_core::Result<Ctx> {
    let identity = store.accounts.identify(&person.access, now())?;
    Ok(Ctx::new(identity.actor, now(), "example"))
}

#[expect(clippy::disallowed_methods, reason = "a program reads the clock where it builds its `Ctx`")]
fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}
