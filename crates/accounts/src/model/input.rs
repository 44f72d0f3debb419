//! Inputs of accounts.

use clowder_core::{
    Error, Field, Fields, FileId, Input, Name, Nested, Nullable, Picture, Result, Timestamp, Visibility,
    input::{past, string},
    name::is_blank,
    text::{self, Flaw},
};
use serde_json::Value;

use super::{Email, Line, MOST_LINKS, MailedToken, NewLink, Own, Password, Until, Username};
use crate::{policy, two_factor::Otp};

/// `{username, email, password, display_name?, invite?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"username": "ada", "email": "ada@example.org", "password": "correct horse battery"}))]
pub struct NewAccount {
    /// Letters, digits, `_`, `.` and `-`; unique, ignoring case and look-alikes.
    #[schema(value_type = String, min_length = 3, max_length = 30)]
    pub username: Username,
    #[schema(value_type = String, format = "email", max_length = 254)]
    pub email: Email,
    /// Not a common one and not the username; any characters.
    #[schema(value_type = String, format = "password", min_length = 10, max_length = 256)]
    pub password: Password,
    /// The name that others see; the username if absent.
    #[schema(value_type = Option<String>, max_length = 80)]
    pub display_name: Option<DisplayName>,
    /// The code of an invitation, if one is required.
    #[schema(value_type = Option<String>, max_length = 200)]
    pub invite: Option<MailedToken>,
}

impl Input for NewAccount {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files();
        let username = fields.required::<Username>("username");
        let email = fields.required("email");
        let password = fields.required::<Password>("password");
        let display_name = fields.optional("display_name");
        let invite = fields.optional("invite");
        if let Some(password) = &password
            && let Err(flaw) = policy::may_use_password(password, username.as_ref())
        {
            fields.flaw("password", flaw);
        }
        Some(Self {
            username: username?,
            email: email?,
            password: password?,
            display_name: display_name?,
            invite: invite?,
        })
    }
}

/// `{username or email, password, device_name?, otp?}`: `email` may be sent in place of `username`, and either takes a
/// username or an email address. They may not have two different values.
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"username": "ada", "password": "correct horse battery"}))]
pub struct Login {
    /// The username or the email address of the account. `email` may be sent in place of `username`.
    #[schema(value_type = String, max_length = 254)]
    pub username: LoginName,
    #[schema(value_type = String, format = "password", max_length = 256)]
    pub password: Password,
    /// How the device is listed among the sessions.
    #[schema(value_type = Option<String>, max_length = 80)]
    pub device_name: Option<DisplayName>,
    /// For accounts with two-factor authentication: the code of the authenticator, or a recovery code.
    #[schema(value_type = Option<String>, max_length = 64)]
    pub otp: Option<Otp>,
}

impl Input for Login {
    fn read(fields: &mut Fields) -> Option<Self> {
        let username = fields.either::<LoginName>(["username", "email"]);
        if let Some(None) = username {
            fields.flaw("username", Flaw::new("required", "is required"));
        }
        let password = fields.required("password");
        let device_name = fields.optional("device_name");
        let otp = fields.optional("otp");
        Some(Self { username: username??, password: password?, device_name: device_name?, otp: otp? })
    }
}

/// What users may change about themselves; absent fields stay unchanged.
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(example = json!({"display_name": "Ada Lovelace", "status_text": "counting"}))]
pub struct ProfilePatch {
    /// Can be changed once in 30 days; by administrators at any time. Nobody else gets the name before for 30 days.
    #[schema(value_type = Option<String>, min_length = 3, max_length = 30)]
    pub username: Option<Username>,
    #[schema(value_type = Option<String>, max_length = 80)]
    pub display_name: Option<DisplayName>,
    /// `null` or empty clears it.
    #[schema(value_type = Option<String>, max_length = 1000)]
    pub bio: Option<Note<1000>>,
    /// `null` or empty clears it.
    #[schema(value_type = Option<String>, max_length = 140)]
    pub status_text: Option<Note<140>>,
    /// When the status text ends by itself, in the future; `null` means never. Another status text without this one never
    /// ends. Only with a text, new or present.
    #[schema(value_type = Option<Timestamp>)]
    pub status_until: Option<Until>,
    /// `null` or empty clears them.
    #[schema(value_type = Option<String>, max_length = 40)]
    pub pronouns: Option<Line<40>>,
    /// `null` or empty clears it.
    #[schema(value_type = Option<String>, max_length = 100)]
    pub location: Option<Line<100>>,
    /// All of them; `null` or an empty array clears them.
    #[schema(value_type = Option<Vec<NewLink>>, max_items = 5)]
    pub links: Option<Vec<NewLink>>,
    /// Who may see the profile: everybody, friends (others see only the name and the picture), or nobody.
    pub visibility: Option<Visibility>,
    /// One's own file, uploaded as an `avatar`; `null` takes the picture away.
    #[schema(value_type = Option<FileId>)]
    pub avatar: Option<Nullable<FileId>>,
    /// One's own file, uploaded as a `cover`; `null` takes the picture away.
    #[schema(value_type = Option<FileId>)]
    pub cover: Option<Nullable<FileId>>,
}

impl ProfilePatch {
    /// Whether this changes the profile.
    pub fn changes(&self, own: &Own) -> bool {
        let Self {
            username,
            display_name,
            bio,
            status_text,
            status_until: _,
            pronouns,
            location,
            links,
            visibility,
            ..
        } = self;
        let Self { avatar, cover, .. } = self;
        let is_other = |new: &Option<Nullable<FileId>>, now: Option<Picture>| {
            new.is_some_and(|new| new.0 != now.map(|picture| picture.file_id))
        };
        let links = links.as_ref().map(|links| links.iter().map(|link| link.link(&own.links)).collect::<Vec<_>>());
        username.as_ref().is_some_and(|name| name.as_str() != own.username)
            || display_name.as_ref().is_some_and(|name| name.as_str() != own.display_name)
            || bio.as_ref().is_some_and(|bio| bio.0 != own.bio)
            || status_text.as_ref().is_some_and(|text| text.0 != own.status_text)
            || self.ends_status(own).is_some_and(|until| until != own.status_until)
            || pronouns.as_ref().is_some_and(|line| line.as_option() != &own.pronouns)
            || location.as_ref().is_some_and(|line| line.as_option() != &own.location)
            || links.is_some_and(|links| links != own.links)
            || visibility.is_some_and(|visibility| visibility != own.visibility)
            || is_other(avatar, own.avatar)
            || is_other(cover, own.cover)
    }
}

impl ProfilePatch {
    /// Whether the status text can end as this says: in the future, and only if there is one. `own` is the profile as it is
    /// now, without a text that is over.
    pub fn may_end_status(&self, own: &Own, now: Timestamp) -> Result<()> {
        let Some(Until(Some(until))) = self.status_until else { return Ok(()) };
        let has_text = self.status_text.as_ref().map_or(own.status_text.is_some(), |text| !text.is_empty());
        let flaw = match () {
            () if until <= now => past(),
            () if !has_text => Flaw::new("unwanted", "is only for a status text"),
            () => return Ok(()),
        };
        Err(Error::Invalid(vec![flaw.at("/status_until")]))
    }

    /// Takes away everything that somebody wrote about themselves, and their pictures: only the username stays, also as the
    /// display name.
    pub fn without_texts(own: &Own) -> Self {
        Self {
            display_name: DisplayName::parse(own.username.clone().into()).ok(),
            bio: Some(Note::default()),
            status_text: Some(Note::default()),
            pronouns: Some(Line::default()),
            location: Some(Line::default()),
            links: Some(Vec::new()),
            avatar: Some(Nullable(None)),
            cover: Some(Nullable(None)),
            ..Self::default()
        }
    }

    /// The new end of the status text, if it changes: one that is written now does not end with the one before, and where
    /// there is none, nothing ends.
    pub fn ends_status(&self, own: &Own) -> Option<Option<Timestamp>> {
        if self.status_text.is_none() && own.status_text.is_none() {
            return None;
        }
        let is_other = self.status_text.as_ref().is_some_and(|text| text.0 != own.status_text);
        self.status_until.map(|until| until.0).or_else(|| is_other.then_some(None))
    }
}

impl Input for ProfilePatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files_but(&["avatar", "cover"]);
        let username = fields.optional("username");
        let display_name = fields.optional("display_name");
        let bio = fields.patch("bio");
        let (status_text, status_until): (Option<Option<Note<140>>>, Option<Option<Until>>) =
            (fields.patch("status_text"), fields.patch("status_until"));
        fields.expect_future("status_until", status_until.flatten().and_then(|until| until.0));
        let (pronouns, location) = (fields.patch("pronouns"), fields.patch("location"));
        let links = fields.list_patch::<Nested<NewLink>>("links", MOST_LINKS);
        let visibility = fields.optional("visibility");
        let (avatar, cover) = (fields.patch("avatar"), fields.patch("cover"));
        Some(Self {
            username: username?,
            display_name: display_name?,
            bio: bio?,
            status_text: status_text?,
            status_until: status_until?,
            pronouns: pronouns?,
            location: location?,
            links: links?.map(|links| links.into_iter().map(|Nested(link)| link).collect()),
            visibility: visibility?,
            avatar: avatar?,
            cover: cover?,
        })
    }
}

/// `{name}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"name": "kitchen tablet"}))]
pub struct SessionPatch {
    #[schema(value_type = String, max_length = 80)]
    pub name: DisplayName,
}

impl Input for SessionPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("name").map(|name| Self { name })
    }
}

/// What somebody types to identify themselves: at most 254 characters on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginName(String);

impl LoginName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for LoginName {
    fn parse(value: Value) -> Result<Self, Flaw> {
        text::line(&string(value)?, 1, 254).map(Self)
    }
}

/// A display name: 1 to 80 characters on one line.
pub type DisplayName = Name<80>;

/// Free text of at most `MAX` characters; an empty text means none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note<const MAX: usize>(Option<String>);

impl<const MAX: usize> Note<MAX> {
    pub fn into_option(self) -> Option<String> {
        self.0
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl<const MAX: usize> Field for Note<MAX> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        if value.is_null() {
            return Ok(Self(None));
        }
        let note = text::prose(&string(value)?, 0, MAX)?;
        Ok(Self(Some(note).filter(|note| !is_blank(note))))
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Role};
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn own(status: Option<(&str, Option<i64>)>) -> Own {
        Own {
            id: Id::new(at(1)),
            username: "ada".to_owned(),
            display_name: "Ada".to_owned(),
            bio: None,
            status_text: status.map(|(text, _)| text.to_owned()),
            status_until: status.and_then(|(_, until)| until).map(at),
            pronouns: None,
            location: None,
            links: Vec::new(),
            badges: Vec::new(),
            email: "ada@example.org".to_owned(),
            email_verified: true,
            role: Role::User,
            two_factor: false,
            visibility: Visibility::Public,
            avatar: None,
            cover: None,
            presence: None,
            last_seen_at: None,
            friendship: None,
            friends_count: None,
            pets_count: None,
            erase_at: None,
            suspension: None,
            created_at: at(1),
            version: 1,
        }
    }

    #[test]
    fn a_status_ends_in_the_future_and_has_a_text() {
        let (away, over) = (Some(("away", None)), Some(("away", Some(7))));
        let (later, now) = (at(9).to_string(), at(7).to_string());
        for (before, patch, expected) in [
            (None, json!({"status_text": "out", "status_until": later}), "ok"),
            (away, json!({"status_until": later}), "ok"),
            (away, json!({"status_until": null}), "ok"),
            (None, json!({"status_until": null}), "ok"),
            (away, json!({"status_until": now}), "past"),
            (None, json!({"status_until": later}), "unwanted"),
            (away, json!({"status_text": "", "status_until": later}), "unwanted"),
            (away, json!({"status_text": null, "status_until": later}), "unwanted"),
            // What is over does not come back.
            (over, json!({"status_until": later}), "unwanted"),
        ] {
            let own = own(before).at(at(7));
            let patch_read = ProfilePatch::from_json(patch.clone()).unwrap();
            let code = match patch_read.may_end_status(&own, at(7)) {
                Ok(()) => "ok".to_owned(),
                Err(Error::Invalid(errors)) => errors[0].code.to_string(),
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(code, expected, "{before:?} {patch}");
        }
        // The same text again is a new one, without an end.
        let again = ProfilePatch::from_json(json!({"status_text": "away"})).unwrap();
        let own = own(over).at(at(7));
        assert!(again.changes(&own) && again.ends_status(&own) == Some(None));
        let never = ProfilePatch::from_json(json!({"status_until": null})).unwrap();
        assert!(!never.changes(&own) && never.ends_status(&own).is_none());
    }

    #[test]
    fn times_that_are_over_are_told_with_all_other_errors() {
        let patch = json!({"display_name": "", "status_until": at(7).to_string()});
        let Err(Error::Invalid(errors)) = ProfilePatch::from_json_at(patch, at(7)) else { panic!("must be invalid") };
        let told: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), &*error.code)).collect();
        assert_eq!(told, [("/display_name", "required"), ("/status_until", "past")]);
    }
}
