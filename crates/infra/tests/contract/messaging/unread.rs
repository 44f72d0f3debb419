//! How many messages are unread in chats with very many.

use clowder_core::PageRequest;
use clowder_messaging::{ChatFilter, NewRead, Window};
use serde_json::json;

use crate::{
    stress::of,
    world::{World, on_both},
};

on_both! {
    /// Half of 12,500 messages are deleted. Of the deleted ones, no more than the newest 10,000 are looked at.
    async fn unread_messages_are_counted_although_very_many_are_deleted(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let [chat_id, ada_id] = [world.literal(chat), world.literal(ada.id)];
        let many = 12_500;
        let embedded = world.options.url.is_embedded();
        let (id, at, numbers) = if embedded {
            let numbers = format!("WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {many})");
            ("randomblob(16)", "1790000100000000 + n", numbers)
        } else {
            let at = "to_timestamp(1790000100) + n * interval '1 microsecond'";
            ("gen_random_uuid()", at, format!("WITH n(n) AS (SELECT generate_series(1, {many}))"))
        };
        let when = format!("CASE WHEN n % 2 = 0 THEN {at} END");
        world.meddle(&format!(
            "{numbers} INSERT INTO messages (id, chat_id, seq, type, sender_id, content, created_at, version, deleted_at, deleted_by) \
             SELECT {id}, {chat_id}, n, 'text', {ada_id}, CASE WHEN n % 2 = 1 THEN 'x' END, {at}, 1, {when}, \
             CASE WHEN n % 2 = 0 THEN {ada_id} END FROM n"
        )).unwrap();
        world.meddle(&format!("UPDATE chats SET last_seq = {many}, deleted_count = {many} / 2 WHERE id = {chat_id}")).unwrap();
        world.meddle(&format!("UPDATE participants SET own_after_read = {many} WHERE user_id = {ada_id}")).unwrap();
        let unread = async |who| world.store.messaging.chat(&world.ctx(who), chat).await.unwrap().unread_count;
        let listed = async |unread: bool| {
            let filter = ChatFilter { unread: Some(unread), ..ChatFilter::default() };
            world.store.messaging.chats(&world.ctx(&bob), filter, PageRequest::default()).await.unwrap().items.len()
        };
        assert_eq!((unread(&bob).await, unread(&ada).await), (6_250, 0));
        assert_eq!((listed(true).await, listed(false).await), (1, 0));
        let (ctx, window) = (world.ctx(&bob), Window::Before(many + 1));
        let newest = world.store.messaging.messages(&ctx, chat, window, 1).await.unwrap().items.remove(0).id;
        world.meddle(&format!("UPDATE messages SET deleted_at = NULL, content = 'x' WHERE id = {}", world.literal(newest))).unwrap();
        assert_eq!(unread(&bob).await, 6_251);
        let read = |seq: i64| of::<NewRead>(json!({ "seq": seq }));
        world.store.messaging.read(&world.ctx(&bob), chat, read(2_600)).await.unwrap();
        assert_eq!(unread(&bob).await, 4_951);
        world.meddle(&format!("UPDATE participants SET read_seq = 0, shown_read_seq = 0 WHERE user_id = {}", world.literal(bob.id))).unwrap();
        world.meddle("UPDATE messages SET deleted_at = created_at, content = NULL WHERE seq > 2500").unwrap();
        assert_eq!(unread(&bob).await, 2_500, "1,250 of them are deleted, but before 10,000 others");
        assert_eq!((listed(true).await, listed(false).await), (0, 1));
    }
}
