//! What members may do in a chat, beyond what their role allows in every chat.

use clowder_core::{Fields, Input};
use serde::{Deserialize, Serialize};

use super::ChatType;

/// The rights of members. Owners and admins have all of them, subscribers none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatRights)]
pub struct Rights {
    /// Send messages.
    pub post: bool,
    /// Mention everybody at once.
    pub mention_all: bool,
    /// Pin messages.
    pub pin: bool,
    /// Change title and description.
    pub edit: bool,
    /// Add people.
    pub add: bool,
    /// Invite people, and make links.
    pub invite: bool,
}

impl Rights {
    pub const NONE: Self = Self { post: false, mention_all: false, pin: false, edit: false, add: false, invite: false };

    /// Those of a new chat.
    pub const fn of(kind: ChatType) -> Self {
        match kind {
            ChatType::Private => Self { post: true, pin: true, ..Self::NONE },
            ChatType::Group => Self { post: true, add: true, ..Self::NONE },
            ChatType::Channel => Self { post: true, ..Self::NONE },
        }
    }

    /// In the chat of a group, nobody is added but by the group.
    pub const fn within(self, of_group: bool) -> Self {
        Self { add: self.add && !of_group, invite: self.invite && !of_group, ..self }
    }

    /// As they are stored: a bit for each.
    pub fn to_bits(self) -> i64 {
        let all = [self.post, self.mention_all, self.pin, self.edit, self.add, self.invite];
        all.into_iter().enumerate().map(|(bit, has)| i64::from(has) << bit).sum()
    }

    /// Bits that this version does not know mean nothing.
    pub fn from_bits(bits: i64) -> Self {
        let has = |bit: u32| bits >> bit & 1 == 1;
        Self { post: has(0), mention_all: has(1), pin: has(2), edit: has(3), add: has(4), invite: has(5) }
    }
}

/// Absent members stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, utoipa::ToSchema)]
#[schema(as = ChatRightsPatch, example = json!({"post": false}))]
pub struct RightsPatch {
    pub post: Option<bool>,
    pub mention_all: Option<bool>,
    pub pin: Option<bool>,
    pub edit: Option<bool>,
    pub add: Option<bool>,
    pub invite: Option<bool>,
}

impl RightsPatch {
    pub fn apply(self, to: Rights) -> Rights {
        Rights {
            post: self.post.unwrap_or(to.post),
            mention_all: self.mention_all.unwrap_or(to.mention_all),
            pin: self.pin.unwrap_or(to.pin),
            edit: self.edit.unwrap_or(to.edit),
            add: self.add.unwrap_or(to.add),
            invite: self.invite.unwrap_or(to.invite),
        }
    }
}

impl Input for RightsPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (post, mention_all, pin) =
            (fields.optional("post"), fields.optional("mention_all"), fields.optional("pin"));
        let (edit, add, invite) = (fields.optional("edit"), fields.optional("add"), fields.optional("invite"));
        Some(Self { post: post?, mention_all: mention_all?, pin: pin?, edit: edit?, add: add?, invite: invite? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_the_bits_that_are_stored() {
        for bits in 0..64 {
            assert_eq!(Rights::from_bits(bits).to_bits(), bits);
        }
        assert_eq!(Rights::from_bits(-1).to_bits(), 63);
        // The default of the column, for the chats that were there before rights were.
        assert_eq!(Rights::of(ChatType::Group).to_bits(), 17);
        let patch = RightsPatch { post: Some(false), pin: Some(true), ..RightsPatch::default() };
        assert_eq!(patch.apply(Rights::of(ChatType::Group)).to_bits(), 4 + 16);
    }
}
