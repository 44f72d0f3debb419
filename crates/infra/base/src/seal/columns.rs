//! Encrypted columns. Each domain lists its own; rotation goes through the list of all, and a test compares it with the
//! schema, so that none is forgotten.

/// What a column is encrypted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under {
    /// A key of the ring: `clowder keys rotate` re-encrypts it.
    Ring,
    /// The key of the user it concerns: rotation re-encrypts that key, and the value stays unchanged.
    UserKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub table: &'static str,
    pub column: &'static str,
    /// The UUID column that identifies the row, here and in the associated data.
    pub row: &'static str,
    pub under: Under,
    /// The table in the associated data: another one for values that are moved there unchanged.
    pub bound_to: &'static str,
}

impl Column {
    pub const fn new(table: &'static str, column: &'static str, row: &'static str, under: Under) -> Self {
        Self { table, column, row, under, bound_to: table }
    }

    pub const fn bound_to(mut self, table: &'static str) -> Self {
        self.bound_to = table;
        self
    }
}

/// The user keys, which encrypt everything else that concerns users.
pub const USER_KEY: Column = Column::new("user_keys", "key", "user_id", Under::Ring);
