//! The registry of sealed columns. Rotation walks it, and a test holds it against the schema, so that none is forgotten.

/// What a column is sealed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under {
    /// A key of the ring: `clowder keys rotate` seals it anew.
    Ring,
    /// The key of the user it concerns: rotating seals that key anew, and the value stays as it is.
    UserKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub table: &'static str,
    pub column: &'static str,
    /// The column of the UUID that tells the row, here and in the associated data.
    pub row: &'static str,
    pub under: Under,
    /// The table in the associated data: another one for values that move there as they are.
    pub bound_to: &'static str,
}

impl Column {
    const fn bound_to(mut self, table: &'static str) -> Self {
        self.bound_to = table;
        self
    }
}

const fn column(table: &'static str, column: &'static str, row: &'static str, under: Under) -> Column {
    Column { table, column, row, under, bound_to: table }
}

pub const USER_KEY: Column = column("user_keys", "key", "user_id", Under::Ring);
pub const AUDIT_ADDRESS: Column = column("audit", "address", "id", Under::UserKey);
pub const AUDIT_AGENT: Column = column("audit", "agent", "id", Under::UserKey);
pub const AUDIT_REQUEST: Column = column("audit", "request", "id", Under::UserKey);
pub const AUDIT_DETAIL: Column = column("audit", "detail", "id", Under::UserKey);
/// Entries that wait for their place in the chain. Their values are bound to the columns of `audit`, where they go as
/// they are.
pub const PENDING_ADDRESS: Column = column("audit_pending", "address", "id", Under::UserKey).bound_to("audit");
pub const PENDING_AGENT: Column = column("audit_pending", "agent", "id", Under::UserKey).bound_to("audit");
pub const PENDING_REQUEST: Column = column("audit_pending", "request", "id", Under::UserKey).bound_to("audit");
pub const PENDING_DETAIL: Column = column("audit_pending", "detail", "id", Under::UserKey).bound_to("audit");
pub const TOTP_SECRET: Column = column("two_factor", "secret", "user_id", Under::UserKey);
pub const EXPORT_CHUNK: Column = column("export_chunks", "data", "id", Under::UserKey);
pub const ERASURE_RECIPIENT: Column = column("erasures", "recipient", "id", Under::UserKey);

/// All of them.
pub static COLUMNS: &[Column] = &[
    USER_KEY,
    AUDIT_ADDRESS,
    AUDIT_AGENT,
    AUDIT_REQUEST,
    AUDIT_DETAIL,
    PENDING_ADDRESS,
    PENDING_AGENT,
    PENDING_REQUEST,
    PENDING_DETAIL,
    TOTP_SECRET,
    EXPORT_CHUNK,
    ERASURE_RECIPIENT,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every column of a sealed type, as the source of the schema spells it: `table.column`.
    fn sealed_in_the_schema() -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for part in crate::schema::source().split("diesel::table! {").skip(1) {
            let mut table = "";
            for line in part.lines().map(str::trim) {
                match (line.split_once(" ("), line.split_once(" -> ")) {
                    (_, Some((column, kind))) if kind.contains("Seal") => {
                        found.insert(format!("{table}.{column}"));
                    }
                    (Some((name, _)), None) if table.is_empty() => table = name,
                    _ => {}
                }
            }
        }
        found
    }

    #[test]
    fn every_sealed_column_is_registered() {
        let registered: BTreeSet<_> = COLUMNS.iter().map(|c| format!("{}.{}", c.table, c.column)).collect();
        assert_eq!(registered.len(), COLUMNS.len(), "one line per column");
        assert_eq!(sealed_in_the_schema(), registered);
    }
}
