//! A search of groups looks at a bounded number of words.

use clowder_core::PageRequest;
use clowder_social::groups::{GroupFilter, NewGroup};
use serde_json::json;

use crate::{
    stress::of,
    world::{World, on_both},
};

on_both! {
    async fn a_page_of_a_search_ends_though_nothing_fits(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let make = async |name: &str, visibility: &str| {
            let new = of::<NewGroup>(json!({"name": name, "visibility": visibility}));
            world.store.groups.create(&world.ctx(&ada), new).await.unwrap();
        };
        make("Verein", "secret").await;
        make("Hof", "public").await;
        make("Gartenzwerge", "public").await;
        make("Gartenzwerge im Norden", "public").await;
        let fill = |group: &str, listed: &str| {
            let words: Vec<_> = (0..2_500).map(|n| format!("('garten{n:04}')")).collect();
            world.batch(&format!(
                "INSERT INTO group_words (word, group_id, listed)
                   SELECT n.column1, g.id, {listed} FROM groups g, (VALUES {}) n WHERE g.name = '{group}'",
                words.join(", ")
            ));
        };
        fill("Verein", if world.is_postgres() { "false" } else { "0" });
        let found = async |search: &str, mine: bool| {
            let (mut found, mut pages, mut cursor) = (Vec::new(), Vec::new(), None);
            loop {
                let filter = GroupFilter { search: Some(search.to_owned()), mine, my_role: None };
                let request = PageRequest { limit: 1, cursor };
                let page = world.store.groups.groups(&world.ctx(&bob), filter, request).await.unwrap();
                pages.push(page.items.len());
                found.extend(page.items.into_iter().map(|group| group.name));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    return (found, pages);
                }
            }
        };
        let all = ["Gartenzwerge", "Gartenzwerge im Norden"];
        let both = all.map(str::to_owned).to_vec();
        assert_eq!(found("gart", false).await, (both.clone(), vec![1, 1]), "secret groups are in nobody's way");
        assert_eq!(found("garten", true).await, (vec![], vec![0]));
        fill("Hof", if world.is_postgres() { "true" } else { "1" });
        assert_eq!(found("garten nord", false).await, (vec![all[1].to_owned()], vec![0, 1]));
        assert_eq!(found("gartenzw", false).await, (all.map(str::to_owned).to_vec(), vec![1, 1]));
    }
}
