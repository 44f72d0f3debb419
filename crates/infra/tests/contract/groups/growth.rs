//! What is asked of the database for a group does not grow with its members.

use clowder_core::PageRequest;
use clowder_infra::DatabaseUrl;
use clowder_social::groups::{Gone, GroupFilter, GroupPatch, MemberFilter, Standing};
use serde_json::json;

use super::{deleting::fill, make};
use crate::{asked, privacy::work, stress::of, world::World};

/// Calls, and how many statements each of them is.
type Costs = Vec<(&'static str, usize)>;

/// How many statements calls about a group with so many members are, and how many writes each piece
/// of its deletion is that takes members out.
async fn costs(many: usize) -> (Costs, Vec<usize>) {
    let world = World::sqlite().await;
    let DatabaseUrl::Sqlite(path) = &world.options.url else { panic!("SQLite") };
    asked::record();
    let node = world.another_node().await;
    let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
    let group = make(&world, &ada, "public").await;
    for person in [&bob, &cem] {
        world.store.groups.join(&world.ctx(person), group.id).await.unwrap();
    }
    fill(&world, many);
    let (groups, page) = (&node.groups, PageRequest::default);
    let filter = MemberFilter { status: Standing::Member, role: None };
    let mut costs = Vec::new();
    // What is asked only once, such as the structure of a table, is asked in the first round.
    for (round, leaving) in [&bob, &cem].into_iter().enumerate() {
        let mine = GroupFilter { search: None, mine: true, my_role: None };
        let patch = of::<GroupPatch>(json!({"name": format!("Garden Friends {round}")}));
        costs.clear();
        let mut counted = |name| costs.push((name, asked::take(path).len()));
        asked::take(path);
        groups.groups(&world.ctx(&ada), mine, page()).await.unwrap();
        counted("list");
        groups.group(&world.ctx(&ada), group.id).await.unwrap();
        counted("read");
        groups.members(&world.ctx(&ada), group.id, filter, page()).await.unwrap();
        counted("members");
        groups.edit(&world.ctx(&ada), group.id, None, patch).await.unwrap();
        counted("rename");
        groups.leave(&world.ctx(leaving), group.id).await.unwrap();
        counted("leave");
    }
    let gone = groups.delete(&world.ctx(&ada), group.id, None).await.unwrap();
    assert!(matches!(gone, Gone::Started(_)), "{gone:?}");
    costs.push(("delete", asked::take(path).len()));
    work(&world, &node).await;
    let asked = asked::take(path);
    let pieces = asked.split(|statement| statement.starts_with("BEGIN"));
    let takes_out = |piece: &&[String]| piece.iter().any(|asked| asked.starts_with("DELETE FROM `participants`"));
    // While a machine is slow, others ask whether there is work.
    let reads = |asked: &&String| asked.starts_with("SELECT");
    (costs, pieces.filter(takes_out).map(|piece| piece.iter().filter(|asked| !reads(asked)).count()).collect())
}

fn least(one: Costs, other: Costs) -> Costs {
    std::iter::zip(one, other).map(|((name, one), (_, other))| (name, one.min(other))).collect()
}

/// On SQLite, where diesel can record statements; the queries are the same for both databases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_many_costs_as_much_as_one_of_some() {
    let ((mut some, pieces), (mut many, more)) = (costs(400).await, costs(4_000).await);
    // What happens beside the calls only adds to them, and not each time to the same.
    for _ in 0..3 {
        if some == many {
            break;
        }
        some = least(some, costs(400).await.0);
        many = least(many, costs(4_000).await.0);
    }
    assert_eq!(some, many);
    assert!(some.iter().all(|(_, count)| *count > 0), "{some:?}");
    // Pieces of 200 members; the last has the rest of them.
    assert!(pieces.len() >= 2 && more.len() >= 20, "{pieces:?} {more:?}");
    // The last ones also empty what belongs to the chat, which is a few statements whatever there is, and what happens
    // beside the calls adds some.
    assert!(pieces.iter().chain(&more).all(|count| *count <= pieces[0] + 40), "{pieces:?} {more:?}");
}
