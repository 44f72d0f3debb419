//! Groups are deleted: small ones at once, large ones in pieces.

use std::{collections::HashSet, time::Duration};

use clowder_core::{PageRequest, Topic};
use clowder_messaging::ChatFilter;
use clowder_social::groups::{Deletion, Gone, MemberFilter, Standing, model::DeletionStatus};
use serde_json::json;

use super::{contradictions, count, make, sorted, told};
use crate::{
    privacy::{system, work},
    stress::of,
    world::{World, code, on_both},
};

on_both! {
    async fn a_small_group_is_gone_at_once(world: World) {
        let [ada, bob, cem, eve] = world.people(["ada", "bob", "cem", "eve"]).await;
        let groups = &world.store.groups;
        let group = make(&world, &ada, "public").await;
        groups.join(&world.ctx(&bob), group.id).await.unwrap();
        world.say(&bob, group.chat_id.unwrap(), "zqlastwords").await;
        groups.invite(&world.ctx(&ada), group.id, of(json!({"user_ids": [cem.id]}))).await.unwrap();
        groups.ban(&world.ctx(&ada), group.id, eve.id, of(json!({"reason": "zqrude"}))).await.unwrap();
        groups.invite(&world.ctx(&ada), group.id, of(json!({}))).await.unwrap();
        world.changes().await;
        assert_eq!(groups.delete(&world.ctx(&ada), group.id, None).await.unwrap(), Gone::Whole);
        let mut expected = vec![("group.uninvited".to_owned(), Topic::user(cem.id))];
        for person in [&ada, &bob] {
            for name in ["group.deleted", "chat.deleted"] {
                expected.push((name.to_owned(), Topic::user(person.id)));
            }
        }
        assert_eq!(sorted(told(&world).await), sorted(expected));
        for table in ["groups", "group_deletions", "group_people", "group_links", "chats", "messages"] {
            assert_eq!(count(&world, table), 0, "{table}");
        }
        world.gone(b"zqlastwords").await;
        world.gone(b"zqrude").await;
        assert_eq!(code(groups.deletion(&world.ctx(&ada), group.id).await), "group.deletion_unknown");
        assert_eq!(work(&world, &world.store).await, 0, "nothing is left to do");
        assert_eq!(contradictions(&world), Vec::<&str>::new());
    }

    async fn a_large_group_is_deleted_in_pieces(world: World) {
        const MANY: usize = 3_000;
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let groups = &world.store.groups;
        let group = make(&world, &ada, "public").await;
        groups.join(&world.ctx(&bob), group.id).await.unwrap();
        world.say(&bob, group.chat_id.unwrap(), "hello everybody").await;
        fill(&world, MANY);
        let first = PageRequest { limit: 200, cursor: None };
        let filter = MemberFilter { status: Standing::Member, role: None };
        let page = groups.members(&world.ctx(&bob), group.id, filter, first).await.unwrap();
        assert_eq!(page.items.len(), 200);
        world.changes().await;
        groups.leave(&world.ctx(&bob), group.id).await.unwrap();
        let told_of: HashSet<_> = told(&world).await.into_iter().map(|(_, topic)| topic).collect();
        assert_eq!(told_of, [Topic::user(bob.id), Topic::user(ada.id)].into(), "the member and the staff");
        assert_eq!(groups.group(&world.ctx(&bob), group.id).await.unwrap().member_count, MANY as i64 + 1);
        let gone = groups.delete(&world.ctx(&ada), group.id, None).await.unwrap();
        let running = |progress| Deletion { group_id: group.id, status: DeletionStatus::Running, progress };
        assert_eq!(gone, Gone::Started(running(0.0)));
        assert_eq!(sorted(world.names().await), ["chat.deleted", "group.deleted"]);
        for person in [&ada, &bob] {
            assert_eq!(code(groups.group(&world.ctx(person), group.id).await), "group.unknown");
        }
        let left = world.store.messaging.chats(&world.ctx(&ada), ChatFilter::default(), PageRequest::default()).await.unwrap();
        assert!(left.items.is_empty());
        let begun = groups.deletion(&world.ctx(&ada), group.id).await.unwrap();
        assert!(begun.status == DeletionStatus::Running && begun.progress < 0.01, "{begun:?}");
        assert_eq!(code(groups.deletion(&world.ctx(&bob), group.id).await), "group.deletion_unknown", "it is told to nobody else");
        let started = std::time::Instant::now();
        work(&world, &world.store).await;
        assert!(started.elapsed() < Duration::from_secs(60), "{MANY} members took {:?}", started.elapsed());
        let done = groups.deletion(&world.ctx(&ada), group.id).await.unwrap();
        assert_eq!((done.status, done.progress), (DeletionStatus::Done, 1.0));
        for table in ["groups", "group_people", "group_words", "group_links", "chats", "participants", "messages"] {
            assert_eq!(count(&world, table), 0, "{table}");
        }
        let changes = world.changes().await;
        assert_eq!(changes.len(), 2 * MANY);
        assert!(!world.everything().await.iter().any(|change| change.data.get().contains("hello everybody")));
        world.wait(Duration::from_secs(8 * 24 * 3600));
        world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap();
        assert_eq!(code(groups.deletion(&world.ctx(&ada), group.id).await), "group.deletion_unknown");
    }
}

/// So many more members of the only group, with accounts of their own.
pub fn fill(world: &World, many: usize) {
    let (id, series) = strangers(world, many);
    world.batch(&format!(
        "INSERT INTO group_people (group_id, user_id, status, role, since)
           SELECT g.id, {id}, 'member', 'member', g.created_at FROM groups g, {series};
         INSERT INTO participants (chat_id, user_id, role, joined_at, read_seq, own_after_read)
           SELECT g.chat_id, {id}, 'member', g.created_at, 0, 0 FROM groups g, {series};
         UPDATE groups SET member_count = member_count + {many};
         UPDATE chats SET participant_count = participant_count + {many}, lowest_reader_id = NULL,
           lowest_read_seq = NULL, second_lowest_read_seq = NULL;",
    ));
}

/// Adds so many people who are like Ada, and answers how a statement names their ids, and counts them.
pub fn strangers(world: &World, many: usize) -> (&'static str, String) {
    let (id, series) = if world.is_postgres() {
        ("CAST(lpad(to_hex(s.n), 32, '0') AS uuid)", format!("generate_series(1, {many}) AS s(n)"))
    } else {
        let series = format!(
            "(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {many}) SELECT n FROM t) s"
        );
        ("CAST(printf('%016d', s.n) AS BLOB)", series)
    };
    let columns: Vec<String> = columns_of_users(world);
    let values: Vec<String> = columns
        .iter()
        .map(|column| match column.as_str() {
            "id" => id.to_owned(),
            "username" | "username_key" | "email" | "email_key" => format!("u.{column} || s.n"),
            other => format!("u.{other}"),
        })
        .collect();
    world.batch(&format!(
        "INSERT INTO users ({}) SELECT {} FROM users u, {series} WHERE u.username = 'ada';",
        columns.join(", "),
        values.join(", "),
    ));
    (id, series)
}

fn columns_of_users(world: &World) -> Vec<String> {
    use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query, sql_types::Text};
    #[derive(QueryableByName)]
    struct Column {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let columns: Vec<Column> = match &world.options.url {
        clowder_infra::DatabaseUrl::Postgres(url) => {
            sql_query("SELECT column_name::text AS name FROM information_schema.columns WHERE table_name = 'users'")
                .load(&mut PgConnection::establish(url).unwrap())
        }
        clowder_infra::DatabaseUrl::Sqlite(path) => {
            sql_query("SELECT name FROM pragma_table_info('users')").load(&mut crate::world::beside(path))
        }
    }
    .unwrap();
    columns.into_iter().map(|column| column.name).collect()
}
