//! Rates that all nodes over one database count together: the generic cell rate algorithm (ITU-T I.371).

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use crate::counting::{Counting, Script};

/// How fast units come back, and how many can be used at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The time in which one unit comes back; at least a nanosecond.
    pub period: Duration,
    pub burst: NonZeroU32,
}

/// What to do with the units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Takes all of them if they are there, or else none.
    Take,
    /// Takes them although they are not there, unless what is owed takes this long to come back already.
    Owe(Duration),
    /// Takes none.
    Look,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    pub taken: bool,
    /// The time until everything has come back.
    pub full_in: Duration,
}

/// What all nodes with the same secret and the same Redis have counted.
pub struct SharedRates {
    counting: Arc<Counting>,
    prefix: String,
}

impl SharedRates {
    pub fn new(counting: Arc<Counting>) -> Self {
        let prefix = counting.prefix("rates");
        Self { counting, prefix }
    }

    /// `None` if Redis does not answer.
    pub async fn count(&self, ask: Ask, who: &str, rate: Rate, units: u32) -> Option<Counted> {
        let key = format!("{}{who}", self.prefix);
        let (taken, nanos) = self.counting.ask(Script::Rates, key, rate.arguments(ask, units)).await?;
        Some(Counted { taken, full_in: Duration::from_nanos(nanos) })
    }

    /// What the names of its keys begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether Redis counts right now.
    pub fn works(&self) -> bool {
        self.counting.works()
    }
}

impl Rate {
    pub(crate) fn arguments(self, ask: Ask, units: u32) -> Vec<String> {
        let (ask, most_owed) = match ask {
            Ask::Take => ("take", Duration::ZERO),
            Ask::Owe(most) => ("owe", most),
            Ask::Look => ("look", Duration::ZERO),
        };
        let nanos = |time: Duration| time.as_nanos().min(u128::from(u64::MAX)).to_string();
        let Self { period, burst } = self;
        vec![ask.to_owned(), nanos(period), burst.to_string(), units.to_string(), nanos(most_owed)]
    }
}
