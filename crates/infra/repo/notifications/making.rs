//! Makes what people are told: rows in their inboxes, and what push and mail are given.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use clowder_core::{Ctx, Id, Result, Timestamp, UserId, Word};
use clowder_notifications::{
    Change, Chosen, Defaults, NotificationId,
    delivering::{ChatFacts, Delays, Facts, Level, Verdict, decide},
    wording::Language,
};
use diesel::prelude::*;

use super::{
    super::{among::AmongIds, db::Tx, dialect::Conn},
    inbox,
    items::{Item, Key},
    seen::Scene,
    showing::bare,
    telling,
    told::Told,
};
use crate::domains::{
    blocks::mutes,
    notifications::{ChosenRow, NotificationRow, notification_preferences as chosen, notifications as table},
    preferences::preferences,
};

/// No more are gathered in one group until it is read: further ones are not told at all.
const MOST_GATHERED: i64 = 100;
/// Of what happens in chats, somebody is told no more while so many notifications are unread.
const MOST_UNREAD: i64 = 1_000;

/// What somebody wants.
struct Wishes {
    chosen: Chosen,
    defaults: Defaults,
    level: Level,
    language: Language,
}

/// All that these people want, and whom they have muted.
struct Wanted {
    wishes: HashMap<UserId, Wishes>,
    muted: HashSet<(UserId, UserId)>,
}

impl Wanted {
    fn load(conn: &mut Conn, now: Timestamp, items: &[Item]) -> Result<Self> {
        let people: HashSet<UserId> = items.iter().map(|item| item.user).collect();
        let actors: HashSet<UserId> = items.iter().filter_map(|item| item.actor).collect();
        let rows = chosen::table.filter(chosen::user_id.among(&people)).select(ChosenRow::as_select());
        let mut all: HashMap<UserId, Chosen> = HashMap::new();
        for row in rows.load::<ChosenRow>(conn)? {
            all.insert(row.user_id, row.chosen()?);
        }
        type Row = (UserId, String, String, bool, bool);
        let settings: Vec<Row> = preferences::table
            .filter(preferences::user_id.among(&people))
            .select((
                preferences::user_id,
                preferences::language,
                preferences::notify_about,
                preferences::notify_by_push,
                preferences::notify_by_mail,
            ))
            .load(conn)?;
        let mut settings: HashMap<UserId, Row> = settings.into_iter().map(|row| (row.0, row)).collect();
        let wishes = people.iter().map(|user| {
            let (_, language, about, push, mail) =
                settings.remove(user).unwrap_or_else(|| (*user, "en".to_owned(), "all".to_owned(), true, false));
            let wishes = Wishes {
                chosen: all.remove(user).unwrap_or_default(),
                defaults: Defaults { push, mail },
                level: Level::find(&about).unwrap_or_default(),
                language: Language::of(&language),
            };
            (*user, wishes)
        });
        let wishes = wishes.collect();
        let muted = mutes::table
            .filter(mutes::user_id.among(&people).and(mutes::muted_id.among(&actors)))
            .filter(mutes::until.is_null().or(mutes::until.gt(now)))
            .select((mutes::user_id, mutes::muted_id));
        let muted = if actors.is_empty() {
            HashSet::new()
        } else {
            muted.load::<(UserId, UserId)>(conn)?.into_iter().collect()
        };
        Ok(Self { wishes, muted })
    }

    fn verdict(&self, ctx: &Ctx, scene: &Scene, item: &Item, delays: Delays) -> Verdict {
        let Some(wishes) = self.wishes.get(&item.user) else { return Verdict::NOTHING };
        // The level in the settings is that of chats for which nothing else was chosen.
        let chat = scene.chat_facts(item).map(|facts| match facts.level {
            Level::All => ChatFacts { level: wishes.level, ..facts },
            _ => facts,
        });
        decide(Facts {
            kind: item.kind,
            is_own: item.actor == Some(item.user),
            is_active: scene.is_active(item.user),
            is_blocked: scene.is_blocked(item),
            is_muted: item.actor.is_some_and(|actor| self.muted.contains(&(item.user, actor))),
            is_gone: scene.is_gone(item),
            chat,
            channels: wishes.chosen.channels(item.kind, wishes.defaults),
            quiet_hours: wishes.chosen.quiet_hours.as_ref(),
            at: item.at,
            now: ctx.now,
            delays,
        })
    }
}

/// Makes what is new of this. The reader is held, so nobody else makes any. `mailed` are those about which the account itself
/// has sent a mail. Returns what the owners' devices are told.
pub fn make(tx: &mut Tx<'_>, ctx: &Ctx, items: Vec<Item>, mailed: &HashSet<Key>) -> Result<Vec<Change>> {
    let items = new_ones(tx.conn, items)?;
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let scene = Scene::load(tx.conn, ctx.now, items.iter())?;
    let wanted = Wanted::load(tx.conn, ctx.now, &items)?;
    let delays = tx.services.options.notifications.delays();
    let mut decided = Vec::new();
    for item in items {
        let mut verdict = wanted.verdict(ctx, &scene, &item, delays);
        if mailed.contains(&item.key()) {
            verdict.mail_from = None;
        }
        if verdict != Verdict::NOTHING {
            decided.push((item, verdict));
        }
    }
    let placed = place(tx, ctx, decided)?;
    let rows: Vec<NotificationRow> = placed.iter().filter_map(|(_, _, row)| row.clone()).collect();
    inbox::insert(tx, &rows)?;
    let changed: BTreeSet<NotificationId> = rows.iter().map(|row| row.group_id).collect();
    inbox::recount(tx, &changed)?;
    let told = placed.iter().filter_map(|(item, verdict, row)| told(item, verdict, row.as_ref()));
    telling::tell(tx, ctx, &told.collect::<Vec<_>>())?;
    // One event for each group, however many were added.
    let mut latest = BTreeMap::<NotificationId, (&NotificationRow, i64)>::new();
    for row in &rows {
        let (last, count) = latest.entry(row.group_id).or_insert((row, 0));
        *last = row;
        *count += 1;
    }
    let language = |user: UserId| wanted.wishes.get(&user).map_or(Language::default(), |wishes| wishes.language);
    let made = latest
        .into_values()
        .map(|(row, count)| Ok(Change::Made(row.user_id, Box::new(bare(row, count, language(row.user_id))?))));
    made.collect()
}

/// Those that were not made before, each once.
fn new_ones(conn: &mut Conn, items: Vec<Item>) -> Result<Vec<Item>> {
    let mut seen: HashSet<Key> = HashSet::new();
    let users: BTreeSet<UserId> = items.iter().map(|item| item.user).collect();
    let sources: BTreeSet<Id<()>> = items.iter().map(|item| item.source).collect();
    if !items.is_empty() {
        let made = table::table.filter(table::user_id.among(&users).and(table::source_id.among(&sources))).select((
            table::user_id,
            table::source_id,
            table::kind,
            table::actor_id,
        ));
        seen.extend(made.load::<Key>(conn)?);
    }
    Ok(items.into_iter().filter(|item| seen.insert(item.key())).collect())
}

type Placed = (Item, Verdict, Option<NotificationRow>);

/// Gives a row to what belongs into an inbox, in its group, unless there are too many already.
fn place(tx: &mut Tx<'_>, ctx: &Ctx, decided: Vec<(Item, Verdict)>) -> Result<Vec<Placed>> {
    let of_inbox = || decided.iter().filter(|(_, verdict)| verdict.inbox).map(|(item, _)| item);
    let users: BTreeSet<UserId> = of_inbox().map(|item| item.user).collect();
    let keys: BTreeSet<String> = of_inbox().map(Item::group_key).collect();
    inbox::open(tx, &users)?;
    let (mut open, mut unread) = match users.is_empty() {
        true => (HashMap::new(), HashMap::new()),
        false => (inbox::open_groups(tx, &users, &keys)?, inbox::unread(tx, &users)?),
    };
    let mut placed = Vec::with_capacity(decided.len());
    for (item, verdict) in decided {
        if !verdict.inbox {
            placed.push((item, verdict, None));
            continue;
        }
        let id = NotificationId::new(ctx.now);
        if verdict.is_read {
            // It opens no group, and joins none.
            let row = item.row(id, id, Some(ctx.now));
            placed.push((item, verdict, Some(row)));
            continue;
        }
        let left = unread.entry(item.user).or_default();
        let (group, gathered) = open.entry((item.user, item.group_key())).or_insert((id, 0));
        let is_flood = *gathered >= MOST_GATHERED || (item.kind.is_in_chat() && *left >= MOST_UNREAD);
        if is_flood {
            metrics::counter!("clowder_notifications_dropped_total").increment(1);
            continue;
        }
        *gathered += 1;
        *left += 1;
        let row = item.row(id, *group, None);
        placed.push((item, verdict, Some(row)));
    }
    Ok(placed)
}

fn told(item: &Item, verdict: &Verdict, row: Option<&NotificationRow>) -> Option<Told> {
    if verdict.push_from.is_none() && verdict.mail_from.is_none() {
        return None;
    }
    Some(Told {
        user: item.user,
        kind: item.kind,
        notification: row.map(|row| row.id),
        source: item.source,
        actor: item.actor,
        target: item.target,
        chat: item.chat,
        message: item.message,
        seq: item.seq,
        group_key: item.group_key(),
        reason: item.reason,
        at: item.at,
        push_from: verdict.push_from,
        mail_from: verdict.mail_from,
    })
}
