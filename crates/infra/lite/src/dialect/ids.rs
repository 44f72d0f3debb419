//! Many ids as one value: a JSON array of their hexadecimal digits.

use std::fmt::Write;

use clowder_core::Id;
use diesel::{
    QueryResult,
    query_builder::{AstPass, QueryFragment},
    sql_types::Text,
    sqlite::Sqlite,
};

#[derive(Debug, Clone)]
pub struct IdList(String);

impl FromIterator<Id<()>> for IdList {
    fn from_iter<I: IntoIterator<Item = Id<()>>>(ids: I) -> Self {
        let mut json = String::from("[");
        for id in ids {
            let comma = if json.len() > 1 { "," } else { "" };
            // Writing to a string cannot fail.
            let _ = write!(json, "{comma}\"{}\"", id.uuid().simple());
        }
        json.push(']');
        Self(json)
    }
}

impl QueryFragment<Sqlite> for IdList {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(" IN (SELECT unhex(value) FROM json_each(");
        out.push_bind_param::<Text, _>(&self.0)?;
        out.push_sql("))");
        Ok(())
    }
}
