//! What staff may do to the accounts of others, by role.

use clowder_core::{
    Permission,
    Role::{Admin, Moderator},
};

/// See every account, with its address and its suspension.
pub const READ_USERS: Permission = Permission::new("users.read", Moderator);
/// Suspend accounts of people with a lower role, and lift it.
pub const SUSPEND_USERS: Permission = Permission::new("users.suspend", Moderator);
/// Sign people with a lower role out of all their devices.
pub const END_SESSIONS: Permission = Permission::new("users.sessions.end", Moderator);
/// Give and take roles.
pub const SET_ROLES: Permission = Permission::new("users.role.set", Admin);
/// Edit profiles of people with a lower role, with a reason.
pub const EDIT_USERS: Permission = Permission::new("users.edit", Admin);
/// Put badges on profiles of people with a lower role, and take them away.
pub const SET_BADGES: Permission = Permission::new("users.badges.set", Admin);
/// Erase accounts, at once.
pub const ERASE_USERS: Permission = Permission::new("users.erase", Admin);
/// See who waits to be let in, and let them in or not.
pub const DECIDE_SIGN_UPS: Permission = Permission::new("sign_ups.decide", Admin);
/// Create, see and revoke invitations.
pub const INVITE: Permission = Permission::new("invites.manage", Admin);
/// Search and export the audit log.
pub const READ_AUDIT: Permission = Permission::new("audit.read", Admin);

pub const ALL: &[Permission] = &[
    READ_USERS,
    SUSPEND_USERS,
    END_SESSIONS,
    SET_ROLES,
    EDIT_USERS,
    SET_BADGES,
    ERASE_USERS,
    DECIDE_SIGN_UPS,
    INVITE,
    READ_AUDIT,
];

#[cfg(test)]
mod tests {
    use clowder_core::Role;

    use super::*;

    #[test]
    fn permissions_by_role_table() {
        let table = [
            ("users.read", [false, true, true]),
            ("users.suspend", [false, true, true]),
            ("users.sessions.end", [false, true, true]),
            ("users.role.set", [false, false, true]),
            ("users.edit", [false, false, true]),
            ("users.badges.set", [false, false, true]),
            ("users.erase", [false, false, true]),
            ("sign_ups.decide", [false, false, true]),
            ("invites.manage", [false, false, true]),
            ("audit.read", [false, false, true]),
        ];
        assert_eq!(table.len(), ALL.len(), "every permission stands in the table");
        for (word, verdicts) in table {
            let permission = ALL.iter().find(|permission| permission.word == word).unwrap();
            let given = [Role::User, Moderator, Admin].map(|role| permission.is_given_to(role));
            assert_eq!(given, verdicts, "{word}");
        }
    }
}
