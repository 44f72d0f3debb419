//! Notes deliveries: the reader that goes through the journal, and knows at each place who follows what.
//!
//! What owners of endpoints follow is kept in a table, as of the place of the reader, and moves with it: so an owner hears
//! what came while they followed something, however late the reader is.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use clowder_core::{Ctx, Id, Recorded, Result, Role, Topic, UserId, Word, follow::Step, journal::Former};
use clowder_notifications::webhooks::{
    Catalogue, EventTypes, WebhookId, hearing::reaches, policy::may_hear_server, port::READER, server_events,
};
use diesel::prelude::*;
use uuid::Uuid;

use super::{
    super::{
        among::AmongIds,
        batch,
        db::Tx,
        dialect::{self, Conn},
        journal,
    },
    endpoints,
};
use crate::domains::{
    accounts::users,
    readers::readers as readers_table,
    webhooks::{DeliveryRow, WebhookRow, WebhookTopicRow, webhook_topics as topics, webhooks as table},
};

/// How many endpoints can hear of the whole server.
const SERVER_ENDPOINTS: i64 = 200;

/// An endpoint that may hear of something.
struct Endpoint {
    id: WebhookId,
    wants: EventTypes,
    /// How far the journal had come in each stream when it was made.
    heads: Vec<i64>,
    role: Role,
}

impl Endpoint {
    fn hears(&self, change: &Recorded, name: &str) -> bool {
        self.heads.get(change.stream).is_none_or(|head| change.position > *head) && self.wants.includes(name)
    }
}

/// Who has endpoints, of those who may hear of some changes.
#[derive(Default)]
struct Owners {
    /// Also those whose endpoints are disabled.
    all: HashSet<UserId>,
    active: HashMap<UserId, Vec<Endpoint>>,
    /// Endpoints that want to hear of the whole server.
    of_server: Vec<Endpoint>,
}

/// After which number each owner follows a topic.
type Followers = HashMap<Topic, HashMap<UserId, i64>>;

/// One delivery to note.
pub type Noted = (WebhookId, (i16, i64), String);

pub fn hear(tx: &mut Tx<'_>, ctx: &Ctx, changes: &[Recorded]) -> Result<()> {
    if !endpoints::are_any(tx.conn)? {
        return Ok(());
    }
    let mut followers = followers(tx.conn, changes)?;
    let owners = owners(tx.conn, changes, &followers)?;
    let services = tx.services;
    let catalogue = &services.options.webhooks.catalogue;
    let mut steps: BTreeMap<(Uuid, UserId), (Topic, Option<i64>)> = BTreeMap::new();
    let mut noted = Vec::new();
    for change in changes {
        // Whoever comes in hears of it, and so does whoever leaves.
        note(&mut noted, catalogue, &owners, &followers, change)?;
        let Some(follow) = change.follow.filter(|follow| owners.all.contains(&follow.user)) else { continue };
        let of_topic = followers.entry(follow.topic).or_default();
        let after = match follow.step {
            Step::Enter => Some(change.seq.unwrap_or(0)),
            Step::Leave => None,
        };
        match after {
            Some(after) => of_topic.insert(follow.user, after),
            None => of_topic.remove(&follow.user),
        };
        steps.insert((follow.topic.id, follow.user), (follow.topic, after));
    }
    store_steps(tx.conn, steps)?;
    enqueue(tx, ctx, noted).map(drop)
}

/// Who follows the topics of some changes.
fn followers(conn: &mut Conn, changes: &[Recorded]) -> Result<Followers> {
    let all = changes.iter().flat_map(|change| {
        let followed = change.follow.map(|follow| follow.topic);
        std::iter::once(change.topic).chain(followed).filter(|topic| topic.as_user().is_none())
    });
    let by_id: HashMap<Uuid, Topic> = all.map(|topic| (topic.id, topic)).collect();
    if by_id.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Id<()>> = by_id.keys().copied().map(Id::from_uuid).collect();
    let rows = topics::table.filter(topics::topic_id.among(&ids));
    let rows: Vec<(Id<()>, UserId, i64)> =
        rows.select((topics::topic_id, topics::user_id, topics::after_seq)).load(conn)?;
    let mut followers = Followers::new();
    for (id, user, after) in rows {
        if let Some(topic) = by_id.get(&id.uuid()) {
            followers.entry(*topic).or_default().insert(user, after);
        }
    }
    Ok(followers)
}

/// The endpoints of everybody who may hear of some changes.
fn owners(conn: &mut Conn, changes: &[Recorded], followers: &Followers) -> Result<Owners> {
    let told = changes.iter().flat_map(|change| {
        let follower = change.follow.map(|follow| follow.user);
        change.topic.as_user().into_iter().chain(follower)
    });
    let people: BTreeSet<UserId> = told.chain(followers.values().flat_map(HashMap::keys).copied()).collect();
    let living = || {
        table::table
            .inner_join(users::table)
            .filter(table::deleted_at.is_null().and(users::deleted_at.is_null()))
            .select((WebhookRow::as_select(), users::role))
    };
    let mut rows: Vec<(WebhookRow, String)> = Vec::new();
    if !people.is_empty() {
        rows = living().filter(table::user_id.among(&people)).load(conn)?;
    }
    let mut of_server: Vec<(WebhookRow, String)> = Vec::new();
    if changes.iter().any(|change| server_events::of(change).is_some()) {
        let some = living().filter(table::hears_server.eq(true)).order(table::id).limit(SERVER_ENDPOINTS);
        of_server = some.load(conn)?;
    }
    let mut owners = Owners::default();
    if rows.is_empty() && of_server.is_empty() {
        return Ok(owners);
    }
    let present: Id<()> = readers_table::table.find(READER).select(readers_table::epoch).first(conn)?;
    let former = journal::former(conn, present.uuid())?;
    for (row, role) in rows {
        owners.all.insert(row.user_id);
        if row.disabled_reason.is_none() {
            let endpoint = endpoint(&row, &role, present, &former)?;
            owners.active.entry(row.user_id).or_default().push(endpoint);
        }
    }
    for (row, role) in of_server.iter().filter(|(row, _)| row.disabled_reason.is_none()) {
        owners.of_server.push(endpoint(row, role, present, &former)?);
    }
    Ok(owners)
}

/// In another journal than that in which it was made, places mean nothing: then it hears everything that the reader reads.
fn endpoint(row: &WebhookRow, role: &str, present: Id<()>, former: &[Former]) -> Result<Endpoint> {
    let counts = row.epoch == present || former.iter().any(|former| former.epoch == row.epoch.uuid());
    let heads = if counts { serde_json::from_str(&row.heads)? } else { Vec::new() };
    Ok(Endpoint { id: row.id, wants: endpoints::wanted(row), heads, role: Role::parse_word(role)? })
}

/// What one change makes.
fn note(
    noted: &mut Vec<Noted>,
    catalogue: &Catalogue,
    owners: &Owners,
    followers: &Followers,
    change: &Recorded,
) -> Result<()> {
    let place = (journal_number(change)?, change.position);
    if catalogue.has(&change.name) {
        let of_topic = followers.get(&change.topic);
        let told = change.topic.as_user().into_iter().chain(change.follow.map(|follow| follow.user));
        let people: BTreeSet<UserId> = told.chain(of_topic.into_iter().flat_map(HashMap::keys).copied()).collect();
        for user in people {
            let after = of_topic.and_then(|followers| followers.get(&user)).copied();
            let Some(endpoints) = owners.active.get(&user).filter(|_| reaches(user, after, change)) else { continue };
            let hearing = endpoints.iter().filter(|endpoint| endpoint.hears(change, &change.name));
            noted.extend(hearing.map(|endpoint| (endpoint.id, place, change.name.to_string())));
        }
    }
    if let Some(event) = server_events::of(change) {
        let hearing = owners.of_server.iter().filter(|endpoint| may_hear_server(endpoint.role));
        let hearing = hearing.filter(|endpoint| endpoint.hears(change, event.name));
        noted.extend(hearing.map(|endpoint| (endpoint.id, place, event.name.to_owned())));
    }
    Ok(())
}

/// The number of the stream of a change in the database.
pub fn journal_number(change: &Recorded) -> Result<i16> {
    i16::try_from(change.stream).map_err(|_| clowder_core::Error::internal("too many streams"))
}

/// Stores what owners follow now. None is the end of it.
fn store_steps(conn: &mut Conn, steps: BTreeMap<(Uuid, UserId), (Topic, Option<i64>)>) -> Result<()> {
    let mut entered = Vec::new();
    for ((id, user), (topic, after)) in steps {
        match after {
            Some(after_seq) => entered.push(WebhookTopicRow {
                topic_kind: topic.kind.to_string(),
                topic_id: Id::from_uuid(id),
                user_id: user,
                after_seq,
            }),
            None => {
                let left = topics::table.find((Id::<()>::from_uuid(id), user));
                diesel::delete(left).execute(conn)?;
            }
        }
    }
    batch::webhooks::put_topics(conn, &entered)
}

/// Adds deliveries to the queues of their endpoints, as far as there is room. Returns how many were new.
pub fn enqueue(tx: &mut Tx<'_>, ctx: &Ctx, noted: Vec<Noted>) -> Result<usize> {
    let ids: BTreeSet<WebhookId> = noted.iter().map(|(webhook, ..)| *webhook).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let ids: Vec<WebhookId> = ids.into_iter().collect();
    let mut queues = dialect::webhooks::lock_queues(tx.conn, &ids)?;
    let mut room: HashMap<WebhookId, usize> = queues.iter().map(|queue| (queue.webhook_id, queue.room())).collect();
    let mut rows = Vec::with_capacity(noted.len());
    let mut dropped = 0_u64;
    for (webhook, place, name) in noted {
        match room.get_mut(&webhook) {
            Some(left) if *left > 0 => {
                *left -= 1;
                rows.push(DeliveryRow::new(webhook, Some(place), &name, ctx.now));
            }
            // It is full, or was deleted in the meantime.
            _ => dropped += 1,
        }
    }
    if dropped > 0 {
        metrics::counter!("clowder_webhook_dropped_total").increment(dropped);
    }
    let added = batch::webhooks::insert_deliveries(tx.conn, &rows)?;
    let mut counts: HashMap<WebhookId, i32> = HashMap::new();
    for webhook in &added {
        *counts.entry(*webhook).or_default() += 1;
    }
    queues.retain_mut(|queue| {
        let Some(count) = counts.get(&queue.webhook_id) else { return false };
        queue.waiting = queue.waiting.saturating_add(*count);
        queue.expects(ctx.now);
        true
    });
    batch::webhooks::put_queues(tx.conn, &queues)?;
    Ok(added.len())
}
