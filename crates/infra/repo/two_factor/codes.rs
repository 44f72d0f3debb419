//! Recovery codes: shown once, stored as keyed hashes, so that a dump of the database does not reveal them.

use clowder_accounts::two_factor::{Otp, RECOVERY_CODES, RECOVERY_LENGTH, RecoveryCodes};
use clowder_core::{Ctx, Result, UserId};
use diesel::prelude::*;

use super::super::dialect::Conn;
use crate::{
    domains::two_factor::recovery_codes,
    keys::{Keys, mac, random},
};

/// Letters and digits that cannot be confused with each other.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

/// Creates a new set in place of the old one.
pub fn renew(conn: &mut Conn, keys: &Keys, user: UserId) -> Result<RecoveryCodes> {
    diesel::delete(recovery_codes::table.filter(recovery_codes::user_id.eq(user))).execute(conn)?;
    let mut shown = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let mut octets = [0; RECOVERY_LENGTH];
        random(&mut octets)?;
        // 256 is a multiple of the alphabet's size, so all letters are equally likely.
        let code: String = octets.iter().map(|octet| char::from(LETTERS[usize::from(octet % 32)])).collect();
        diesel::insert_into(recovery_codes::table)
            .values((recovery_codes::user_id.eq(user), recovery_codes::hash.eq(hash(keys, user, &code))))
            .execute(conn)?;
        let (head, tail) = code.split_at(RECOVERY_LENGTH / 2);
        shown.push(format!("{head}-{tail}"));
    }
    Ok(RecoveryCodes { recovery_codes: shown })
}

/// Uses a code; returns whether it was valid.
pub fn take(conn: &mut Conn, ctx: &Ctx, keys: &Keys, user: UserId, otp: &Otp) -> Result<bool> {
    if otp.expose().len() != RECOVERY_LENGTH {
        return Ok(false);
    }
    let code = recovery_codes::table.find((user, hash(keys, user, otp.expose())));
    let used = diesel::update(code.filter(recovery_codes::used_at.is_null()))
        .set(recovery_codes::used_at.eq(ctx.now))
        .execute(conn)?;
    Ok(used == 1)
}

/// How many codes are left.
pub fn left(conn: &mut Conn, user: UserId) -> Result<i64> {
    let own = recovery_codes::table.filter(recovery_codes::user_id.eq(user).and(recovery_codes::used_at.is_null()));
    Ok(own.count().get_result(conn)?)
}

fn hash(keys: &Keys, user: UserId, code: &str) -> Vec<u8> {
    mac(&keys.derive("recovery codes"), &[user.uuid().as_bytes(), code.as_bytes()]).to_vec()
}
