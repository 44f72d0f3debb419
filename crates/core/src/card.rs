//! A person as others see them: beside a message, in a list, on a request.

use serde::{Deserialize, Serialize};

use crate::UserId;

/// The minimum that is shown of a user everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Card {
    pub id: UserId,
    #[schema(example = "ada")]
    pub username: String,
    #[schema(example = "Ada Lovelace")]
    pub display_name: String,
    /// `null` in this version.
    #[serde(default)]
    #[schema(value_type = Option<Object>, required = true)]
    pub avatar: (),
}

impl Card {
    pub const fn new(id: UserId, username: String, display_name: String) -> Self {
        Self { id, username, display_name, avatar: () }
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
    }
}
