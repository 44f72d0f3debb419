//! Whether a file may be uploaded.

use clowder_core::{Error, Result, Word, text};

use crate::{
    Purpose, Seen, kinds,
    refusals::{
        FILE_BUSY, FILE_EXPIRED, FILE_MISMATCH, FILE_OFFSET, FILE_QUOTA, FILE_RESUMABLES, FILE_SERVER_FULL,
        FILE_TOO_LARGE, FILE_TRASH, FILE_TYPE, FILE_UPLOADS,
    },
    resumable::Progress,
    sniff::Sniffed,
};

/// How much one person can have, and all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In all files together.
    pub octets: i64,
    pub files: i64,
    /// How many of them may be arriving at the same time.
    pub at_once: i64,
    /// How many resumable uploads may wait to be continued.
    pub resumables: i64,
    /// In all objects of the server, those included that wait to be purged.
    pub server_octets: i64,
    /// How many objects the server can have.
    pub server_objects: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            octets: 10 << 30,
            files: 100_000,
            at_once: 10,
            resumables: 100,
            server_octets: i64::MAX,
            server_objects: i64::MAX,
        }
    }
}

impl Limits {
    /// Whether less than a tenth of the room of the server is left.
    pub fn is_scarce(self, octets: i64, objects: i64) -> bool {
        octets > self.server_octets - self.server_octets / 10
            || objects > self.server_objects - self.server_objects / 10
    }
}

/// What one person has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of all files together; content that several have counts once.
    pub octets: i64,
    /// Those that are arriving included.
    pub files: i64,
    pub arriving: i64,
    pub trash: Trash,
}

/// What has been deleted, and waits to be removed from the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trash {
    pub octets: i64,
    pub objects: i64,
}

impl Trash {
    /// Whether the oldest of it must go at once: it may take as much room again as files do.
    pub fn overflows(self, limits: Limits) -> bool {
        self.octets > limits.octets || self.objects > limits.files
    }

    /// Whether removing does not keep pace with deleting, so that nothing may come before some of it is gone. What
    /// overflows is removed within seconds, as long as the store can delete.
    fn is_full(self, limits: Limits) -> bool {
        self.octets >= limits.octets.saturating_mul(2) || self.objects >= limits.files.saturating_mul(2)
    }
}

/// Whether there may be one more file.
fn may_have_more(usage: Usage, limits: Limits) -> Result<()> {
    if usage.trash.is_full(limits) {
        return Err(FILE_TRASH.into());
    }
    let is_full = usage.files >= limits.files || usage.octets >= limits.octets;
    if is_full { Err(FILE_QUOTA.into()) } else { Ok(()) }
}

/// Whether one more file may arrive right now.
fn may_arrive(usage: Usage, limits: Limits) -> Result<()> {
    if usage.arriving >= limits.at_once { Err(FILE_UPLOADS.into()) } else { Ok(()) }
}

/// Whether one more upload may begin.
pub fn may_begin(usage: Usage, limits: Limits) -> Result<()> {
    may_have_more(usage, limits)?;
    may_arrive(usage, limits)
}

/// Whether one more resumable upload may begin, beside so many that are not complete.
pub fn may_reserve(usage: Usage, open: i64, limits: Limits) -> Result<()> {
    may_have_more(usage, limits)?;
    if open >= limits.resumables { Err(FILE_RESUMABLES.into()) } else { Ok(()) }
}

/// Whether a resumable upload may go on, from this offset.
pub fn may_continue(progress: Progress, offset: u64, usage: Usage, limits: Limits) -> Result<()> {
    if progress.is_expired {
        return Err(FILE_EXPIRED.into());
    }
    if progress.is_busy {
        return Err(FILE_BUSY.into());
    }
    if progress.arrived != offset {
        return Err(FILE_OFFSET.into());
    }
    may_arrive(usage, limits)
}

/// Whether a file for this purpose may have so many octets, so far or in all.
pub fn may_have(purpose: Purpose, octets: u64) -> Result<()> {
    let most = purpose.most_octets();
    if octets <= most {
        return Ok(());
    }
    let (purpose, mib) = (purpose.as_str(), most >> 20);
    let detail = format!(
        "For the purpose `{purpose}`, a file can have {most} octets ({mib} MiB); this one has at least {octets}"
    );
    Err(Error::explained(FILE_TOO_LARGE, detail))
}

/// How much an upload reserves beyond what it needs, in octets.
pub const AHEAD: i64 = 8 << 20;

/// What is taken of the room of a person and of the server without an upload: by all that is stored, and by what other
/// uploads have reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    pub own: i64,
    pub server: i64,
}

impl Taken {
    /// How many octets an upload reserves that needs so many, by now or in all if it `is_all`; refused if there is no room for
    /// them. It reserves more than it needs, in order not to ask for each piece, unless little room is left, which it would
    /// take from others.
    pub fn reserve(self, needed: i64, is_all: bool, limits: Limits) -> Result<i64> {
        let fits = |used: i64, octets: i64, limit: i64| used.saturating_add(octets) <= limit;
        if !fits(self.own, needed, limits.octets) {
            return Err(FILE_QUOTA.into());
        }
        if !fits(self.server, needed, limits.server_octets) {
            return Err(FILE_SERVER_FULL.into());
        }
        let more = needed.saturating_add(AHEAD);
        let is_plenty = |used: i64, limit: i64| fits(used, more, limit - limit / 10);
        let is_plenty = is_plenty(self.own, limits.octets) && is_plenty(self.server, limits.server_octets);
        Ok(if is_plenty && !is_all { more } else { needed })
    }
}

/// How much of the type that an upload names is repeated, in characters.
const LONGEST_NAMED: usize = 127;

/// Whether what has arrived may be kept for this purpose. `named` is the type that the upload gave to it, if any.
pub fn may_be(purpose: Purpose, found: Sniffed, named: Option<&str>) -> Result<()> {
    let (named, is) = (named.unwrap_or_default(), found.media_type);
    if !kinds::fits(named, found) {
        let named = text::cut(named, LONGEST_NAMED);
        return Err(Error::explained(FILE_MISMATCH, format!("The upload calls it {named}, and its content is {is}")));
    }
    if purpose.takes(found) {
        return Ok(());
    }
    let detail = match found.also {
        Some(also) => format!("Its content is {is}, and {also} at the same time: such a file is taken for no purpose"),
        None => {
            let (purpose, types) = (purpose.as_str(), purpose.types());
            format!("Its content is {is}; for the purpose `{purpose}`, a file must be {types}")
        }
    };
    Err(Error::explained(FILE_TYPE, detail))
}

/// The longest recording that can be a voice message, in milliseconds.
pub const LONGEST_VOICE: i64 = 15 * 60 * 1000;

/// Whether a file can be used for its purpose, after it was examined. `seen` is what was found in it; nothing if it could not
/// be read.
pub fn is_fit(purpose: Purpose, kind: &str, seen: Option<&Seen>) -> bool {
    match purpose {
        Purpose::Voice => {
            let duration = seen.and_then(|seen| seen.duration_ms);
            kind.starts_with("audio/") && duration.is_some_and(|duration| duration <= LONGEST_VOICE)
        }
        Purpose::Video => kind.starts_with("video/") && seen.is_some(),
        Purpose::Attachment => seen.is_some() || !kinds::is_stripped(kind),
        Purpose::Avatar | Purpose::Cover | Purpose::Pet | Purpose::Event | Purpose::Chat | Purpose::Group => {
            seen.is_some()
        }
    }
}

/// Whether so much new content, for which no room is reserved, fits beside what there is by now: other uploads may have
/// ended meanwhile.
pub fn may_keep(usage: Usage, size: i64, limits: Limits) -> Result<()> {
    if size > 0 && usage.octets + size > limits.octets { Err(FILE_QUOTA.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sniff::sniff;

    fn code(result: Result<()>) -> &'static str {
        match result {
            Ok(()) => "",
            Err(error) => error.refusal().unwrap_or_else(|| panic!("{error}")).code,
        }
    }

    const LIMITS: Limits =
        Limits { octets: 20 << 20, files: 3, at_once: 2, resumables: 2, server_octets: 30 << 20, server_objects: 4 };

    #[test]
    fn nobody_has_more_than_the_quota() {
        let usage = |octets, files, arriving| Usage { octets, files, arriving, trash: Trash::default() };
        for (has, begin) in [
            (usage(0, 0, 0), ""),
            (usage(0, 2, 1), ""),
            (usage(0, 3, 0), "file.quota"),
            (usage(20 << 20, 1, 0), "file.quota"),
            (usage(0, 2, 2), "file.uploads"),
        ] {
            assert_eq!(code(may_begin(has, LIMITS)), begin, "{has:?}");
        }
        for (octets, objects, overflows, begin) in [
            (20 << 20, 3, false, ""),
            ((20 << 20) + 1, 1, true, ""),
            (1, 4, true, ""),
            (40 << 20, 1, true, "file.trash"),
            (1, 6, true, "file.trash"),
        ] {
            let trash = Trash { octets, objects };
            assert_eq!(trash.overflows(LIMITS), overflows, "{trash:?}");
            assert_eq!(code(may_begin(Usage { trash, ..Usage::default() }, LIMITS)), begin, "{trash:?}");
        }
        for (has, open, reserve) in [
            (usage(0, 2, 2), 1, ""),
            (usage(0, 2, 0), 2, "file.resumables"),
            (usage(0, 3, 0), 0, "file.quota"),
            (usage(20 << 20, 1, 0), 0, "file.quota"),
        ] {
            assert_eq!(code(may_reserve(has, open, LIMITS)), reserve, "{has:?} {open}");
        }
        assert_eq!(code(may_keep(usage(20 << 20, 1, 0), 0, LIMITS)), "");
        assert_eq!(code(may_keep(usage((20 << 20) - 5, 1, 0), 6, LIMITS)), "file.quota");
    }

    #[test]
    fn an_upload_reserves_what_it_needs_and_more_only_if_there_is_plenty() {
        for (octets, may) in [(0, ""), (10 << 20, ""), ((10 << 20) + 1, "file.too_large")] {
            assert_eq!(code(may_have(Purpose::Avatar, octets)), may, "{octets}");
        }
        let mib = |n: i64| n << 20;
        let limits = Limits { octets: mib(100), server_octets: mib(1000), ..LIMITS };
        for (own, server, needed, is_all, reserved) in [
            (0, 0, 0, false, Ok(AHEAD)),
            (0, 0, 1, false, Ok(AHEAD + 1)),
            (0, 0, 1, true, Ok(1)),
            // The last tenth is for what is needed.
            (mib(82), mib(82), 0, false, Ok(AHEAD)),
            (mib(82), mib(82), 1, false, Ok(1)),
            (0, mib(892), 1, false, Ok(1)),
            (mib(99), mib(99), mib(1), false, Ok(mib(1))),
            (mib(99), mib(99), mib(1) + 1, false, Err("file.quota")),
            (mib(99), mib(99), mib(1) + 1, true, Err("file.quota")),
            (0, mib(999), mib(1) + 1, true, Err("file.server_full")),
            (0, mib(1001), 0, false, Err("file.server_full")),
        ] {
            let found = Taken { own, server }.reserve(needed, is_all, limits);
            let found = found.map_err(|error| code(Err(error)));
            assert_eq!(found, reserved, "{own} {server} {needed} {is_all}");
        }
        let unlimited = Taken { own: 0, server: 1 << 60 }.reserve(1, false, Limits::default());
        assert_eq!(unlimited.unwrap(), AHEAD + 1);
    }

    #[test]
    fn a_resumable_upload_goes_on_where_it_is() {
        let progress = Progress { arrived: 5, is_busy: false, is_expired: false };
        let usage = |arriving| Usage { arriving, ..Usage::default() };
        for (progress, offset, usage, may) in [
            (progress, 5, usage(1), ""),
            (progress, 4, usage(0), "file.offset"),
            (progress, 6, usage(0), "file.offset"),
            (progress, 5, usage(2), "file.uploads"),
            (Progress { is_busy: true, ..progress }, 5, usage(0), "file.busy"),
            (Progress { is_busy: true, ..progress }, 4, usage(0), "file.busy"),
            (Progress { is_busy: true, is_expired: true, ..progress }, 5, usage(0), "file.expired"),
        ] {
            assert_eq!(code(may_continue(progress, offset, usage, LIMITS)), may, "{progress:?} {offset}");
        }
    }

    #[test]
    fn the_last_tenth_of_the_room_is_scarce() {
        let limits = Limits { server_octets: 100, server_objects: 10, ..LIMITS };
        for (octets, objects, is_scarce) in [(90, 9, false), (91, 1, true), (1, 10, true), (200, 20, true)] {
            assert_eq!(limits.is_scarce(octets, objects), is_scarce, "{octets} {objects}");
        }
        assert!(!Limits::default().is_scarce(1 << 60, 1 << 60));
    }

    #[test]
    fn a_file_that_was_examined_fits_its_purpose_or_not() {
        let lasts = |duration_ms| Seen { duration_ms, ..Seen::default() };
        let short = lasts(Some(LONGEST_VOICE));
        for (purpose, kind, seen, fits) in [
            (Purpose::Voice, "audio/ogg", Some(&short), true),
            (Purpose::Voice, "audio/ogg", Some(&lasts(Some(LONGEST_VOICE + 1))), false),
            (Purpose::Voice, "audio/ogg", Some(&lasts(None)), false),
            (Purpose::Voice, "audio/ogg", None, false),
            (Purpose::Voice, "video/webm", Some(&short), false),
            (Purpose::Video, "video/webm", Some(&lasts(None)), true),
            (Purpose::Video, "audio/webm", Some(&short), false),
            (Purpose::Video, "video/mp4", None, false),
            (Purpose::Attachment, "video/mp4", None, true),
            (Purpose::Attachment, "audio/ogg", Some(&lasts(Some(LONGEST_VOICE + 1))), true),
            (Purpose::Attachment, "image/png", None, false),
            (Purpose::Attachment, "image/png", Some(&Seen::default()), true),
            (Purpose::Avatar, "image/png", None, false),
            (Purpose::Avatar, "image/png", Some(&Seen::default()), true),
        ] {
            assert_eq!(is_fit(purpose, kind, seen), fits, "{purpose:?} {kind} {seen:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_was_found_and_what_can_be() {
        let says = |result: Result<()>| match result {
            Err(Error::Explained { detail, .. }) => detail,
            other => panic!("{other:?}"),
        };
        let of = |purpose, content: &[u8], named| says(may_be(purpose, sniff(content), named));
        let script = b"GIF89a/*\x01\0*/=1;alert(1)//;";
        for (detail, parts) in [
            (says(may_have(Purpose::Avatar, (10 << 20) + 1)), ["`avatar`", "10485760 octets (10 MiB)", "10485761"]),
            (of(Purpose::Avatar, b"text", None), ["text/plain", "`avatar`", "JPEG, PNG"]),
            (of(Purpose::Attachment, script, None), ["image/gif", "javascript", "no purpose"]),
            (of(Purpose::Avatar, b"text", Some("image/png")), ["calls it image/png", "content is", "text/plain"]),
        ] {
            assert!(parts.iter().all(|part| detail.contains(part)), "{detail}");
        }
        assert!(of(Purpose::Avatar, b"text", Some(&format!("image/{}", "x".repeat(10_000)))).len() < 200);
    }

    #[test]
    fn content_decides_what_may_be_kept() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice();
        let script = b"GIF89a/*\x01\0*/=1;alert(1)//;".as_slice();
        for (purpose, content, named, may) in [
            (Purpose::Avatar, png, None, ""),
            (Purpose::Avatar, png, Some("application/octet-stream"), ""),
            (Purpose::Avatar, b"text", Some("image/png"), "file.mismatch"),
            (Purpose::Avatar, b"text", None, "file.type"),
            (Purpose::Avatar, script, Some("image/gif"), "file.type"),
            (Purpose::Attachment, script, None, "file.type"),
            (Purpose::Attachment, b"<html>", Some("text/html"), ""),
            (Purpose::Attachment, b"<html>", Some("image/gif"), "file.mismatch"),
            (Purpose::Attachment, b"\x7fELF\x02\x01", Some("application/octet-stream"), "file.type"),
        ] {
            let found = sniff(content);
            assert_eq!(code(may_be(purpose, found, named)), may, "{purpose:?} {found:?} {named:?}");
        }
    }
}
