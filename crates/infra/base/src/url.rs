//! Parses database URLs.

use std::path::PathBuf;

use clowder_core::{Error, Result};

use crate::private;

/// `postgres://…` or `sqlite:path`. If a server is down that is an error; there is no fallback to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    Postgres(String),
    Sqlite(PathBuf),
}

impl DatabaseUrl {
    pub fn parse(url: &str) -> Result<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let wants_tls =
                ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full"].iter().any(|m| url.contains(m));
            if wants_tls && !cfg!(feature = "pg-tls") {
                return Err(Error::internal(
                    "DATABASE_URL: requires TLS, but this build has none; build with `--no-default-features \
                     --features pg-tls`",
                ));
            }
            return Ok(Self::Postgres(url.to_owned()));
        }
        match url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path)) {
            // With an in-memory database every connection would have its own, and options would become part of the file
            // name.
            Some(path) if path.is_empty() || path.starts_with(":memory:") || path.contains('?') => {
                Err(Error::internal("DATABASE_URL: must name a file after `sqlite:`, without options"))
            }
            Some(path) => Ok(Self::Sqlite(path.into())),
            None => Err(Error::internal("DATABASE_URL: must begin with postgres:// or sqlite:")),
        }
    }

    /// Creates the folder and file of an embedded database before it is opened, closed to other users. SQLite gives its
    /// companion files (`-wal`, `-shm`) the mode of this one.
    pub fn create_file(&self) -> Result<()> {
        let Self::Sqlite(path) = self else { return Ok(()) };
        let create = || {
            private::create_folder_of(path)?;
            private::create_file(path)
        };
        create().map_err(|error| Error::unavailable(format!("cannot create {}: {error}", path.display())))
    }

    /// Where the database is, without user and password: the file, or `host:port/name`.
    pub fn place(&self) -> String {
        let url = match self {
            Self::Sqlite(path) => return path.display().to_string(),
            Self::Postgres(url) => url,
        };
        let url = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let (url, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (authority, name) = url.split_once('/').unwrap_or((url, ""));
        let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
        let named = parameters.split('&').find_map(|parameter| parameter.strip_prefix("host="));
        let hosts = match hosts {
            "" => named.unwrap_or("the local socket"),
            hosts => hosts,
        };
        if name.is_empty() { hosts.to_owned() } else { format!("{hosts}/{name}") }
    }

    pub const fn is_embedded(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_no_password() {
        for (url, place) in [
            ("postgres://u:s3cret@db.example:5433/clowder?sslmode=disable", "db.example:5433/clowder"),
            ("postgresql://db/clowder", "db/clowder"),
            ("postgres://u:s3c@ret@db", "db"),
            ("postgres://u:s3cret@[::1]:5432,other:5433/c", "[::1]:5432,other:5433/c"),
            ("postgres:///clowder?host=/run/postgresql&password=s3cret", "/run/postgresql/clowder"),
            ("postgres://", "the local socket"),
            ("sqlite:data/clowder.db", "data/clowder.db"),
        ] {
            assert_eq!(DatabaseUrl::parse(url).unwrap().place(), place, "{url}");
        }
    }

    #[test]
    fn the_scheme_chooses() {
        let sqlite = |path: &str| Some(DatabaseUrl::Sqlite(path.into()));
        for (url, database) in [
            ("sqlite:data/clowder.db", sqlite("data/clowder.db")),
            ("sqlite:///var/clowder.db", sqlite("/var/clowder.db")),
            ("postgres://localhost/x", Some(DatabaseUrl::Postgres("postgres://localhost/x".into()))),
            ("sqlite:", None),
            ("sqlite::memory:", None),
            ("sqlite://clowder.db?mode=rwc", None),
            ("mysql://localhost/x", None),
            ("", None),
        ] {
            assert_eq!(DatabaseUrl::parse(url).ok(), database, "{url}");
        }
        assert_eq!(DatabaseUrl::parse("postgres://h/x?sslmode=require").is_ok(), cfg!(feature = "pg-tls"));
    }
}
