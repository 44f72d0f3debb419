//! A group of 100,000 people beside one of 10: the first page of its members, its details with their number, and people who
//! join it and leave it again, each of them once.

use std::sync::atomic::{AtomicU64, Ordering};

use clowder_accounts::SignedIn;
use clowder_core::{Actor, ChatId, Ctx, Id, Input, PageRequest, Role, UserId, Via};
use clowder_infra::{DatabaseUrl, Store};
use clowder_social::groups::{GroupId, MemberFilter, NewGroup, Standing};
use serde_json::json;
use uuid::Uuid;

use super::{
    Arc, Bench, SUBSCRIBERS,
    harness::{by, meddle, now},
};

/// How many people come and go.
const NEWCOMERS: u64 = 100_000;

#[derive(Clone, Copy)]
pub struct Groups {
    pub large: GroupId,
    pub ten: GroupId,
}

impl Groups {
    /// Both belong to the first of the people; the others of the small one are the next nine.
    pub async fn new(store: &Store, people: &[(SignedIn, ChatId)]) -> Self {
        let owner = by(store, &people[0].0);
        let make = async |name: &str| {
            let new = NewGroup::from_json(json!({"name": name, "visibility": "public"})).unwrap();
            store.groups.create(&owner, new).await.unwrap().id
        };
        let groups = Self { large: make("Large").await, ten: make("Ten").await };
        for (person, _) in &people[1..10] {
            store.groups.join(&by(store, person), groups.ten).await.unwrap();
        }
        groups
    }

    /// Everybody in the channel becomes a member of the large group and is in its chat. The newcomers are new people.
    pub fn fill(&self, url: &DatabaseUrl) {
        let group = self.large.uuid().simple();
        let each = |at: &str, now: &str, newcomer: &str, series: &str| {
            [
                format!(
                    "INSERT INTO group_people (group_id, user_id, status, role, since, role_since) \
                     SELECT {at}, id, 'member', 'member', {now}, {now} FROM users WHERE username LIKE 'sub%'"
                ),
                format!(
                    "INSERT INTO participants (chat_id, user_id, role, joined_at, read_seq, own_after_read) \
                     SELECT g.chat_id, u.id, 'member', {now}, 0, 0 FROM groups g, users u \
                     WHERE g.id = {at} AND u.username LIKE 'sub%'"
                ),
                format!("UPDATE groups SET member_count = member_count + {SUBSCRIBERS} WHERE id = {at}"),
                format!(
                    "UPDATE chats SET participant_count = participant_count + {SUBSCRIBERS}, lowest_reader_id = NULL, \
                     lowest_read_seq = NULL, second_lowest_read_seq = NULL \
                     WHERE id = (SELECT chat_id FROM groups WHERE id = {at})"
                ),
                format!(
                    "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, \
                     role, created_at, version) \
                     SELECT {newcomer}, 'new' || n, 'new' || n, 'x', 'new' || n, 'x', 'x', 'public', 'user', {now}, 1 \
                     FROM {series}"
                ),
                "ANALYZE".to_owned(),
            ]
        };
        let last = NEWCOMERS - 1;
        let postgres = each(
            &format!("'{group}'"),
            "now()",
            "CAST('ffffffff' || lpad(to_hex(n), 24, '0') AS uuid)",
            &format!("generate_series(0, {last}) n"),
        );
        let sqlite = each(
            &format!("x'{group}'"),
            "unixepoch() * 1000000",
            "CAST(printf('zzzz%012d', n) AS BLOB)",
            &format!(
                "(WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {last}) SELECT n FROM n)"
            ),
        );
        let both: Vec<_> = postgres.iter().map(String::as_str).zip(sqlite.iter().map(String::as_str)).collect();
        meddle(url, &both);
    }
}

/// The newcomer with this number, as [`Groups::fill`] writes them.
fn newcomer(peer: &str, number: u64) -> UserId {
    let uuid = match peer {
        "store-sqlite" => Uuid::from_slice(format!("zzzz{number:012}").as_bytes()).unwrap(),
        _ => Uuid::from_u128(0xffff_ffff_u128 << 96 | u128::from(number)),
    };
    Id::from_uuid(uuid)
}

impl Bench {
    async fn members_of(&self, group: GroupId, at_least: usize) {
        let (ctx, page) = (by(&self.store, &self.members[0].0), PageRequest { limit: 50, cursor: None });
        let filter = MemberFilter { status: Standing::Member, role: None };
        let page = self.store.groups.members(&ctx, group, filter, page).await.unwrap();
        assert!(page.items.len() >= at_least);
    }

    pub async fn members_of_large(self: Arc<Self>, _: usize) {
        self.members_of(self.groups.large, 50).await;
    }

    pub async fn members_of_ten(self: Arc<Self>, _: usize) {
        self.members_of(self.groups.ten, 10).await;
    }

    async fn details_of(&self, group: GroupId, at_least: i64) {
        let shown = self.store.groups.group(&by(&self.store, &self.members[0].0), group).await.unwrap();
        assert!(shown.member_count >= at_least);
    }

    pub async fn details_of_large(self: Arc<Self>, _: usize) {
        self.details_of(self.groups.large, SUBSCRIBERS).await;
    }

    pub async fn details_of_ten(self: Arc<Self>, _: usize) {
        self.details_of(self.groups.ten, 10).await;
    }

    /// Somebody who was never there joins the group and leaves it.
    async fn come_and_go(&self, group: GroupId, next: &AtomicU64) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        assert!(number < NEWCOMERS, "more newcomers are needed");
        let (id, now) = (newcomer(self.peer, number), now());
        let via = Via::Session(Id::new(now));
        let ctx = Ctx::new(Actor::User { id, via, role: Role::User }, now, "bench");
        self.store.groups.join(&ctx, group).await.unwrap();
        self.store.groups.leave(&ctx, group).await.unwrap();
    }

    pub async fn turns_of_large(self: Arc<Self>, _: usize) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        self.come_and_go(self.groups.large, &NEXT).await;
    }

    pub async fn turns_of_ten(self: Arc<Self>, _: usize) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        self.come_and_go(self.groups.ten, &NEXT).await;
    }
}
