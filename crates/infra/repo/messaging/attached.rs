//! The files of messages: written with them, shown with them, and taken away with them. Who sees a message sees its files.

use std::collections::{BTreeSet, HashMap, HashSet};

use clowder_core::{Actor, ChatId, Ctx, FileId, Id, Result, Role, UserId, Via, Word, sql::Uid};
use clowder_messaging::{
    Attachment, AttachmentStatus, Change, Message, Status,
    attachments::{Files, Found, Removed},
    change::SHOW_THE_MESSAGE,
    polls::SentType,
};
use diesel::{dsl::exists, prelude::*, sql_types::BigInt};
use uuid::Uuid;

use super::{
    super::{
        among::AmongIds,
        batch::messaging::{attachments as statements, messages_at},
        cards::Cards,
        chat_exports,
        chats::edit::tell,
        db::Tx,
        dialect::{self, Backend, Conn},
        domains::{Hold, Holder, Place},
        journal,
        media::attaching::{self, FileFacts},
        people::Viewer,
    },
    mentioned::AllMentioned,
    reacted::AllReacted,
    removed::IS_SEEN,
};
use crate::{
    domains::messaging::{AttachmentRow, MessageRow, chats, message_attachments as table, messages, participants},
    statement::statement,
};

pub const HOLDER: Holder = Holder { shows, names: true, holds, lets_go, tells };

/// How many messages a deleted file is taken from in one transaction.
const PIECE: i64 = 50;

/// The part of a fingerprint that says which files a message has, and of which type it says that it is; none without files.
pub fn print(files: &[FileId], kind: Option<SentType>) -> Option<Vec<u8>> {
    let ids = files.iter().flat_map(|file| file.uuid().into_bytes());
    let kind = kind.map_or("", Word::as_str).bytes();
    (!files.is_empty()).then(|| b"attachments".iter().copied().chain(ids).chain(kind).collect())
}

/// These files as they are now.
pub fn found<'i>(conn: &mut Conn, ids: impl IntoIterator<Item = &'i FileId>) -> Result<Files> {
    let mut ids = ids.into_iter().peekable();
    if ids.peek().is_none() {
        return Ok(Files::new());
    }
    let facts = attaching::facts(conn, ids)?.into_iter();
    facts.map(|(id, facts)| Ok((id, found_as(id, facts)?))).collect()
}

/// The same, held until the end of the transaction; it waits for whoever is deleting one of them.
pub fn held(conn: &mut Conn, ids: &[FileId]) -> Result<Files> {
    if ids.is_empty() {
        return Ok(Files::new());
    }
    let kept = dialect::media::keep_files(conn, ids)?;
    found(conn, &kept)
}

/// These files, held until the end of the transaction, and those of them that somebody is deleting; it waits for nobody.
pub fn free<'i>(conn: &mut Conn, ids: impl Iterator<Item = &'i FileId>) -> Result<(Files, HashSet<FileId>)> {
    let ids: HashSet<FileId> = ids.copied().collect();
    if ids.is_empty() {
        return Ok(Default::default());
    }
    let ids: Vec<FileId> = ids.into_iter().collect();
    let kept: HashSet<FileId> = dialect::media::keep_free_files(conn, &ids)?.into_iter().collect();
    let files = found(conn, &ids)?;
    let leaving = files.keys().filter(|id| !kept.contains(id)).copied().collect();
    Ok((files, leaving))
}

/// Those of these files that exist.
pub fn there(conn: &mut Conn, ids: &[FileId]) -> Result<Vec<FileId>> {
    Ok(found(conn, ids)?.into_keys().collect())
}

fn found_as(id: FileId, facts: FileFacts) -> Result<Found> {
    let FileFacts { owner, name, kind, size, voice, status, look, .. } = facts;
    let shown = match status {
        "uploading" => None,
        status => Some(Attachment {
            id,
            name: Some(name),
            kind: Some(kind),
            size: Some(size),
            status: AttachmentStatus::parse_word(status)?,
            width: look.seen.width,
            height: look.seen.height,
            duration_ms: look.seen.duration_ms,
            waveform: look.seen.waveform,
            blurhash: look.seen.blurhash,
            thumbnails: look.thumbnails,
        }),
    };
    Ok(Found { owner, voice, shown })
}

/// Writes the files of new messages, which are held.
pub fn write<'m>(tx: &mut Tx<'_>, all: impl Iterator<Item = &'m Message>) -> Result<()> {
    let rows: Vec<AttachmentRow> = all.flat_map(AttachmentRow::of).collect();
    statements::insert_attachments(tx.conn, &rows)?;
    attaching::fasten(tx, rows.iter().map(|row| row.file_id));
    Ok(())
}

/// Writes the files of a message anew, in a locked chat. Whoever takes some away takes their names from the journal, too.
pub fn replace(tx: &mut Tx<'_>, before: &Message, after: &Message) -> Result<()> {
    let gone = statements::drop_attachments(tx.conn, &[(after.chat_id, after.seq)])?;
    write(tx, std::iter::once(after))?;
    let stay: HashSet<FileId> = after.attachments.iter().map(|file| file.id).collect();
    let gone: Vec<FileId> = gone.into_iter().filter(|file| !stay.contains(file)).collect();
    let fewer = before.attachments.iter().any(|file| !stay.contains(&file.id));
    attaching::loosen(tx, gone);
    if fewer {
        let shown = [Change::MessageUpdated(Box::new(after.clone().for_everybody()))];
        journal::rewrite_all(tx, SHOW_THE_MESSAGE, &shown)?;
        chat_exports::begin_again(tx, after.chat_id, &[after.seq])?;
    }
    Ok(())
}

/// Takes the files from messages that are being deleted, in locked chats.
pub fn drop_from(tx: &mut Tx<'_>, places: &[(ChatId, i64)]) -> Result<()> {
    let gone = statements::drop_attachments(tx.conn, places)?;
    attaching::loosen(tx, gone);
    Ok(())
}

/// Deletes some of what is kept about files in a chat that goes with everything in it; none when there is none left.
pub fn clear(tx: &mut Tx<'_>, chat: ChatId, most: i64) -> Result<u64> {
    let some = statement::<(Uid,), Backend>(
        "DELETE FROM message_attachments WHERE (chat_id, seq, place) IN (SELECT a.chat_id, a.seq, a.place \
         FROM message_attachments a WHERE a.chat_id = ? ORDER BY a.seq, a.place LIMIT ?) RETURNING file_id",
    );
    let gone: Vec<(FileId,)> = some.bind::<Uid, _>(chat).bind::<BigInt, _>(most).load(tx.conn)?;
    let rows = gone.len() as u64;
    tx.deleted_text |= rows > 0;
    attaching::loosen(tx, gone.into_iter().map(|(file,)| file));
    Ok(rows)
}

/// The files of some messages, as they are now.
#[derive(Default)]
pub struct AllAttached(HashMap<(ChatId, i64), Vec<Attachment>>);

impl AllAttached {
    /// Those of these messages; two queries, or none if no message has any.
    pub fn of<'r>(conn: &mut Conn, rows: impl Iterator<Item = &'r MessageRow>) -> Result<Self> {
        let places = rows.filter(|row| row.attached > 0 && row.deleted_at.is_none()).map(|row| (row.chat_id, row.seq));
        Self::at(conn, &places.collect::<Vec<_>>())
    }

    /// Those of the messages with these numbers.
    pub fn at(conn: &mut Conn, places: &[(ChatId, i64)]) -> Result<Self> {
        if places.is_empty() {
            return Ok(Self::default());
        }
        let mut rows = statements::attached_at(conn, places)?;
        rows.sort_unstable_by_key(|row| (row.chat_id, row.seq, row.place));
        let files = found(conn, &rows.iter().map(|row| row.file_id).collect::<HashSet<_>>())?;
        let mut all = HashMap::<_, Vec<_>>::new();
        for row in rows {
            let now = files.get(&row.file_id).and_then(|found| found.shown.clone());
            // Without a name, it has been taken away already.
            let now = now.filter(|_| row.name.is_some()).unwrap_or(Attachment::deleted(row.file_id));
            all.entry((row.chat_id, row.seq)).or_default().push(now);
        }
        Ok(Self(all))
    }

    pub fn to(&self, chat: ChatId, seq: i64) -> Vec<Attachment> {
        self.0.get(&(chat, seq)).cloned().unwrap_or_default()
    }
}

/// Whether somebody sees a message with this file.
fn shows(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<bool> {
    let own = participants::chat_id.eq(table::chat_id).and(participants::user_id.eq(viewer.id));
    let said = messages::chat_id.eq(table::chat_id).and(messages::seq.eq(table::seq));
    let seen = table::table
        .inner_join(participants::table.on(own))
        .inner_join(messages::table.on(said))
        .inner_join(chats::table.on(chats::id.eq(table::chat_id)))
        .filter(table::file_id.eq(file))
        .filter(IS_SEEN)
        .filter(messages::deleted_at.is_null())
        .filter(messages::expires_at.is_null().or(messages::expires_at.gt(viewer.now)))
        .filter(chats::deleted_at.is_null());
    Ok(diesel::select(exists(seen)).get_result(conn)?)
}

/// A message from which the file was taken away has only its place.
fn holds(conn: &mut Conn, file: FileId) -> Result<Option<Hold>> {
    let named = table::table.filter(table::file_id.eq(file)).filter(table::name.is_not_null());
    let has = diesel::select(exists(named)).get_result::<bool>(conn)?;
    Ok(has.then_some(Hold::Firm))
}

/// Takes the name of a file from some of the messages that have it, and from the journal, and tells their chats.
fn lets_go(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<usize> {
    let some = || table::table.filter(table::file_id.eq(file)).filter(table::name.is_not_null());
    let wanted: Vec<(ChatId, i64)> =
        some().order((table::chat_id, table::seq)).limit(PIECE).select((table::chat_id, table::seq)).load(tx.conn)?;
    let ids: BTreeSet<ChatId> = wanted.iter().map(|(chat, _)| *chat).collect();
    for chat in &ids {
        dialect::messaging::lock_chat(tx.conn, *chat)?;
    }
    let mut places = Vec::with_capacity(wanted.len());
    for (chat, seq) in &wanted {
        let this = table::table.filter(table::chat_id.eq(chat).and(table::seq.eq(seq))).filter(table::file_id.eq(file));
        let nothing = (table::name.eq(None::<String>), table::kind.eq(None::<String>), table::size.eq(None::<i64>));
        if diesel::update(this).set(nothing).execute(tx.conn)? > 0 {
            places.push((*chat, *seq));
        }
    }
    if places.is_empty() {
        return Ok(wanted.len());
    }
    let rows = messages_at(tx.conn, &places)?;
    let shown: Vec<_> = shown(tx.conn, &rows)?.into_iter().map(|said| Change::MessageUpdated(Box::new(said))).collect();
    for chat in &ids {
        // Summaries of chats are cached under their revision.
        diesel::update(chats::table.find(chat)).set(chats::revision.eq(chats::revision + 1)).execute(tx.conn)?;
        let seqs = places.iter().filter(|(of, _)| of == chat).map(|(_, seq)| *seq);
        chat_exports::begin_again(tx, *chat, &seqs.collect::<Vec<_>>())?;
    }
    journal::rewrite_all(tx, SHOW_THE_MESSAGE, &shown)?;
    let gone = rows.iter().map(|row| Removed { chat_id: row.chat_id, message_id: row.id, seq: row.seq, file_id: file });
    tell(tx, ctx, &gone.map(Change::AttachmentRemoved).collect::<Vec<_>>())?;
    Ok(wanted.len())
}

/// Tells the chats of some messages that a file of these has another state.
fn tells(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, after: Option<Place>) -> Result<Option<Place>> {
    let mut some = table::table
        .filter(table::file_id.eq(file).and(table::name.is_not_null()))
        .order((table::chat_id, table::seq))
        .limit(PIECE)
        .select((table::chat_id, table::seq))
        .into_boxed();
    if let Some((chat, seq)) = after {
        let chat = ChatId::from_uuid(chat);
        some = some.filter(table::chat_id.gt(chat).or(table::chat_id.eq(chat).and(table::seq.gt(seq))));
    }
    let places: Vec<(ChatId, i64)> = some.load(tx.conn)?;
    let Some((chat, seq)) = places.last() else { return Ok(None) };
    let next = (chat.uuid(), *seq);
    let ids: BTreeSet<ChatId> = places.iter().map(|(chat, _)| *chat).collect();
    for chat in &ids {
        dialect::messaging::lock_chat(tx.conn, *chat)?;
        // Summaries of chats are cached under their revision.
        diesel::update(chats::table.find(chat)).set(chats::revision.eq(chats::revision + 1)).execute(tx.conn)?;
    }
    // What was deleted meanwhile shows no file.
    let live = chats::table.filter(chats::id.among(&ids)).filter(chats::deleted_at.is_null());
    let live: HashSet<ChatId> = live.select(chats::id).load(tx.conn)?.into_iter().collect();
    let mut rows = messages_at(tx.conn, &places)?;
    rows.retain(|row| {
        let expired = row.expires_at.is_some_and(|at| at <= ctx.now);
        live.contains(&row.chat_id) && row.deleted_at.is_none() && !expired
    });
    // As a message of its sender, because there are people who hide them.
    let via = Via::Session(Id::from_uuid(Uuid::nil()));
    let told = shown(tx.conn, &rows)?.into_iter().map(|said| {
        let author = Actor::User { id: said.sender.id, via, role: Role::User };
        (ctx.by(author), Change::MessageUpdated(Box::new(said)))
    });
    let told: Vec<_> = told.collect();
    journal::append_all(tx, &told.iter().map(|(ctx, change)| (ctx, change)).collect::<Vec<_>>())?;
    Ok(Some(next))
}

/// Messages as events show them, which is the same for everybody.
pub fn shown(conn: &mut Conn, rows: &[MessageRow]) -> Result<Vec<Message>> {
    let nobody = UserId::from_uuid(Uuid::nil());
    let (mentioned, reacted) = (AllMentioned::of(conn, rows.iter())?, AllReacted::at(conn, nobody, rows.iter())?);
    let attached = AllAttached::of(conn, rows.iter())?;
    let cards = Cards::of(conn, None, rows.iter().map(|row| row.sender_id))?;
    let said = rows.iter().map(|row| {
        let (entities, mentions) = mentioned.marks(row)?;
        let reactions = reacted.to(row.chat_id, row.seq);
        let attachments = attached.to(row.chat_id, row.seq);
        let said = row.clone().message(cards.card(row.sender_id)?, Status::Sent, reactions)?;
        Ok(Message { entities, mentions, attachments, ..said }.for_everybody())
    });
    said.collect()
}
