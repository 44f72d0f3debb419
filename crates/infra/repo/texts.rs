//! In debug builds, checks what each transaction leaves behind of the texts that it deletes.

use clowder_core::Result;

use super::{db::Tx, dialect, domains::DOMAINS};
use crate::texts::Duties;

/// Fails if a text was deleted and may still be found: then a domain has forgotten `tx.deleted_text` or
/// `journal::rewrite`.
pub fn check(tx: &mut Tx<'_>) -> Result<()> {
    let duties = Duties {
        words: DOMAINS.iter().flat_map(|domain| domain.words).copied().collect(),
        told: DOMAINS.iter().flat_map(|domain| domain.told).map(|(column, _)| *column).collect(),
        marked: tx.deleted_text,
        later: tx.erases,
    };
    dialect::check_deleted_texts(tx.conn, &duties)
}
