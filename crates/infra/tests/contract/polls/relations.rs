//! Polls among other messages: quoted, in threads, forwarded, pinned, saved and deleted with many.

use clowder_core::PageRequest;
use clowder_messaging::{
    MessageType, Window,
    keeping::{NewDeletion, NewSave},
    relations::NewForward,
};
use serde_json::json;

use super::{ask, poll, seen, several, shown, vote, votes};
use crate::{
    stress::of,
    world::{World, code, on_both},
};

on_both! {
    async fn a_poll_is_quoted_and_in_a_thread(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let root = ask(&world, &ada, chat, several()).await.id;
        let mut new = poll(json!({"options": ["Now", "Later"]}));
        (new.reply_to, new.thread_of) = (Some(root), Some(root));
        let sent = world.store.messaging.send(&world.ctx(&bob), chat, new).await.unwrap().into_inner();
        let quoted = sent.reply_to.as_ref().unwrap();
        assert_eq!((sent.thread_of, quoted.excerpt.as_deref()), (Some(root), Some("What shall we eat?")));
        votes(&world, &ada, sent.id, &[1]).await;
        let thread = world.store.relations.thread(&world.ctx(&ada), root, Window::After(0), 9).await.unwrap();
        assert_eq!(shown(&thread.items[0]), (vec![(0, Some(false)), (1, Some(true))], 1));
        votes(&world, &bob, root, &[0, 2]).await;
        let threads = world.store.relations.threads(&world.ctx(&bob), None, PageRequest::default()).await.unwrap();
        let expected = (vec![(1, Some(true)), (0, Some(false)), (1, Some(true))], 1);
        assert_eq!(shown(&threads.items[0].root), expected);
        world.store.messaging.delete(&world.ctx(&ada), root, None).await.unwrap();
        let quoted = seen(&world, &bob, sent.id).await.reply_to.unwrap();
        assert_eq!((quoted.excerpt, quoted.deleted), (None, true));
        votes(&world, &bob, sent.id, &[0]).await;
    }

    async fn a_forwarded_poll_begins_without_votes(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let (source, other) = (world.group(&ada, &[&bob]).await.id, world.group(&bob, &[&eve]).await.id);
        let new = json!({"options": ["Noodles", "Soup", "Rice"], "multiple": true, "most": 2, "anonymous": true});
        let asked = ask(&world, &ada, source, new).await;
        votes(&world, &bob, asked.id, &[1, 2]).await;
        let forward = async |message| {
            let to = of::<NewForward>(json!({"chat_ids": [other]}));
            world.store.relations.forward(&world.ctx(&bob), message, to).await
        };
        let copy = forward(asked.id).await.unwrap().into_inner().items.remove(0).message.unwrap();
        assert_eq!((copy.kind, copy.sender.id), (MessageType::Poll, bob.id));
        assert_eq!(copy.forwarded_from.unwrap().sender.unwrap().id, ada.id);
        assert_eq!((copy.content, copy.poll), (asked.content.clone(), asked.poll.clone()), "the same is asked, of others");
        votes(&world, &eve, copy.id, &[0]).await;
        assert_eq!(code(vote(&world, &ada, copy.id, &[0]).await), "message.unknown");
        assert_eq!(shown(&seen(&world, &ada, asked.id).await), (vec![(0, Some(false)), (1, Some(false)), (1, Some(false))], 1));
        world.store.polls.close(&world.ctx(&ada), asked.id).await.unwrap();
        assert_eq!(code(forward(asked.id).await), "message.not_forwardable", "nobody could vote in it");
        votes(&world, &eve, copy.id, &[1, 2]).await;
        world.store.polls.close(&world.ctx(&bob), copy.id).await.unwrap();
    }

    async fn a_poll_is_pinned_saved_and_deleted_with_others(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let asked = ask(&world, &bob, chat, several()).await.id;
        let text = world.say(&bob, chat, "and a text").await.id;
        votes(&world, &ada, asked, &[0]).await;
        let mine = (vec![(1, Some(true)), (0, Some(false)), (0, Some(false))], 1);
        let keeping = &world.store.keeping;
        assert_eq!(shown(&keeping.pin(&world.ctx(&ada), asked).await.unwrap().message), mine);
        let new = || of::<NewSave>(json!({"note": "decide"}));
        assert_eq!(shown(&keeping.save(&world.ctx(&ada), asked, new()).await.unwrap().message), mine);
        votes(&world, &bob, asked, &[0]).await;
        let mine = (vec![(2, Some(true)), (0, Some(false)), (0, Some(false))], 2);
        let pins = keeping.pins(&world.ctx(&ada), chat, PageRequest::default()).await.unwrap();
        let saved = keeping.saved(&world.ctx(&ada), None, PageRequest::default()).await.unwrap();
        assert_eq!((shown(&pins.items[0].message), shown(&saved.items[0].message)), (mine.clone(), mine));
        world.changes().await;
        let new = of::<NewDeletion>(json!({"message_ids": [asked, text], "reason": "Advertising"}));
        let outcomes = keeping.delete_messages(&world.ctx(&ada), chat, new).await.unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.deleted_at.is_some()));
        assert_eq!(code(vote(&world, &bob, asked, &[1]).await), "message.deleted");
        for table in ["message_poll_votes", "message_polls", "message_pins"] {
            assert_eq!(world.meddle(&format!("DELETE FROM {table}")).unwrap(), 0, "{table}");
        }
        world.gone(b"Noodles").await;
    }

    async fn nobody_is_mentioned_in_a_poll(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let mut new = poll(json!({"options": ["@bob", "@all #now"]}));
        new.content = of_content("@bob, @all: #lunch at https://example.org?");
        let sent = world.store.messaging.send(&world.ctx(&ada), chat, new).await.unwrap().into_inner();
        for message in [&sent, &seen(&world, &bob, sent.id).await] {
            assert_eq!((message.entities.len(), message.mentions.len()), (0, 0));
            assert_eq!(message.poll.as_ref().unwrap().options[0].text, "@bob");
        }
        assert_eq!(world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap().mention_count, 0);
    }
}

fn of_content(text: &str) -> clowder_messaging::Content {
    of::<clowder_messaging::NewMessage>(json!({"content": text})).content
}
