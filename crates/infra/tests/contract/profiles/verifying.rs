//! Links of profiles: pages that link back are verified, for as long as they do.

use clowder_core::job::Verdict;
use clowder_infra::{
    Store,
    egress::{Egress, Options, networks},
};
use clowder_tests::web_pages::WebPages;
use serde_json::json;

use super::edit;
use crate::{
    privacy::system,
    world::{Person, World, on_both},
};

const SERVER: &str = "https://chat.example";

async fn looking(world: &World) -> Store {
    let allow = networks("127.0.0.0/8").unwrap();
    let egress = Egress::new(Options { allow, ..Options::default() }).unwrap();
    let change = |options: &mut clowder_infra::Options| {
        options.egress = egress;
        SERVER.clone_into(&mut options.email_templates.server_url);
        options.accounts.profile_url = "https://ada.example/u/{username}".to_owned();
    };
    world.node_with(change).await
}

/// Does the waiting jobs of this kind; returns how many there were.
async fn look(world: &World, node: &Store, kind: &'static str) -> usize {
    let jobs = node.jobs.take(&system(world), vec![kind], 100).await.unwrap();
    for job in &jobs {
        let worker = node.workers.iter().find(|worker| worker.kind() == job.kind).unwrap();
        worker.work(&system(world), job).await.unwrap();
        node.jobs.settle(&system(world), job, Verdict::Done).await.unwrap();
    }
    jobs.len()
}

async fn verified(world: &World, node: &Store, who: &Person) -> Vec<bool> {
    let own = node.accounts.me(&world.ctx(who)).await.unwrap();
    own.links.iter().map(|link| link.verified).collect()
}

on_both! {
    async fn pages_that_link_back_are_verified(world: World) {
        let ada = world.person("ada").await;
        let (node, pages) = (looking(&world).await, WebPages::start().await);
        world.changes().await;
        let me = format!("<a rel='nofollow me' href='{SERVER}/@Ada/'>me</a>");
        let link = |url: &str| json!({"label": "x", "url": url});
        let (garden, blog) = (pages.put("/garden", &*me), pages.put("/blog", "<a rel=me href='/@ada'>me</a>"));
        let links = json!({"links": [link(&garden), link(&blog), link(&pages.url("/nothing"))]});
        edit(&world, &ada, links.clone()).await;
        assert_eq!(verified(&world, &node, &ada).await, [false, false, false]);
        assert_eq!(look(&world, &node, "profile.check_links").await, 1);
        assert_eq!(world.names().await, ["user.updated", "user.updated"]);
        assert_eq!(verified(&world, &node, &ada).await, [true, false, false]);
        // The same again changes nothing, and another name of the link does not either.
        edit(&world, &ada, links).await;
        assert!(world.names().await.is_empty());
        let renamed = json!({"label": "My garden", "url": garden});
        edit(&world, &ada, json!({"links": [renamed, link(&blog)]})).await;
        assert_eq!(verified(&world, &node, &ada).await, [true, false]);
        assert_eq!(look(&world, &node, "profile.check_links").await, 1);
        // Every week, they are looked at again.
        pages.put("/garden", "gone");
        pages.put("/blog", "<link rel=me href=https://ada.example/u/ada>");
        world.changes().await;
        let again = clowder_core::NewJob {
            kind: "profile.recheck_links",
            payload: b"null".to_vec(),
            run_at: world.now(),
            key: None,
            subject: None,
            recipient: None,
        };
        node.jobs.order(&system(&world), again).await.unwrap();
        assert_eq!(look(&world, &node, "profile.recheck_links").await, 1);
        assert_eq!(look(&world, &node, "profile.check_links").await, 1);
        assert_eq!((verified(&world, &node, &ada).await, world.names().await.len()), (vec![false, true], 1));
    }
}
