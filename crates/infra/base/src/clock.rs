//! A clock that was ahead, and is right again: what it wrote lies after now, and would wait or live for as long as the
//! clock was wrong. The lists here say of every time in the database whether that matters. `repo/clock.rs` puts it right:
//! all of it when a clock was seen ahead and back, for by a clock that is behind all that is right lies after now, too;
//! otherwise what does no harm then.

use std::time::Duration;

use clowder_core::Timestamp;
use tokio::time::Instant;

/// Times that rules depend on. Those that say when something was count as now when they lie after it; those that say
/// until when something lasts are no later than if it had begun now.
pub const PUT_RIGHT: &[&str] = &[
    "answers.created_at",
    "api_keys.last_used_at",
    "caused_emails.created_at",
    "crons.next_at",
    "erasures.erase_at",
    "erasures.requested_at",
    "exports.created_at",
    "exports.expires_at",
    "jobs.created_at",
    "jobs.dead_at",
    "jobs.lease_until",
    "jobs.run_at",
    "journal.at",
    "mailed_tokens.created_at",
    "mailed_tokens.expires_at",
    "sessions.authenticated_at",
    "sessions.created_at",
    "sessions.ended_at",
    "sessions.expires_at",
    "sessions.last_used_at",
    "sign_ups.created_at",
    "sign_ups.expires_at",
    "throttles.last_at",
    "two_factor.failed_at",
    "users.erase_at",
];

/// Times that stay as they were written, and why.
pub const LEFT: &[(&str, &str)] = &[
    ("api_keys.created_at", "shown, and no rule depends on it"),
    ("api_keys.expires_at", "chosen by a person"),
    ("audit.at", "the log says what the clock said, and cannot be changed"),
    ("audit_checkpoint.made_at", "stands in a signed checkpoint"),
    ("audit_pending.at", "the log says what the clock said, and cannot be changed"),
    ("chats.active_at", "never runs against the order of a chat: stays ahead until the clock has caught up"),
    ("chats.created_at", "shown, and no rule depends on it"),
    ("erasures.erased_at", "stands in a signed receipt"),
    ("invites.created_at", "shown, and no rule depends on it"),
    ("invites.expires_at", "chosen by a person"),
    ("invites.revoked_at", "that it is there matters, not when"),
    ("journal_marks.marked_at", "a sweep counts no time since a mark that lies ahead"),
    ("mailed_tokens.used_at", "that it is there matters, not when"),
    ("message_edits.written_at", "never runs against its place in a chat"),
    ("messages.created_at", "never runs against its place in a chat"),
    ("messages.deleted_at", "that it is there matters, not when"),
    ("messages.edited_at", "shown, and no rule depends on it"),
    ("participants.joined_at", "shown, and no rule depends on it"),
    ("preferences.updated_at", "shown, and no rule depends on it"),
    ("recovery_codes.used_at", "that it is there matters, not when"),
    ("refusal_windows.last_at", "told in an entry, and no rule depends on it"),
    ("refusal_windows.opened_at", "a window that a clock ahead opened is over"),
    ("sign_ups.confirmed_at", "that it is there matters, not when"),
    ("two_factor.created_at", "shown, and no rule depends on it"),
    ("two_factor.enabled_at", "that it is there matters, not when"),
    ("user_keys.created_at", "shown, and no rule depends on it"),
    ("users.created_at", "shown, and no rule depends on it"),
    ("users.deleted_at", "that it is there matters, not when"),
    ("users.email_verified_at", "that it is there matters, not when"),
    ("users.suspended_until", "chosen by a person"),
    ("users.two_factor_at", "that it is there matters, not when"),
];

/// What is known about a clock after which moments lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// It was seen ahead, and is back where it was. All is put right.
    Returned,
    /// It may as well be behind. Only that is put right which does no harm then.
    Unclear,
}

/// Further than this ahead of what the process has measured, the clock has jumped.
pub const JUMP: Duration = Duration::from_secs(300);
/// For so long schedules wait after a jump ahead: what they would sweep away cannot be brought back.
const WAIT: Duration = Duration::from_secs(600);

/// Holds the clock against how much time has passed by the process's own measure.
#[derive(Debug)]
pub struct Pace {
    /// By how much the clock may run ahead of the measure.
    tolerated: Duration,
    last: Option<(Timestamp, Instant)>,
    wait_until: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::tolerating(JUMP)
    }
}

impl Pace {
    pub fn tolerating(tolerated: Duration) -> Self {
        Self { tolerated, last: None, wait_until: None }
    }

    /// Whether the clock can be relied on for what cannot be undone. After a jump ahead (or a sleep of the whole machine)
    /// it cannot for a while, unless it goes back where it was.
    pub fn is_steady(&mut self, now: Timestamp, measured: Instant) -> bool {
        if let Some((last, then)) = self.last.replace((now, measured)) {
            let expected = last.plus(measured.duration_since(then));
            if now.since(expected) > self.tolerated {
                tracing::warn!(by = ?now.since(expected), "the clock has jumped ahead; what cannot be undone waits for ten minutes");
                self.wait_until = Some(measured + WAIT);
            } else if expected.since(now) > self.tolerated {
                self.wait_until = None;
            }
        }
        self.wait_until = self.wait_until.filter(|until| *until > measured);
        self.wait_until.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_time_is_known_for_what_it_is() {
        let mut table = "";
        let mut times = BTreeSet::new();
        for line in crate::schema::source().lines().map(str::trim) {
            if let Some((name, "")) =
                line.split_once(" (").map(|(name, rest)| (name, rest.split_once(") {").map_or("-", |(_, rest)| rest)))
            {
                table = name;
            }
            let inline = line.split_once("{ ").map_or(line, |(head, columns)| {
                table = head.split(" (").next().unwrap_or(table);
                columns
            });
            for column in inline.split(", ") {
                if let Some((column, kind)) = column.split_once(" -> ")
                    && matches!(kind.trim_end_matches([',', '}', ' ']), "Ts" | "Nullable<Ts>")
                {
                    times.insert(format!("{table}.{column}"));
                }
            }
        }
        let left = LEFT.iter().map(|(column, _)| *column);
        let known: BTreeSet<_> = PUT_RIGHT.iter().copied().chain(left).map(str::to_owned).collect();
        assert_eq!(known.len(), PUT_RIGHT.len() + LEFT.len(), "one is in both lists");
        assert_eq!(times, known, "a time of the schema is in neither list of clock.rs, or one of a list is gone");
    }

    #[test]
    fn a_jump_ahead_makes_schedules_wait() {
        let (start, month) = (Instant::now(), Duration::from_secs(30 * 24 * 3600));
        let (at, minute) = (Timestamp::from_micros(1_790_000_000_000_000), Duration::from_secs(60));
        let mut pace = Pace::default();
        for (minutes, ahead, steady) in [
            (0, Duration::ZERO, true),
            (1, minute, true),
            (2, month, false),
            (11, month, false),
            (12, month, true),
            (13, Duration::ZERO, true),
            (14, month, false),
            (15, Duration::ZERO, true),
        ] {
            let passed = minutes * minute;
            assert_eq!(pace.is_steady(at.plus(passed + ahead), start + passed), steady, "after {minutes} min");
        }
    }
}
