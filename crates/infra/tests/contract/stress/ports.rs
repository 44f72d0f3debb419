//! All methods of all ports: those that write, and those that do not.

use std::{collections::BTreeSet, path::Path};

/// Every write of every port. What a port has and is neither here nor among [`READS`] fails the test.
pub const WRITES: &[&str] = &[
    "Accounts::register",
    "Accounts::login",
    "Accounts::refresh",
    "Accounts::redeem",
    "Accounts::logout",
    "Accounts::logout_all",
    "Accounts::edit_me",
    "Accounts::name_session",
    "Accounts::end_other_sessions",
    "Accounts::end_session",
    "ApiKeys::create_key",
    "ApiKeys::revoke_key",
    "ApiKeys::check_key",
    "AuditLog::append_pending",
    "AuditLog::begin_export",
    "Credentials::verify_email",
    "Credentials::resend",
    "Credentials::resend_to",
    "Credentials::change_email",
    "Credentials::forgot",
    "Credentials::reset",
    "Credentials::change_password",
    "Jobs::order",
    "Jobs::take",
    "Jobs::renew",
    "Jobs::settle",
    "Jobs::give_back",
    "Jobs::tick",
    "Jobs::retry",
    "Jobs::retry_dead",
    "Jobs::drop_dead",
    "Journal::sweep",
    "Messaging::create_chat",
    "Messaging::send",
    "Messaging::edit",
    "Messaging::delete",
    "Messaging::read",
    "Preferences::edit_settings",
    "Privacy::export",
    "Privacy::erase",
    "Privacy::undo_erasure",
    "Privacy::erase_user",
    "Sealing::rotate",
    "SignUps::approve",
    "SignUps::reject",
    "SignUps::invite",
    "SignUps::revoke_invite",
    "SignUps::import",
    "Staff::create_account",
    "Staff::set_role",
    "Staff::suspend",
    "Staff::lift",
    "Staff::remove_second_factor",
    "Staff::reset_link",
    "Staff::end_sessions",
    "TwoFactor::setup",
    "TwoFactor::enable",
    "TwoFactor::disable",
    "TwoFactor::renew_codes",
    "TwoFactor::reauthenticate",
    "Upkeep::put_clock_right",
    "Upkeep::sweep",
];

/// What writes nothing.
const READS: &[&str] = &[
    "Accounts::identify",
    "Accounts::is_ended",
    "Accounts::may_reach_others",
    "Accounts::me",
    "Accounts::sessions",
    "Accounts::ticket",
    "Accounts::ticket_holder",
    "ApiKeys::is_revoked",
    "ApiKeys::key",
    "ApiKeys::keys",
    "ApiKeys::recall_key",
    "AuditLog::chain",
    "Credentials::email_link",
    "AuditLog::export",
    "AuditLog::records",
    "AuditLog::security",
    "AuditLog::verify",
    "Jobs::lease",
    "Jobs::list",
    "Jobs::ordered",
    "Journal::after",
    "Journal::extent",
    "Journal::followed",
    "Journal::replay",
    "Messaging::chat",
    "Messaging::chats",
    "Messaging::history",
    "Messaging::message",
    "Messaging::messages",
    "Preferences::settings",
    "Privacy::chunk",
    "Privacy::download",
    "Privacy::exports",
    "Privacy::one_export",
    "Replay::next",
    "Sealing::held",
    "Sealing::keys",
    "Sealing::try_keys",
    "SignUps::invites",
    "SignUps::waiting",
    "Staff::account",
    "Staff::account_named",
    "Staff::accounts",
    "Staff::standing",
    "Upkeep::check",
    "Upkeep::recall",
    "Upkeep::skew",
    "Upkeep::was_ahead",
];

/// The sources of all ports: of every domain crate what lies in `port.rs` and `port/`, so that no new port is forgotten.
fn sources() -> Vec<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = ["core/src/journal.rs", "core/src/job.rs", "infra/base/src/seal.rs", "infra/base/src/store.rs"]
        .map(|file| crates.join(file))
        .to_vec();
    for domain in crates.read_dir().unwrap().map(|entry| entry.unwrap().path().join("src")) {
        files.extend(Some(domain.join("port.rs")).filter(|file| file.is_file()));
        files.extend(domain.join("port").read_dir().into_iter().flatten().map(|entry| entry.unwrap().path()));
    }
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// `Port::method` of all ports, as their sources say.
fn methods() -> BTreeSet<String> {
    let mut methods = BTreeSet::new();
    for source in sources() {
        let mut port = None;
        for line in source.lines() {
            if let Some(rest) = line.strip_prefix("pub trait ") {
                let name = rest.split([':', ' ', '<']).next().unwrap();
                // A worker is what a job does; its jobs are done below.
                port = Some(name).filter(|name| !["Work", "Worker"].contains(name));
            } else if line == "}" {
                port = None;
            } else if let (Some(port), Some((_, rest))) = (port, line.split_once("fn ")) {
                let indented = line.starts_with("    fn ") || line.starts_with("    async fn ");
                if indented {
                    methods.insert(format!("{port}::{}", rest.split(['(', '<']).next().unwrap()));
                }
            }
        }
    }
    methods
}

#[test]
fn every_method_of_every_port_is_listed() {
    let listed: BTreeSet<String> = WRITES.iter().chain(READS).map(|name| (*name).to_owned()).collect();
    let methods = methods();
    assert!(methods.len() > 80, "{methods:?}");
    let missing: Vec<_> = methods.difference(&listed).collect();
    assert!(missing.is_empty(), "a write joins the stress test (WRITES and `perform`), a read READS: {missing:?}");
    let gone: Vec<_> = listed.difference(&methods).collect();
    assert!(gone.is_empty(), "no port has {gone:?}");
}
