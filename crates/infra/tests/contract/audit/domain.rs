//! What the tests of all domains need to know about audit.

use crate::{
    domains::Domain,
    stress::{Performed, Scene},
};

pub const DOMAIN: Domain = Domain {
    writes: &["AuditLog::append_pending", "AuditLog::begin_export"],
    reads: &["AuditLog::chain", "AuditLog::export", "AuditLog::records", "AuditLog::security", "AuditLog::verify"],
    perform,
    ids: &["audit.id", "audit.session_id", "audit_pending.id", "audit_pending.session_id", "refusal_windows.entry_id"],
    never: &[("gaps in the audit log", "audit_head h WHERE h.position <> (SELECT count(*) FROM audit)")],
    ..Domain::NONE
};

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { store, admin, .. } = scene;
        match write {
            "AuditLog::append_pending" => drop(store.audit.append_pending().await?),
            "AuditLog::begin_export" => drop(store.audit.begin_export(&admin, &Default::default()).await?),
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
