//! What people may see of what they are told: asked when it is made, and again whenever it is shown. One query for each kind
//! of fact, however many people and things there are.

use std::collections::{HashMap, HashSet};

use clowder_core::{ChatId, Id, Result, Timestamp, UserId, Word};
use clowder_notifications::{
    NotificationType as T,
    delivering::{ChatFacts, Level},
};
use diesel::{dsl::not, prelude::*};

use super::{
    super::{among::AmongIds, batch, dialect::Conn, staff::search::is_suspended},
    items::Item,
};
use crate::domains::{
    accounts::users,
    blocks::blocks,
    friends::friend_requests,
    groups::{group_people, groups},
    messaging::{chat_guests, chats, participants, removed_messages},
};

/// Who looks after a chat or a group, and decides who may come in.
const STAFF: [&str; 3] = ["owner", "admin", "moderator"];
/// A message that only its recipients can read.
const ENCRYPTED: &str = "encrypted";

/// A chat, as far as it is shown.
#[derive(Debug, Clone)]
pub struct SeenChat {
    pub title: Option<String>,
    /// A direct conversation of two.
    pub is_private: bool,
}

/// A message, as far as it is shown.
#[derive(Debug, Clone)]
pub struct SeenMessage {
    pub sender: UserId,
    /// None of one that is encrypted.
    pub content: Option<String>,
    is_there: bool,
}

#[derive(Debug, Clone)]
struct Member {
    role: String,
    read_seq: i64,
    visible_from: i64,
    removed: bool,
    level: Level,
    muted_until: Option<Timestamp>,
}

/// Everything that decides what these people see of these things.
#[derive(Debug, Default)]
pub struct Scene {
    active: HashSet<UserId>,
    blocked: HashSet<(UserId, UserId)>,
    members: HashMap<(ChatId, UserId), Member>,
    chats: HashMap<ChatId, SeenChat>,
    messages: HashMap<(ChatId, i64), SeenMessage>,
    removed: HashSet<(ChatId, i64, UserId)>,
    /// The status and the text.
    requests: HashMap<Id<()>, (String, Option<String>)>,
    guests: HashMap<(ChatId, UserId), String>,
    groups: HashMap<Id<()>, String>,
    group_people: HashMap<(Id<()>, UserId), (String, Option<String>)>,
}

impl Scene {
    pub fn load<'i>(conn: &mut Conn, now: Timestamp, items: impl Iterator<Item = &'i Item> + Clone) -> Result<Self> {
        let mut scene = Self::default();
        scene.load_people(conn, now, items.clone())?;
        scene.load_chats(conn, now, items.clone())?;
        scene.load_requests(conn, items.clone())?;
        scene.load_groups(conn, items)?;
        Ok(scene)
    }

    fn load_people<'i>(
        &mut self,
        conn: &mut Conn,
        now: Timestamp,
        items: impl Iterator<Item = &'i Item> + Clone,
    ) -> Result<()> {
        let owners: HashSet<UserId> = items.clone().map(|item| item.user).collect();
        let actors: HashSet<UserId> = items.filter_map(|item| item.actor).collect();
        let all: HashSet<UserId> = owners.union(&actors).copied().collect();
        if all.is_empty() {
            return Ok(());
        }
        let there = users::table.filter(users::id.among(&all)).filter(users::deleted_at.is_null());
        let active = there.filter(not(is_suspended(now)));
        self.active = active.select(users::id).load::<UserId>(conn)?.into_iter().collect();
        if actors.is_empty() {
            return Ok(());
        }
        for (by, of) in [(&owners, &actors), (&actors, &owners)] {
            let between = blocks::table.filter(blocks::user_id.among(by)).filter(blocks::blocked_id.among(of));
            let between = between.select((blocks::user_id, blocks::blocked_id));
            self.blocked.extend(between.load::<(UserId, UserId)>(conn)?);
        }
        Ok(())
    }

    fn load_chats<'i>(
        &mut self,
        conn: &mut Conn,
        now: Timestamp,
        items: impl Iterator<Item = &'i Item> + Clone,
    ) -> Result<()> {
        // Of an invitation, the chat is what it leads to; whoever is invited is not in it.
        let chat_of = |item: &Item| match item.kind {
            T::ChatInvited => Some(ChatId::from_uuid(item.target.1.uuid())),
            _ => item.chat,
        };
        let ids: HashSet<ChatId> = items.clone().filter_map(chat_of).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let people: HashSet<UserId> = items
            .clone()
            .filter(|item| chat_of(item).is_some())
            .flat_map(|item| [Some(item.user), item.actor])
            .flatten()
            .collect();
        let rows: Vec<(ChatId, Option<String>, String)> = chats::table
            .filter(chats::id.among(&ids).and(chats::deleted_at.is_null()))
            .select((chats::id, chats::title, chats::kind))
            .load(conn)?;
        let seen = |(id, title, kind): (ChatId, _, String)| (id, SeenChat { title, is_private: kind == "private" });
        self.chats = rows.into_iter().map(seen).collect();
        type Row = (ChatId, UserId, String, i64, i64, i64, String, Option<Timestamp>);
        let rows: Vec<Row> = participants::table
            .filter(participants::chat_id.among(&ids).and(participants::user_id.among(&people)))
            .select((
                participants::chat_id,
                participants::user_id,
                participants::role,
                participants::read_seq,
                participants::visible_from,
                participants::removed_count,
                participants::notify,
                participants::muted_until,
            ))
            .load(conn)?;
        for (chat, user, role, read_seq, visible_from, removed, notify, muted_until) in rows {
            let level = Level::find(&notify).unwrap_or_default();
            let member = Member { role, read_seq, visible_from, removed: removed > 0, level, muted_until };
            self.members.insert((chat, user), member);
        }
        let guests: Vec<(ChatId, UserId, String)> = chat_guests::table
            .filter(chat_guests::chat_id.among(&ids).and(chat_guests::user_id.among(&people)))
            .select((chat_guests::chat_id, chat_guests::user_id, chat_guests::status))
            .load(conn)?;
        self.guests = guests.into_iter().map(|(chat, user, status)| ((chat, user), status)).collect();
        self.load_messages(conn, now, items)
    }

    fn load_messages<'i>(
        &mut self,
        conn: &mut Conn,
        now: Timestamp,
        items: impl Iterator<Item = &'i Item>,
    ) -> Result<()> {
        let (mut places, mut partly) = (HashSet::new(), HashSet::new());
        for item in items {
            let Some(place) = item.chat.zip(item.seq) else { continue };
            places.insert(place);
            if self.members.get(&(place.0, item.user)).is_some_and(|member| member.removed) {
                partly.insert(item.user);
            }
        }
        let places: Vec<_> = places.into_iter().collect();
        for some in places.chunks(1_000) {
            for row in batch::messaging::messages_at(conn, some)? {
                let is_over = row.expires_at.is_some_and(|at| at <= now);
                let is_there = row.deleted_at.is_none() && !is_over;
                let content = row.content.filter(|_| row.kind != ENCRYPTED);
                let message = SeenMessage { sender: row.sender_id, content, is_there };
                self.messages.insert((row.chat_id, row.seq), message);
            }
        }
        if !partly.is_empty() {
            let chats: HashSet<ChatId> = places.iter().map(|(chat, _)| *chat).collect();
            let own = removed_messages::table
                .filter(removed_messages::user_id.among(&partly).and(removed_messages::chat_id.among(&chats)))
                .filter(removed_messages::seq.eq_any(places.iter().map(|(_, seq)| *seq).collect::<Vec<i64>>()));
            let own = own.select((removed_messages::chat_id, removed_messages::seq, removed_messages::user_id));
            self.removed = own.load::<(ChatId, i64, UserId)>(conn)?.into_iter().collect();
        }
        Ok(())
    }

    fn load_requests<'i>(&mut self, conn: &mut Conn, items: impl Iterator<Item = &'i Item>) -> Result<()> {
        let ids: HashSet<Id<()>> = items.filter(|item| item.kind == T::FriendRequest).map(|item| item.source).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let rows: Vec<(Id<()>, String, Option<String>)> = friend_requests::table
            .filter(friend_requests::id.among(&ids))
            .select((friend_requests::id, friend_requests::status, friend_requests::message))
            .load(conn)?;
        self.requests = rows.into_iter().map(|(id, status, text)| (id, (status, text))).collect();
        Ok(())
    }

    fn load_groups<'i>(&mut self, conn: &mut Conn, items: impl Iterator<Item = &'i Item> + Clone) -> Result<()> {
        let of_groups = items.filter(|item| matches!(item.kind, T::GroupInvited | T::GroupRequest));
        let ids: HashSet<Id<()>> = of_groups.clone().map(|item| item.target.1).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let people: HashSet<UserId> = of_groups.flat_map(|item| [Some(item.user), item.actor]).flatten().collect();
        let rows: Vec<(Id<()>, String)> = groups::table
            .filter(groups::id.among(&ids).and(groups::deleted_at.is_null()))
            .select((groups::id, groups::name))
            .load(conn)?;
        self.groups = rows.into_iter().collect();
        let rows: Vec<(Id<()>, UserId, String, Option<String>)> = group_people::table
            .filter(group_people::group_id.among(&ids).and(group_people::user_id.among(&people)))
            .select((group_people::group_id, group_people::user_id, group_people::status, group_people::role))
            .load(conn)?;
        self.group_people =
            rows.into_iter().map(|(group, user, status, role)| ((group, user), (status, role))).collect();
        Ok(())
    }

    pub fn is_active(&self, user: UserId) -> bool {
        self.active.contains(&user)
    }

    /// Whether one of the two has blocked the other.
    pub fn is_blocked(&self, item: &Item) -> bool {
        let between = |actor| self.blocked.contains(&(item.user, actor)) || self.blocked.contains(&(actor, item.user));
        item.actor.is_some_and(between)
    }

    /// Whether what it is about is gone, or who did it.
    pub fn is_gone(&self, item: &Item) -> bool {
        let Item { user, actor, target: (_, target), .. } = *item;
        if actor.is_some_and(|actor| !self.is_active(actor)) {
            return true;
        }
        let is_guest = |chat, user, status: &str| self.guests.get(&(chat, user)).is_some_and(|is| is == status);
        let in_group =
            |user, wanted: &str| self.group_people.get(&(target, user)).is_some_and(|(status, _)| status == wanted);
        match item.kind {
            T::MessageMention | T::MessageReply | T::MessageDirect | T::MessageChat => {
                !self.message(item).is_some_and(|message| message.is_there)
            }
            T::MessageReaction => !self.message(item).is_some_and(|message| message.is_there && message.sender == user),
            T::FriendRequest => {
                !self.requests.get(&item.source).is_some_and(|(status, _)| status == "pending" || status == "accepted")
            }
            T::ChatInvited => {
                let chat = ChatId::from_uuid(target.uuid());
                let counts = is_guest(chat, user, "invited") || self.members.contains_key(&(chat, user));
                !counts || !self.chats.contains_key(&chat)
            }
            T::ChatRequest => {
                let Some((chat, actor)) = item.chat.zip(actor) else { return true };
                let decides =
                    self.members.get(&(chat, user)).is_some_and(|member| STAFF.contains(&member.role.as_str()));
                !decides || !is_guest(chat, actor, "pending")
            }
            T::GroupInvited => {
                !(in_group(user, "invited") || in_group(user, "member")) || !self.groups.contains_key(&target)
            }
            T::GroupRequest => {
                let decides = self
                    .group_people
                    .get(&(target, user))
                    .is_some_and(|(_, role)| role.as_deref().is_some_and(|role| STAFF.contains(&role)));
                !decides || !actor.is_some_and(|actor| in_group(actor, "pending"))
            }
            _ => false,
        }
    }

    /// What the chat in which it happened says of it; none of what happened in no chat.
    pub fn chat_facts(&self, item: &Item) -> Option<ChatFacts> {
        let chat = item.chat.filter(|_| item.kind.is_in_chat())?;
        let nothing = ChatFacts { is_seen: false, level: Level::None, muted_until: None, is_read: false };
        let Some(member) = self.members.get(&(chat, item.user)) else { return Some(nothing) };
        let is_seen =
            item.seq.is_none_or(|seq| seq > member.visible_from && !self.removed.contains(&(chat, seq, item.user)));
        Some(ChatFacts {
            is_seen: is_seen && self.chats.contains_key(&chat),
            level: member.level,
            muted_until: member.muted_until,
            is_read: item.kind.is_of_message() && item.seq.is_some_and(|seq| seq <= member.read_seq),
        })
    }

    /// Whether its owner may see it now.
    pub fn shows(&self, item: &Item) -> bool {
        let is_seen = self.chat_facts(item).is_none_or(|facts| facts.is_seen);
        is_seen && !self.is_blocked(item) && !self.is_gone(item)
    }

    pub fn message(&self, item: &Item) -> Option<&SeenMessage> {
        self.messages.get(&item.chat.zip(item.seq)?)
    }

    pub fn chat(&self, item: &Item) -> Option<&SeenChat> {
        let invited = (item.kind == T::ChatInvited).then(|| ChatId::from_uuid(item.target.1.uuid()));
        self.chats.get(&invited.or(item.chat)?)
    }

    pub fn group(&self, item: &Item) -> Option<&str> {
        self.groups.get(&item.target.1).map(String::as_str)
    }

    /// What somebody wrote with a request for friendship.
    pub fn request(&self, item: &Item) -> Option<&str> {
        self.requests.get(&item.source)?.1.as_deref()
    }
}
