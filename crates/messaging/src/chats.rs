//! The rules of creating, finding and changing chats.

mod input;
pub mod port;
pub mod rules;

use clowder_core::{ChatId, Ctx, Error, Result, Timestamp, UserId, deletion, text::Flaw};
use serde::{Deserialize, Serialize};

pub use input::{ChatPatch, DirectoryFilter, NewDraft, NewOwner, PreferencesPatch};

use crate::{
    ChatRole, ChatType, ChatVisibility, History, NewChat, Rights,
    lifetimes::Lifetime,
    participants::{Strangers, not_wanted},
    refusals::{CHAT_FULL, CHAT_LIMIT, CHAT_MEMBERSHIPS},
};

/// How many chats one person can create, unless the settings say otherwise.
pub const MOST: i64 = 5_000;

/// How far the deletion of a chat has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatDeletion)]
pub struct Deletion {
    pub chat_id: ChatId,
    pub status: deletion::DeletionStatus,
    /// From 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub progress: f64,
}

/// What deleting, or leaving, did.
pub type Gone = deletion::Gone<Deletion>;

/// What is known when somebody creates a chat.
#[derive(Debug, Clone)]
pub struct CreateFacts {
    /// Those of the named people whom the creator may see. Others count as unknown.
    pub visible: Vec<UserId>,
    /// Those of them with whom the creator must not start a chat: so they have chosen.
    pub unwilling: Vec<UserId>,
    /// The existing private chat of the two, if there is one.
    pub exists: bool,
    /// How many existing chats the creator has created.
    pub made: i64,
    /// How many one person can create.
    pub most: i64,
    /// Those of the named people, and the creator, who are in as many chats as the creator can bring them into.
    pub busy: Vec<UserId>,
    pub strangers: Strangers,
    /// How many people a chat of type `group` can have.
    pub room: i64,
}

/// A chat to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatCreation {
    pub id: ChatId,
    /// Whose chat it is when chats are counted.
    pub creator: UserId,
    pub kind: ChatType,
    pub title: Option<String>,
    pub description: Option<String>,
    /// All participants with their roles, the creator first, without duplicates.
    pub participants: Vec<(UserId, ChatRole)>,
    /// Makes a private chat unique per pair.
    pub pair: Option<Pair>,
    pub visibility: ChatVisibility,
    pub history: History,
    pub extras: Extras,
    pub at: Timestamp,
}

/// What a new chat is like, beside what everybody reads of it in lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extras {
    pub rights: Rights,
    pub lifetime: Option<Lifetime>,
    pub slow_seconds: i64,
}

impl Extras {
    /// Those of a chat without a template.
    fn of(new: &NewChat) -> Self {
        let rights = Rights::of(new.kind);
        let rights = new.rights.map_or(rights, |given| given.apply(rights));
        Self { rights, lifetime: new.lifetime, slow_seconds: 0 }
    }
}

/// Two people, in an order that does not depend on who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair(UserId, UserId);

impl Pair {
    pub fn of(a: UserId, b: UserId) -> Self {
        if a < b { Self(a, b) } else { Self(b, a) }
    }

    /// The other person of the two.
    pub fn other(self, one: UserId) -> UserId {
        if self.0 == one { self.1 } else { self.0 }
    }

    /// 32 octets: both ids.
    pub fn to_bytes(self) -> Vec<u8> {
        [self.0.uuid().as_bytes().as_slice(), self.1.uuid().as_bytes().as_slice()].concat()
    }

    /// `None` unless [`Pair::to_bytes`] wrote it.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (a, b) = bytes.split_at_checked(16)?;
        let id = |bytes| Some(UserId::from_uuid(uuid::Uuid::from_slice(bytes).ok()?));
        Some(Self(id(a)?, id(b)?))
    }
}

/// All named people must be visible, and a private chat needs another person. A chat counts only for its creator:
/// nobody can use up another person's limit by adding them.
pub fn decide(ctx: &Ctx, new: NewChat, facts: &CreateFacts) -> Result<ChatCreation> {
    let creator = ctx.user()?;
    let mut errors = Vec::new();
    for (index, id) in new.participant_ids.iter().enumerate() {
        let at = || format!("/participant_ids/{index}");
        if !facts.visible.contains(id) {
            errors.push(Flaw::new("user.unknown", "there is no such user").at(at()));
        } else if *id == creator && new.kind == ChatType::Private {
            errors.push(Flaw::new("self", "must be somebody other than yourself").at(at()));
        }
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    if !facts.exists {
        not_wanted("/participant_ids", &new.participant_ids, &facts.unwilling)?;
    }
    if facts.made >= facts.most && !facts.exists {
        return Err(CHAT_LIMIT.into());
    }
    // A private chat is only found by whoever writes there first, so it fits in always.
    if new.kind != ChatType::Private && !facts.busy.is_empty() {
        return Err(CHAT_MEMBERSHIPS.into());
    }
    if !facts.exists {
        facts.strangers.allow("/participant_ids", &new.participant_ids, &facts.strangers.people)?;
    }
    let extras = Extras::of(&new);
    let mut participants = vec![(creator, ChatRole::Owner)];
    for id in new.participant_ids {
        if !participants.iter().any(|(joined, _)| *joined == id) {
            participants.push((id, ChatRole::of_newcomers(new.kind)));
        }
    }
    if new.kind == ChatType::Group && participants.len() as i64 > facts.room {
        return Err(CHAT_FULL.into());
    }
    let pair = match (new.kind, participants.as_mut_slice()) {
        // Both people own a private chat equally.
        (ChatType::Private, [(a, role), (b, _)]) => {
            *role = ChatRole::Member;
            Some(Pair::of(*a, *b))
        }
        _ => None,
    };
    Ok(ChatCreation {
        id: ChatId::new(ctx.now),
        creator,
        kind: new.kind,
        title: new.title.map(crate::model::Title::into_string),
        description: new.description.map(crate::model::Title::into_string),
        participants,
        pair,
        visibility: new.visibility.unwrap_or(ChatVisibility::Private),
        history: new.history.unwrap_or(History::All),
        extras,
        at: ctx.now,
    })
}

#[cfg(test)]
mod tests {
    use clowder_core::{Actor, Id, Input, Role, Via};
    use serde_json::json;

    use super::*;
    use crate::refusals::CHAT_NOT_WANTED;

    #[test]
    fn all_who_do_not_want_a_chat_are_named() {
        let now = Timestamp::from_micros(1);
        let [ada, bob, eve]: [UserId; 3] = std::array::from_fn(|_| Id::new(now));
        let Err(Error::Pointed { refusal: CHAT_NOT_WANTED, errors }) =
            not_wanted("/ids", &[bob, ada, eve], &[eve, bob])
        else {
            panic!("they do not want it")
        };
        let named: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code.as_ref())).collect();
        assert_eq!(named, [("/ids/0", "chat.not_wanted"), ("/ids/2", "chat.not_wanted")]);
        assert!(not_wanted("/ids", &[ada], &[eve]).is_ok());
    }

    #[test]
    fn decide_table() {
        let now = Timestamp::from_micros(1);
        let [ada, bob, eve]: [UserId; 3] = std::array::from_fn(|_| Id::new(now));
        let ctx = Ctx::new(Actor::User { id: ada, via: Via::Session(Id::new(now)), role: Role::User }, now, "test");
        let facts = CreateFacts {
            visible: vec![ada, bob],
            unwilling: vec![],
            exists: false,
            made: 6,
            most: 7,
            busy: vec![],
            strangers: Strangers::default(),
            room: 2,
        };
        let new = |kind: &str, ids: &[UserId]| {
            let title = (kind != "private").then_some("x");
            NewChat::from_json(json!({"type": kind, "title": title, "participant_ids": ids}))
        };
        let decided = |kind: &str, ids: &[UserId]| decide(&ctx, new(kind, ids)?, &facts);
        let pointers = |r: Result<ChatCreation>| match r {
            Err(Error::Invalid(errors)) => errors.into_iter().map(|e| e.pointer).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(pointers(decided("private", &[])), ["/participant_ids"]);
        assert_eq!(pointers(decided("private", &[ada])), ["/participant_ids/0"]);
        assert_eq!(pointers(decided("group", &[bob, eve])), ["/participant_ids/1"]);
        let private = decided("private", &[bob]).unwrap();
        assert_eq!(private.participants, [(ada, ChatRole::Member), (bob, ChatRole::Member)]);
        assert_eq!(private.pair, Some(Pair::of(bob, ada)));
        let group = decided("group", &[bob, bob, ada]).unwrap();
        assert_eq!(group.participants, [(ada, ChatRole::Owner), (bob, ChatRole::Member)]);
        assert_eq!((group.pair, group.creator), (None, ada));
        let channel = decided("channel", &[bob]).unwrap();
        assert_eq!(channel.participants, [(ada, ChatRole::Owner), (bob, ChatRole::Subscriber)]);
        let shy = CreateFacts { unwilling: vec![bob], ..facts.clone() };
        for (kind, exists, refused) in [("group", false, true), ("private", false, true), ("private", true, false)] {
            let decided = decide(&ctx, new(kind, &[bob]).unwrap(), &CreateFacts { exists, ..shy.clone() });
            assert_eq!(
                matches!(decided, Err(Error::Pointed { refusal: CHAT_NOT_WANTED, .. })),
                refused,
                "{kind} {exists}: {decided:?}"
            );
        }
        for (kind, busy, room, refused) in [
            ("group", vec![bob], 2, Some(CHAT_MEMBERSHIPS)),
            ("channel", vec![ada], 2, Some(CHAT_MEMBERSHIPS)),
            ("private", vec![bob], 2, None),
            ("group", vec![], 1, Some(CHAT_FULL)),
            ("channel", vec![], 1, None),
        ] {
            let facts = CreateFacts { busy, room, ..facts.clone() };
            let why = match decide(&ctx, new(kind, &[bob]).unwrap(), &facts) {
                Err(Error::Refused(refusal)) => Some(refusal.code),
                decided => decided.map(|_| None).unwrap(),
            };
            assert_eq!(why, refused.map(|refusal| refusal.code), "{kind} {facts:?}");
        }
        for (body, rights, lifetime) in [
            (json!({"type": "group", "title": "x"}), Rights::of(ChatType::Group), None),
            (
                json!({"type": "group", "title": "x", "rights": {"post": false, "pin": true}, "lifetime": null}),
                Rights { post: false, pin: true, ..Rights::of(ChatType::Group) },
                None,
            ),
            (
                json!({"type": "private", "participant_ids": [bob], "lifetime": {"seconds": 60, "from": "read"}}),
                Rights::of(ChatType::Private),
                Some(Lifetime::from_number(-60)),
            ),
        ] {
            let extras = decide(&ctx, NewChat::from_json(body.clone()).unwrap(), &facts).unwrap().extras;
            assert_eq!(extras, Extras { rights, lifetime, slow_seconds: 0 }, "{body}");
        }
        for (body, pointer) in [
            (json!({"type": "private", "participant_ids": [bob], "rights": {"pin": false}}), "/rights"),
            (json!({"type": "group", "title": "x", "rights": {"post": 1}}), "/rights/post"),
            (json!({"type": "group", "title": "x", "lifetime": {"seconds": 4}}), "/lifetime/seconds"),
        ] {
            assert_eq!(pointers(NewChat::from_json(body).and_then(|new| decide(&ctx, new, &facts))), [pointer]);
        }
        let brought = |today, often: &[UserId]| Strangers { people: vec![bob], today, most: 3, often: often.to_vec() };
        for (kind, exists, strangers, expected) in [
            ("group", false, brought(2, &[]), "fine"),
            ("group", false, brought(3, &[]), "chat.strangers_today"),
            ("private", false, brought(3, &[]), "chat.strangers_today"),
            ("private", true, brought(3, &[bob]), "fine"),
            ("private", false, brought(0, &[bob]), "too_soon"),
            ("group", false, Strangers { people: vec![], ..brought(3, &[]) }, "fine"),
        ] {
            let facts = CreateFacts { exists, strangers, ..facts.clone() };
            let code = match decide(&ctx, new(kind, &[bob]).unwrap(), &facts) {
                Ok(_) => "fine".to_owned(),
                Err(Error::Refused(refusal)) => refusal.code.to_owned(),
                Err(Error::Invalid(errors)) => errors[0].code.to_string(),
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(code, expected, "{kind} {facts:?}");
        }
        let full = CreateFacts { made: 7, ..facts };
        for (kind, exists, refused) in [("group", false, true), ("private", false, true), ("private", true, false)] {
            let decided = decide(&ctx, new(kind, &[bob]).unwrap(), &CreateFacts { exists, ..full.clone() });
            assert_eq!(matches!(decided, Err(Error::Refused(CHAT_LIMIT))), refused, "{kind} {exists}: {decided:?}");
        }
        assert_eq!(pointers(decide(&ctx, new("group", &[eve]).unwrap(), &full)), ["/participant_ids/0"]);
    }
}
