//! A statement in plain SQL whose plan is kept. Diesel prepares its updates, its inserts of several rows and its own
//! `sql_query` anew each time, because it cannot know that their text never changes; here it is one of few. On the
//! hottest path that preparing was most of the work.

use std::{borrow::Cow, marker::PhantomData};

use diesel::{
    backend::Backend,
    connection::Connection,
    expression::AsExpression,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{SingleValue, SqlType},
};

/// `Out` is the SQL type of a row.
pub struct Statement<Out, DB: Backend> {
    sql: Cow<'static, str>,
    binds: Vec<Box<dyn QueryFragment<DB> + Send>>,
    out: PhantomData<Out>,
}

/// Each `?` in the text stands for a bound value, in order.
pub fn statement<Out, DB: Backend>(sql: impl Into<Cow<'static, str>>) -> Statement<Out, DB> {
    Statement { sql: sql.into(), binds: Vec::new(), out: PhantomData }
}

impl<Out, DB: Backend> Statement<Out, DB> {
    pub fn bind<ST, T>(mut self, value: T) -> Self
    where
        ST: SqlType + SingleValue,
        T: AsExpression<ST>,
        T::Expression: QueryFragment<DB> + Send + 'static,
    {
        self.binds.push(Box::new(value.as_expression()));
        self
    }
}

impl<Out, DB: Backend> QueryFragment<DB> for Statement<Out, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
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

impl<Out, DB: Backend> QueryId for Statement<Out, DB> {
    type QueryId = ();
    /// The text is the key of the cache.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Out, DB: Backend> Query for Statement<Out, DB> {
    type SqlType = Out;
}

impl<Out, C: Connection> RunQueryDsl<C> for Statement<Out, C::Backend> {}
