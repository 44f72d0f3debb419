//! What is kept of a reported thing: what the reporter could see of it, at the moment of the report.

use clowder_core::{Card, ChatId, FileId, MessageId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    groups::{GroupId, GroupVisibility},
    pets::PetId,
};

/// Each kind of target fills one member.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Evidence {
    pub user: Option<ReportedUser>,
    /// The reported message comes last, after at most five that were written before it in the same chat.
    #[schema(max_items = 6)]
    pub messages: Vec<ReportedMessage>,
    pub group: Option<ReportedGroup>,
    pub pet: Option<ReportedPet>,
}

impl Evidence {
    /// All files that it shows.
    pub fn files(&self) -> impl Iterator<Item = &ReportedFile> {
        let of_messages = self.messages.iter().flat_map(|message| &message.attachments);
        let of_user = self.user.iter().flat_map(|user| &user.pictures);
        let of_group = self.group.iter().flat_map(|group| &group.pictures);
        of_messages.chain(of_user).chain(of_group).chain(self.pet.iter().flat_map(|pet| &pet.pictures))
    }
}

/// A file, as the reporter saw it. Whoever can open the report gets its content, also after it was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportedFile {
    pub id: FileId,
    /// `null` of pictures of people and things.
    #[schema(max_length = 255, example = "photo.jpg")]
    pub name: Option<String>,
    #[serde(rename = "type")]
    #[schema(example = "image/jpeg")]
    pub kind: String,
}

/// A profile, as the reporter saw it: what was hidden from them is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportedUser {
    pub id: UserId,
    #[schema(example = "bob")]
    pub username: String,
    #[schema(example = "Bob")]
    pub display_name: String,
    pub bio: Option<String>,
    pub status_text: Option<String>,
    pub pronouns: Option<String>,
    pub location: Option<String>,
    /// The addresses of the links.
    #[schema(max_items = 5)]
    pub links: Option<Vec<String>>,
    /// What they wrote with the request to be friends that the reporter had not answered.
    #[schema(max_length = 300, example = "We met in Turin")]
    pub friend_request: Option<String>,
    /// The avatar and the cover.
    #[serde(default)]
    #[schema(required = true, max_items = 2)]
    pub pictures: Vec<ReportedFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportedMessage {
    pub id: MessageId,
    pub chat_id: ChatId,
    pub seq: i64,
    pub sender: Card,
    /// `null` if it was already deleted.
    pub content: Option<String>,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    /// Its files.
    #[serde(default)]
    #[schema(required = true, max_items = 10)]
    pub attachments: Vec<ReportedFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportedGroup {
    pub id: GroupId,
    #[schema(example = "Gardeners of the north side")]
    pub name: String,
    pub description: Option<String>,
    pub rules: Option<String>,
    pub visibility: GroupVisibility,
    pub owner: Card,
    /// The avatar and the cover.
    #[serde(default)]
    #[schema(required = true, max_items = 2)]
    pub pictures: Vec<ReportedFile>,
}

/// A pet, as the reporter saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportedPet {
    pub id: PetId,
    #[schema(example = "Biscuit")]
    pub name: String,
    pub breed: Option<String>,
    pub bio: Option<String>,
    /// What is said about its being lost, and where.
    pub lost: Option<String>,
    pub place: Option<String>,
    pub owner: Card,
    /// The avatar and the photos.
    #[serde(default)]
    #[schema(required = true, max_items = 21)]
    pub pictures: Vec<ReportedFile>,
}
