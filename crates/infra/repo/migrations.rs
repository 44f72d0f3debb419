//! Migrates the schema: the migrations are embedded in the binary, and one process at a time runs them.

use clowder_core::{Error, Result};
use diesel::{
    migration::{MigrationSource, MigrationVersion},
    prelude::*,
};
use diesel_migrations::MigrationHarness;

use super::dialect::{self, Backend, Conn};
use crate::DatabaseUrl;

pub fn migrate(url: &DatabaseUrl) -> Result<Vec<String>> {
    let mut conn = dialect::connect_to_migrate(url)?;
    dialect::lock_migrations(&mut conn)?;
    let ran = conn
        .run_pending_migrations(dialect::MIGRATIONS)
        .map(|ran| ran.iter().map(ToString::to_string).collect())
        .map_err(|error| Error::internal(format!("migration failed: {error}")));
    dialect::unlock_migrations(&mut conn)?;
    let ran = ran?;
    dialect::seed_statistics(&mut conn)?;
    Ok(ran)
}

/// Whether a connection can be opened.
pub fn reach(url: &DatabaseUrl) -> Result<()> {
    dialect::connect(url).map(drop)
}

/// For a database that may be empty.
pub fn pending(url: &DatabaseUrl) -> Result<Vec<String>> {
    let mut conn = dialect::connect(url)?;
    match pending_on(&mut conn) {
        // The first migration creates the table of migrations.
        Err(Error::Internal(_)) => {
            let failed = |error| Error::unavailable(format!("cannot read the schema: {error}"));
            without(&conn.applied_migrations().map_err(failed)?)
        }
        pending => pending,
    }
}

/// For a migrated database. It only reads, so it also works on read-only databases.
pub fn pending_on(conn: &mut Conn) -> Result<Vec<String>> {
    let applied: Vec<String> =
        __diesel_schema_migrations::table.select(__diesel_schema_migrations::version).load(conn)?;
    without(&applied.into_iter().map(MigrationVersion::from).collect::<Vec<_>>())
}

/// The migrations of this build except these.
fn without(applied: &[MigrationVersion<'_>]) -> Result<Vec<String>> {
    let known = MigrationSource::<Backend>::migrations(&dialect::MIGRATIONS)
        .map_err(|error| Error::internal(format!("migrations: {error}")))?;
    Ok(known
        .iter()
        .map(|migration| migration.name())
        .filter(|name| !applied.contains(&name.version()))
        .map(ToString::to_string)
        .collect())
}

diesel::table! {
    /// Diesel's own.
    __diesel_schema_migrations (version) { version -> Text, }
}
