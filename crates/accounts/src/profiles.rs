//! Profiles: people as others see them. What is shown of a person depends on who looks ([`crate::policy::sight`]).

pub mod links;
pub mod names;
pub mod ranking;

use std::borrow::Cow;

pub use clowder_core::SeenAs;
use clowder_core::{
    Actor, Fields, Friendship, Input, Picture, Presence, Refusal, Timestamp, UserId, Via, Word, ctx::PERMISSION_DENIED,
    versions,
};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type, schema::SchemaType},
};

use crate::{
    Own, ProfilePatch,
    model::{Link, Privacy, Reason},
    permissions::EDIT_USERS,
    policy::sight::{FieldGroup, Sight, SightFacts, Standpoint, is_shown, sight},
    presence::PresenceFacts,
    refusals::USER_UNKNOWN,
};

/// A user as others see them. What the viewer may not see is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct User {
    pub id: UserId,
    #[schema(example = "ada")]
    pub username: String,
    #[schema(example = "Ada Lovelace")]
    pub display_name: String,
    /// `null` for somebody without a picture.
    pub avatar: Option<Picture>,
    pub bio: Option<String>,
    pub status_text: Option<String>,
    /// When the status text ends by itself.
    pub status_until: Option<Timestamp>,
    pub pronouns: Option<String>,
    pub location: Option<String>,
    #[schema(max_items = 5)]
    pub links: Option<Vec<Link>>,
    /// What administrators put on the profile, in alphabetical order.
    #[schema(max_items = 10)]
    pub badges: Option<Vec<String>>,
    /// The wide picture of the profile.
    pub cover: Option<Picture>,
    pub email: Option<String>,
    pub presence: Option<Presence>,
    /// When the user was last online, to the minute while they are; `null` if that is unknown or hidden.
    pub last_seen_at: Option<Timestamp>,
    /// How the viewer is connected with the user; `null` in one's own profile.
    pub friendship: Option<Friendship>,
    /// How many friends the viewer finds in the list of their friends; `null` in lists of people.
    #[schema(minimum = 0)]
    pub friends_count: Option<i64>,
    /// How many of the pets that they own or co-own the viewer sees.
    #[schema(minimum = 0)]
    pub pets_count: Option<i64>,
    pub created_at: Option<Timestamp>,
}

/// What is known of a person and the viewer.
#[derive(Debug, Clone)]
pub struct ProfileFacts {
    pub person: Own,
    pub erased: bool,
    pub own: bool,
    pub staff: bool,
    pub friendship: Friendship,
    /// One of the two has blocked the other.
    pub blocked: bool,
    pub privacy: Privacy,
    pub presence: PresenceFacts,
    /// Those whom the viewer sees.
    pub friends_count: i64,
    /// Those that the viewer sees.
    pub pets_count: i64,
    /// When the viewer looks.
    pub now: Timestamp,
}

/// A profile as somebody sees it, and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub user: User,
    pub version: i64,
}

impl Shown {
    /// The version, and a fingerprint of everything that is shown.
    pub fn tag(&self) -> i64 {
        versions::tag(self.version, &self.user)
    }
}

impl ProfileFacts {
    /// The same as if somebody else looked at one's own profile. What they count is for the caller to find out.
    pub fn as_if(self, other: Option<SeenAs>) -> Self {
        let friendship = match other.filter(|_| self.own) {
            None => return self,
            Some(SeenAs::Public) => Friendship::None,
            Some(SeenAs::Friend) => Friendship::Friends,
        };
        Self { own: false, staff: false, friendship, blocked: false, ..self }
    }

    /// Whether the viewer may see the friends of the person; `None` if the viewer may not see the person.
    pub fn shows_friends(&self) -> Option<bool> {
        self.shows(FieldGroup::FriendsList)
    }

    /// The same of their pets.
    pub fn shows_pets(&self) -> Option<bool> {
        self.shows(FieldGroup::Pets)
    }

    fn shows(&self, group: FieldGroup) -> Option<bool> {
        let seen = self.sight_facts();
        match sight(&seen) {
            Sight::Nothing => None,
            Sight::Card => Some(false),
            Sight::Profile => Some(is_shown(group, Standpoint::of(&seen), &self.privacy)),
        }
    }

    pub fn sight_facts(&self) -> SightFacts {
        SightFacts {
            own: self.own,
            staff: self.staff,
            friends: self.friendship == Friendship::Friends,
            blocked: self.blocked,
            visibility: self.person.visibility,
            suspended: self.person.suspension.is_some(),
            erased: self.erased,
        }
    }
}

/// What the viewer sees of the person; `None` if that is nothing.
pub fn show(facts: ProfileFacts) -> Option<Shown> {
    let seen = facts.sight_facts();
    let (sight, from) = (sight(&seen), Standpoint::of(&seen));
    let ProfileFacts { person, friendship, privacy, presence, friends_count, pets_count, own, now, .. } = facts;
    let version = person.version;
    let all = match sight {
        Sight::Nothing => return None,
        Sight::Card => false,
        Sight::Profile => true,
    };
    let shown = |group| all && is_shown(group, from, &privacy);
    let user = User {
        id: person.id,
        username: person.username,
        display_name: person.display_name,
        avatar: person.avatar,
        bio: person.bio.filter(|_| shown(FieldGroup::Bio)),
        status_text: person.status_text.filter(|_| shown(FieldGroup::Bio)),
        status_until: person.status_until.filter(|_| shown(FieldGroup::Bio)),
        pronouns: person.pronouns.filter(|_| shown(FieldGroup::Details)),
        location: person.location.filter(|_| shown(FieldGroup::Details)),
        links: Some(person.links).filter(|_| shown(FieldGroup::Details)),
        badges: Some(person.badges).filter(|_| all),
        cover: person.cover.filter(|_| all),
        email: Some(person.email).filter(|_| shown(FieldGroup::Email)),
        presence: Some(presence.presence(now)).filter(|_| shown(FieldGroup::Presence)),
        last_seen_at: presence.last_seen_at(now).filter(|_| shown(FieldGroup::Presence)),
        friendship: Some(friendship).filter(|_| all && !own),
        friends_count: Some(friends_count).filter(|_| shown(FieldGroup::FriendsList)),
        pets_count: Some(pets_count).filter(|_| shown(FieldGroup::Pets)),
        created_at: Some(person.created_at).filter(|_| all),
    };
    Some(Shown { user, version })
}

/// What is known when somebody edits a profile by its id.
#[derive(Debug, Clone, Copy)]
pub struct EditFacts {
    pub own: bool,
    /// The caller may edit profiles of others.
    pub staff: bool,
    pub sight: Sight,
}

/// Administrators edit profiles of others, in person: not through their programs.
pub fn edits_others(actor: Actor) -> bool {
    matches!(actor, Actor::User { via: Via::Session(_), role, .. } if EDIT_USERS.is_given_to(role))
}

/// Everybody edits their own profile; administrators edit those of others.
pub fn may_edit(facts: EditFacts) -> Result<(), Refusal> {
    match facts {
        EditFacts { sight: Sight::Nothing, .. } => Err(USER_UNKNOWN),
        EditFacts { own: true, .. } | EditFacts { staff: true, .. } => Ok(()),
        _ => Err(PERMISSION_DENIED),
    }
}

/// What is changed in a profile by its id: what people change in their own, and a reason.
#[derive(Debug, Clone, Default)]
pub struct UserPatch {
    pub profile: ProfilePatch,
    /// Why an administrator edits somebody else's profile, for the audit log. Ignored in one's own.
    pub reason: Option<Reason>,
}

impl Input for UserPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (profile, reason) = (ProfilePatch::read(fields), fields.optional("reason"));
        Some(Self { profile: profile?, reason: reason? })
    }
}

/// The members of a [`ProfilePatch`], and the reason.
impl PartialSchema for UserPatch {
    fn schema() -> RefOr<Schema> {
        let mut schema = ProfilePatch::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            let says = "Why an administrator edits somebody else's profile, for the audit log. Ignored in one's own.";
            let kinds = SchemaType::from_iter([Type::String, Type::Null]);
            let reason = ObjectBuilder::new().schema_type(kinds).max_length(Some(500)).description(Some(says)).build();
            object.properties.insert("reason".to_owned(), Schema::Object(reason).into());
            object.description = Some("What is changed in a profile; absent fields stay unchanged.".to_owned());
            object.example = Some(serde_json::json!({
                "display_name": "Ada Lovelace", "status_text": "counting", "reason": "an impersonation"
            }));
        }
        schema
    }
}

impl ToSchema for UserPatch {
    fn name() -> Cow<'static, str> {
        "UserPatch".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ProfilePatch::schemas(schemas);
    }
}

/// Which people are listed.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    pub search: Option<String>,
    pub sort: Sort,
}

/// In which order people are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// The newest first.
    #[default]
    New,
    /// By display name.
    Name,
}

impl Word for Sort {
    const WHAT: &'static str = "order";
    const WORDS: &'static [(&'static str, Self)] = &[("new", Self::New), ("name", Self::Name)];
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Role, Visibility};

    use super::*;
    use crate::model::{Audience, Settings};

    fn facts(visibility: Visibility, friendship: Friendship) -> ProfileFacts {
        let now = Timestamp::from_micros(1);
        let person = Own {
            id: Id::new(now),
            username: "ada".to_owned(),
            display_name: "Ada".to_owned(),
            bio: Some("bio".to_owned()),
            status_text: Some("status".to_owned()),
            status_until: None,
            pronouns: Some("she/her".to_owned()),
            location: Some("London".to_owned()),
            links: Vec::new(),
            badges: vec!["founder".to_owned()],
            email: "ada@example.org".to_owned(),
            email_verified: true,
            role: Role::User,
            two_factor: false,
            visibility,
            avatar: None,
            cover: None,
            presence: None,
            last_seen_at: None,
            friendship: None,
            friends_count: None,
            pets_count: None,
            erase_at: None,
            suspension: None,
            created_at: now,
            version: 7,
        };
        let privacy = Settings::default().privacy;
        let (erased, own, staff, blocked, friends_count, pets_count) = (false, false, false, false, 4, 3);
        let presence = PresenceFacts { since: Some(now), ..PresenceFacts::default() };
        ProfileFacts {
            person,
            erased,
            own,
            staff,
            friendship,
            blocked,
            privacy,
            presence,
            friends_count,
            pets_count,
            now,
        }
    }

    /// The table of settings in the documentation: which fields each of them hides, and what it is at first.
    #[test]
    fn the_documented_settings_are_those_of_the_profile() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/profiles.md")).unwrap();
        let rows = page.lines().skip_while(|line| *line != "| setting | fields | at first |").skip(2);
        let spans = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        let rows: Vec<Vec<Vec<String>>> = rows
            .take_while(|line| line.starts_with('|'))
            .map(|row| row.split('|').skip(1).take(3).map(spans).collect())
            .collect();
        assert_eq!(rows.len(), FieldGroup::ALL.len());
        let usual = serde_json::to_value(Settings::default().privacy).unwrap();
        let mut all = usual.clone();
        for row in &rows {
            let name = row[0][0].strip_prefix("privacy.").unwrap();
            assert_eq!(usual[name], *row[2][0], "{name}: at first");
            all[name] = "everyone".into();
        }
        let mut whole = facts(Visibility::Public, Friendship::None);
        whole.person.status_until = Some(whole.now);
        let shown = |privacy: &serde_json::Value| {
            let privacy = serde_json::from_value(privacy.clone()).unwrap();
            serde_json::to_value(show(ProfileFacts { privacy, ..whole.clone() }).unwrap().user).unwrap()
        };
        let everything = shown(&all);
        for row in &rows {
            let mut without = all.clone();
            without[row[0][0].strip_prefix("privacy.").unwrap()] = "nobody".into();
            let left = shown(&without);
            let members = everything.as_object().unwrap().iter().filter(|(name, value)| left[name] != **value);
            let hidden: std::collections::BTreeSet<&str> = members.map(|(name, _)| name.as_str()).collect();
            assert_eq!(hidden, row[1].iter().map(String::as_str).collect(), "{}", row[0][0]);
        }
    }

    #[test]
    fn a_card_has_no_more_than_a_name_and_a_picture() {
        let [face, wide] = [1, 2].map(|at| Some(Picture::of(Id::new(Timestamp::from_micros(at)))));
        let mut pictured = facts(Visibility::Friends, Friendship::None);
        (pictured.person.avatar, pictured.person.cover) = (face, wide);
        let user = show(pictured.clone()).unwrap().user;
        assert_eq!((user.avatar, user.cover), (face, None));
        let friend = show(ProfileFacts { friendship: Friendship::Friends, ..pictured }).unwrap().user;
        assert_eq!((friend.avatar, friend.cover), (face, wide));
        let user = show(facts(Visibility::Friends, Friendship::None)).unwrap().user;
        let told = serde_json::to_value(&user).unwrap();
        let told = told.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
        assert_eq!(told.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["display_name", "id", "username"]);
    }

    #[test]
    fn a_tag_changes_with_what_is_shown_and_says_the_version() {
        let tag = |facts| show(facts).unwrap().tag();
        let stranger = facts(Visibility::Public, Friendship::None);
        let friend = ProfileFacts { friendship: Friendship::Friends, ..stranger.clone() };
        let privacy = Privacy { bio: Audience::Nobody, ..stranger.privacy };
        let settings = ProfileFacts { privacy, ..stranger.clone() };
        let away = ProfileFacts { presence: PresenceFacts::default(), ..stranger.clone() };
        let tags = [stranger.clone(), friend, settings, away].map(tag);
        assert!((1..tags.len()).all(|n| !tags[..n].contains(&tags[n])), "{tags:?}");
        assert_eq!(tag(stranger), tags[0]);
        for tag in tags {
            let versions = clowder_core::Versions::from(tag).of_tags();
            assert!(versions.hold(7) && !versions.hold(8));
        }
    }

    #[test]
    fn may_edit_table() {
        for (own, staff, sight, code) in [
            (true, false, Sight::Profile, None),
            (false, true, Sight::Profile, None),
            (false, false, Sight::Profile, Some("permission.denied")),
            (false, false, Sight::Card, Some("permission.denied")),
            (false, false, Sight::Nothing, Some("user.unknown")),
            (false, true, Sight::Nothing, Some("user.unknown")),
        ] {
            let verdict = may_edit(EditFacts { own, staff, sight });
            assert_eq!(verdict.err().map(|refusal| refusal.code), code, "{own} {staff} {sight:?}");
        }
    }
}
