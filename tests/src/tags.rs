//! Walks over the routes are one test per domain and database, so that they share the work and a failure names its domain.

use std::collections::BTreeSet;

use crate::{World, documents::OpenApi, domains::DOMAINS};

/// Makes a test per domain and database of each walk: `async fn(World, &str)`, which is given the tag of the domain.
#[macro_export]
macro_rules! by_tag {
    ($($walk:ident),+ $(,)?) => {$(
        mod $walk {
            $crate::for_domains!(walk_by_tag $walk);
        }
    )+};
}

#[doc(hidden)]
#[macro_export]
macro_rules! walk_by_tag {
    ($walk:ident $($domain:ident,)+) => {
        $(mod $domain {
            const TAG: &str = $crate::domains::$domain::DOMAIN.tag;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::super::$walk($crate::World::shared_on_sqlite(&[]).await, TAG).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::super::$walk($crate::World::shared_on_postgres(&[]).await, TAG).await;
            }
        })+

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn leaves_out_no_tag() {
            $crate::tags::are_all(&$crate::World::shared_on_sqlite(&[]).await).await;
        }
    };
}

/// Fails when the domains are not exactly the tags of all operations, without which no walk is complete.
pub async fn are_all(world: &World) {
    let api = OpenApi(world.nobody().get("/api/openapi.json").await.expect(200));
    let used: BTreeSet<_> = api.operations().into_iter().map(|(.., operation)| tag(operation).to_owned()).collect();
    let walked: BTreeSet<_> = DOMAINS.iter().map(|domain| domain.tag.to_owned()).collect();
    assert_eq!(walked, used, "the domains in tests/src/domains.rs are not the tags of the document");
}

/// The one tag of an operation.
pub fn tag(operation: &serde_json::Value) -> &str {
    let tags = operation["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let [tag] = tags else { panic!("not one tag: {operation}") };
    tag.as_str().unwrap()
}
