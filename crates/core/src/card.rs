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
}
