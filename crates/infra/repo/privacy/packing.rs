//! Writes an export: a zip file created as a stream, so that at most one chunk is in memory, and the transactions that
//! store the chunks.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clowder_accounts::{
    model::{ExportId, ExportStatus},
    privacy::{CHUNK, EXPORT_FOR},
};
use clowder_core::{Ctx, Error, Id, Result, Timestamp, UserId, Word};
use diesel::prelude::*;
use zip::{
    CompressionMethod, ZipWriter,
    write::{SimpleFileOptions, StreamWriter},
};

use super::{
    super::{
        credentials::mailed::{self, Whose},
        db::Tx,
        dialect,
        media::exporting::Content,
        user_keys,
    },
    exports::link,
    parts::{self, File, Shape},
};
use crate::{
    domains::{
        accounts::users,
        messaging::{chats, participants},
        privacy::{export_chunks, export_files, exports as table},
    },
    emails::Recipient,
    seal::Place,
};

/// What has been written but not stored yet.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Written>>);

#[derive(Default)]
struct Written {
    octets: Vec<u8>,
    /// How much of the content of a file has passed, which is not stored: it is in the store of files.
    passed: Option<u64>,
}

impl Sink {
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Sink {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut written = self.lock();
        match &mut written.passed {
            Some(passed) => *passed += octets.len() as u64,
            None => written.octets.extend_from_slice(octets),
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A zip file in progress.
pub struct Packer {
    zip: ZipWriter<StreamWriter<Sink>>,
    sink: Sink,
    shape: Shape,
    items: usize,
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("export: {error}"))
}

impl Packer {
    pub fn new(ctx: &Ctx) -> Result<Self> {
        let sink = Sink::default();
        let mut packer = Self { zip: ZipWriter::new_stream(sink.clone()), sink, shape: Shape::One, items: 0 };
        packer.start("README.txt")?;
        packer.zip.write_all(readme(ctx).as_bytes()).map_err(internal)?;
        Ok(packer)
    }

    fn start(&mut self, name: &str) -> Result<()> {
        // For any size, which is not known in advance.
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).large_file(true);
        self.zip.start_file(name, options).map_err(internal)
    }

    pub fn open(&mut self, file: &File) -> Result<()> {
        self.start(file.name)?;
        (self.shape, self.items) = (file.shape, 0);
        Ok(())
    }

    pub fn put(&mut self, items: &[serde_json::Value]) -> Result<()> {
        let mut text = Vec::new();
        for item in items {
            match self.shape {
                Shape::List if self.items == 0 => text.extend_from_slice(b"[\n"),
                Shape::List => text.extend_from_slice(b",\n"),
                Shape::One | Shape::Lines => {}
            }
            match self.shape {
                Shape::One => serde_json::to_writer_pretty(&mut text, item)?,
                Shape::List | Shape::Lines => serde_json::to_writer(&mut text, item)?,
            }
            if self.shape != Shape::List {
                text.push(b'\n');
            }
            self.items += 1;
        }
        self.zip.write_all(&text).map_err(internal)
    }

    pub fn close(&mut self) -> Result<()> {
        let end: &[u8] = match (self.shape, self.items) {
            (Shape::List, 0) => b"[]\n",
            (Shape::List, _) => b"\n]\n",
            (Shape::One | Shape::Lines, _) => b"",
        };
        self.zip.write_all(end).map_err(internal)
    }

    /// A full chunk, if there is one.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        let mut sink = self.sink.lock();
        (sink.octets.len() >= CHUNK).then(|| sink.octets.drain(..CHUNK).collect())
    }

    /// Begins the content of a file, which is not compressed: most of it is already. What comes next is only counted and
    /// hashed. Returns what is to be stored before it.
    pub fn begin_content(&mut self, path: &str) -> Result<Vec<Vec<u8>>> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
        self.zip.start_file(path, options).map_err(internal)?;
        let mut sink = self.sink.lock();
        sink.passed = Some(0);
        let before = std::mem::take(&mut sink.octets);
        Ok(before.chunks(CHUNK).map(<[u8]>::to_vec).collect())
    }

    pub fn pass(&mut self, octets: &[u8]) -> Result<()> {
        self.zip.write_all(octets).map_err(internal)
    }

    /// Ends it; fails if it had another length.
    pub fn end_content(&mut self, size: u64) -> Result<()> {
        self.zip.flush().map_err(internal)?;
        match self.sink.lock().passed.take() {
            Some(passed) if passed == size => Ok(()),
            passed => Err(internal(format_args!("a file has {passed:?} octets and not {size}"))),
        }
    }

    /// Ends the file; returns the rest of it in chunks.
    pub fn finish(self) -> Result<Vec<Vec<u8>>> {
        let Self { zip, sink, .. } = self;
        zip.finish().map_err(internal)?;
        let rest = std::mem::take(&mut sink.lock().octets);
        Ok(rest.chunks(CHUNK).map(<[u8]>::to_vec).collect())
    }
}

fn readme(ctx: &Ctx) -> String {
    let mut text = format!(
        "An export of the data this server has about you, created on {}.\n\n\
         Files that end in .json hold one JSON value; those that end in .ndjson one JSON value per line.\n\
         Times are in UTC, ids are UUIDs. Messages from other people belong to them and are not included.\n\
         The folder files/ has the content of the files in files.json whose status is \"ready\", each under its id and its\n\
         name.\n\n",
        ctx.now
    );
    for file in parts::all().iter().flat_map(|part| part.files) {
        text += &format!("{:16} {}\n", file.name, file.about);
    }
    text
}

/// An export that a worker makes. If several workers believe that it is theirs, the one that began last continues.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub export: ExportId,
    pub user: UserId,
    /// The approximate amount of data to read.
    pub total: i64,
    run: Id<Run>,
}

impl Run {
    /// Begins, or begins again: what an earlier worker made is deleted. `None` if there is nothing to do.
    pub fn begin(tx: &mut Tx<'_>, ctx: &Ctx, export: ExportId) -> Result<Option<Self>> {
        let user: Option<UserId> = table::table.find(export).select(table::user_id).first(tx.conn).optional()?;
        let Some(user) = user else { return Ok(None) };
        dialect::accounts::lock_user(tx.conn, user)?;
        let deleted = users::table.find(user).filter(users::deleted_at.is_not_null()).count();
        if deleted.get_result::<i64>(tx.conn)? > 0 {
            return Ok(None);
        }
        let run = Id::<Run>::new(ctx.now);
        let unfinished = [ExportStatus::Queued, ExportStatus::Running].map(Word::as_str);
        // Locking the row first waits for an earlier worker that is storing a chunk, so that this chunk is seen below.
        let taken = diesel::update(table::table.find(export).filter(table::status.eq_any(unfinished)))
            .set((
                table::status.eq(ExportStatus::Running.as_str()),
                table::run_id.eq(run),
                table::progress.eq(0),
                table::size.eq(0),
            ))
            .execute(tx.conn)?;
        if taken == 0 {
            return Ok(None);
        }
        forget_pieces(tx, export)?;
        let own = participants::table.inner_join(chats::table).filter(participants::user_id.eq(user));
        let places: Vec<i64> = own.select(chats::last_seq).load(tx.conn)?;
        // Messages are read twice: their current and their earlier versions.
        let total = places.iter().fold(0_i64, |sum, places| sum.saturating_add(places.saturating_mul(2)));
        Ok(Some(Self { export, user, total, run }))
    }

    /// The progress after this much has been read: at most 99, because the last step is separate.
    pub fn progress(&self, seen: i64) -> i16 {
        i16::try_from(seen.saturating_mul(99) / self.total.max(1)).unwrap_or(99).clamp(0, 99)
    }

    /// Stores the progress.
    fn note(&self, tx: &mut Tx<'_>, progress: i16, octets: usize) -> Result<()> {
        let held = table::table.find(self.export).filter(table::run_id.eq(self.run));
        let grown = table::size + i64::try_from(octets).unwrap_or(0);
        let noted = diesel::update(held).set((table::progress.eq(progress), table::size.eq(grown))).execute(tx.conn)?;
        if noted == 1 {
            Ok(())
        } else {
            Err(Error::unavailable("the export was taken over by another worker, or is gone"))
        }
    }

    pub fn told(&self, tx: &mut Tx<'_>, progress: i16) -> Result<()> {
        self.note(tx, progress, 0)
    }

    /// Stores a chunk.
    pub fn keep(&self, tx: &mut Tx<'_>, ctx: &Ctx, number: i32, octets: &[u8], progress: i16) -> Result<()> {
        self.note(tx, progress, octets.len())?;
        let id = Id::<()>::new(ctx.now);
        let sealed = user_keys::of(tx, ctx, self.user)?.seal(Place::new(super::EXPORT_CHUNK, id), octets)?;
        diesel::insert_into(export_chunks::table)
            .values((
                export_chunks::id.eq(id),
                export_chunks::export_id.eq(self.export),
                export_chunks::number.eq(number),
                export_chunks::data.eq(sealed),
            ))
            .execute(tx.conn)?;
        Ok(())
    }

    /// Stores where the content of a file is, whose first piece has this number.
    pub fn refer(&self, tx: &mut Tx<'_>, first: i32, content: Content, size: i64, progress: i16) -> Result<()> {
        self.note(tx, progress, usize::try_from(size).map_err(internal)?)?;
        diesel::insert_into(export_files::table)
            .values((
                export_files::export_id.eq(self.export),
                export_files::first.eq(first),
                export_files::object_id.eq(content.object),
                export_files::clean.eq(content.clean),
                export_files::size.eq(size),
            ))
            .execute(tx.conn)?;
        Ok(())
    }

    /// Marks it ready: an email says where it is, and nothing about its content. An unconfirmed address gets no link,
    /// which would open everything to its reader.
    pub fn end(&self, tx: &mut Tx<'_>, ctx: &Ctx) -> Result<()> {
        self.note(tx, 100, 0)?;
        let until = ctx.now.plus(EXPORT_FOR);
        let link_id = Id::<()>::new(ctx.now);
        let ready =
            (table::status.eq(ExportStatus::Ready.as_str()), table::expires_at.eq(until), table::link_id.eq(link_id));
        diesel::update(table::table.find(self.export)).set(ready).execute(tx.conn)?;
        let (name, address, confirmed_at): (String, String, Option<Timestamp>) = users::table
            .find(self.user)
            .select((users::display_name, users::email, users::email_verified_at))
            .first(tx.conn)?;
        let link = confirmed_at.map(|_| link(&tx.services.keys, self.export, Some(link_id), until)).transpose()?;
        let mail = tx.services.email_templates.export_ready(&Recipient { name, address }, link.as_deref(), until)?;
        mailed::post(tx, ctx, Whose::User(self.user), &mail)
    }
}

fn forget_pieces(tx: &mut Tx<'_>, export: ExportId) -> Result<()> {
    diesel::delete(export_chunks::table.filter(export_chunks::export_id.eq(export))).execute(tx.conn)?;
    diesel::delete(export_files::table.filter(export_files::export_id.eq(export))).execute(tx.conn)?;
    Ok(())
}

/// Marks it failed; another one can be requested.
pub fn fail(tx: &mut Tx<'_>, export: ExportId) -> Result<()> {
    forget_pieces(tx, export)?;
    let unfinished = table::table.find(export).filter(table::status.ne(ExportStatus::Ready.as_str()));
    diesel::update(unfinished).set(table::status.eq(ExportStatus::Failed.as_str())).execute(tx.conn)?;
    Ok(())
}
