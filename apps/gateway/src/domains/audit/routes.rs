//! The routes of the audit log.

use clowder_accounts::{AuditRecord, SecurityEvent, audit::AuditChain, permissions::READ_AUDIT, scopes::ADMIN_READ};

use super::{examples, handlers};
use crate::routes::{Endpoint, get};

const ACTOR: &str = "^(user|api_key|system|nobody|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$";
const ACTION: &str = r"^[a-z_]{1,20}(\.[a-z_]{1,20}){0,2}(\.\*)?$";
const TARGET: &str = "^([a-z_]+:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/users/me/security", handlers::security)
            .says("Read the security timeline of your account, newest first")
            .called("listSecurityEvents")
            .notes("Sign-ins, failed attempts, changes of password, address and factors, API keys, and what staff did to your account.")
            .lists::<SecurityEvent>(),
        audit_filter(get("/api/admin/audit", handlers::list))
            .needs(READ_AUDIT)
            .scope(ADMIN_READ)
            .says("Search the audit log, newest first")
            .called("listAuditRecords")
            .notes("Filters can be combined. An empty page means that nothing fits.")
            .lists::<AuditRecord>(),
        audit_filter(get("/api/admin/audit/export", handlers::export))
            .needs(READ_AUDIT)
            .scope(ADMIN_READ)
            .says("Export the audit log, oldest first, at any size")
            .called("exportAuditRecords")
            .notes("Streams all entries that fit the filters. The connection is cut when reading fails, so an incomplete export is recognisable.")
            .asks::<handlers::Format>(
                "format",
                "`json` (when absent): one array with an entry per line; `csv`: RFC 4180 with a header",
            )
            .downloads()
            .gives_list::<AuditRecord>(200, "The whole log; a response that is cut off is incomplete")
            .gives_text("text/csv", "The whole log; a response that is cut off is incomplete")
            .such_as(examples::CSV),
        get("/api/admin/audit/chain", handlers::chain)
            .needs(READ_AUDIT)
            .scope(ADMIN_READ)
            .says("Read how far the audit log is chained")
            .called("getAuditChain")
            .notes("Entries are chained in order within a second after they are written.")
            .gives::<AuditChain>(200, "From where to where the chain reaches, and what is pending"),
    ]
}

fn audit_filter(line: Endpoint) -> Endpoint {
    line.asks_form("actor", ACTOR, "By this actor: an id, or `user`, `api_key`, `system` or `nobody`")
        .asks_form("action", ACTION, "This action, `session.opened`, or a family of them, `session.*`")
        .asks_form("target", TARGET, "On this target: an id, or `type:id`")
        .asks::<clowder_core::Timestamp>("from", "Not before this time")
        .asks::<clowder_core::Timestamp>("to", "Before this time")
}
