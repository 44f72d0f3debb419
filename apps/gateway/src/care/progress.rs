//! How far a long walk over files is: a bar on a terminal, and a line now and then elsewhere.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use clowder_core::Timestamp;
use clowder_gateway::clock;
use clowder_media::care::Amount;

use crate::output;

/// After how many objects, or octets, a line is told.
const TOLD_EVERY: Amount = Amount { count: 10_000, octets: 1 << 30 };
/// How many characters the bar has.
const WIDTH: usize = 24;

/// How far a walk is.
pub struct Far {
    doing: &'static str,
    amount: Amount,
    told: Amount,
    /// About how much there is, and when the walk began; with a terminal to show it on.
    bar: Option<(Amount, Timestamp)>,
}

impl Far {
    /// Of a walk that says nothing of its end.
    pub fn new(doing: &'static str) -> Self {
        Self { doing, amount: Amount::default(), told: Amount::default(), bar: None }
    }

    /// Of a walk over about so much, beside which nothing else is printed.
    pub fn towards(doing: &'static str, total: Amount) -> Self {
        let bar = io::stderr().is_terminal().then(|| (total, clock::now()));
        Self { bar, ..Self::new(doing) }
    }

    pub fn add(&mut self, amount: Amount) {
        self.amount += amount;
        if let Some((total, begun)) = self.bar {
            let line = line(self.doing, self.amount, total, clock::now().since(begun));
            // In the place of the line before. Whoever closes the terminal wants no bar.
            let _ = write!(io::stderr(), "\r\x1b[2K{line}");
            return;
        }
        let (count, octets) = (self.amount.count - self.told.count, self.amount.octets - self.told.octets);
        if count >= TOLD_EVERY.count || octets >= TOLD_EVERY.octets {
            output::note(format_args!("{}: {}", self.doing, shown(self.amount)));
            self.told = self.amount;
        }
    }

    pub fn amount(&self) -> Amount {
        self.amount
    }
}

/// What follows begins on a line of its own.
impl Drop for Far {
    fn drop(&mut self) {
        if self.bar.is_some() && !self.amount.is_nothing() {
            output::note("");
        }
    }
}

/// `copied [######------------------]  25 %  3 objects, 1.5 MiB of 6.0 MiB, 512.0 KiB/s, 9 s left`
fn line(doing: &str, done: Amount, total: Amount, elapsed: Duration) -> String {
    let part = match (total.octets, total.count) {
        (1.., _) => done.octets as f64 / total.octets as f64,
        (_, 1..) => done.count as f64 / total.count as f64,
        _ => 1.0,
    };
    // Small copies are not counted beforehand, and more may come meanwhile.
    let part = part.clamp(0.0, 1.0);
    let full = (part * WIDTH as f64) as usize;
    let (bar, percent) = (["#".repeat(full), "-".repeat(WIDTH - full)].concat(), (part * 100.0) as u64);
    let mut line = format!("{doing} [{bar}] {percent:3} %  {} of {}", shown(done), size(total.octets));
    let seconds = elapsed.as_secs_f64();
    if seconds >= 1.0 && part > 0.0 {
        let left = Duration::from_secs_f64((seconds / part - seconds).clamp(0.0, 1e8));
        line.push_str(&format!(", {}/s, {} left", size((done.octets as f64 / seconds) as i64), time(left)));
    }
    line
}

/// `45 s`, `12 min`, `3 h 20 min`
fn time(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `3 objects, 1.5 MiB`
pub fn shown(amount: Amount) -> String {
    let objects = if amount.count == 1 { "object" } else { "objects" };
    format!("{} {objects}, {}", amount.count, size(amount.octets))
}

/// Octets in the largest unit of which there is at least one.
pub fn size(octets: i64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut value, mut unit) = (octets as f64, "octets");
    for larger in units {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    if unit == "octets" { format!("{octets} {unit}") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_in_their_unit() {
        for (octets, text) in [
            (0, "0 octets"),
            (1023, "1023 octets"),
            (1024, "1.0 KiB"),
            (1_572_864, "1.5 MiB"),
            (5 << 30, "5.0 GiB"),
            (i64::MAX, "8192.0 PiB"),
        ] {
            assert_eq!(size(octets), text);
        }
        assert_eq!(shown(Amount { count: 1, octets: 5 }), "1 object, 5 octets");
    }

    #[test]
    fn a_bar_shows_how_far_it_is_and_how_long_it_takes() {
        let of = |count, octets| Amount { count, octets };
        for (done, total, seconds, expected) in [
            (
                of(3, 1_572_864),
                of(12, 6 << 20),
                3,
                "copied [######------------------]  25 %  3 objects, 1.5 MiB of 6.0 MiB, 512.0 KiB/s, 9 s left",
            ),
            // Too early to tell how long it takes.
            (of(0, 0), of(12, 6 << 20), 0, "copied [------------------------]   0 %  0 objects, 0 octets of 6.0 MiB"),
            // Empty files have no octets.
            (
                of(1, 0),
                of(2, 0),
                10,
                "copied [############------------]  50 %  1 object, 0 octets of 0 octets, 0 octets/s, 10 s left",
            ),
            // More than was there at the beginning, and nothing at all.
            (
                of(9, 9 << 30),
                of(8, 8 << 30),
                7200,
                "copied [########################] 100 %  9 objects, 9.0 GiB of 8.0 GiB, 1.3 MiB/s, 0 s left",
            ),
            (of(0, 0), of(0, 0), 0, "copied [########################] 100 %  0 objects, 0 octets of 0 octets"),
        ] {
            assert_eq!(line("copied", done, total, Duration::from_secs(seconds)), expected);
        }
        for (seconds, text) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (12_000, "3 h 20 min")] {
            assert_eq!(time(Duration::from_secs(seconds)), text);
        }
    }
}
