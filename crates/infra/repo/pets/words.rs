//! The words by which pets are found: made anew where there are none, after a migration has emptied them because they are
//! folded in another way.

use clowder_core::Result;
use clowder_social::pets::PetId;
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
use crate::domains::pets::{pet_words, pets};

/// How many pets are indexed in one transaction.
const PIECE: i64 = 200;

/// Pets after this one that no word leads to.
fn without(conn: &mut Conn, after: Option<PetId>) -> Result<Vec<PetId>> {
    let known = pet_words::table.filter(pet_words::pet_id.eq(pets::id));
    let mut others = pets::table.filter(not(exists(known))).order(pets::id).limit(PIECE).select(pets::id).into_boxed();
    if let Some(after) = after {
        others = others.filter(pets::id.gt(after));
    }
    Ok(others.load(conn)?)
}

impl Repo {
    /// Indexes pets that no word leads to. A name without any word costs a look at each start.
    pub(in super::super) async fn index_pet_words(&self) -> Result<()> {
        let mut after = None;
        loop {
            let others = self.db.read(move |conn| without(conn, after)).await?;
            let Some(last) = others.last() else { return Ok(()) };
            after = Some(*last);
            let anew = self.db.write(move |tx| {
                for id in &others {
                    dialect::pets::lock_pet(tx.conn, *id)?;
                    // Another node may have done it, or somebody has given it another name.
                    let known = pet_words::table.filter(pet_words::pet_id.eq(*id));
                    let known: bool = diesel::select(exists(known)).get_result(tx.conn)?;
                    let name: Option<String> = pets::table.find(*id).select(pets::name).first(tx.conn).optional()?;
                    if let Some(name) = name.filter(|_| !known) {
                        index(tx.conn, *id, &name)?;
                    }
                }
                Ok(())
            });
            anew.await?;
        }
    }
}
