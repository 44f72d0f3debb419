//! What the tests of all domains need to know about notifications.

use clowder_core::{Error, PageRequest, Result};
use clowder_notifications::{NotificationFilter, NotificationId, PreferencesPatch};
use serde_json::json;

use crate::{
    domains::Domain,
    readers::read_all,
    stress::{Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Notifications::list",
        "Notifications::prefer",
        "Notifications::read",
        "Notifications::read_all",
        "Notifications::remove",
        "Notifications::see",
    ],
    reads: &["Notifications::notification_preferences", "Notifications::unread_count"],
    perform,
    keeps,
    ids: &[
        "notification_groups.id",
        "notification_groups.latest_id",
        "notifications.chat_id",
        "notifications.group_id",
        "notifications.id",
        "notifications.message_id",
        "notifications.source_id",
    ],
    never: &[
        (
            "a count of unread notifications that is not the sum of its groups",
            "notification_inboxes i WHERE i.unread <> (SELECT coalesce(sum(g.unread), 0) FROM notification_groups g \
             WHERE g.user_id = i.user_id)",
        ),
        (
            "a group that does not count what is gathered in it",
            "notification_groups g WHERE g.count <> (SELECT count(*) FROM notifications n WHERE n.group_id = g.id \
             AND n.removed_at IS NULL)",
        ),
        (
            "a notification that is in no group",
            "notifications n WHERE n.removed_at IS NULL AND NOT EXISTS (SELECT 1 FROM notification_groups g \
             WHERE g.id = n.group_id)",
        ),
        ("a notification about what somebody did themselves", "notifications WHERE actor_id = user_id"),
    ],
    met: &[("notification", "notifications")],
    ..Domain::NONE
};

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let asker = world.person("asker").await;
        let new = clowder_core::Input::from_json(json!({"user_id": ada.id}))?;
        world.store.friends.request(&world.ctx(&asker), new).await?;
        read_all(&world.store, world).await;
        let patch = of::<PreferencesPatch>(json!({"digest": "weekly"}));
        world.store.notifications.prefer(&world.ctx(ada), None, patch).await.map(drop)
    })
}

/// One of somebody's notifications.
async fn one_of(scene: &Scene<'_>) -> Result<Option<NotificationId>> {
    let page = PageRequest { limit: 10, cursor: None };
    let filter = NotificationFilter { single: scene.dice.0.is_multiple_of(2), ..NotificationFilter::default() };
    let listed = scene.store.notifications.list(&scene.ctx, filter, page).await?;
    Ok(listed.items.first().map(|notification| notification.id))
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let (notifications, ctx) = (&scene.store.notifications, &scene.ctx);
        // There are some only once the readers have read, which others do.
        let id = one_of(&scene).await?.unwrap_or_else(|| NotificationId::new(ctx.now));
        let outcome = match write {
            "Notifications::list" => Ok(()),
            "Notifications::read" => notifications.read(ctx, id).await.map(drop),
            "Notifications::read_all" => notifications.read_all(ctx, None).await.map(drop),
            "Notifications::see" => notifications.see(ctx, None).await,
            "Notifications::remove" => notifications.remove(ctx, id).await,
            "Notifications::prefer" => {
                let patch = json!({"channels": {"message.direct": {"inbox": true}, "message.chat": {"inbox": true}}});
                notifications.prefer(ctx, None, of::<PreferencesPatch>(patch)).await.map(drop)
            }
            unknown => panic!("nobody performs {unknown}"),
        };
        match outcome {
            Err(Error::Refused(refusal)) if refusal.code == "notification.unknown" => Ok(()),
            outcome => outcome,
        }
    })
}
