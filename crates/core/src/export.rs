//! How far an export has come.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Timestamp, Word};

/// An export takes minutes. One that is not ready after this long never will be: its job was lost.
pub const EXPORT_WITHIN: Duration = Duration::from_secs(2 * 24 * 3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportStatus {
    Queued,
    Running,
    Ready,
    /// It was not made; request another one.
    Failed,
    /// It was ready, and has expired.
    Expired,
}

impl Word for ExportStatus {
    const WHAT: &'static str = "status of an export";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("queued", Self::Queued),
        ("running", Self::Running),
        ("ready", Self::Ready),
        ("failed", Self::Failed),
        ("expired", Self::Expired),
    ];
}

/// The current status of an export that was stored as `noted`: a ready one expires by itself, and one that nobody works
/// on has failed.
pub fn status_of(
    now: Timestamp,
    noted: ExportStatus,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
) -> ExportStatus {
    use ExportStatus::{Expired, Failed, Queued, Ready, Running};
    match noted {
        Ready if expires_at.is_none_or(|until| until <= now) => Expired,
        Queued | Running if now.since(created_at) >= EXPORT_WITHIN => Failed,
        status => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ExportStatus::{Expired, Failed, Queued, Ready, Running};

    #[test]
    fn status_of_table() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let at = |hours_ago: u64| now.minus(Duration::from_secs(hours_ago * 3600));
        for (noted, created, expires, status) in [
            (Queued, 47, None, Queued),
            (Queued, 48, None, Failed),
            (Running, 47, None, Running),
            (Running, 48, None, Failed),
            (Ready, 48, Some(now.plus(Duration::from_secs(1))), Ready),
            (Ready, 48, Some(now), Expired),
            (Ready, 1, None, Expired),
            (Failed, 1, None, Failed),
        ] {
            assert_eq!(status_of(now, noted, at(created), expires), status, "{noted:?} {created}");
        }
    }
}
