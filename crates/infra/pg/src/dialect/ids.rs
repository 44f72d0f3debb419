//! Many ids as one value: an array.

use clowder_core::{Id, sql::Uid};
use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, QueryFragment},
    sql_types::Array,
};

#[derive(Debug, Clone)]
pub struct IdList(Vec<Id<()>>);

impl FromIterator<Id<()>> for IdList {
    fn from_iter<I: IntoIterator<Item = Id<()>>>(ids: I) -> Self {
        Self(ids.into_iter().collect())
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
