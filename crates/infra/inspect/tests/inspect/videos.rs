//! Video: what containers say, and the poster.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use clowder_infra_inspect::{Fault, Limits, inspect};
use image::ImageFormat;
use proptest::prelude::*;

use crate::made::*;

/// One step of a turn by so many degrees, as the matrix of a track has it.
fn matrix(degrees: u16) -> Vec<u8> {
    let (one, minus) = (0x1_0000, 0xFFFF_0000);
    let [a, b, c, d] = match degrees {
        90 => [0, one, minus, 0],
        180 => [minus, 0, 0, minus],
        270 => [0, minus, one, 0],
        _ => [one, 0, 0, one],
    };
    numbers(&[a, b, 0, c, d, 0, 0, 0, 0x4000_0000])
}

fn track(id: u32, handler: &[u8; 4], codec: &[u8; 4], length: u32, degrees: u16) -> Vec<u8> {
    let size = if handler == b"vide" { [640 << 16, 480 << 16] } else { [0, 0] };
    let head = boxed(b"tkhd", &[numbers(&[7, 0, 0, id, 0, 0, 0, 0, 0, 0]), matrix(degrees), numbers(&size)].concat());
    let times = boxed(b"mdhd", &numbers(&[0, 0, 0, 1000, length, 0]));
    let handled = boxed(b"hdlr", &[&[0; 8], handler.as_slice(), &[0; 13]].concat());
    let entry = boxed(codec, &[[0; 24].as_slice(), &[2, 128, 1, 224], &[0; 50]].concat());
    let described = boxed(b"stsd", &[numbers(&[0, 1]), entry].concat());
    let media = [times, handled, boxed(b"minf", &boxed(b"stbl", &described))].concat();
    boxed(b"trak", &[head, boxed(b"mdia", &media)].concat())
}

pub fn mp4(length: u32, degrees: u16) -> Vec<u8> {
    let tracks = [track(1, b"vide", b"avc1", length, degrees), track(2, b"soun", b"mp4a", length, 0)].concat();
    let sample = |id| boxed(b"trex", &numbers(&[0, id, 1, 40, 0, 0]));
    let extended = boxed(b"mvex", &[sample(1), sample(2)].concat());
    let index = boxed(b"moov", &[boxed(b"mvhd", &[0; 100]), tracks, extended].concat());
    // The index comes last where a camera writes it.
    [boxed(b"ftyp", b"isom\0\0\0\0"), boxed(b"mdat", &[0; 100]), index].concat()
}

/// A fragment of 50 samples: of the usual length, of one that the fragment has, or each of its own.
fn fragment(kind: u8) -> Vec<u8> {
    let (head, run) = match kind {
        0 => (numbers(&[0, 1]), numbers(&[0, 50])),
        1 => (numbers(&[8, 1, 20]), numbers(&[0, 50])),
        _ => (numbers(&[0, 1]), [numbers(&[0x301, 50, 0]), numbers(&[20, 7]).repeat(50)].concat()),
    };
    let track = boxed(b"traf", &[boxed(b"tfhd", &head), boxed(b"trun", &run)].concat());
    [boxed(b"moof", &[boxed(b"mfhd", &[0; 8]), track].concat()), boxed(b"mdat", &[1; 30])].concat()
}

fn webm(duration: Option<f32>, roll: f32) -> Vec<u8> {
    let times = [
        element(0x2A_D7B1, &1_000_000_u32.to_be_bytes()),
        duration.map(|duration| element(0x4489, &duration.to_be_bytes())).unwrap_or_default(),
    ];
    let projection = element(0x7670, &element(0x7675, &roll.to_be_bytes()));
    let picture = [element(0xB0, &[2, 128]), element(0xBA, &[1, 224]), projection].concat();
    let track = [element(0xD7, &[1]), element(0x83, &[1]), element(0x86, b"V_VP9"), element(0xE0, &picture)].concat();
    let block = |at: u16| element(0xA3, &[&[0x81], &at.to_be_bytes()[..], &[0x80], &[9; 300]].concat());
    let last = [&[0x81, 0x0B, 0xB8, 0], [9; 90].as_slice()].concat();
    let last = element(0xA0, &[element(0xA1, &last), element(0x9B, &[40])].concat());
    let cluster = endless(0x1F43_B675, &[element(0xE7, &[0x27, 0x10]), block(0), block(40), last].concat());
    let body = [element(0x1549_A966, &times.concat()), element(0x1654_AE6B, &element(0xAE, &track)), cluster];
    [element(0x1A45_DFA3, &element(0x4282, b"webm")), endless(0x1853_8067, &body.concat())].concat()
}

#[test]
fn mp4_has_duration_dimensions_and_rotation() {
    for (degrees, size) in [(0, (640, 480)), (90, (480, 640)), (180, (640, 480)), (270, (480, 640))] {
        let look = Look::at(&mp4(5432, degrees), "video/mp4");
        let found = look.found();
        assert_eq!((found.width, found.height), (Some(size.0), Some(size.1)), "{degrees}");
        assert_eq!((found.rotation, found.duration_ms), (Some(degrees), Some(5432)));
        assert_eq!(found.codecs, ["h264", "aac"]);
    }
}

#[test]
fn fragments_are_added_up() {
    for (kind, length) in [(0, 2000), (1, 1000), (2, 1000)] {
        let content = [mp4(0, 0), fragment(kind), fragment(kind)].concat();
        assert_eq!(Look::at(&content, "video/mp4").found().duration_ms, Some(2 * length), "{kind}");
    }
}

/// As Chromium records: the last sample of a fragment does not reach to the next one, whose beginning is told.
#[test]
fn pauses_between_fragments_count() {
    let at = |begins: u32| {
        let times = boxed(b"tfdt", &numbers(&[0, begins]));
        let run = boxed(b"trun", &numbers(&[0, 50]));
        let track = boxed(b"traf", &[boxed(b"tfhd", &numbers(&[0, 1])), times, run].concat());
        [boxed(b"moof", &[boxed(b"mfhd", &[0; 8]), track].concat()), boxed(b"mdat", &[1; 30])].concat()
    };
    // Each has 50 samples of 40 ms.
    for (begins, length) in [
        (vec![0, 2000], 4000),
        (vec![0, 2500], 4500),
        // A piece of something longer does not begin at 0.
        (vec![60_000, 62_500], 4500),
        // Out of order, and one over the other: no less than their samples.
        (vec![2500, 0], 4500),
        (vec![0, 0], 4000),
    ] {
        let content = [vec![mp4(0, 0)], begins.iter().map(|begins| at(*begins)).collect()].concat().concat();
        assert_eq!(Look::at(&content, "video/mp4").found().duration_ms, Some(length), "{begins:?}");
    }
}

#[test]
fn webm_has_duration_dimensions_and_rotation() {
    let look = Look::at(&webm(Some(4321.0), 0.0), "video/webm");
    let found = look.found();
    assert_eq!((found.width, found.height, found.duration_ms), (Some(640), Some(480), Some(4321)));
    assert_eq!((found.rotation, found.codecs.as_slice()), (Some(0), ["vp9".to_owned()].as_slice()));
    // The last block begins at 10 + 3 seconds.
    let look = Look::at(&webm(None, -90.0), "video/webm");
    let found = look.found();
    assert_eq!((found.width, found.height, found.duration_ms), (Some(480), Some(640), Some(13_040)));
    assert_eq!(found.rotation, Some(90));
}

#[test]
fn containers_without_tracks_are_refused() {
    for media_type in ["video/mp4", "video/webm", "video/quicktime"] {
        for content in [b"".as_slice(), b"\0\0\0\x08moov", b"\0\0\0\x02moov", b"\x1A\x45\xDF\xA3\x80", b"no video"] {
            let look = Look::at(content, media_type);
            assert!(matches!(look.found, Err(Fault::Broken(_))), "{media_type}: {:?}", look.found);
        }
    }
    // An index that would fill the memory.
    let look = Look::at(b"\0\0\0\x01moov\0\0\0\xFF\0\0\0\0", "video/mp4");
    assert!(matches!(look.found, Err(Fault::TooLarge(_))), "{:?}", look.found);
}

/// Stands in for `ffmpeg`: writes this picture if it is asked as it must be.
fn ffmpeg(folder: &tempfile::TempDir, picture: &[u8]) -> PathBuf {
    let (program, file) = (folder.path().join("ffmpeg"), folder.path().join("picture"));
    fs::write(&file, picture).unwrap();
    let asked = "*'-protocol_whitelist file,pipe -f mov '*' -i file:'*";
    let script = format!("#!/bin/sh\ncase \"$*\" in {asked}) exec /bin/cat {};; esac\n", file.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    program
}

#[test]
fn a_poster_is_a_picture_of_the_video() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, mp4(5000, 0)).unwrap();
    let look = |picture: &[u8]| {
        let program = ffmpeg(&folder, picture);
        inspect(&file, "video/mp4", folder.path(), Some(&program), &Limits::default()).unwrap()
    };
    let found = look(&encoded(&photo(640, 480), ImageFormat::Png));
    assert_eq!(found.thumbnails.len(), 10);
    assert!(found.blurhash.is_some());
    // One that fails costs the poster and nothing else.
    let found = look(b"no picture");
    assert_eq!((found.thumbnails.len(), found.duration_ms), (0, Some(5000)));
}

#[test]
fn an_element_that_is_longer_than_any_file_is_a_fault_of_the_file() {
    let void = b"\xEC\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFE".as_slice();
    let content = [b"\x1A\x45\xDF\xA3\x87\x42\x82\x84webm".as_slice(), void].concat();
    let found = Look::at(&content, "video/webm").found;
    assert!(found.as_ref().err().is_none_or(Fault::is_lasting), "{found:?}");
}

proptest! {
    /// Whatever is changed in a container, it is looked at or refused.
    #[test]
    fn no_container_makes_it_panic(
        is_webm in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let (mut content, media_type) = match is_webm {
            true => (webm(None, 0.0), "video/webm"),
            false => ([mp4(0, 90), fragment(2)].concat(), "video/mp4"),
        };
        for (at, octet) in changes {
            let at = at.index(content.len());
            content[at] = octet;
        }
        if let Err(fault) = Look::at(&content, media_type).found {
            prop_assert!(fault.is_lasting(), "{fault}");
        }
    }
}
