//! What a domain declares about the references to users in its tables. The parts themselves, with the queries for
//! exports and erasures, are in the domains' modules; this is what both databases share, and a test compares it with
//! the live schema.

/// A column that holds ids of users.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    pub table: &'static str,
    pub column: &'static str,
    pub then: Then,
}

/// What happens to it when the user is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The rows are deleted.
    Erased,
    /// The id stays, for this reason; it no longer identifies anybody.
    Kept(&'static str),
}

pub const fn erased(table: &'static str, column: &'static str) -> Reference {
    Reference { table, column, then: Then::Erased }
}

pub const fn kept(table: &'static str, column: &'static str, why: &'static str) -> Reference {
    Reference { table, column, then: Then::Kept(why) }
}

/// A part as registered: its name, the references that it covers, and its files in an export.
#[derive(Debug, Clone)]
pub struct Registered {
    pub name: &'static str,
    /// Its phase of the erasure; parts of one phase need no order.
    pub phase: usize,
    pub references: &'static [Reference],
    pub files: Vec<&'static str>,
}
