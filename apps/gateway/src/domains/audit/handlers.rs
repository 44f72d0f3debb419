//! The audit log over HTTP: pages, exports, and each user's own timeline.

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    web::{Bytes, Data},
};
use clowder_accounts::{
    AuditFilter, AuditLog, AuditRecord, SecurityEvent,
    audit::{ActorFilter, AuditChain, TargetFilter},
};
use clowder_core::{Result, text::Flaw};
use data_encoding::HEXLOWER;
use futures_util::{Stream, stream};
use serde::Serialize;

use crate::{
    answer::{Listed, Shown},
    auth::Caller,
    csv,
    problem::{Answer, Problem},
    query::Query,
};

type Port = Data<dyn AuditLog>;

/// How many entries an export holds in memory at a time.
const PIECE: u32 = 500;

pub async fn list(audit: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<AuditRecord>> {
    let (filter, page) = (filter(&mut query), query.page());
    query.check()?;
    Ok(Listed(audit.records(&ctx, filter, page).await?))
}

pub async fn security(audit: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<SecurityEvent>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(audit.security(&ctx, page).await?))
}

/// How far the log is chained; `clowder audit verify` checks that it is whole.
pub async fn chain(audit: Port, Caller(_): Caller, query: Query) -> Answer<Shown<AuditChain>> {
    query.check()?;
    let chain = audit.chain().await?;
    Ok(Shown(AuditChain {
        position: chain.end.position,
        hash: HEXLOWER.encode(&chain.end.hash),
        begins_after: chain.start().position,
        checkpoint_at: chain.checkpoint.map(|checkpoint| checkpoint.made_at),
        pending: chain.pending,
        pending_since: chain.pending_since,
    }))
}

pub async fn export(audit: Port, Caller(ctx): Caller, mut query: Query) -> Answer<HttpResponse> {
    let filter = filter(&mut query);
    let format = query.value("format", Flaw::new("choice", "must be one of: csv, json"), Format::find);
    query.check()?;
    let format = format.unwrap_or(Format::Json);
    let until = audit.begin_export(&ctx, &filter).await?;
    let (media, file) = format.names();
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, media))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{file}\"")))
        .streaming(Export { audit, filter, until, format, after: 0, stage: Stage::Head }.stream()))
}

fn filter(query: &mut Query) -> AuditFilter {
    let actor = Flaw::new("choice", "must be an id or one of: user, api_key, system, nobody");
    AuditFilter {
        actor: query.value("actor", actor, ActorFilter::parse),
        action: query.value(
            "action",
            Flaw::new("action", "must be an action or a family of actions, such as session.opened or session.*"),
            AuditFilter::parse_action,
        ),
        target: query.value("target", Flaw::new("uuid", "must be an id or type:id"), TargetFilter::parse),
        from: query.time("from"),
        to: query.time("to"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = AuditExportFormat)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// RFC 4180, with a header line.
    Csv,
    /// One array, one entry per line.
    Json,
}

impl Format {
    fn find(text: &str) -> Option<Self> {
        [("csv", Self::Csv), ("json", Self::Json)].into_iter().find(|(name, _)| *name == text).map(|(_, format)| format)
    }

    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Csv => ("text/csv; charset=utf-8", "audit.csv"),
            Self::Json => ("application/json", "audit.json"),
        }
    }
}

/// An export in progress. A chunk is read after the previous one has been sent; if reading fails the response is cut
/// off, so that an incomplete file is recognisable.
struct Export {
    audit: Port,
    filter: AuditFilter,
    until: i64,
    format: Format,
    after: i64,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    Entries,
    Done,
}

impl Export {
    fn stream(self) -> impl Stream<Item = Result<Bytes>> {
        stream::unfold(self, |mut export| async move {
            if export.stage == Stage::Done {
                return None;
            }
            let piece = export.piece().await.map(Bytes::from).inspect_err(|error| {
                Problem::from(error.clone()).log("an export of the audit log was cut off");
            });
            if piece.is_err() {
                export.stage = Stage::Done;
            }
            Some((piece, export))
        })
    }

    async fn piece(&mut self) -> Result<Vec<u8>> {
        let first = std::mem::replace(&mut self.stage, Stage::Entries) == Stage::Head;
        let records = self.audit.export(&self.filter, self.after, self.until, PIECE).await?;
        let mut text = match self.format {
            Format::Csv => {
                let head = first.then(|| COLUMNS.map(str::to_owned));
                csv::lines(head.into_iter().chain(records.iter().map(row)))?
            }
            Format::Json => {
                let mut text = if first { b"[".to_vec() } else { Vec::new() };
                for (number, record) in records.iter().enumerate() {
                    text.extend_from_slice(if first && number == 0 { b"\n" } else { b",\n" });
                    serde_json::to_writer(&mut text, record)?;
                }
                text
            }
        };
        self.after = records.last().map_or(self.until, |record| record.position);
        if records.len() < PIECE as usize {
            self.stage = Stage::Done;
            if self.format == Format::Json {
                text.extend_from_slice(b"\n]\n");
            }
        }
        Ok(text)
    }
}

const COLUMNS: [&str; 17] = [
    "position",
    "id",
    "at",
    "actor_type",
    "actor_id",
    "owner_id",
    "session_id",
    "subject_id",
    "action",
    "target_type",
    "target_id",
    "address",
    "agent",
    "request_id",
    "before",
    "after",
    "hash",
];

fn row(record: &AuditRecord) -> [String; COLUMNS.len()] {
    let text = |value: Option<String>| value.unwrap_or_default();
    let json = |value: &Option<serde_json::Value>| text(value.as_ref().map(ToString::to_string));
    [
        record.position.to_string(),
        record.id.to_string(),
        record.at.to_string(),
        clowder_core::Word::as_str(record.actor.kind).to_owned(),
        text(record.actor.id.map(|id| id.to_string())),
        text(record.actor.owner_id.map(|id| id.to_string())),
        text(record.session_id.map(|id| id.to_string())),
        text(record.subject_id.map(|id| id.to_string())),
        record.action.clone(),
        text(record.target.as_ref().map(|target| target.kind.clone())),
        text(record.target.as_ref().map(|target| target.id.to_string())),
        text(record.address.clone()),
        text(record.agent.clone()),
        text(record.request_id.clone()),
        json(&record.before),
        json(&record.after),
        record.hash.clone(),
    ]
}
