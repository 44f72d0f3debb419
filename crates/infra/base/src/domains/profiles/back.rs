//! Looks whether pages to which a profile links link back to it.

use std::time::Duration;

use clowder_accounts::profiles::links::ProfileAddresses;
use clowder_egress::{Egress, Url};
use futures_util::future::join_all;

/// How long one page may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of each of these pages, whether it links back; nothing of those that may answer later.
pub async fn link_back(egress: &Egress, urls: Vec<String>, profile: &ProfileAddresses) -> Vec<(String, Option<bool>)> {
    let looks = urls.into_iter().map(|url| async move {
        let seen = one(egress, &url, profile).await;
        (url, seen)
    });
    join_all(looks).await
}

async fn one(egress: &Egress, url: &str, profile: &ProfileAddresses) -> Option<bool> {
    let Ok(parsed) = Url::parse(url) else { return Some(false) };
    match egress.page(&parsed, PATIENCE).await {
        Ok(page) => Some(profile.are_named_by(&page.me)),
        Err(why) if why.may_pass() => None,
        Err(_) => Some(false),
    }
}
