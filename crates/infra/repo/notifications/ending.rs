//! Ends notifications: what is dealt with counts as read, and what may not be seen any more goes, so that nothing is counted
//! for ever that nobody can open.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use clowder_core::{ChatId, Ctx, MessageId, Recorded, Result, Timestamp, UserId, Word};
use clowder_notifications::{
    Change, NotificationId, NotificationType,
    change::{MOST_IDS, NotificationsRead, NotificationsRemoved},
    rules::{Ended, How},
};
use diesel::prelude::*;

use super::{
    super::{
        among::AmongIds,
        db::Tx,
        dialect::{Backend, Conn},
    },
    inbox,
};
use crate::domains::{messaging::message_reactions, notifications::notifications as table};

/// A notification, its group, and whether it is read.
pub type Place = (NotificationId, UserId, NotificationId, bool);

/// Ends what changes end. What is newer than a change stays: it was told after that.
pub fn end(tx: &mut Tx<'_>, ctx: &Ctx, over: &[(Ended, How, &Recorded)]) -> Result<Vec<Change>> {
    let mut read: BTreeSet<Place> = read_chats(tx.conn, over)?.into_iter().collect();
    let mut gone: BTreeSet<Place> = of_messages(tx.conn, over)?.into_iter().collect();
    for (ended, how, change) in over {
        let places = places(tx.conn, ended, change.at)?;
        match how {
            How::Read => read.extend(places.into_iter().filter(|(.., is_read)| !is_read)),
            How::Gone => gone.extend(places),
        }
    }
    let mut told = settle(tx, ctx, read, How::Read)?;
    told.extend(settle(tx, ctx, gone, How::Gone)?);
    Ok(told)
}

type Own = table::BoxedQuery<'static, Backend>;

/// What is read with chats. There are as many read marks as messages, so this is one query for all.
fn read_chats(conn: &mut Conn, over: &[(Ended, How, &Recorded)]) -> Result<Vec<Place>> {
    let mut marks = HashMap::<(UserId, ChatId), i64>::new();
    for (ended, ..) in over {
        if let Ended::Read { user, chat, seq } = ended {
            let mark = marks.entry((*user, *chat)).or_default();
            *mark = (*mark).max(*seq);
        }
    }
    if marks.is_empty() {
        return Ok(Vec::new());
    }
    let people: HashSet<UserId> = marks.keys().map(|(user, _)| *user).collect();
    let chats: HashSet<ChatId> = marks.keys().map(|(_, chat)| *chat).collect();
    let of_messages: Vec<&str> =
        NotificationType::all().filter(|kind| kind.is_of_message()).map(Word::as_str).collect();
    type Row = (NotificationId, UserId, NotificationId, Option<ChatId>, Option<i64>);
    let rows: Vec<Row> = table::table
        .filter(table::user_id.among(&people).and(table::chat_id.assume_not_null().among(&chats)))
        .filter(table::read_at.is_null().and(table::removed_at.is_null()).and(table::kind.eq_any(of_messages)))
        .select((table::id, table::user_id, table::group_id, table::chat_id, table::seq))
        .load(conn)?;
    let is_read = |(_, user, _, chat, seq): &Row| {
        let mark = chat.and_then(|chat| marks.get(&(*user, chat)));
        mark.zip(*seq).is_some_and(|(mark, seq)| seq <= *mark)
    };
    Ok(rows.into_iter().filter(is_read).map(|(id, user, group, ..)| (id, user, group, false)).collect())
}

/// What is told of deleted messages; they may be many at once, too.
fn of_messages(conn: &mut Conn, over: &[(Ended, How, &Recorded)]) -> Result<Vec<Place>> {
    let deleted: Vec<MessageId> = over
        .iter()
        .filter_map(|(ended, ..)| match ended {
            Ended::Message(message) => Some(*message),
            _ => None,
        })
        .collect();
    if deleted.is_empty() {
        return Ok(Vec::new());
    }
    let rows = table::table
        .filter(table::message_id.assume_not_null().among(&deleted).and(table::removed_at.is_null()))
        .select((table::id, table::user_id, table::group_id, table::read_at.is_not_null()));
    Ok(rows.load(conn)?)
}

fn places(conn: &mut Conn, ended: &Ended, at: Timestamp) -> Result<Vec<Place>> {
    let own = || -> Own { table::table.filter(table::removed_at.is_null()).into_boxed() };
    let of_kind = |user: UserId, kind: NotificationType| {
        own().filter(table::user_id.eq(user)).filter(table::kind.eq(kind.as_str()))
    };
    let found = match ended {
        // Found together with all others.
        Ended::Message(_) | Ended::Read { .. } => return Ok(Vec::new()),
        Ended::Source { user, kind, source } => of_kind(*user, *kind).filter(table::source_id.eq(*source)),
        Ended::Target { user, kind, target, actor } => {
            let found = of_kind(*user, *kind).filter(table::target_id.eq(*target)).filter(table::created_at.le(at));
            match actor {
                Some(actor) => found.filter(table::actor_id.eq(*actor)),
                None => found,
            }
        }
        Ended::Chat { user, chat } => {
            own().filter(table::user_id.eq(*user).and(table::chat_id.eq(Some(*chat)))).filter(table::created_at.le(at))
        }
        Ended::Between(one, other) => {
            let pair = table::user_id.eq(*one).and(table::actor_id.eq(*other));
            own().filter(pair.or(table::user_id.eq(*other).and(table::actor_id.eq(*one))))
        }
        Ended::Reaction { chat, seq, message, actor } => {
            let left = message_reactions::table
                .filter(message_reactions::chat_id.eq(*chat).and(message_reactions::seq.eq(*seq)))
                .filter(message_reactions::user_id.eq(*actor));
            if diesel::select(diesel::dsl::exists(left)).get_result::<bool>(conn)? {
                return Ok(Vec::new());
            }
            own()
                .filter(table::message_id.eq(Some(*message)).and(table::actor_id.eq(*actor)))
                .filter(table::kind.eq(NotificationType::MessageReaction.as_str()))
        }
    };
    let found = found.select((table::id, table::user_id, table::group_id, table::read_at.is_not_null()));
    Ok(found.load(conn)?)
}

/// Marks these as read, or as removed, and counts. Returns what the owners' devices are told.
pub fn settle(tx: &mut Tx<'_>, ctx: &Ctx, places: BTreeSet<Place>, how: How) -> Result<Vec<Change>> {
    let mut of_people = BTreeMap::<UserId, Vec<NotificationId>>::new();
    for (id, user, ..) in &places {
        of_people.entry(*user).or_default().push(*id);
    }
    let people: BTreeSet<UserId> = of_people.keys().copied().collect();
    if people.is_empty() {
        return Ok(Vec::new());
    }
    inbox::hold(tx, &people)?;
    mark(tx, ctx.now, places.iter().map(|(id, ..)| *id), how)?;
    let groups = places.iter().map(|(_, _, group, _)| *group).collect();
    inbox::recount(tx, &groups)?;
    let unread = inbox::unread(tx, &people)?;
    let told = of_people.into_iter().map(|(user, mut ids)| {
        ids.truncate(MOST_IDS);
        let unread_count = unread.get(&user).copied().unwrap_or(0);
        match how {
            How::Read => Change::Read(user, NotificationsRead { ids, before: None, unread_count }),
            How::Gone => Change::Removed(user, NotificationsRemoved { ids, unread_count }),
        }
    });
    Ok(told.collect())
}

/// What is read was seen, too.
pub fn mark(tx: &mut Tx<'_>, now: Timestamp, ids: impl Iterator<Item = NotificationId>, how: How) -> Result<()> {
    let ids: Vec<NotificationId> = ids.collect();
    for some in ids.chunks(500) {
        let rows = || table::table.filter(table::id.eq_any(some.to_vec())).filter(table::removed_at.is_null());
        match how {
            How::Read => {
                diesel::update(rows().filter(table::seen_at.is_null())).set(table::seen_at.eq(now)).execute(tx.conn)?;
                diesel::update(rows().filter(table::read_at.is_null())).set(table::read_at.eq(now)).execute(tx.conn)?;
            }
            How::Gone => {
                diesel::update(rows()).set(table::removed_at.eq(now)).execute(tx.conn)?;
            }
        }
    }
    Ok(())
}
