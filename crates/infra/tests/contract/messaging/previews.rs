//! Previews of links: they come after the message, and go with it.

use clowder_core::job::Verdict;
use clowder_infra::{
    Store,
    egress::{Egress, Options, networks},
};
use clowder_messaging::{Message, MessagePatch, NewMessage};
use clowder_tests::web_pages::WebPages;
use serde_json::json;

use crate::{
    privacy::system,
    stress::{count, of},
    world::{Person, World, on_both},
};

/// A node that opens links, also those to this machine.
async fn opening(world: &World) -> Store {
    let allow = networks("127.0.0.0/8").unwrap();
    let egress = Egress::new(Options { allow, ..Options::default() }).unwrap();
    let change = |options: &mut clowder_infra::Options| {
        options.egress = egress;
        options.messaging.link_previews = true;
    };
    world.node_with(change).await
}

/// Does the waiting jobs; returns how many there were.
async fn fetch(world: &World, node: &Store) -> usize {
    let jobs = node.jobs.take(&system(world), vec!["message.preview"], 100).await.unwrap();
    for job in &jobs {
        let worker = node.workers.iter().find(|worker| worker.kind() == job.kind).unwrap();
        worker.work(&system(world), job).await.unwrap();
        node.jobs.settle(&system(world), job, Verdict::Done).await.unwrap();
    }
    jobs.len()
}

async fn seen(world: &World, node: &Store, who: &Person, message: &Message) -> Message {
    node.messaging.message(&world.ctx(who), message.id).await.unwrap()
}

fn page(title: &str) -> String {
    format!("<title>{title}</title><meta name=description content='About {title}'>")
}

on_both! {
    async fn previews_come_after_the_message(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        let (node, pages) = (opening(&world).await, WebPages::start().await);
        let url = pages.put("/menu", format!("{}<meta property=og:site_name content=Example>", page("Menu")));
        let say = async |text: String| {
            let new = of::<NewMessage>(json!({"content": text}));
            node.messaging.send(&world.ctx(&ada), chat.id, new).await.unwrap().into_inner()
        };
        let said = say(format!("{url}, {url} and {}", pages.url("/nothing"))).await;
        assert!(said.previews.is_empty() && pages.asked().is_empty(), "nobody waits for them");
        assert_eq!(fetch(&world, &node).await, 1);
        assert_eq!(world.names().await, ["message.sent", "message.updated"]);
        let shown = seen(&world, &node, &bob, &said).await;
        let told = serde_json::to_value(&shown.previews).unwrap();
        let preview = json!({"url": url, "title": "Menu", "description": "About Menu", "site_name": "Example", "image": null});
        assert_eq!((told, shown.version, shown.edited_at), (json!([preview]), 1, None));
        assert_eq!(shown.entities, said.entities);
        // Another message with the same link costs no call.
        let again = say(format!("once more {url}")).await;
        assert_eq!((fetch(&world, &node).await, pages.asked().len()), (1, 2));
        assert_eq!(seen(&world, &node, &bob, &again).await.previews, shown.previews);
        // Without links, or with those that nobody should open, there is nothing to do.
        for text in ["hello".to_owned(), format!("<{url}>"), "ada@example.org".to_owned()] {
            say(text).await;
            assert_eq!(fetch(&world, &node).await, 0);
        }
        // What leads inside is not called.
        let inside = say("https://10.0.0.1/ https://[::1]/ http://169.254.169.254/latest".to_owned()).await;
        assert_eq!(fetch(&world, &node).await, 1);
        assert!(seen(&world, &node, &bob, &inside).await.previews.is_empty());
        world.say(&ada, chat.id, &url).await;
        assert_eq!(fetch(&world, &node).await, 0, "a server without previews orders none");
    }

    async fn previews_go_with_their_links(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await;
        let (node, pages) = (opening(&world).await, WebPages::start().await);
        let (one, two) = (pages.put("/1", page("Zymurgical")), pages.put("/2", page("Quixotry")));
        let new = of::<NewMessage>(json!({"content": format!("{one} {two}")}));
        let said = node.messaging.send(&world.ctx(&ada), chat.id, new).await.unwrap().into_inner();
        fetch(&world, &node).await;
        let titles = async || {
            let shown = seen(&world, &node, &bob, &said).await.previews.into_iter();
            shown.map(|preview| preview.title.unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(titles().await, ["Zymurgical", "Quixotry"]);
        let edit = async |text: &str| {
            let patch = of::<MessagePatch>(json!({"content": text}));
            node.messaging.edit(&world.ctx(&ada), said.id, None, patch).await.unwrap()
        };
        edit(&format!("only {two}")).await;
        assert_eq!((titles().await, fetch(&world, &node).await), (vec!["Quixotry".to_owned()], 0));
        edit(&format!("{two} and {one}")).await;
        assert_eq!(fetch(&world, &node).await, 1);
        assert_eq!(titles().await, ["Quixotry", "Zymurgical"]);
        // Whoever edits while a page is fetched keeps what they wrote.
        edit(&format!("{one}?a")).await;
        node.messaging.delete(&world.ctx(&ada), said.id, None).await.unwrap();
        assert_eq!(fetch(&world, &node).await, 1);
        assert!(seen(&world, &node, &bob, &said).await.previews.is_empty());
        for word in ["Zymurgical", "Quixotry"] {
            assert_eq!(count(&world, &format!("messages WHERE data LIKE '%{word}%'")), 0);
        }
        let told = world.changes().await;
        let left = told.iter().filter(|change| change.data.get().contains("Zymurgical"));
        assert_eq!(left.count(), 0, "nor does the journal have them");
    }
}
