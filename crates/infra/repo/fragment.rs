//! An expression in plain SQL that is the same on both databases. Unlike diesel's `sql`, its text is a constant, so the
//! statement around it is prepared once.

use std::marker::PhantomData;

use diesel::{
    AppearsOnTable, Expression, QueryResult, SelectableExpression,
    backend::Backend,
    expression::{TypedExpressionType, ValidGrouping, is_aggregate},
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::SingleValue,
};

#[derive(Debug, Clone, Copy)]
pub struct Fragment<ST>(&'static str, PhantomData<ST>);

impl<ST> Fragment<ST> {
    pub const fn new(sql: &'static str) -> Self {
        Self(sql, PhantomData)
    }
}

impl<ST: SingleValue + TypedExpressionType> Expression for Fragment<ST> {
    type SqlType = ST;
}

impl<ST, T> AppearsOnTable<T> for Fragment<ST> where Self: Expression {}
impl<ST, T> SelectableExpression<T> for Fragment<ST> where Self: Expression {}

impl<ST> ValidGrouping<()> for Fragment<ST> {
    type IsAggregate = is_aggregate::No;
}

impl<ST> QueryId for Fragment<ST> {
    type QueryId = ();
    /// The text is the key of the cache.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST, DB: Backend> QueryFragment<DB> for Fragment<ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(self.0);
        Ok(())
    }
}
