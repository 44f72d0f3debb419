//! `[jobs]`: background jobs.

use std::{collections::HashMap, time::Duration};

use clowder_core::{Word, job::Queue};
use clowder_infra::Options;

use super::{
    settings::{Setting, setting, within},
    value::{Value, whole},
};

#[derive(Debug, Clone, PartialEq)]
pub struct Jobs {
    /// How many emails are sent at a time, and twice as many as jobs of any other queue; 0 leaves them to other
    /// processes.
    pub concurrency: usize,
    pub mail_concurrency: Slots,
    pub exports_concurrency: Slots,
    pub files_concurrency: Slots,
    pub pages_concurrency: Slots,
    pub default_concurrency: Slots,
    /// How long a job stays with a worker that does not respond.
    pub lease_seconds: u64,
}

impl Default for Jobs {
    fn default() -> Self {
        let unset = Slots::default();
        Self {
            concurrency: 4,
            mail_concurrency: unset,
            exports_concurrency: unset,
            files_concurrency: unset,
            pages_concurrency: unset,
            default_concurrency: unset,
            lease_seconds: 60,
        }
    }
}

impl Jobs {
    /// What the store is told.
    pub fn apply_to(&self, options: &mut Options) {
        options.jobs.lease = Duration::from_secs(self.lease_seconds);
    }

    /// The concurrency of each queue in `clowder serve`.
    pub fn queues(&self) -> HashMap<Queue, usize> {
        Queue::WORDS.iter().map(|(_, queue)| (*queue, self.room(*queue))).collect()
    }

    /// The concurrency in `clowder jobs run`: at least one job per queue unless a queue has its own setting.
    pub fn queues_of_worker(&self) -> HashMap<Queue, usize> {
        let queues = self.queues();
        if queues.values().any(|room| *room > 0) {
            return queues;
        }
        Self { concurrency: self.concurrency.max(1), ..self.clone() }.queues()
    }

    fn room(&self, queue: Queue) -> usize {
        let half = self.concurrency.div_ceil(2);
        let (slots, otherwise) = match queue {
            Queue::Mail => (self.mail_concurrency, self.concurrency),
            Queue::Exports => (self.exports_concurrency, half),
            Queue::Files => (self.files_concurrency, half),
            Queue::Pages => (self.pages_concurrency, half),
            Queue::Default => (self.default_concurrency, half),
        };
        slots.0.unwrap_or(otherwise)
    }
}

/// The concurrency of one queue; if unset, it is derived from `concurrency`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slots(Option<usize>);

impl Value for Slots {
    fn set(&mut self, text: &str) -> Result<(), String> {
        self.0 = if text.is_empty() { None } else { Some(whole(text, 0..=256)?) };
        Ok(())
    }

    fn show(&self) -> String {
        self.0.map_or_else(|| String::new().show(), |slots| slots.show())
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    within(0, 256, setting("jobs", "concurrency", "JOB_CONCURRENCY", |c| &mut c.jobs.concurrency,
        "How many emails are sent at a time; other queues run half as many jobs. 0: this process runs no jobs but those of queues set below; `clowder jobs run` runs them.")),
    setting("jobs", "mail_concurrency", "JOB_MAIL_CONCURRENCY", |c| &mut c.jobs.mail_concurrency,
        "How many jobs of the queue `mail` run at a time. Empty: as many as `concurrency` says. 0: none in this process. 0 to 256."),
    setting("jobs", "exports_concurrency", "JOB_EXPORTS_CONCURRENCY", |c| &mut c.jobs.exports_concurrency,
        "The same for the queue `exports`. Empty: half of `concurrency`, rounded up."),
    setting("jobs", "files_concurrency", "JOB_FILES_CONCURRENCY", |c| &mut c.jobs.files_concurrency,
        "The same for the queue `files`, which examines uploaded files. Each may take a processor and up to 2 GiB of memory. Empty: half of `concurrency`, rounded up."),
    setting("jobs", "pages_concurrency", "JOB_PAGES_CONCURRENCY", |c| &mut c.jobs.pages_concurrency,
        "The same for the queue `pages`, which fetches pages to which people link. Empty: half of `concurrency`, rounded up."),
    setting("jobs", "default_concurrency", "JOB_DEFAULT_CONCURRENCY", |c| &mut c.jobs.default_concurrency,
        "The same for the queue `default`, which has all other jobs. Empty: half of `concurrency`, rounded up."),
    within(1, 3_600, setting("jobs", "lease_seconds", "JOB_LEASE_SECONDS", |c| &mut c.jobs.lease_seconds,
        "How long a job stays with a worker that does not respond, in seconds; then another worker takes it.")),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[
    ("jobs.concurrency", &["-1", "257", "two"]),
    ("jobs.mail_concurrency", &["-1", "257", "two"]),
    ("jobs.exports_concurrency", &["-1", "257", "two"]),
    ("jobs.files_concurrency", &["-1", "257", "two"]),
    ("jobs.pages_concurrency", &["-1", "257", "two"]),
    ("jobs.default_concurrency", &["-1", "257", "two"]),
    ("jobs.lease_seconds", &["0", "3601", "x"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_follow_from_one_number_unless_they_have_their_own() {
        let slots = |text: &str| {
            let mut slots = Slots::default();
            slots.set(text).unwrap();
            slots
        };
        // Expected concurrency of mail, exports, files, pages and the default queue.
        for (concurrency, [mail, exports, files, pages, rest], serve, worker) in [
            (4, ["", "", "", "", ""], [4, 2, 2, 2, 2], [4, 2, 2, 2, 2]),
            (1, ["", "", "", "", ""], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]),
            (7, ["", "", "", "", ""], [7, 4, 4, 4, 4], [7, 4, 4, 4, 4]),
            (0, ["", "", "", "", ""], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]),
            (4, ["20", "1", "3", "5", "0"], [20, 1, 3, 5, 0], [20, 1, 3, 5, 0]),
            (0, ["", "2", "", "", ""], [0, 2, 0, 0, 0], [0, 2, 0, 0, 0]),
            (0, ["0", "", "", "", ""], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]),
            (4, ["0", "0", "0", "0", "0"], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]),
        ] {
            let jobs = Jobs {
                concurrency,
                mail_concurrency: slots(mail),
                exports_concurrency: slots(exports),
                files_concurrency: slots(files),
                pages_concurrency: slots(pages),
                default_concurrency: slots(rest),
                ..Jobs::default()
            };
            let of = |queues: HashMap<Queue, usize>| {
                [Queue::Mail, Queue::Exports, Queue::Files, Queue::Pages, Queue::Default].map(|queue| queues[&queue])
            };
            let told = format!("{concurrency} {mail:?} {exports:?} {files:?} {pages:?} {rest:?}");
            assert_eq!(of(jobs.queues()), serve, "{told}");
            assert_eq!(of(jobs.queues_of_worker()), worker, "{told}");
        }
    }
}
