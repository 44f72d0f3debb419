//! Emails to somebody, sent or waiting: exported and erased.

use clowder_accounts::Email;
use clowder_core::{Ctx, Field, JobId, Result, Timestamp};
use diesel::prelude::*;
use serde_json::json;

use super::super::{
    db::Tx,
    dialect::{self, Conn},
    jobs,
    privacy::{
        Asking, Erasing,
        parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, all_gone},
    },
};
use crate::{
    domains::{credentials::mailed_tokens, jobs::jobs as waiting, sign_ups::sign_ups},
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "emails",
    phase: Phase::Content,
    references: &[erased("mailed_tokens", "user_id"), erased("jobs", "subject_id")],
    files: &[File {
        name: "emails.json",
        about: "emails that asked you to confirm something",
        shape: Shape::List,
        read: export,
    }],
    erase,
}];

/// Of all sent emails, only those that asked for something are stored, for a few days, and never their tokens.
fn export(conn: &mut Conn, asking: &Asking, _: Option<&str>) -> Result<ExportPage> {
    type Row = (String, String, Timestamp, Timestamp, Option<Timestamp>);
    let rows: Vec<Row> = mailed_tokens::table
        .filter(mailed_tokens::user_id.eq(asking.user))
        .order(mailed_tokens::created_at)
        .limit(10_000)
        .select((
            mailed_tokens::purpose,
            mailed_tokens::email,
            mailed_tokens::created_at,
            mailed_tokens::expires_at,
            mailed_tokens::used_at,
        ))
        .load(conn)?;
    let item = |(purpose, email, created_at, expires_at, used_at): Row| json!({"purpose": purpose, "email": email, "created_at": created_at, "expires_at": expires_at, "used_at": used_at});
    Ok(ExportPage { items: rows.into_iter().map(item).collect(), ..ExportPage::default() })
}

/// Sent or waiting emails, including failed ones among the dead jobs, whose payload contains the address, and sign-ups
/// with that address. Emails about the user to other addresses are found by the user's id: such an address may belong
/// to another person, whose own emails stay.
fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let address = erasing.recipient.as_ref().map(|recipient| recipient.address.clone()).unwrap_or_default();
    let recipient = jobs::recipient(&tx.services.keys, &address);
    let theirs = waiting::table
        .filter(waiting::subject_id.eq(erasing.user).or(waiting::recipient.eq(recipient)))
        .select(waiting::id)
        .order(waiting::id)
        .limit(ROWS);
    let theirs: Vec<JobId> = theirs.load(tx.conn)?;
    dialect::jobs::lock_jobs(tx.conn, &theirs)?;
    let left = theirs.len() as i64 == ROWS;
    let mut rows = diesel::delete(waiting::table.filter(waiting::id.eq_any(theirs))).execute(tx.conn)?;
    rows += diesel::delete(mailed_tokens::table.filter(mailed_tokens::user_id.eq(erasing.user))).execute(tx.conn)?;
    // For any spelling: an internationalised domain has two spellings and one key.
    if let Ok(email) = Email::parse(address.into()) {
        let sent = mailed_tokens::mailbox.eq(email.mailbox()).and(mailed_tokens::email_key.eq(email.key()));
        rows += diesel::delete(mailed_tokens::table.filter(sent)).execute(tx.conn)?;
        rows += diesel::delete(sign_ups::table.filter(sign_ups::email_key.eq(email.key()))).execute(tx.conn)?;
    }
    all_gone(rows, left)
}
