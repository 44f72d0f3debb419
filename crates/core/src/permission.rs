//! Actions that require a role. Each domain declares its permissions as constants, and the server gathers them once.

use crate::Role;

/// An action that requires a role. A route names its permission, and the front checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// `users.read`
    pub word: &'static str,
    /// The lowest role that has it; higher roles have it, too.
    pub least: Role,
}

impl Permission {
    pub const fn new(word: &'static str, least: Role) -> Self {
        Self { word, least }
    }

    /// Whether this role has it.
    pub fn is_given_to(self, role: Role) -> bool {
        role >= self.least
    }
}
