//! Whether an id is one of many, which are one value of the statement. Unlike with `eq_any`, SQLite prepares the statement
//! once, however many ids there are.

use clowder_core::{Id, sql::Uid};
use diesel::{
    AppearsOnTable, Expression, QueryResult, SelectableExpression,
    expression::ValidGrouping,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::Bool,
};

use super::dialect::{Backend, IdList};

pub trait AmongIds: Expression<SqlType = Uid> + Sized {
    fn among<'a, T: 'static>(self, ids: impl IntoIterator<Item = &'a Id<T>>) -> Among<Self> {
        Among { id: self, ids: ids.into_iter().map(|id| Id::from_uuid(id.uuid())).collect() }
    }
}

impl<E: Expression<SqlType = Uid>> AmongIds for E {}

/// A condition; see [`AmongIds::among`].
#[derive(Debug, Clone)]
pub struct Among<E> {
    id: E,
    ids: IdList,
}

impl<E: Expression> Expression for Among<E> {
    type SqlType = Bool;
}

impl<E: AppearsOnTable<T>, T> AppearsOnTable<T> for Among<E> where Self: Expression {}
impl<E: SelectableExpression<T>, T> SelectableExpression<T> for Among<E> where Self: AppearsOnTable<T> {}

impl<E: ValidGrouping<G>, G> ValidGrouping<G> for Among<E> {
    type IsAggregate = E::IsAggregate;
}

impl<E: QueryId> QueryId for Among<E> {
    type QueryId = Among<E::QueryId>;
    const HAS_STATIC_QUERY_ID: bool = E::HAS_STATIC_QUERY_ID;
}

impl<E: QueryFragment<Backend>> QueryFragment<Backend> for Among<E> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        self.id.walk_ast(out.reborrow())?;
        self.ids.walk_ast(out)
    }
}
