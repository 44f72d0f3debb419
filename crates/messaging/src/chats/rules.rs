//! The rules of editing, handing over and deleting chats, and of what people choose for themselves.

use clowder_core::{Error, Picture, Result, Timestamp, Versions, versions};

use super::{ChatPatch, PreferencesPatch};
use crate::{
    ChatFace, ChatPreferences, ChatRole, ChatType, Notify,
    lifetimes::{OptionalLifetime, may_set as allow_lifetime},
    policy::{Action, Seat, allow},
    refusals::{CHAT_OWNER, CHAT_PINS, CHAT_STALE, PARTICIPANT_UNKNOWN},
};

/// How many chats one person can have pinned.
pub const MOST_PINNED: i64 = 50;
/// In how many chats one person can have a title of their own or a draft.
pub const MOST_NOTES: i64 = 2_000;

/// The chat after an edit, or `None` if the edit changes nothing.
pub fn edit(seat: Seat, version: Option<&Versions>, patch: ChatPatch, before: &ChatFace) -> Result<Option<ChatFace>> {
    if patch.writes() || !patch.configures() && !patch.only_times() {
        allow(seat, Action::Edit)?;
    }
    if patch.configures() {
        allow(seat, Action::Configure)?;
    }
    versions::check(version, before.version, CHAT_STALE)?;
    let mut after = before.clone();
    if let Some(title) = patch.title {
        after.title = Some(title.into_string());
    }
    if let Some(description) = patch.description {
        after.description = description.0;
    }
    if let Some(avatar) = patch.avatar {
        after.avatar = avatar.0.map(Picture::of);
    }
    after.visibility = patch.visibility.unwrap_or(after.visibility);
    after.history = patch.history.unwrap_or(after.history);
    after.rights = patch.rights.map_or(after.rights, |rights| rights.apply(after.rights));
    // Who sends back the whole chat with another title says nothing about this.
    if let Some(OptionalLifetime(lifetime)) = patch.lifetime
        && lifetime != before.lifetime
    {
        allow_lifetime(seat, before)?;
        after.lifetime = lifetime;
    }
    if after == *before {
        return Ok(None);
    }
    after.version += 1;
    Ok(Some(after))
}

/// What `DELETE` means for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Delete,
    Leave,
}

/// Owners delete, others leave.
pub fn end(seat: Seat, version: Option<&Versions>, current: i64) -> Result<Ending> {
    if seat.role != ChatRole::Owner && seat.kind != ChatType::Private {
        allow(seat, Action::Leave)?;
        return Ok(Ending::Leave);
    }
    allow(seat, Action::Delete)?;
    versions::check(version, current, CHAT_STALE)?;
    Ok(Ending::Delete)
}

/// A chat always has an owner.
pub fn may_leave(seat: Seat, owners: usize) -> Result<()> {
    allow(seat, Action::Leave)?;
    if seat.role == ChatRole::Owner && owners <= 1 { Err(CHAT_OWNER.into()) } else { Ok(()) }
}

/// Only to somebody who is in the chat.
pub fn may_transfer(seat: Seat, target: Option<ChatRole>) -> Result<()> {
    allow(seat, Action::Transfer)?;
    target.map(drop).ok_or_else(|| PARTICIPANT_UNKNOWN.into())
}

/// What is known when somebody chooses for themselves.
#[derive(Debug, Clone, Copy)]
pub struct ChoiceFacts {
    pub now: Timestamp,
    /// How many other chats they have pinned.
    pub pinned: i64,
}

pub fn choose(patch: PreferencesPatch, before: &ChatPreferences, facts: ChoiceFacts) -> Result<ChatPreferences> {
    let mut after = before.clone();
    after.archived = patch.archived.unwrap_or(after.archived);
    after.pinned = patch.pinned.unwrap_or(after.pinned);
    after.notify = patch.notify.unwrap_or(after.notify);
    if let Some(until) = patch.muted_until {
        if until.0.is_some_and(|until| until <= facts.now) {
            return Err(Error::field("/muted_until", "past", "must be in the future"));
        }
        after.muted_until = until.0;
    }
    if let Some(title) = patch.title {
        after.title = title.0;
    }
    if after.pinned && !before.pinned && facts.pinned >= MOST_PINNED {
        return Err(CHAT_PINS.into());
    }
    Ok(after)
}

/// Whether somebody wants to be notified of a message of others that does not mention them.
pub fn wants_all(preferences: &ChatPreferences, now: Timestamp) -> bool {
    preferences.notify == Notify::All && preferences.muted_until.is_none_or(|until| until <= now)
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Input, Refusal};
    use serde_json::json;

    use super::*;
    use crate::{
        ChatVisibility, History, Rights,
        refusals::{CHAT_FORBIDDEN, CHAT_OF_GROUP, CHAT_PRIVATE},
    };

    fn refusal<T: std::fmt::Debug>(result: Result<T>) -> Option<Refusal> {
        match result {
            Err(Error::Refused(refusal) | Error::Explained { refusal, .. } | Error::Stale { refusal, .. }) => {
                Some(refusal)
            }
            Err(other) => panic!("{other:?}"),
            Ok(_) => None,
        }
    }

    fn seat(kind: ChatType, role: ChatRole) -> Seat {
        Seat { kind, role, rights: Rights::of(kind), of_group: false }
    }

    fn face() -> ChatFace {
        ChatFace {
            id: Id::new(Timestamp::from_micros(1)),
            kind: ChatType::Group,
            title: Some("Lunch".to_owned()),
            description: None,
            avatar: None,
            visibility: ChatVisibility::Private,
            history: History::All,
            rights: Rights::of(ChatType::Group),
            slow_seconds: 0,
            lifetime: None,
            closed: false,
            participant_count: 3,
            version: 4,
        }
    }

    #[test]
    fn edit_table() {
        use ChatRole::{Admin, Member};
        let open = Seat { rights: Rights { edit: true, ..Rights::NONE }, ..seat(ChatType::Group, Member) };
        let of_group = Seat { of_group: true, ..seat(ChatType::Group, ChatRole::Owner) };
        let picture: clowder_core::FileId = Id::new(Timestamp::from_micros(9));
        for (seat, patch, refused) in [
            (seat(ChatType::Group, Admin), json!({"title": "Tea"}), None),
            (seat(ChatType::Group, Member), json!({"title": "Tea"}), Some(CHAT_FORBIDDEN)),
            (seat(ChatType::Group, Member), json!({}), Some(CHAT_FORBIDDEN)),
            (open, json!({"title": "Tea"}), None),
            (open, json!({"title": "Tea", "history": "since_join"}), Some(CHAT_FORBIDDEN)),
            (seat(ChatType::Private, Member), json!({"title": "Tea"}), Some(CHAT_PRIVATE)),
            (seat(ChatType::Group, Member), json!({"avatar": null}), Some(CHAT_FORBIDDEN)),
            (seat(ChatType::Private, Member), json!({"avatar": picture}), Some(CHAT_PRIVATE)),
            (of_group, json!({"avatar": picture}), Some(CHAT_OF_GROUP)),
            (open, json!({"avatar": picture}), None),
            (of_group, json!({"title": "Tea"}), Some(CHAT_OF_GROUP)),
            (of_group, json!({"visibility": "public"}), Some(CHAT_OF_GROUP)),
        ] {
            let decided = edit(seat, None, ChatPatch::from_json(patch.clone()).unwrap(), &face());
            assert_eq!(refusal(decided), refused, "{seat:?} {patch}");
        }
        let admin = seat(ChatType::Group, Admin);
        let edited = |patch| edit(admin, None, ChatPatch::from_json(patch).unwrap(), &face()).unwrap();
        assert_eq!(edited(json!({"title": "Lunch", "rights": {"post": true}})), None, "nothing has changed");
        let after = edited(json!({"rights": {"post": false}, "description": "At noon"})).unwrap();
        assert_eq!((after.rights.post, after.rights.add, after.version), (false, true, 5));
        let pictured = edited(json!({"avatar": picture})).unwrap();
        assert_eq!((pictured.avatar, pictured.version), (Some(Picture::of(picture)), 5));
        assert_eq!(edited(json!({"avatar": null})), None, "it has none");
        let stale = edit(admin, Some(&3.into()), ChatPatch::default(), &face());
        assert_eq!(refusal(stale), Some(CHAT_STALE));
    }

    #[test]
    fn end_and_may_leave_tables() {
        use ChatRole::{Admin, Member, Owner, Subscriber};
        for (kind, role, ending) in [
            (ChatType::Group, Owner, Ok(Ending::Delete)),
            (ChatType::Group, Admin, Ok(Ending::Leave)),
            (ChatType::Channel, Subscriber, Ok(Ending::Leave)),
            (ChatType::Private, Member, Err(CHAT_PRIVATE)),
        ] {
            let decided = end(seat(kind, role), None, 1);
            assert_eq!(decided.map_err(|error| refusal::<()>(Err(error)).unwrap()), ending, "{kind:?} {role:?}");
        }
        for (role, owners, refused) in
            [(Owner, 1, Some(CHAT_OWNER)), (Owner, 2, None), (Admin, 1, None), (Member, 0, None)]
        {
            assert_eq!(refusal(may_leave(seat(ChatType::Group, role), owners)), refused, "{role:?} {owners}");
        }
        let of_group = Seat { of_group: true, ..seat(ChatType::Group, Member) };
        assert_eq!(refusal(may_leave(of_group, 1)), Some(CHAT_OF_GROUP));
    }

    #[test]
    fn choose_table() {
        let now = Timestamp::from_micros(5_000_000);
        let before = ChatPreferences::default();
        let chosen =
            |patch, pinned| choose(PreferencesPatch::from_json(patch).unwrap(), &before, ChoiceFacts { now, pinned });
        let after = chosen(json!({"pinned": true, "notify": "none", "title": "Us"}), 49).unwrap();
        assert_eq!((after.pinned, after.notify, after.title.as_deref()), (true, Notify::None, Some("Us")));
        assert_eq!(refusal(chosen(json!({"pinned": true}), 50)), Some(CHAT_PINS));
        assert!(chosen(json!({"muted_until": "1970-01-01T00:00:05Z"}), 0).is_err());
        let muted = chosen(json!({"muted_until": "1970-01-01T00:00:06Z"}), 0).unwrap();
        assert!(!wants_all(&muted, now) && wants_all(&muted, Timestamp::from_micros(6_000_000)));
        let unmuted = choose(
            PreferencesPatch::from_json(json!({"muted_until": null})).unwrap(),
            &muted,
            ChoiceFacts { now, pinned: 0 },
        );
        assert_eq!(unmuted.unwrap(), before);
    }
}
