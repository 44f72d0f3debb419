//! The rows of reports and statements, and how their texts are encrypted: with the key ring, because they must outlive the
//! accounts that they are about.

use clowder_core::{Error, FileId, Id, Result, Timestamp, UserId, Word};
use clowder_social::reports::{
    Appeal, AppealStatus, ModerationAction, Report, ReportCategory, ReportId, ReportStatus, ReportTarget,
    ReportTargetType, Resolution, Statement, StatementId, TargetId,
};
use diesel::prelude::*;

use super::schema::{reports, statements};
use crate::seal::{Column, KeyRing, Place, Sealed, Under, unreadable};

pub const COMMENT: Column = Column::new("reports", "comment", "id", Under::Ring);
pub const EVIDENCE: Column = Column::new("reports", "evidence", "id", Under::Ring);
pub const REASON: Column = Column::new("reports", "reason", "id", Under::Ring);
pub const STATED: Column = Column::new("statements", "reason", "id", Under::Ring);
pub const APPEAL: Column = Column::new("statements", "appeal", "id", Under::Ring);
pub const ANSWER: Column = Column::new("statements", "answer", "id", Under::Ring);

/// The text of a value, or nothing if it cannot be read any more: that must not hide the rest of its row.
pub fn text<T>(ring: &KeyRing, column: Column, row: Id<T>, value: Option<&Sealed>) -> Option<String> {
    let opened = ring.open(Place::new(column, row), value?).and_then(|text| {
        String::from_utf8(text).map_err(|_| Error::internal(format!("{}.{} is no text", column.table, column.column)))
    });
    opened.map_or_else(|error| unreadable(&error), Some)
}

/// A report without its evidence.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = reports)]
pub struct ReportRow {
    pub id: ReportId,
    pub reporter_id: Option<UserId>,
    pub target_type: String,
    pub target_id: TargetId,
    pub reported_id: Option<UserId>,
    pub category: String,
    pub comment: Option<Sealed>,
    pub status: String,
    pub assigned_id: Option<UserId>,
    pub action: Option<String>,
    pub until: Option<Timestamp>,
    pub reason: Option<Sealed>,
    pub decided_by: Option<UserId>,
    pub decided_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub version: i64,
}

impl ReportRow {
    pub fn target(&self) -> Result<ReportTarget> {
        target(&self.target_type, self.target_id)
    }

    pub fn status(&self) -> Result<ReportStatus> {
        ReportStatus::parse_word(&self.status)
    }

    pub fn category(&self) -> Result<ReportCategory> {
        ReportCategory::parse_word(&self.category)
    }

    /// The latest decision, also while an appeal against it is open.
    pub fn resolution(&self) -> Result<Option<Resolution>> {
        let (Some(action), Some(decided_at)) = (&self.action, self.decided_at) else { return Ok(None) };
        Ok(Some(Resolution { action: ModerationAction::parse_word(action)?, decided_at }))
    }

    /// As its author sees it, with these files.
    pub fn report(&self, ring: &KeyRing, attachments: Vec<FileId>) -> Result<Report> {
        let status = self.status()?;
        Ok(Report {
            id: self.id,
            target: self.target()?,
            category: self.category()?,
            comment: text(ring, COMMENT, self.id, self.comment.as_ref()),
            attachments,
            status,
            resolution: self.resolution()?.filter(|_| status.is_decided()),
            created_at: self.created_at,
        })
    }
}

fn target(kind: &str, id: TargetId) -> Result<ReportTarget> {
    Ok(ReportTarget { kind: ReportTargetType::parse_word(kind)?, id })
}

#[derive(Insertable)]
#[diesel(table_name = reports)]
#[diesel(treat_none_as_default_value = false)]
pub struct NewReportRow {
    pub id: ReportId,
    pub reporter_id: UserId,
    pub target_type: &'static str,
    pub target_id: TargetId,
    pub reported_id: Option<UserId>,
    pub category: &'static str,
    pub comment: Option<Sealed>,
    pub evidence: Sealed,
    pub status: &'static str,
    pub created_at: Timestamp,
    pub version: i64,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = statements)]
#[diesel(treat_none_as_default_value = false)]
pub struct StatementRow {
    pub id: StatementId,
    pub user_id: UserId,
    pub report_id: ReportId,
    pub target_type: String,
    pub target_id: TargetId,
    pub category: String,
    pub action: String,
    pub until: Option<Timestamp>,
    pub reason: Option<Sealed>,
    pub created_at: Timestamp,
    pub appeal: Option<Sealed>,
    pub appeal_status: Option<String>,
    pub appealed_at: Option<Timestamp>,
    pub answer: Option<Sealed>,
    pub answered_at: Option<Timestamp>,
    pub self_answered: bool,
}

impl StatementRow {
    pub fn appeal(&self, ring: &KeyRing) -> Result<Option<Appeal>> {
        let (Some(status), Some(created_at)) = (&self.appeal_status, self.appealed_at) else { return Ok(None) };
        Ok(Some(Appeal {
            text: text(ring, APPEAL, self.id, self.appeal.as_ref()),
            status: AppealStatus::parse_word(status)?,
            answer: text(ring, ANSWER, self.id, self.answer.as_ref()),
            created_at,
            decided_at: self.answered_at,
            same_moderator: self.self_answered,
        }))
    }

    pub fn appeal_status(&self) -> Result<Option<AppealStatus>> {
        self.appeal_status.as_deref().map(AppealStatus::parse_word).transpose()
    }

    pub fn action(&self) -> Result<ModerationAction> {
        ModerationAction::parse_word(&self.action)
    }

    pub fn reason(&self, ring: &KeyRing) -> Option<String> {
        text(ring, STATED, self.id, self.reason.as_ref())
    }

    pub fn statement(&self, ring: &KeyRing) -> Result<Statement> {
        Ok(Statement {
            id: self.id,
            target: target(&self.target_type, self.target_id)?,
            category: ReportCategory::parse_word(&self.category)?,
            action: self.action()?,
            until: self.until,
            reason: self.reason(ring),
            created_at: self.created_at,
            appeal: self.appeal(ring)?,
        })
    }
}
