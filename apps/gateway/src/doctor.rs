//! Looks at everything `clowder serve` stands on, and says what would stand in its way.

use std::{net::TcpListener, path::Path, process::ExitCode};

use clowder_gateway::{app, config::Config};
use clowder_infra::{DatabaseUrl, Store, mail};

use crate::keyring;

/// Prints one line per finding; fails when any is bad.
pub async fn examine(config: &Config) -> ExitCode {
    let mut well = true;
    let mut find = |name: &str, finding: Result<String, String>| {
        well &= finding.is_ok();
        let (mark, text) = match &finding {
            Ok(text) => ("ok  ", text),
            Err(text) => ("FAIL", text),
        };
        println!("{mark} {name}: {text}");
    };
    find("settings", Ok("all are known and make sense".to_owned()));
    find("data folder", writable(&config.data_dir));
    find("media folder", writable(&config.media_root()));
    find(
        "mail",
        mail::mailer(&config.mail_route(), &config.mail.from).map(|m| m.describe()).map_err(|e| e.to_string()),
    );
    if config.redis.url.is_some() {
        find("Redis", Ok("is set, and not asked by this version: the journal tells".to_owned()));
    }
    find("port", free(config));
    let schema = schema(config);
    let behind = schema.is_err();
    find("schema", schema);
    if !behind {
        match app::open(config).await {
            Ok(store) => {
                for check in store.upkeep.check().await {
                    find(check.name, if check.ok { Ok(check.detail) } else { Err(check.detail) });
                }
                find("encryption keys", keyring::finding(&store).await);
            }
            Err(error) => find("store", Err(error.to_string())),
        }
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn writable(folder: &Path) -> Result<String, String> {
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    let tried = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&probe, b""))
        .and_then(|()| std::fs::remove_file(&probe));
    tried
        .map(|()| format!("{} can be written", folder.display()))
        .map_err(|error| format!("{}: {error}", folder.display()))
}

fn free(config: &Config) -> Result<String, String> {
    let address = config.address();
    TcpListener::bind(address).map(|_| format!("{address} is free")).map_err(|error| format!("{address}: {error}"))
}

fn schema(config: &Config) -> Result<String, String> {
    let url = DatabaseUrl::parse(&config.database_url()).map_err(|error| error.to_string())?;
    if let DatabaseUrl::Sqlite(path) = &url
        && !path.exists()
    {
        return Ok("will be made by the first start".to_owned());
    }
    match Store::pending(&url).map_err(|error| error.to_string())?.as_slice() {
        [] => Ok("is up to date".to_owned()),
        pending if url.is_embedded() => Ok(format!("{} migrations will run at the next start", pending.len())),
        pending => Err(format!("is behind; run `clowder migrate` (pending: {})", pending.join(", "))),
    }
}
