//! Which database a URL means.

use std::path::PathBuf;

use clowder_core::{Error, Result};

/// `postgres://…` or `sqlite:path`. A server that is down is an error, never a silent file.
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
                    "DATABASE_URL asks for TLS, and this build has none: build with `--no-default-features --features pg-tls`",
                ));
            }
            return Ok(Self::Postgres(url.to_owned()));
        }
        match url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path)) {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            _ => Err(Error::internal("DATABASE_URL must begin with postgres:// or sqlite:")),
        }
    }

    pub const fn is_embedded(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_chooses() {
        let sqlite = |path: &str| Some(DatabaseUrl::Sqlite(path.into()));
        for (url, database) in [
            ("sqlite:data/clowder.db", sqlite("data/clowder.db")),
            ("sqlite:///var/clowder.db", sqlite("/var/clowder.db")),
            ("postgres://localhost/x", Some(DatabaseUrl::Postgres("postgres://localhost/x".into()))),
            ("sqlite:", None),
            ("mysql://localhost/x", None),
            ("", None),
        ] {
            assert_eq!(DatabaseUrl::parse(url).ok(), database, "{url}");
        }
        assert_eq!(DatabaseUrl::parse("postgres://h/x?sslmode=require").is_ok(), cfg!(feature = "pg-tls"));
    }
}
