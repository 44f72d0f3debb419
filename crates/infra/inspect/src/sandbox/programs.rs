//! Which programs have to be started so that one runs: its interpreter, and the loader of its libraries.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// A script has an interpreter, which has a loader.
const DEPTH: usize = 3;
/// The longest path that is read.
const LONGEST: u64 = 4096;

/// The program, and what the kernel starts in its place.
pub(super) fn needed(program: &Path) -> Vec<PathBuf> {
    let mut needed = vec![program.to_owned()];
    while needed.len() <= DEPTH {
        let Some(next) = needed.last().and_then(|last| interpreter(last).ok().flatten()) else { break };
        needed.push(next);
    }
    needed
}

fn interpreter(program: &Path) -> io::Result<Option<PathBuf>> {
    let mut file = File::open(program)?;
    let mut start = Vec::new();
    Read::by_ref(&mut file).take(LONGEST).read_to_end(&mut start)?;
    match &start[..] {
        [b'#', b'!', rest @ ..] => {
            let line = rest.split(|octet| *octet == b'\n').next().unwrap_or_default();
            let words = line.split(u8::is_ascii_whitespace);
            Ok(words.filter(|word| !word.is_empty()).map(path).next())
        }
        // ELF with 64 bits, the lowest octet first.
        [0x7F, b'E', b'L', b'F', 2, 1, ..] => loader(&mut file, &start),
        _ => Ok(None),
    }
}

/// The segment `PT_INTERP`, if there is one.
fn loader(file: &mut File, header: &[u8]) -> io::Result<Option<PathBuf>> {
    let too_short = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (table, size, count) = (number(header, 32, 8), number(header, 54, 2), number(header, 56, 2));
    let (table, size, count) =
        (table.ok_or_else(too_short)?, size.ok_or_else(too_short)?, count.ok_or_else(too_short)?);
    let mut segments = Vec::new();
    file.seek(SeekFrom::Start(table))?;
    Read::by_ref(file).take(size.saturating_mul(count)).read_to_end(&mut segments)?;
    let size = usize::try_from(size).unwrap_or_default().max(1);
    let Some(segment) = segments.chunks(size).find(|segment| number(segment, 0, 4) == Some(3)) else {
        return Ok(None);
    };
    let (at, length) = (number(segment, 8, 8).ok_or_else(too_short)?, number(segment, 32, 8).ok_or_else(too_short)?);
    let mut name = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    Read::by_ref(file).take(length.min(LONGEST)).read_to_end(&mut name)?;
    Ok(name.split(|octet| *octet == 0).next().filter(|name| !name.is_empty()).map(path))
}

fn path(octets: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(octets))
}

fn number(octets: &[u8], at: usize, length: usize) -> Option<u64> {
    let octets = octets.get(at..at + length)?;
    Some(octets.iter().rev().fold(0, |number, octet| number << 8 | u64::from(*octet)))
}
