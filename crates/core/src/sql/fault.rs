//! Classifies database errors: temporary (and why), or a fault of ours.
//!
//! PostgreSQL errors are classified by SQLSTATE, never by their text, which depends on the server's language. SQLite
//! has fixed texts, one per result code.

use std::ffi::CStr;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};

use crate::{Cause, Error};

/// The error as diesel returns it.
type Information = dyn DatabaseErrorInformation + Send + Sync;

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match cause(&error) {
            Some(cause) => Self::outage(cause, format!("database: {error}")),
            None => Self::internal(format!("database: {error}")),
        }
    }
}

/// Why the database failed; `None` if the fault is ours.
fn cause(error: &DieselError) -> Option<Cause> {
    match error {
        DieselError::DatabaseError(kind, information) => cause_of(kind, &**information),
        // The rollback failed because the connection broke, which the first error may not show.
        DieselError::RollbackErrorOnCommit { commit_error, .. } => Some(cause(commit_error).unwrap_or(Cause::Lost)),
        DieselError::BrokenTransactionManager => Some(Cause::Lost),
        _ => None,
    }
}

fn cause_of(kind: &DatabaseErrorKind, information: &Information) -> Option<Cause> {
    match kind {
        DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => Some(Cause::Lost),
        DatabaseErrorKind::ReadOnlyTransaction => Some(Cause::ReadOnly),
        DatabaseErrorKind::SerializationFailure => Some(Cause::Contended),
        DatabaseErrorKind::Unknown => match sqlstate(information) {
            Some(state) => by_state(&state),
            None => by_sqlite(information.message()),
        },
        _ => None,
    }
}

/// Whether PostgreSQL knows no table of that name.
pub fn is_undefined_table(error: &DieselError) -> bool {
    let DieselError::DatabaseError(_, information) = error else { return false };
    sqlstate(&**information).is_some_and(|state| state == "42P01")
}

/// SQLSTATEs that diesel does not expose (PostgreSQL, appendix A).
fn by_state(state: &str) -> Option<Cause> {
    Some(match state {
        "25006" => Cause::ReadOnly,
        "40001" | "40P01" | "55P03" | "55006" => Cause::Contended,
        // An internal error of the server. XX001 and XX002 are corrupted data, which a retry does not repair.
        "XX000" => Cause::Aborted,
        "57014" => Cause::Overdue,
        "53100" => Cause::Full,
        "53300" | "25P03" => Cause::Lost,
        _ => match &state[..2] {
            "08" | "57" => Cause::Lost,
            "53" => Cause::Busy,
            "58" => Cause::Storage,
            _ => return None,
        },
    })
}

/// The texts of `sqlite3_errstr` for temporary result codes. More text may follow.
fn by_sqlite(message: &str) -> Option<Cause> {
    const TEXTS: &[(&str, Cause)] = &[
        ("database is locked", Cause::Contended),
        ("database table is locked", Cause::Contended),
        ("database schema is locked", Cause::Contended),
        ("locking protocol", Cause::Contended),
        ("interrupted", Cause::Overdue),
        ("database or disk is full", Cause::Full),
        ("disk I/O error", Cause::Storage),
        ("unable to open database", Cause::Storage),
        ("large file support is disabled", Cause::Storage),
        ("attempt to write a readonly database", Cause::ReadOnly),
        ("out of memory", Cause::Busy),
    ];
    TEXTS.iter().find(|(text, _)| message.starts_with(text)).map(|(_, cause)| *cause)
}

/// `PG_DIAG_SQLSTATE` of libpq's postgres_ext.h.
const SQLSTATE: i32 = b'C' as i32;

/// The five characters of the SQLSTATE, if PostgreSQL returned the error.
///
/// diesel 2.3 reads the SQLSTATE itself, but exposes only a dozen kinds and hides the rest in a private type around
/// libpq's result. That type is one pointer; every other implementation of error information is a `String`, which is
/// larger. The exact version of diesel is pinned for this, and a contract test provokes the states on a real server.
#[expect(unsafe_code, reason = "diesel has no other way to the SQLSTATE, and texts depend on the server's language")]
fn sqlstate(information: &Information) -> Option<String> {
    if size_of_val(information) != size_of::<*const pq_sys::PGresult>() {
        return None;
    }
    // SAFETY: of the two types that diesel boxes here for PostgreSQL and SQLite, only `PgErrorInformation` has the
    // size of a pointer; it is one `NonNull<PGresult>`, valid for as long as the box is borrowed.
    let result = unsafe { *std::ptr::from_ref(information).cast::<*const pq_sys::PGresult>() };
    // SAFETY: the result is alive, and libpq allows reads of it from any thread.
    let field = unsafe { pq_sys::PQresultErrorField(result, SQLSTATE) };
    if field.is_null() {
        return None;
    }
    // SAFETY: a NUL-terminated string that belongs to the result.
    let state = unsafe { CStr::from_ptr(field) }.to_str().ok()?;
    (state.len() == 5 && state.is_ascii()).then(|| state.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(kind: DatabaseErrorKind, message: &str) -> DieselError {
        DieselError::DatabaseError(kind, Box::new(message.to_owned()))
    }

    #[test]
    fn states_are_sorted() {
        for (state, right) in [
            ("25006", Some(Cause::ReadOnly)),
            ("40001", Some(Cause::Contended)),
            ("40P01", Some(Cause::Contended)),
            ("55P03", Some(Cause::Contended)),
            ("57014", Some(Cause::Overdue)),
            ("53100", Some(Cause::Full)),
            ("53200", Some(Cause::Busy)),
            ("53300", Some(Cause::Lost)),
            ("57P01", Some(Cause::Lost)),
            ("57P02", Some(Cause::Lost)),
            ("57P03", Some(Cause::Lost)),
            ("57P05", Some(Cause::Lost)),
            ("25P03", Some(Cause::Lost)),
            ("08003", Some(Cause::Lost)),
            ("08P01", Some(Cause::Lost)),
            ("58030", Some(Cause::Storage)),
            ("42P01", None),
            ("22012", None),
            ("XX000", Some(Cause::Aborted)),
            ("XX001", None),
            ("XX002", None),
        ] {
            assert_eq!(by_state(state), right, "{state}");
        }
    }

    #[test]
    fn errors_are_sorted() {
        use DatabaseErrorKind as Kind;
        for (error, right) in [
            (database(Kind::ClosedConnection, "x"), Some(Cause::Lost)),
            (database(Kind::UnableToSendCommand, "x"), Some(Cause::Lost)),
            (database(Kind::ReadOnlyTransaction, "x"), Some(Cause::ReadOnly)),
            (database(Kind::SerializationFailure, "x"), Some(Cause::Contended)),
            (database(Kind::Unknown, "database is locked"), Some(Cause::Contended)),
            (database(Kind::Unknown, "database table is locked: chats"), Some(Cause::Contended)),
            (database(Kind::Unknown, "database or disk is full"), Some(Cause::Full)),
            (database(Kind::Unknown, "disk I/O error"), Some(Cause::Storage)),
            (database(Kind::Unknown, "attempt to write a readonly database"), Some(Cause::ReadOnly)),
            (database(Kind::Unknown, "database disk image is malformed"), None),
            (database(Kind::Unknown, "no such table: chats"), None),
            (database(Kind::UniqueViolation, "database or disk is full"), None),
            (DieselError::BrokenTransactionManager, Some(Cause::Lost)),
            (
                DieselError::RollbackErrorOnCommit {
                    rollback_error: Box::new(database(Kind::Unknown, "cannot rollback - no transaction is active")),
                    commit_error: Box::new(database(Kind::Unknown, "database or disk is full")),
                },
                Some(Cause::Full),
            ),
            (DieselError::NotFound, None),
        ] {
            assert_eq!(cause(&error), right, "{error:?}");
        }
    }
}
