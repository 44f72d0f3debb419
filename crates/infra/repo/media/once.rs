//! Only one upload at a time with an `Idempotency-Key`: what makes two of them the same is their content, which is known only
//! when all of it has arrived.

use clowder_core::{Ctx, Result, UserId, Word, idempotency::RUNNING};
use clowder_media::{FileStatus, ObjectId};
use diesel::{dsl::exists, prelude::*};

use super::super::{
    db::Tx,
    dialect::Conn,
    idempotency::{self, AnswerId},
};
use crate::domains::media::file_objects;

/// Refuses an upload while another one of this locked person is arriving with the same key. One whose process has died does
/// not count any more. Answers what says that this upload has the key, if it has one.
pub fn may_begin(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId) -> Result<Option<AnswerId>> {
    let Some(key) = &ctx.idempotency_key else { return Ok(None) };
    let claim = idempotency::id_of(&tx.services.keys, ctx, key);
    let own = file_objects::owner_id.eq(user).and(file_objects::status.eq(FileStatus::Uploading.as_str()));
    let arriving = file_objects::table.filter(own).filter(file_objects::arriving_until.gt(ctx.now));
    let same = arriving.filter(file_objects::claim_id.eq(claim));
    if diesel::select(exists(same)).get_result(tx.conn)? { Err(RUNNING.into()) } else { Ok(Some(claim)) }
}

/// Says that this upload has the key.
pub fn claim(conn: &mut Conn, object: ObjectId, claim: AnswerId) -> Result<()> {
    diesel::update(file_objects::table.find(object)).set(file_objects::claim_id.eq(claim)).execute(conn)?;
    Ok(())
}
