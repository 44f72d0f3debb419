//! What is checked of each transaction that deletes text, in debug builds and so in all tests: triggers on SQLite see
//! which texts it deletes. PostgreSQL runs the same code.

/// What a transaction has to do about the texts that it deletes.
#[derive(Debug)]
pub struct Duties {
    /// Columns without text of people.
    pub words: Vec<&'static str>,
    /// Columns whose earlier text stays in the journal until that is swept.
    pub told: Vec<&'static str>,
    /// Whether it says that it has deleted text.
    pub marked: bool,
    /// Whether the journal is rewritten later, in another transaction.
    pub later: bool,
}
