//! The name of a file as its uploader gave it. It is only shown and suggested for saving, and never names anything on this
//! server; so whatever could mislead somebody is taken out of it, and no name is refused.

use clowder_core::{FileId, text};

/// How many characters a name has at most.
pub const LONGEST: usize = 255;
/// What a file without a usable name is called.
const NAMELESS: &str = "file";
/// Names of devices on Windows, whatever follows a dot.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul"];

/// The name to show: the last segment of a path, normalised (NFC), without control characters and characters that change the
/// direction of a text, and of at most [`LONGEST`] characters, of which the extension stays.
pub fn of(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().filter(|c| !misleads(*c)).map(|c| if is_reserved(c) { '_' } else { c }).collect();
    // A name of dots alone is a folder; one that ends with a dot or a space loses that on Windows.
    let plain = plain.trim().trim_end_matches(['.', ' ']);
    // With less of it if it becomes too long when it is normalised.
    let named = ROOMS.into_iter().find_map(|room| text::line(&marked(shortened(plain, room)), 1, LONGEST).ok());
    named.unwrap_or_else(|| NAMELESS.to_owned())
}

/// How many octets of a name an archive has: with the id before it, many systems take 255.
const ARCHIVED: usize = 200;

/// The path of a file in an archive: every system can unpack it, and no two files have the same.
pub fn in_archive(file: FileId, name: &str) -> String {
    let name = of(name);
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if (1..=16).contains(&extension.len()) && !stem.is_empty() => (stem, extension),
        _ => (name.as_str(), ""),
    };
    let dot = if extension.is_empty() { "" } else { "." };
    let room = ARCHIVED - extension.len() - dot.len();
    let ends = stem.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= room);
    let stem = ends.last().and_then(|end| stem.get(..end)).unwrap_or_default();
    format!("files/{file}-{stem}{dot}{extension}")
}

/// Control characters, and those that show nothing or change the direction of what stands around them.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Characters that names cannot have on some systems.
const fn is_reserved(c: char) -> bool {
    matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim().to_ascii_lowercase();
    let numbered = ["com", "lpt"].iter().filter_map(|device| stem.strip_prefix(device));
    DEVICES.contains(&stem.as_str()) || numbered.into_iter().any(|number| number.len() == 1 && number != "0")
}

fn marked(name: String) -> String {
    if is_device(&name) { format!("_{name}") } else { name }
}

/// Leaves room for the mark before the name of a device, and for characters that become more when they are normalised:
/// some, or all of them, each of which becomes three at most.
const ROOMS: [usize; 2] = [LONGEST - 15, LONGEST / 3 - 1];

fn shortened(name: &str, room: usize) -> String {
    if name.chars().count() <= room {
        return name.to_owned();
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    match extension.filter(|extension| (1..=16).contains(&extension.chars().count())) {
        Some(extension) => {
            let stem: String = name.chars().take(room - extension.chars().count() - 1).collect();
            format!("{stem}.{extension}")
        }
        None => name.chars().take(room).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mislead_nobody() {
        for (given, shown) in [
            ("cat.jpg", "cat.jpg"),
            ("Käse und Brot.txt", "Käse und Brot.txt"),
            ("Ka\u{308}se.txt", "Käse.txt"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Windows\\notes.txt", "notes.txt"),
            ("a\0b\r\nc.txt", "abc.txt"),
            ("invoice\u{202e}gpj.exe", "invoicegpj.exe"),
            ("what?.txt", "what_.txt"),
            ("CON", "_CON"),
            ("con.txt", "_con.txt"),
            ("com1", "_com1"),
            ("com0", "com0"),
            ("console.txt", "console.txt"),
            ("", "file"),
            ("..", "file"),
            ("/", "file"),
            (" \t ", "file"),
            ("ends. ", "ends"),
            (".hidden", ".hidden"),
        ] {
            assert_eq!(of(given), shown, "{given:?}");
        }
    }

    #[test]
    fn paths_in_an_archive_stay_below_its_folder() {
        let file = FileId::from_uuid(uuid::Uuid::from_u128(7));
        for (name, path) in [
            ("cat.jpg", "cat.jpg"),
            ("../../.ssh/keys", "keys"),
            ("C:\\a.txt", "a.txt"),
            (".hidden", ".hidden"),
            ("", "file"),
        ] {
            assert_eq!(in_archive(file, name), format!("files/{file}-{path}"), "{name:?}");
        }
        for long in ["ä".repeat(250) + ".jpeg", "🐈".repeat(250), "x".repeat(250)] {
            let path = in_archive(file, &long);
            let part = path.strip_prefix("files/").unwrap();
            assert!((200..=255).contains(&part.len()) && !part.contains('/'), "{path}");
            assert_eq!(part.ends_with(".jpeg"), long.ends_with(".jpeg"));
        }
    }

    #[test]
    fn long_names_keep_their_extension() {
        let name = of(&format!("{}.jpeg", "x".repeat(1_000)));
        assert!(name.ends_with("x.jpeg") && name.chars().count() <= LONGEST);
        assert!(of(&"ä".repeat(1_000)).chars().count() <= LONGEST);
        assert!(of(&format!("a.{}", "x".repeat(1_000))).chars().count() <= LONGEST);
        // Each of these letters becomes two.
        let name = of(&format!("{}.jpeg", "\u{958}".repeat(200)));
        assert_eq!(name, format!("{}.jpeg", "\u{915}\u{93c}".repeat(79)));
        let device = of(&format!("con.{}{}", "x".repeat(221), "\u{958}".repeat(15)));
        assert!(device.starts_with("_con.xx") && device.chars().count() <= LONGEST, "{device}");
    }
}
