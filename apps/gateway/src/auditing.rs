//! `clowder audit`: is the audit log still what was written?

use std::process::ExitCode;

use clowder_accounts::audit::{Chained, Walked};
use clowder_core::{Error, Result};
use clowder_gateway::{app, config::Config};
use clowder_infra::keys::hex;

/// Walks the chain up to its end, or up to an end that somebody noted earlier and then up to the present one. Prints the
/// end, which can be noted for the next time: whoever rewrites the whole log cannot rewrite that note.
pub async fn verify(config: &Config, noted: Option<&str>) -> Result<ExitCode> {
    let noted =
        noted.map(|text| parse(text).ok_or_else(|| Error::internal("--noted must be POSITION:HASH"))).transpose()?;
    let store = app::open(config).await?;
    let head = store.audit.head().await?;
    let mut from = Chained::start();
    for until in noted.into_iter().chain([head.clone()]) {
        loop {
            match store.audit.verify(from, &until).await? {
                Walked::Further(link) => from = link,
                Walked::Whole => break,
                Walked::Broken { position } => {
                    println!("BROKEN at position {position}: this entry is missing, was changed, or does not follow");
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        from = until;
    }
    println!("ok: {} entries, the chain is whole", head.position);
    println!("end: {}:{}", head.position, hex(&head.hash));
    Ok(ExitCode::SUCCESS)
}

fn parse(text: &str) -> Option<Chained> {
    let (position, hash) = text.split_once(':')?;
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let hash = hash.as_bytes().chunks(2).map(octet).collect::<Option<Vec<_>>>()?;
    Some(Chained { position: position.parse().ok()?, hash }).filter(|link| link.hash.len() == 32 && link.position >= 0)
}
