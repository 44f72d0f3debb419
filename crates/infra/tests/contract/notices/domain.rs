//! What the tests of all domains need to know about mail of notifications.

use clowder_core::Id;
use clowder_infra::notices::Links;
use clowder_notifications::{
    NotificationType, PreferencesPatch,
    mail::{Unsubscribe, unsubscribe::Link},
    wording::Language,
};
use clowder_social::NewFriendRequest;
use serde_json::json;

use crate::{
    domains::Domain,
    stress::{Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Notices::compose", "Notices::sent", "Notices::bounced", "Notices::unsubscribe"],
    reads: &["Notices::link", "Notices::mail_status"],
    perform,
    keeps,
    ids: &[
        "notice_addresses.mail_id",
        "notice_mails.id",
        "notices.chat_id",
        "notices.id",
        "notices.message_id",
        "notices.notification_id",
        "notices.source_id",
    ],
    never: &[
        (
            "more that waits to be told by mail than is counted",
            "notice_queues q WHERE q.waiting < (SELECT count(*) FROM notices n WHERE n.user_id = q.user_id \
             AND n.mail_id IS NULL)",
        ),
        (
            "something that waits to be told by mail, and that nobody looks at",
            "notices n WHERE n.mail_id IS NULL AND NOT EXISTS (SELECT 1 FROM notice_queues q \
             WHERE q.user_id = n.user_id)",
        ),
    ],
    ..Domain::NONE
};

/// The rows that emails leave: making some takes a reader, and time.
fn keeps<'a>(world: &'a World, _: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        world.batch(
            "INSERT INTO notice_mails (id, user_id, more, created_at) SELECT id, id, 0, created_at FROM users WHERE username IN ('ada', 'peculiar');
             INSERT INTO notice_queues (user_id, waiting, more) SELECT id, 0, 1 FROM users WHERE username IN ('ada', 'peculiar');",
        );
        Ok(())
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, world, store, member, ctx, nobody, dice, .. } = scene;
        let system = stage.system();
        match write {
            "Notices::compose" => {
                // Somebody is told something by mail, at once or in the morning.
                let name = stage.fresh("mailed");
                let mailed = world.by(&world.register(&name).await.access);
                let later = if world.is_postgres() { "interval '1 second'" } else { "1000000" };
                let confirmed = format!("email_verified_at = created_at + {later} WHERE username = '{name}'");
                world.meddle(&format!("UPDATE users SET {confirmed}")).unwrap();
                if dice.below(2) == 0 {
                    let digest = of::<PreferencesPatch>(json!({"digest": "daily"}));
                    store.notifications.prefer(&mailed, None, digest).await?;
                }
                let asked = of::<NewFriendRequest>(json!({"user_id": mailed.user()?}));
                // The member may have asked too many.
                let _ = store.friends.request(&ctx, asked).await;
                store.readers.read(&system).await?;
                store.notices.compose(&system, Id::new(world.now())).await?;
            }
            "Notices::sent" => store.notices.sent(&system, Id::new(world.now())).await?,
            "Notices::bounced" => {
                store.notices.bounced(&system, Id::new(world.now()), "x@example.org".to_owned(), true).await?;
            }
            "Notices::unsubscribe" => {
                let all = Unsubscribe::of(NotificationType::all()).unwrap();
                let what = if dice.below(2) == 0 { Unsubscribe::Digest } else { all };
                let link = Link { user: member.id, what, language: Language::En };
                store.notices.unsubscribe(&nobody, &Links::new(&store.keys).token(&link)).await?;
            }
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
