//! The key of this server for push services of browsers: made once, by whichever node needs it first.

use clowder_core::{Ctx, Error, Result};
use clowder_notifications::push::VapidKey;
use diesel::prelude::*;

use super::super::{Repo, dialect::Conn};
use crate::{
    domains::push::{KEY, KeyRow, push_keys as keys},
    seal::KeyRing,
};

impl Repo {
    pub(super) async fn vapid(&self, ctx: &Ctx) -> Result<VapidKey> {
        let ring = self.db.ring();
        if let Some(key) = self.db.read(move |conn| find(conn, &ring)).await? {
            return Ok(key);
        }
        let make = self.deps.options.push.new_key;
        let make = make.ok_or_else(|| Error::internal("there is nothing that makes a key for push"))?;
        let (key, now) = (make()?, ctx.now);
        self.db
            .write(move |tx| {
                let ring = &tx.services.ring;
                let row = KeyRow::new(ring, &key, now)?;
                // Of two nodes that make one, the first has made it for both.
                diesel::insert_into(keys::table).values(&row).on_conflict_do_nothing().execute(tx.conn)?;
                find(tx.conn, ring)?.ok_or_else(|| Error::internal("the key for push is gone at once"))
            })
            .await
    }
}

fn find(conn: &mut Conn, ring: &KeyRing) -> Result<Option<VapidKey>> {
    let row: Option<KeyRow> = keys::table.find(KEY).select(KeyRow::as_select()).first(conn).optional()?;
    row.map(|row| row.key(ring)).transpose()
}
