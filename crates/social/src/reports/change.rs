//! Changes of reports and statements. They contain no text: whoever receives one reads the texts with a call, so that none
//! remains in the journal.

use clowder_core::{Topic, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::{
    AppealStatus, ModerationAction, ReportId, ReportStatus, ReportTarget, Resolution, StatementId, model::Report,
};

#[derive(Debug, Clone)]
pub enum Change {
    /// Told to the reporter, as the next two.
    Made(UserId, ReportTold),
    Updated(UserId, ReportTold),
    Decided(UserId, ReportTold),
    /// Told to the person whom a decision concerns, as the next.
    StatementIssued(UserId, StatementTold),
    StatementUpdated(UserId, StatementTold),
}

/// The payload of `report.made`, `report.updated` and `report.decided`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportTold {
    pub report_id: ReportId,
    pub target: ReportTarget,
    pub status: ReportStatus,
    /// `null` until it is decided.
    pub resolution: Option<Resolution>,
}

impl From<&Report> for ReportTold {
    fn from(report: &Report) -> Self {
        Self { report_id: report.id, target: report.target, status: report.status, resolution: report.resolution }
    }
}

/// The payload of `statement.issued` and `statement.updated`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StatementTold {
    pub statement_id: StatementId,
    pub action: ModerationAction,
    /// `null` if there is none.
    pub appeal_status: Option<AppealStatus>,
}

impl clowder_core::Change for Change {
    fn name(&self) -> &'static str {
        match self {
            Self::Made(..) => "report.made",
            Self::Updated(..) => "report.updated",
            Self::Decided(..) => "report.decided",
            Self::StatementIssued(..) => "statement.issued",
            Self::StatementUpdated(..) => "statement.updated",
        }
    }

    fn topic(&self) -> Topic {
        let (Self::Made(told, _)
        | Self::Updated(told, _)
        | Self::Decided(told, _)
        | Self::StatementIssued(told, _)
        | Self::StatementUpdated(told, _)) = self;
        Topic::user(*told)
    }

    fn subject(&self) -> Option<Uuid> {
        Some(match self {
            Self::Made(_, told) | Self::Updated(_, told) | Self::Decided(_, told) => told.report_id.uuid(),
            Self::StatementIssued(_, told) | Self::StatementUpdated(_, told) => told.statement_id.uuid(),
        })
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        match self {
            Self::Made(_, told) | Self::Updated(_, told) | Self::Decided(_, told) => to_raw_value(told),
            Self::StatementIssued(_, told) | Self::StatementUpdated(_, told) => to_raw_value(told),
        }
    }
}
