//! What this process has read of pages to which messages link, and how often it calls a host: a link that is sent to many
//! chats is one call, and nobody makes this server flood another one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use clowder_core::Timestamp;
use clowder_egress::{Egress, Failure, NoPage, Page, Url};
use clowder_messaging::previews::Told;
use futures_util::future::join_all;
use quick_cache::sync::Cache;

/// How many pages are remembered.
const MOST: usize = 2_000;
/// For how long what a page says is shown for further messages.
const KEPT_FOR: Duration = Duration::from_secs(3_600);
/// For how long a page that says nothing is not asked again.
const NOTHING_FOR: Duration = Duration::from_secs(600);
/// How many pages of one host are fetched in a minute.
const A_MINUTE: u32 = 30;
/// How long one page may take.
const PATIENCE: Duration = Duration::from_secs(8);

pub struct Pages {
    known: Cache<String, (Option<Told>, Timestamp)>,
    hosts: Mutex<Minute>,
}

/// How many pages of which host were fetched in a minute.
#[derive(Default)]
struct Minute {
    number: i64,
    fetched: HashMap<String, u32>,
}

/// What came of looking at some pages.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// What they say, under the addresses that were asked for.
    pub told: Vec<(String, Told)>,
    /// Whether another one may say something later.
    pub may_have_more: bool,
}

impl Default for Pages {
    fn default() -> Self {
        Self { known: Cache::new(MOST), hosts: Mutex::default() }
    }
}

impl Pages {
    /// What these pages say of themselves.
    pub async fn look(&self, egress: &Egress, urls: &[String], now: Timestamp) -> Looked {
        let pages = join_all(urls.iter().map(|url| self.one(egress, url, now))).await;
        let mut looked = Looked::default();
        for (url, page) in urls.iter().zip(pages) {
            match page {
                Ok(told) => looked.told.extend(told.map(|told| (url.clone(), told))),
                Err(why) => looked.may_have_more |= why.may_pass(),
            }
        }
        looked
    }

    async fn one(&self, egress: &Egress, url: &str, now: Timestamp) -> Result<Option<Told>, NoPage> {
        if let Some((told, until)) = self.known.get(url)
            && now < until
        {
            return Ok(told);
        }
        let Ok(parsed) = Url::parse(url) else { return Ok(None) };
        if !self.may_call(parsed.host_str().unwrap_or_default(), now) {
            return Err(NoPage::Failed(Failure::Busy));
        }
        let told = match egress.page(&parsed, PATIENCE).await {
            Ok(page) => Some(told(page)).filter(Told::shows_something),
            Err(why) if why.may_pass() => return Err(why),
            Err(_) => None,
        };
        let kept_for = if told.is_some() { KEPT_FOR } else { NOTHING_FOR };
        self.known.insert(url.to_owned(), (told.clone(), now.plus(kept_for)));
        Ok(told)
    }

    fn may_call(&self, host: &str, now: Timestamp) -> bool {
        let number = now.as_micros() / 60_000_000;
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.number != number {
            *hosts = Minute { number, fetched: HashMap::new() };
        }
        let fetched = hosts.fetched.entry(host.to_owned()).or_default();
        *fetched += 1;
        *fetched <= A_MINUTE
    }
}

fn told(page: Page) -> Told {
    let Page { title, description, site_name, .. } = page;
    Told { title, description, site_name }
}
