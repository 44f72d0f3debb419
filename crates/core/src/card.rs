//! A person as others see them: beside a message, in a list, on a request.

use serde::{Deserialize, Serialize};

use crate::{FileId, Picture, UserId};

/// The minimum that is shown of a user everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Card {
    pub id: UserId,
    #[schema(example = "ada")]
    pub username: String,
    #[schema(example = "Ada Lovelace")]
    pub display_name: String,
    /// `null` for somebody without a picture.
    #[serde(default)]
    #[schema(required = true)]
    pub avatar: Option<Picture>,
}

impl Card {
    pub const fn new(id: UserId, username: String, display_name: String) -> Self {
        Self { id, username, display_name, avatar: None }
    }

    /// The same with this picture.
    #[must_use]
    pub fn pictured(self, avatar: Option<FileId>) -> Self {
        Self { avatar: avatar.map(Picture::of), ..self }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Timestamp;

    #[test]
    fn a_card_has_four_members_and_is_read_without_an_avatar() {
        let card = Card::new(UserId::new(Timestamp::from_micros(1)), "ada".to_owned(), "Ada".to_owned());
        let told = serde_json::to_value(&card).unwrap();
        assert_eq!(told, json!({"id": card.id, "username": "ada", "display_name": "Ada", "avatar": null}));
        // As the versions before wrote it.
        let Value::Object(mut members) = told else { panic!("a card is an object") };
        members.remove("avatar");
        assert_eq!(serde_json::from_value::<Card>(Value::Object(members)).unwrap(), card);
        let file = FileId::new(Timestamp::from_micros(2));
        let told = serde_json::to_value(card.pictured(Some(file))).unwrap();
        assert_eq!(told["avatar"]["file_id"], json!(file));
    }
}
