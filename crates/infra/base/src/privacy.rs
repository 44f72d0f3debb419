//! What a domain says about the references to users in its tables. The parts themselves, with the queries that copy and
//! erase, are in the modules of the domains; this is what both databases share of them, and what a test holds against the
//! live schema.

/// A column that holds ids of users.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    pub table: &'static str,
    pub column: &'static str,
    pub then: Then,
}

/// What becomes of it when the user is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Its rows go.
    Erased,
    /// The id stays, for this reason; it stands for nobody any more.
    Kept(&'static str),
}

pub const fn erased(table: &'static str, column: &'static str) -> Reference {
    Reference { table, column, then: Then::Erased }
}

pub const fn kept(table: &'static str, column: &'static str, why: &'static str) -> Reference {
    Reference { table, column, then: Then::Kept(why) }
}

/// A part as the registry has it: its name, what it answers for, and the files it puts into a copy.
#[derive(Debug, Clone)]
pub struct Registered {
    pub name: &'static str,
    /// Its place in the order of erasing; what has the same place needs no order.
    pub phase: usize,
    pub references: &'static [Reference],
    pub files: Vec<&'static str>,
}
