//! A statement in plain SQL whose plan is kept. Diesel prepares its own `sql_query` anew each time, because it cannot
//! know that the text never changes; here it is a constant.

use std::marker::PhantomData;

use diesel::{
    expression::AsExpression,
    pg::{Pg, PgConnection},
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{SingleValue, SqlType},
};

/// `Out` is the SQL type of a row.
pub struct Statement<Out> {
    sql: &'static str,
    binds: Vec<Box<dyn QueryFragment<Pg> + Send>>,
    out: PhantomData<Out>,
}

/// Each `?` in the text stands for a bound value, in order.
pub fn statement<Out>(sql: &'static str) -> Statement<Out> {
    Statement { sql, binds: Vec::new(), out: PhantomData }
}

impl<Out> Statement<Out> {
    pub fn bind<ST, T>(mut self, value: T) -> Self
    where
        ST: SqlType + SingleValue,
        T: AsExpression<ST>,
        T::Expression: QueryFragment<Pg> + Send + 'static,
    {
        self.binds.push(Box::new(value.as_expression()));
        self
    }
}

impl<Out> QueryFragment<Pg> for Statement<Out> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut binds = self.binds.iter();
        for (index, piece) in self.sql.split('?').enumerate() {
            if index > 0
                && let Some(bind) = binds.next()
            {
                bind.walk_ast(out.reborrow())?;
            }
            out.push_sql(piece);
        }
        Ok(())
    }
}

impl<Out> QueryId for Statement<Out> {
    type QueryId = ();
    /// The text is the key of the cache.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Out> Query for Statement<Out> {
    type SqlType = Out;
}

impl<Out> RunQueryDsl<PgConnection> for Statement<Out> {}
