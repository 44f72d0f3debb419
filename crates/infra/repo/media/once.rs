//! Only one upload at a time with an `Idempotency-Key`: what makes two of them the same is their content, which is known only
//! when all of it has arrived.

use clowder_core::{Result, Timestamp, UserId, Word, idempotency::RUNNING};
use clowder_media::{FileStatus, ObjectId};
use diesel::{dsl::exists, prelude::*};

use super::super::{dialect::Conn, idempotency::AnswerId};
use crate::domains::media::file_objects;

/// Refuses an upload while another one of this locked person is arriving with the same key. One whose process has died does
/// not count any more.
pub fn may_begin(conn: &mut Conn, user: UserId, claim: AnswerId, now: Timestamp) -> Result<()> {
    let own = file_objects::owner_id.eq(user).and(file_objects::status.eq(FileStatus::Uploading.as_str()));
    let arriving = file_objects::table.filter(own).filter(file_objects::arriving_until.gt(now));
    let same = arriving.filter(file_objects::claim_id.eq(claim));
    if diesel::select(exists(same)).get_result(conn)? { Err(RUNNING.into()) } else { Ok(()) }
}

/// Says that this upload has the key.
pub fn claim(conn: &mut Conn, object: ObjectId, claim: AnswerId) -> Result<()> {
    diesel::update(file_objects::table.find(object)).set(file_objects::claim_id.eq(claim)).execute(conn)?;
    Ok(())
}
