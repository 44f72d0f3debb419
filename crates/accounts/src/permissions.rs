//! Who may do what by their role: one table. A route names the permission it needs, and the front asks here.

use clowder_core::{Role, Word};

/// What not everybody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// See every account, with its address and its suspension.
    ReadUsers,
    /// Suspend accounts of people with a lower role, and lift it.
    SuspendUsers,
    /// Sign people with a lower role out of all their devices.
    EndSessions,
    /// Give and take roles.
    SetRoles,
    /// See who waits to be let in, and let them in or not.
    DecideSignUps,
    /// Make, see and revoke invitations.
    Invite,
    /// Search and export the audit log.
    ReadAudit,
}

impl Word for Permission {
    const WHAT: &'static str = "permission";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("users.read", Self::ReadUsers),
        ("users.suspend", Self::SuspendUsers),
        ("users.sessions.end", Self::EndSessions),
        ("users.role.set", Self::SetRoles),
        ("sign_ups.decide", Self::DecideSignUps),
        ("invites.manage", Self::Invite),
        ("audit.read", Self::ReadAudit),
    ];
}

impl Permission {
    /// The least role that has it; those above have it too.
    pub const fn least(self) -> Role {
        match self {
            Self::ReadUsers | Self::SuspendUsers | Self::EndSessions => Role::Moderator,
            Self::SetRoles | Self::DecideSignUps | Self::Invite | Self::ReadAudit => Role::Admin,
        }
    }
}

/// Whether somebody with this role has the permission.
pub fn may(role: Role, permission: Permission) -> bool {
    role >= permission.least()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn may_table() {
        let table = [
            ("users.read", [false, true, true]),
            ("users.suspend", [false, true, true]),
            ("users.sessions.end", [false, true, true]),
            ("users.role.set", [false, false, true]),
            ("sign_ups.decide", [false, false, true]),
            ("invites.manage", [false, false, true]),
            ("audit.read", [false, false, true]),
        ];
        assert_eq!(table.len(), Permission::WORDS.len(), "every permission stands in the table");
        for (word, verdicts) in table {
            let permission = Permission::find(word).unwrap();
            let given = [Role::User, Role::Moderator, Role::Admin].map(|role| may(role, permission));
            assert_eq!(given, verdicts, "{word}");
        }
    }
}
