//! The format of an encrypted value in the database: which key decrypts it, a nonce, and the ciphertext.

use std::{fmt, io::Write};

use clowder_core::{Error, Id, Result, sql::Seal};
use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    serialize::{self, IsNull, Output, ToSql},
    sqlite::{Sqlite, SqliteValue},
};
use uuid::Uuid;

use super::Column;

/// The first octet of every encrypted value; another layout would get another one.
const LAYOUT: u8 = 1;
const BY_RING: u8 = 0;
const BY_USER: u8 = 1;

/// Where a value is stored. It is the associated data of the encryption, spelled `table:column:row`.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    column: Column,
    row: Uuid,
}

impl Place {
    pub fn new<T>(column: Column, row: Id<T>) -> Self {
        Self { column, row: row.uuid() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.column.bound_to, self.column.column, self.row)
    }
}

/// Layout 1, kind of key, length of its id, its id, nonce (24 octets), ciphertext with its tag.
#[derive(Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Seal)]
pub struct Sealed(Vec<u8>);

/// The key that a value names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedBy<'v> {
    /// A key of the ring, by its id.
    Ring(&'v str),
    /// A user key, by its id.
    User(Uuid),
}

impl Sealed {
    pub(super) fn new(by: SealedBy<'_>, nonce: [u8; 24], text: &[u8]) -> Self {
        let (kind, id) = match &by {
            SealedBy::Ring(id) => (BY_RING, id.as_bytes()),
            SealedBy::User(id) => (BY_USER, id.as_bytes().as_slice()),
        };
        let length = u8::try_from(id.len()).unwrap_or(u8::MAX);
        Self([&[LAYOUT, kind, length], id, &nonce, text].concat())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn by(&self) -> Result<SealedBy<'_>> {
        self.parts().map(|(by, ..)| by)
    }

    /// Key, nonce and ciphertext.
    pub(super) fn parts(&self) -> Result<(SealedBy<'_>, [u8; 24], &[u8])> {
        self.read().ok_or_else(|| Error::internal("an encrypted value has an unknown layout"))
    }

    fn read(&self) -> Option<(SealedBy<'_>, [u8; 24], &[u8])> {
        let [LAYOUT, kind, length, rest @ ..] = self.0.as_slice() else { return None };
        let (id, rest) = rest.split_at_checked(usize::from(*length))?;
        let (nonce, text) = rest.split_first_chunk::<24>()?;
        let by = match *kind {
            BY_RING => SealedBy::Ring(std::str::from_utf8(id).ok()?),
            BY_USER => SealedBy::User(Uuid::from_slice(id).ok()?),
            _ => return None,
        };
        Some((by, *nonce, text))
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

impl FromSql<Seal, Pg> for Sealed {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(value.as_bytes().to_vec()))
    }
}
impl ToSql<Seal, Pg> for Sealed {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&self.0)?;
        Ok(IsNull::No)
    }
}
impl FromSql<Seal, Sqlite> for Sealed {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(value.read_blob().to_vec()))
    }
}
impl ToSql<Seal, Sqlite> for Sealed {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.clone());
        Ok(IsNull::No)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_sealed_is_an_error_and_no_panic() {
        let id = Uuid::from_u128(7);
        for by in [SealedBy::Ring("2026-11"), SealedBy::User(id)] {
            let sealed = Sealed::new(by, [9; 24], b"text");
            assert_eq!(sealed.parts().ok(), Some((by, [9; 24], b"text".as_slice())));
            for cut in 0..sealed.0.len() - 4 {
                assert!(Sealed(sealed.0[..cut].to_vec()).parts().is_err(), "cut at {cut}");
            }
        }
        for noise in [&[0; 64][..], &[1, 7, 1, 0], &[1, 0, 255, 0, 0], &[1, 0, 1, 0xff, 0, 0]] {
            assert!(Sealed(noise.to_vec()).parts().is_err(), "{noise:?}");
        }
    }
}
