//! What a sealed column is. Each domain lists its own; rotation walks the list of all, and a test holds it against the
//! schema, so that none is forgotten.

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
    pub const fn new(table: &'static str, column: &'static str, row: &'static str, under: Under) -> Self {
        Self { table, column, row, under, bound_to: table }
    }

    pub const fn bound_to(mut self, table: &'static str) -> Self {
        self.bound_to = table;
        self
    }
}

/// The keys of users, which seal everything else that concerns them.
pub const USER_KEY: Column = Column::new("user_keys", "key", "user_id", Under::Ring);
