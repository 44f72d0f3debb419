//! The tags of the OpenAPI document. Walks over the routes are one test per tag and database, so that they share the work
//! and a failure names its domain; a new tag adds its line here, without which no walk is complete.

use crate::documents::OpenApi;

/// Makes a test per tag and database of each walk: `async fn(World, &str)`, which is given the tag.
#[macro_export]
macro_rules! by_tag {
    ($($walk:ident),+ $(,)?) => {$(
        mod $walk {
            $crate::by_tag!(@tests $walk;
                accounts "Accounts",
                administration "Administration",
                api_keys "API keys",
                audit "Audit",
                credentials "Credentials",
                messaging "Messaging",
                operation "Operation",
                privacy "Privacy",
                realtime "Realtime",
                sign_ups "Sign-ups",
                two_factor "Two-factor authentication",
            );
        }
    )+};
    (@tests $walk:ident; $($name:ident $tag:literal,)+) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::super::$walk($crate::World::shared_on_sqlite().await, $tag).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::super::$walk($crate::World::shared_on_postgres().await, $tag).await;
            }
        })+

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn leaves_out_no_tag() {
            $crate::tags::are_all(&$crate::World::shared_on_sqlite().await, &[$($tag),+]).await;
        }
    };
}

/// Fails when these are not exactly the tags of all operations.
pub async fn are_all(world: &crate::World, walked: &[&str]) {
    let api = OpenApi(world.nobody().get("/api/openapi.json").await.expect(200));
    let used = api.operations().into_iter().map(|(.., operation)| tag(operation).to_owned());
    let used: std::collections::BTreeSet<_> = used.collect();
    let walked: std::collections::BTreeSet<_> = walked.iter().map(|tag| (*tag).to_owned()).collect();
    assert_eq!(walked, used, "the list of tags in tests/src/tags.rs is not that of the document");
}

/// The one tag of an operation.
pub fn tag(operation: &serde_json::Value) -> &str {
    let tags = operation["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let [tag] = tags else { panic!("not one tag: {operation}") };
    tag.as_str().unwrap()
}
