//! Many ids as one value: an array.
//!
//! PostgreSQL keeps the plan of a statement only if it does not seem worse than plans for the values at hand, and takes an
//! array that it does not know for ten values. So a statement with fewer would be planned each time; measured, that was six
//! times the work of a page's statement about what has arrived. Short lists are filled up with their first id, which finds
//! nothing twice.

use clowder_core::{Id, sql::Uid};
use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, QueryFragment},
    sql_types::Array,
};

/// How many values PostgreSQL assumes in an array.
const ASSUMED: usize = 10;

#[derive(Debug, Clone)]
pub struct IdList(Vec<Id<()>>);

impl FromIterator<Id<()>> for IdList {
    fn from_iter<I: IntoIterator<Item = Id<()>>>(ids: I) -> Self {
        let mut ids: Vec<_> = ids.into_iter().collect();
        if let Some(first) = ids.first().copied() {
            ids.resize(ids.len().max(ASSUMED), first);
        }
        Self(ids)
    }
}

impl QueryFragment<Pg> for IdList {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<Uid>, _>(&self.0)?;
        out.push_sql(")");
        Ok(())
    }
}
