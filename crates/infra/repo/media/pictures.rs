//! Pictures of people and things: which files somebody can give to them, and what becomes of those that go.

use clowder_core::{Ctx, Error, FileId, Result, UserId, Word, text::Flaw};
use clowder_media::{FileStatus, Purpose};
use uuid::Uuid;

use super::{
    super::{
        db::Tx,
        dialect,
        domains::{Place, Tells},
    },
    attaching::{self, FileFacts},
};

/// What a picture is for, and so for what its file can have been uploaded.
#[derive(Debug, Clone, Copy)]
pub struct Kind(&'static [Purpose]);

/// For what takes any file.
pub const ANY: Kind = Kind(&[]);
pub const AVATAR: Kind = Kind(&[Purpose::Avatar]);
pub const COVER: Kind = Kind(&[Purpose::Cover]);
pub const GROUP: Kind = Kind(&[Purpose::Group, Purpose::Avatar]);
pub const GROUP_COVER: Kind = Kind(&[Purpose::Group, Purpose::Cover]);
pub const CHAT: Kind = Kind(&[Purpose::Chat, Purpose::Avatar]);
pub const PET: Kind = Kind(&[Purpose::Pet, Purpose::Avatar]);

/// A picture that somebody chooses: where it stands in their input, for what it is, and its file.
#[derive(Debug, Clone)]
pub struct Chosen {
    pub at: String,
    pub kind: Kind,
    pub file: FileId,
}

impl Chosen {
    pub fn new(member: &str, kind: Kind, file: FileId) -> Self {
        Self { at: format!("/{member}"), kind, file }
    }

    /// One that is another than before; nothing if it goes or stays.
    pub fn other(member: &str, kind: Kind, before: Option<FileId>, after: Option<FileId>) -> Option<Self> {
        after.filter(|_| after != before).map(|file| Self::new(member, kind, file))
    }
}

/// Holds these files until the end of the transaction, which attaches them, if each is this person's own and can be such a
/// picture. It waits for whoever is deleting one of them, so all other locks but those of the journal are taken before.
pub fn hold(tx: &mut Tx<'_>, owner: UserId, chosen: &[Chosen]) -> Result<()> {
    if chosen.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<FileId> = chosen.iter().map(|chosen| chosen.file).collect();
    ids.sort_unstable();
    ids.dedup();
    let kept = dialect::media::keep_files(tx.conn, &ids)?;
    let facts = attaching::facts(tx.conn, &kept)?;
    let wrong = chosen.iter().filter_map(|chosen| {
        let own = facts.get(&chosen.file).filter(|facts| facts.owner == owner);
        own.map_or_else(|| Some(unknown()), |facts| flaw(chosen.kind, facts)).map(|flaw| flaw.at(chosen.at.clone()))
    });
    let wrong: Vec<_> = wrong.collect();
    if !wrong.is_empty() {
        return Err(Error::Invalid(wrong));
    }
    attaching::fasten(tx, kept);
    Ok(())
}

pub fn unknown() -> Flaw {
    Flaw::new("no_file", "must be a file that you have uploaded")
}

pub fn unusable() -> Flaw {
    Flaw::new("unusable", "was found to be infected or broken, so nobody gets its content")
}

/// What keeps an own file from being such a picture. While it is being examined, it can be one already.
fn flaw(kind: Kind, facts: &FileFacts) -> Option<Flaw> {
    let is = |status: FileStatus| facts.status == status.as_str();
    if is(FileStatus::Uploading) {
        return Some(Flaw::new("not_ready", "has not arrived yet"));
    }
    if is_unusable(facts) {
        return Some(unusable());
    }
    if kind.0.is_empty() {
        return None;
    }
    let fits = kind.0.iter().any(|purpose| purpose.as_str() == facts.purpose) && facts.kind.starts_with("image/");
    let purposes: Vec<_> = kind.0.iter().map(|purpose| purpose.as_str()).collect();
    (!fits).then(|| Flaw::new("unfit", format!("must be a picture that was uploaded as: {}", purposes.join(", "))))
}

/// Whether nobody will ever get its content.
fn is_unusable(facts: &FileFacts) -> bool {
    [FileStatus::Quarantined, FileStatus::Failed].iter().any(|status| facts.status == status.as_str())
}

/// What becomes of a picture that has another state, after a place in the order of what shows it. It is taken from some of
/// that, as `lets_go` does, if it was found to be infected or broken; if it can be read now, those who see the next thing are
/// told, as `renew` does: their clients asked too early. Nothing of the thing has changed, so it keeps its version.
pub fn tell(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    file: FileId,
    after: Option<Place>,
    lets_go: fn(&mut Tx<'_>, &Ctx, FileId) -> Result<usize>,
    renew: Tells,
) -> Result<Option<Place>> {
    match attaching::facts(tx.conn, &[file])?.get(&file) {
        Some(facts) if is_unusable(facts) => Ok((lets_go(tx, ctx, file)? > 0).then_some((file.uuid(), 0))),
        Some(facts) if facts.status == FileStatus::Ready.as_str() => renew(tx, ctx, file, after),
        _ => Ok(None),
    }
}

/// The id of the last thing that was told of; everything comes after the nil id.
pub fn last(after: Option<Place>) -> Uuid {
    after.map_or(Uuid::nil(), |(id, _)| id)
}

/// Says that something has the pictures of `after` and no longer those of `before`. After the locks of whatever has them.
pub fn replace(tx: &mut Tx<'_>, before: &[Option<FileId>], after: &[Option<FileId>]) {
    attaching::loosen(tx, before.iter().filter(|file| !after.contains(file)).flatten().copied());
}
