//! The routes of notifications.

use clowder_notifications::{
    Notification, NotificationPreferences, NotificationType, PreferencesPatch, UnreadCount, Until,
    refusals::{NOTIFICATION_UNKNOWN, PREFERENCES_STALE},
    scopes::{NOTIFICATIONS_READ, NOTIFICATIONS_WRITE},
};

use super::handlers;
use crate::routes::{Endpoint, delete, get, patch, put};

pub fn all() -> Vec<Endpoint> {
    let mut all = inbox();
    all.extend(preferences());
    all
}

fn inbox() -> Vec<Endpoint> {
    vec![
        get("/api/notifications", handlers::list)
            .says("List your notifications, the newest first")
            .called("listNotifications")
            .notes("What you have not read yet is gathered by `group_key`: one item stands for up to 100, with their `count`, and shows the last of them. Texts are in your language, and show what you may see now: what was deleted, or what you may not see any more, is left out, so a page may have fewer items than asked for. Kept for 90 days.")
            .scope(NOTIFICATIONS_READ)
            .asks::<bool>("unread", "Only those that are not read, or only those that are")
            .asks::<NotificationType>("type", "Only those of this type")
            .asks::<bool>("grouped", "`false`: each by itself")
            .lists::<Notification>(),
        get("/api/notifications/unread-count", handlers::unread_count)
            .says("Read how many notifications you have not read")
            .called("countUnreadNotifications")
            .notes("The number is the same on all devices, and costs the same however many there are. Each notification counts, also those that a list gathers.")
            .scope(NOTIFICATIONS_READ)
            .gives::<UnreadCount>(200, "The number"),
        put("/api/notifications/read-all", handlers::read_all)
            .says("Mark all notifications as read")
            .called("readAllNotifications")
            .notes("With `before`, only those that are not newer. Your devices receive `notification.read`.")
            .scope(NOTIFICATIONS_WRITE)
            .takes_if_any::<Until>()
            .gives::<UnreadCount>(200, "How many are left"),
        put("/api/notifications/seen", handlers::see)
            .says("Say that you have seen your notifications in a list")
            .called("seeNotifications")
            .notes("They get `seen_at` and stay unread. With `before`, only those that are not newer. Reading a list does not mark anything, because programs read lists, too.")
            .scope(NOTIFICATIONS_WRITE)
            .takes_if_any::<Until>()
            .gives_nothing(204, "They are seen"),
        put("/api/notifications/{notification_id}/read", handlers::read)
            .says("Mark a notification as read")
            .called("readNotification")
            .notes("With all that are gathered in it. Nothing happens if it was read. Reading a chat marks the notifications of its messages.")
            .scope(NOTIFICATIONS_WRITE)
            .gives::<UnreadCount>(200, "How many are left")
            .refuses(&[NOTIFICATION_UNKNOWN]),
        delete("/api/notifications/{notification_id}", handlers::remove)
            .says("Delete a notification")
            .called("deleteNotification")
            .notes("With all that are gathered in it. Your devices receive `notification.removed`.")
            .scope(NOTIFICATIONS_WRITE)
            .gives_nothing(204, "It is deleted")
            .refuses(&[NOTIFICATION_UNKNOWN]),
    ]
}

fn preferences() -> Vec<Endpoint> {
    vec![
        get("/api/notifications/preferences", handlers::preferences)
            .says("Read what you want to be notified of")
            .called("getNotificationPreferences")
            .notes("For each type, by which channels. What you have not chosen has a default; for messages, that follows `notifications` in your settings.")
            .scope(NOTIFICATIONS_READ)
            .tagged()
            .gives::<NotificationPreferences>(200, "All of them"),
        patch("/api/notifications/preferences", handlers::prefer)
            .or_put()
            .says("Choose what you want to be notified of")
            .called("editNotificationPreferences")
            .notes("Types and channels that are absent stay as they are. During `quiet_hours`, pushes and emails wait until these are over; notices about your account do not wait.")
            .scope(NOTIFICATIONS_WRITE)
            .edits()
            .takes::<PreferencesPatch>()
            .nothing_else()
            .gives::<NotificationPreferences>(200, "As they are now")
            .refuses(&[PREFERENCES_STALE]),
    ]
}
