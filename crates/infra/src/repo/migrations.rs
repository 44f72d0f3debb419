//! Bringing the schema up to date: embedded in the binary, run by one process at a time.

use clowder_core::{Error, Result};
use diesel::{Connection, migration::MigrationSource};
use diesel_migrations::MigrationHarness;

use super::dialect::{self, Backend, Conn};
use crate::DatabaseUrl;

pub fn migrate(url: &DatabaseUrl) -> Result<Vec<String>> {
    let mut conn = connect(url)?;
    dialect::lock_migrations(&mut conn)?;
    let ran = conn
        .run_pending_migrations(dialect::MIGRATIONS)
        .map(|ran| ran.iter().map(ToString::to_string).collect())
        .map_err(|error| Error::internal(format!("migration failed: {error}")));
    dialect::unlock_migrations(&mut conn)?;
    ran
}

pub fn pending(url: &DatabaseUrl) -> Result<Vec<String>> {
    pending_on(&mut connect(url)?)
}

pub fn pending_on(conn: &mut Conn) -> Result<Vec<String>> {
    let known = MigrationSource::<Backend>::migrations(&dialect::MIGRATIONS)
        .map_err(|error| Error::internal(format!("migrations: {error}")))?;
    let applied =
        conn.applied_migrations().map_err(|error| Error::unavailable(format!("cannot see the schema: {error}")))?;
    Ok(known
        .iter()
        .map(|migration| migration.name())
        .filter(|name| !applied.contains(&name.version()))
        .map(ToString::to_string)
        .collect())
}

fn connect(url: &DatabaseUrl) -> Result<Conn> {
    let address = match url {
        DatabaseUrl::Postgres(url) => url.clone(),
        DatabaseUrl::Sqlite(path) => {
            url.create_file()?;
            path.to_string_lossy().into_owned()
        }
    };
    Conn::establish(&address).map_err(|error| Error::unavailable(format!("cannot reach the database: {error}")))
}
