//! The words by which groups are found: made anew where there are none, after a migration has emptied them because they are
//! folded in another way.

use clowder_core::Result;
use clowder_social::groups::GroupId;
use diesel::{
    dsl::{exists, not},
    prelude::*,
};

use super::{
    super::{
        Repo,
        dialect::{self, Conn},
    },
    writes::index,
};
use crate::domains::groups::{GroupRow, group_words, groups};

/// How many groups are indexed in one transaction.
const PIECE: i64 = 200;

/// Groups after this one that no word leads to.
fn without(conn: &mut Conn, after: Option<GroupId>) -> Result<Vec<GroupId>> {
    let known = group_words::table.filter(group_words::group_id.eq(groups::id));
    let mut others =
        groups::table.filter(not(exists(known))).order(groups::id).limit(PIECE).select(groups::id).into_boxed();
    if let Some(after) = after {
        others = others.filter(groups::id.gt(after));
    }
    Ok(others.load(conn)?)
}

impl Repo {
    /// Indexes groups that no word leads to. A name without any word costs a look at each start.
    pub(in super::super) async fn index_group_words(&self) -> Result<()> {
        let mut after = None;
        loop {
            let others = self.db.read(move |conn| without(conn, after)).await?;
            let Some(last) = others.last() else { return Ok(()) };
            after = Some(*last);
            let anew = self.db.write(move |tx| {
                for id in &others {
                    dialect::groups::lock_group(tx.conn, *id)?;
                    // Another node may have done it, or somebody has given it another name.
                    let known = group_words::table.filter(group_words::group_id.eq(*id));
                    let known: bool = diesel::select(exists(known)).get_result(tx.conn)?;
                    let row = groups::table.find(*id).select(GroupRow::as_select()).first(tx.conn).optional()?;
                    if let Some(row) = row.filter(|_| !known) {
                        index(tx.conn, *id, &row.name, row.visibility()?)?;
                    }
                }
                Ok(())
            });
            anew.await?;
        }
    }
}
