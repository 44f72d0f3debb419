//! A search of groups looks at a bounded number of words, and one member is found as in the list.

use clowder_core::{PageRequest, UserId};
use clowder_social::groups::{GroupFilter, MemberFilter, NewGroup, Standing};
use serde_json::json;

use super::make;
use crate::{
    stress::of,
    world::{World, code, on_both},
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

    /// One person is shown to whom the list shows them.
    async fn one_member_is_read_as_in_the_list(world: World) {
        let [ada, bob, cem, dia, eve] = world.people(["ada", "bob", "cem", "dia", "eve"]).await;
        let groups = &world.store.groups;
        let [public, closed] = [make(&world, &ada, "public").await.id, make(&world, &ada, "closed").await.id];
        for person in [&bob, &cem] {
            groups.join(&world.ctx(person), public).await.unwrap();
        }
        groups.join(&world.ctx(&bob), closed).await.unwrap();
        groups.invite(&world.ctx(&ada), closed, of(json!({"user_ids": [dia.id]}))).await.unwrap();
        groups.ban(&world.ctx(&ada), public, dia.id, of(json!({"reason": "rude"}))).await.unwrap();
        world.meddle("UPDATE users SET visibility = 'private' WHERE username = 'cem'").unwrap();
        let nobody = UserId::new(world.now());
        for group in [public, closed] {
            for viewer in [&ada, &bob, &cem, &dia, &eve] {
                let mut listed = Vec::new();
                let mut refused = None;
                for status in [Standing::Member, Standing::Pending, Standing::Invited, Standing::Banned] {
                    let filter = MemberFilter { status, role: None };
                    match groups.members(&world.ctx(viewer), group, filter, PageRequest::default()).await {
                        Ok(page) => listed.extend(page.items),
                        none if status == Standing::Member => refused = Some(code(none)),
                        _ => {}
                    }
                }
                for user in [ada.id, bob.id, cem.id, dia.id, eve.id, nobody] {
                    let one = groups.member(&world.ctx(viewer), group, user).await;
                    match (refused, listed.iter().find(|member| member.user.id == user)) {
                        (None, Some(member)) => assert_eq!(&one.unwrap(), member),
                        (refused, _) => assert_eq!(code(one), refused.unwrap_or("group.member_unknown")),
                    }
                }
            }
        }
        let secret = make(&world, &ada, "secret").await.id;
        assert_eq!(code(groups.member(&world.ctx(&eve), secret, ada.id).await), "group.unknown");
        assert_eq!(groups.member(&world.ctx(&ada), closed, dia.id).await.unwrap().invited_by.unwrap().id, ada.id);
        assert_eq!(groups.member(&world.ctx(&ada), public, dia.id).await.unwrap().reason.as_deref(), Some("rude"));
    }
}
