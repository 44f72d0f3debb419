//! Walks through the rows of objects, in the order of their ids, which is that of their time.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use clowder_core::Result;
use clowder_media::{
    Blobs, Key, ObjectId,
    care::{Amount, Checked, Copied, Fault, Wanted, Wrong},
};
use diesel::{
    dsl::{count_star, sql},
    prelude::*,
    sql_types::BigInt,
};

use super::super::{Repo, among::AmongIds, dialect::Conn};
use crate::domains::media::{ObjectRow, compare, copy, file_objects, key_of};

/// How many rows are read at once.
const ROWS: i64 = 200;

/// What can be read of files. Of pictures, that is the copy without metadata.
pub fn amount(conn: &mut Conn) -> Result<Amount> {
    let octets = "CAST(COALESCE(SUM(COALESCE(file_objects.clean_size, file_objects.size)), 0) AS BIGINT)";
    let kept = file_objects::table.filter(file_objects::refs.gt(0)).select((count_star(), sql::<BigInt>(octets)));
    let (count, octets) = kept.first(conn)?;
    Ok(Amount { count, octets })
}

fn next(conn: &mut Conn, after: Option<ObjectId>) -> Result<Vec<ObjectRow>> {
    let mut rows = file_objects::table.order(file_objects::id).limit(ROWS).select(ObjectRow::as_select()).into_boxed();
    if let Some(after) = after {
        rows = rows.filter(file_objects::id.gt(after));
    }
    Ok(rows.load(conn)?)
}

fn these(conn: &mut Conn, ids: &HashSet<ObjectId>) -> Result<HashMap<ObjectId, ObjectRow>> {
    let rows = file_objects::table.filter(file_objects::id.among(ids)).select(ObjectRow::as_select());
    let rows: Vec<ObjectRow> = rows.load(conn)?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

fn wanted<'r>(rows: impl IntoIterator<Item = &'r ObjectRow>) -> Result<Vec<Wanted>> {
    let mut all = Vec::new();
    for row in rows {
        all.extend(row.wanted()?);
    }
    Ok(all)
}

fn amount_of(wanted: &[Wanted]) -> Amount {
    let mut amount = Amount::default();
    for one in wanted {
        amount += Amount::of(i64::try_from(one.size).unwrap_or(i64::MAX));
    }
    amount
}

impl Repo {
    async fn next_objects(&self, after: Option<ObjectId>) -> Result<(Vec<ObjectRow>, Option<ObjectId>)> {
        let rows = self.db.read(move |conn| next(conn, after)).await?;
        let last = rows.last().map(|row| row.id).filter(|_| rows.len() == ROWS as usize);
        Ok((rows, last))
    }

    /// The rows of these objects as they are now.
    pub(super) async fn objects_now(&self, ids: HashSet<ObjectId>) -> Result<HashMap<ObjectId, ObjectRow>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        self.db.read(move |conn| these(conn, &ids)).await
    }
}

fn faults(wrong: Vec<(Wanted, Wrong)>, rows: &HashMap<ObjectId, ObjectRow>) -> Vec<Fault> {
    let fault = |(wanted, wrong): (Wanted, Wrong)| {
        let row = rows.get(&wanted.object)?;
        Some(Fault { owner: row.owner_id, files: row.refs, wanted, wrong })
    };
    wrong.into_iter().filter_map(fault).collect()
}

pub async fn check(repo: &Repo, blobs: &Arc<dyn Blobs>, after: Option<ObjectId>, hashes: bool) -> Result<Checked> {
    let (rows, next) = repo.next_objects(after).await?;
    let wants = wanted(&rows)?;
    let looked_at = amount_of(&wants);
    let wrong = compare(blobs, wants, hashes).await?;
    // What was deleted or examined meanwhile is looked at again, as it is now.
    let now = repo.objects_now(wrong.iter().map(|(one, _)| one.object).collect()).await?;
    let still = compare(blobs, wanted(now.values())?, hashes).await?;
    let latest = repo.objects_now(still.iter().map(|(one, _)| one.object).collect()).await?;
    let mut faults = faults(still, &latest);
    faults.retain(|fault| latest.get(&fault.wanted.object).is_some_and(|row| asks_for(row, &fault.wanted.key)));
    faults.sort_by(|one, other| (one.wanted.object, &one.wanted.key).cmp(&(other.wanted.object, &other.wanted.key)));
    Ok(Checked { looked_at, faults, next })
}

/// Whether a row asks for an object. A row that cannot be read asks for everything. What was uploaded stays for a while beside
/// the copy that has taken its place, but nothing lacks it.
pub fn asks_for(row: &ObjectRow, key: &Key) -> bool {
    let has_original = row.refs > 0 && row.original_until.is_some();
    if has_original && key_of(row.id).is_ok_and(|original| original == *key) {
        return true;
    }
    row.wanted().map_or(true, |wanted| wanted.iter().any(|one| one.key == *key))
}

pub async fn copy_some(
    repo: &Repo,
    from: &Arc<dyn Blobs>,
    to: &Arc<dyn Blobs>,
    after: Option<ObjectId>,
    hashes: bool,
) -> Result<Copied> {
    let (rows, next) = repo.next_objects(after).await?;
    let wants = wanted(&rows)?;
    let looked_at = amount_of(&wants);
    let copies = copy(from, to, wants, hashes).await?;
    let copied = copies.amount();
    // What was deleted or replaced meanwhile has been deleted from the other store before it came there, or only from the
    // first one.
    let touched = copies.copied.iter().chain(copies.wrong.iter().map(|(one, _)| one));
    let now = repo.objects_now(touched.map(|one| one.object).collect()).await?;
    for one in &copies.copied {
        if !now.get(&one.object).is_some_and(|row| asks_for(row, &one.key)) {
            to.delete(&one.key).await?;
        }
    }
    let mut faults = faults(copies.wrong, &now);
    faults.retain(|fault| now.get(&fault.wanted.object).is_some_and(|row| asks_for(row, &fault.wanted.key)));
    Ok(Copied { looked_at, copied, faults, next })
}
