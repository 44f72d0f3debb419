//! Who may be told of changes: found by the table of rules, with one query for each kind of fact and all changes.

use std::collections::{BTreeMap, HashMap, HashSet};

use clowder_core::{ChatId, Id, MessageId, Recorded, Result, Timestamp, UserId};
use clowder_notifications::{
    NotificationType, TargetType,
    rules::{self, LARGE, Rule, Who},
};
use diesel::prelude::*;
use serde_json::Value;

use super::{
    super::{among::AmongIds, batch, dialect::Conn},
    items::Item,
};
use crate::domains::messaging::{
    MessageRow, chats, message_mentions as mentions, message_mentions_all as mentions_all, participants, thread_marks,
};

/// So many pairs of messages and people are looked at for one chat at a time, if they are only told that there is something
/// new. The newest messages count; those before show with them.
const PAIRS: i64 = 512;
/// Whoever names everybody in a chat of more people tells nobody.
const MOST_NAMED: i64 = 2_000;
/// A message of the server itself.
const SYSTEM: &str = "system";

/// A change about a message, and the rules for it.
struct OfMessage {
    chat: ChatId,
    seq: i64,
    at: Timestamp,
    /// Who reacted.
    actor: Option<UserId>,
    rules: Vec<&'static Rule>,
}

/// What is looked up for them.
#[derive(Default)]
struct Found {
    rows: HashMap<(ChatId, i64), MessageRow>,
    named: HashMap<(ChatId, i64), Vec<UserId>>,
    name_all: HashSet<(ChatId, i64)>,
    /// The kind of a chat, and how many people are in it.
    chats: HashMap<ChatId, (String, i64)>,
    people: HashMap<ChatId, Vec<UserId>>,
    following: HashMap<(ChatId, MessageId), Vec<UserId>>,
}

/// Everything that somebody may be told of these changes, with their payloads.
pub fn items(conn: &mut Conn, changes: &[(&Recorded, Value)]) -> Result<Vec<Item>> {
    let (mut items, mut messages) = (Vec::new(), Vec::new());
    for (change, data) in changes {
        let rules: Vec<_> = rules::about(&change.name).collect();
        if rules.iter().any(|rule| !matches!(rule.who, Who::Told(_))) {
            messages.extend(OfMessage::read(change, data, rules));
        } else if let Some(user) = change.topic.as_user() {
            items.extend(rules.iter().filter_map(|rule| told(rule, user, change, data)));
        }
    }
    if messages.is_empty() {
        return Ok(items);
    }
    let found = Found::load(conn, &messages)?;
    let newest = newest(&messages, &found);
    let mut seen = HashSet::new();
    for message in &messages {
        let Some(row) = found.rows.get(&(message.chat, message.seq)).filter(|row| row.kind != SYSTEM) else { continue };
        for rule in &message.rules {
            let is_plain = matches!(rule.who, Who::Peer | Who::People);
            if is_plain && newest.get(&message.chat).is_some_and(|from| message.seq < *from) {
                continue;
            }
            for user in found.who(rule.who, row) {
                // Of several rules about one message and one person, the first counts.
                if user != row.sender_id || message.actor.is_some() {
                    let is_first = seen.insert((row.id, user, message.actor));
                    items.extend(is_first.then(|| message.item(rule, user, row)));
                }
            }
        }
    }
    Ok(items)
}

fn told(rule: &Rule, user: UserId, change: &Recorded, data: &Value) -> Option<Item> {
    let Who::Told(read) = rule.who else { return None };
    // What the server tells of is what it did itself, such as to a webhook; not what its owner changes later.
    if rule.kind == NotificationType::System && change.actor == Some(user) {
        return None;
    }
    let about = read(user, data, change.at)?;
    Some(Item {
        user,
        kind: rule.kind,
        reason: rule.reason,
        source: about.source,
        actor: about.actor,
        target: about.target,
        chat: about.chat,
        message: None,
        seq: None,
        // What the server itself tells has words of its own.
        detail: (rule.kind == NotificationType::System).then(|| rule.change.to_owned()),
        at: change.at,
    })
}

impl OfMessage {
    /// Copies on personal topics say nothing that the one on the topic of the chat does not.
    fn read(change: &Recorded, data: &Value, rules: Vec<&'static Rule>) -> Option<Self> {
        let chat = data.get("chat_id")?.as_str()?.parse::<ChatId>().ok()?;
        let seq = data.get("seq")?.as_i64()?;
        let is_reaction = rules.iter().any(|rule| matches!(rule.who, Who::Author));
        let actor = data.get("user_id").and_then(Value::as_str).and_then(|id| id.parse().ok()).filter(|_| is_reaction);
        // Nobody learns who reacts in a channel.
        let counts = change.topic.id == chat.uuid() && (!is_reaction || actor.is_some());
        counts.then_some(Self { chat, seq, at: change.at, actor, rules })
    }

    fn item(&self, rule: &Rule, user: UserId, row: &MessageRow) -> Item {
        Item {
            user,
            kind: rule.kind,
            reason: rule.reason,
            source: Id::from_uuid(row.id.uuid()),
            actor: Some(self.actor.unwrap_or(row.sender_id)),
            target: (TargetType::Message, Id::from_uuid(row.id.uuid())),
            chat: Some(self.chat),
            message: Some(row.id),
            seq: Some(self.seq),
            detail: None,
            at: self.at,
        }
    }

    fn asks(&self, who: fn(&Who) -> bool) -> bool {
        self.rules.iter().any(|rule| who(&rule.who))
    }
}

/// From which message on everybody in a chat is told.
fn newest(messages: &[OfMessage], found: &Found) -> HashMap<ChatId, i64> {
    let mut seqs = BTreeMap::<ChatId, Vec<i64>>::new();
    for message in messages.iter().filter(|message| message.asks(|who| matches!(who, Who::People))) {
        seqs.entry(message.chat).or_default().push(message.seq);
    }
    let from = |(chat, mut seqs): (ChatId, Vec<i64>)| {
        let people = found.chats.get(&chat).map_or(1, |(_, people)| (*people).max(1));
        let most = usize::try_from((PAIRS / people).max(1)).unwrap_or(1);
        seqs.sort_unstable_by(|one, other| other.cmp(one));
        let last = seqs.get(most - 1).or(seqs.last()).copied().unwrap_or(0);
        (chat, last)
    };
    seqs.into_iter().map(from).collect()
}

impl Found {
    fn load(conn: &mut Conn, messages: &[OfMessage]) -> Result<Self> {
        let mut found = Self::default();
        found.load_rows(conn, messages.iter().map(|message| (message.chat, message.seq)))?;
        let sent: Vec<&OfMessage> =
            messages.iter().filter(|message| message.asks(|who| matches!(who, Who::Mentioned))).collect();
        if sent.is_empty() {
            return Ok(found);
        }
        let quoted = sent.iter().filter_map(|message| found.rows.get(&(message.chat, message.seq)));
        let quoted: Vec<_> = quoted.filter_map(|row| Some((row.chat_id, row.reply_seq?))).collect();
        found.load_rows(conn, quoted.into_iter())?;
        let chats: HashSet<ChatId> = sent.iter().map(|message| message.chat).collect();
        let seqs: Vec<i64> = sent.iter().map(|message| message.seq).collect();
        found.load_named(conn, &chats, &seqs)?;
        found.load_people(conn, &chats, &sent)?;
        found.load_following(conn, &chats, &sent)?;
        Ok(found)
    }

    fn load_rows(&mut self, conn: &mut Conn, places: impl Iterator<Item = (ChatId, i64)>) -> Result<()> {
        let missing: HashSet<_> = places.filter(|place| !self.rows.contains_key(place)).collect();
        let missing: Vec<_> = missing.into_iter().collect();
        for some in missing.chunks(1_000) {
            let rows = batch::messaging::messages_at(conn, some)?;
            self.rows.extend(rows.into_iter().map(|row| ((row.chat_id, row.seq), row)));
        }
        Ok(())
    }

    fn load_named(&mut self, conn: &mut Conn, chats: &HashSet<ChatId>, seqs: &[i64]) -> Result<()> {
        let rows: Vec<(ChatId, i64, UserId)> = mentions::table
            .filter(mentions::chat_id.among(chats).and(mentions::seq.eq_any(seqs)).and(mentions::counted))
            .select((mentions::chat_id, mentions::seq, mentions::user_id))
            .load(conn)?;
        for (chat, seq, user) in rows {
            self.named.entry((chat, seq)).or_default().push(user);
        }
        let rows = mentions_all::table
            .filter(mentions_all::chat_id.among(chats).and(mentions_all::seq.eq_any(seqs)))
            .select((mentions_all::chat_id, mentions_all::seq));
        self.name_all = rows.load::<(ChatId, i64)>(conn)?.into_iter().collect();
        Ok(())
    }

    fn load_people(&mut self, conn: &mut Conn, all: &HashSet<ChatId>, sent: &[&OfMessage]) -> Result<()> {
        let rows: Vec<(ChatId, String, i64)> = chats::table
            .filter(chats::id.among(all).and(chats::deleted_at.is_null()))
            .select((chats::id, chats::kind, chats::participant_count))
            .load(conn)?;
        self.chats = rows.into_iter().map(|(id, kind, people)| (id, (kind, people))).collect();
        let named: HashSet<ChatId> = self.name_all.iter().map(|(chat, _)| *chat).collect();
        let new: HashSet<ChatId> = sent
            .iter()
            .filter(|message| message.asks(|who| matches!(who, Who::People)))
            .map(|message| message.chat)
            .collect();
        let is_asked = |(chat, (_, people)): &(&ChatId, &(String, i64))| {
            (named.contains(*chat) && *people <= MOST_NAMED) || (new.contains(*chat) && *people <= LARGE)
        };
        let asked: Vec<ChatId> = self.chats.iter().filter(is_asked).map(|(chat, _)| *chat).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let rows: Vec<(ChatId, UserId)> = participants::table
            .filter(participants::chat_id.among(&asked))
            .select((participants::chat_id, participants::user_id))
            .load(conn)?;
        for (chat, user) in rows {
            self.people.entry(chat).or_default().push(user);
        }
        Ok(())
    }

    fn load_following(&mut self, conn: &mut Conn, chats: &HashSet<ChatId>, sent: &[&OfMessage]) -> Result<()> {
        let thread = |message: &&OfMessage| self.rows.get(&(message.chat, message.seq))?.thread_id;
        let threads: HashSet<MessageId> = sent.iter().filter_map(thread).collect();
        if threads.is_empty() {
            return Ok(());
        }
        let marks = thread_marks::table
            .filter(thread_marks::chat_id.among(chats).and(thread_marks::message_id.among(&threads)))
            .filter(thread_marks::following)
            .select((thread_marks::chat_id, thread_marks::message_id, thread_marks::user_id));
        for (chat, thread, user) in marks.load::<(ChatId, MessageId, UserId)>(conn)? {
            self.following.entry((chat, thread)).or_default().push(user);
        }
        Ok(())
    }

    /// Who is told of this message by a rule.
    fn who(&self, who: Who, row: &MessageRow) -> Vec<UserId> {
        let place = (row.chat_id, row.seq);
        let everybody = || self.people.get(&row.chat_id).cloned().unwrap_or_default();
        let chat = self.chats.get(&row.chat_id);
        let is_private = chat.is_some_and(|(kind, _)| kind == "private");
        let is_small = chat.is_some_and(|(_, people)| *people <= LARGE);
        match who {
            Who::Told(_) => Vec::new(),
            Who::Mentioned => self.named.get(&place).cloned().unwrap_or_default(),
            Who::MentionedAll if self.name_all.contains(&place) => everybody(),
            Who::Quoted => {
                let quoted = row.reply_seq.and_then(|seq| self.rows.get(&(row.chat_id, seq)));
                quoted.filter(|quoted| quoted.deleted_at.is_none()).map(|quoted| quoted.sender_id).into_iter().collect()
            }
            Who::Thread => {
                let thread = row.thread_id.and_then(|thread| self.following.get(&(row.chat_id, thread)));
                thread.cloned().unwrap_or_default()
            }
            Who::Author => vec![row.sender_id],
            Who::Peer if is_private => everybody(),
            Who::People if !is_private && is_small => everybody(),
            Who::MentionedAll | Who::Peer | Who::People => Vec::new(),
        }
    }
}
