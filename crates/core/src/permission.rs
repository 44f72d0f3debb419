//! What not everybody may do. Each domain declares its permissions as constants, and the server gathers them once.

use crate::Role;

/// Something that takes a role. A route names the permission it needs, and the front checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// `users.read`
    pub word: &'static str,
    /// The least role that has it; those above have it too.
    pub least: Role,
}

impl Permission {
    pub const fn new(word: &'static str, least: Role) -> Self {
        Self { word, least }
    }

    /// Whether somebody with this role has it.
    pub fn is_given_to(self, role: Role) -> bool {
        role >= self.least
    }
}
