//! Audio: duration, codec and waveform of what browsers, phones and programs record.

use clowder_infra_inspect::{Fault, Inspected, Limits, PEAKS};

use crate::made::*;

/// A page of Ogg with these packets.
fn page(number: u32, position: u64, flags: u8, packets: &[&[u8]]) -> Vec<u8> {
    let mut lengths = Vec::new();
    for packet in packets {
        lengths.extend(vec![255; packet.len() / 255]);
        lengths.push(u8::try_from(packet.len() % 255).unwrap());
    }
    let head = [
        b"OggS\0".as_slice(),
        &[flags],
        &position.to_le_bytes(),
        &[7, 0, 0, 0],
        &number.to_le_bytes(),
        &[0; 4],
        &[u8::try_from(lengths.len()).unwrap()],
        &lengths,
        &packets.concat(),
    ];
    let mut page = head.concat();
    let crc = page.iter().fold(0_u32, |crc, octet| {
        (0..8).fold(
            crc ^ u32::from(*octet) << 24,
            |crc, _| if crc >> 31 == 1 { crc << 1 ^ 0x04C1_1DB7 } else { crc << 1 },
        )
    });
    page[22..26].copy_from_slice(&crc.to_le_bytes());
    page
}

/// A voice note of Opus in Ogg, of packets of 20 ms, whose second half is loud.
fn ogg(packets: usize) -> Vec<u8> {
    ogg_in_pages(packets, 1)
}

/// The same with so many packets in each page.
fn ogg_in_pages(packets: usize, each: usize) -> Vec<u8> {
    let tags = b"OpusTags\x04\0\0\0made\0\0\0\0";
    let mut content = [page(0, 0, 2, &[OPUS_HEAD]), page(1, 0, 0, &[tags])].concat();
    let all: Vec<_> = (0..packets).map(|at| opus_packet(at, at >= packets / 2)).collect();
    for (number, some) in (2..).zip(all.chunks(each)) {
        let end = ((number as usize - 2) * each + some.len()) as u64;
        let flags = if end == packets as u64 { 4 } else { 0 };
        let some: Vec<_> = some.iter().map(Vec::as_slice).collect();
        content.extend(page(number, end * 960, flags, &some));
    }
    content
}

/// The same in WebM as a browser records it: no duration, and clusters of unknown length.
fn webm(packets: usize) -> Vec<u8> {
    let track = [
        element(0xD7, &[1]),
        element(0x73C5, &[1]),
        element(0x83, &[2]),
        element(0x86, b"A_OPUS"),
        element(0x63A2, OPUS_HEAD),
        element(0xE1, &[element(0xB5, &48_000_f32.to_be_bytes()), element(0x9F, &[1])].concat()),
    ];
    let blocks = |first: usize| {
        let block = |at: usize| {
            let relative = u16::try_from((at - first) * 20).unwrap().to_be_bytes();
            element(0xA3, &[&[0x81], &relative[..], &[0x80], &opus_packet(at, at >= packets / 2)].concat())
        };
        (first..(first + 50).min(packets)).flat_map(block).collect::<Vec<u8>>()
    };
    let cluster = |first: usize| {
        endless(
            0x1F43_B675,
            &[element(0xE7, &u32::try_from(first * 20).unwrap().to_be_bytes()), blocks(first)].concat(),
        )
    };
    let head = [element(0x4286, &[1]), element(0x42F7, &[1]), element(0x42F2, &[4]), element(0x42F3, &[8])];
    let kind = [element(0x4282, b"webm"), element(0x4287, &[4]), element(0x4285, &[2])];
    let times = element(0x2A_D7B1, &1_000_000_u32.to_be_bytes());
    let segment = [
        element(0x1549_A966, &[times, element(0x4D80, b"made"), element(0x5741, b"made")].concat()),
        element(0x1654_AE6B, &element(0xAE, &track.concat())),
        (0..packets).step_by(50).flat_map(cluster).collect(),
    ];
    [
        element(0x1A45_DFA3, &[head, [kind.concat(), vec![], vec![], vec![]]].concat().concat()),
        endless(0x1853_8067, &segment.concat()),
    ]
    .concat()
}

/// Samples of 16 bits, whose second half is loud.
fn wav(seconds: usize, rate: usize) -> Vec<u8> {
    let frames = seconds * rate;
    let sample = |at: usize| if at < frames / 2 { 0_i16 } else { [i16::MAX, i16::MIN][at / 20 % 2] };
    let samples: Vec<u8> = (0..frames).flat_map(|at| sample(at).to_le_bytes()).collect();
    let length = u32::try_from(samples.len()).unwrap();
    let rate = u32::try_from(rate).unwrap();
    let format =
        [b"fmt \x10\0\0\0\x01\0\x01\0".as_slice(), &rate.to_le_bytes(), &(rate * 2).to_le_bytes(), &[2, 0, 16, 0]];
    let parts = [format.concat(), b"data".to_vec(), length.to_le_bytes().to_vec(), samples].concat();
    [b"RIFF".as_slice(), &(4 + u32::try_from(parts.len()).unwrap()).to_le_bytes(), b"WAVE", &parts].concat()
}

#[track_caller]
fn assert_half_loud(found: &Inspected, codec: &str, milliseconds: u64) {
    assert_eq!(found.codecs, [codec]);
    let duration = found.duration_ms.unwrap();
    assert!(duration.abs_diff(milliseconds) <= 20, "{duration}");
    let waveform = found.waveform.as_ref().unwrap();
    assert_eq!(waveform.len(), PEAKS);
    assert!(waveform[..48].iter().all(|peak| *peak < 5), "{waveform:?}");
    // Noise is not equally loud all the time.
    assert!(waveform[52..].iter().filter(|peak| **peak > 20).count() > 36, "{waveform:?}");
}

#[test]
fn voice_notes_of_browsers_have_duration_and_waveform() {
    let look = Look::at(&ogg(150), "audio/ogg");
    assert_half_loud(look.found(), "opus", 3000);
    let look = Look::at(&webm(150), "audio/webm");
    assert_half_loud(look.found(), "opus", 3000);
    // The beginning of a file cannot always tell that there is no video.
    let look = Look::at(&webm(150), "video/webm");
    assert_eq!(look.found().media_type, "audio/webm");
    assert_half_loud(look.found(), "opus", 3000);
}

#[test]
fn samples_are_counted_whatever_the_header_says() {
    let content = wav(2, 16_000);
    assert_half_loud(Look::at(&content, "audio/wav").found(), "pcm", 2000);
    // Cut off in the loud half.
    let look = Look::at(&content[..content.len() * 3 / 4], "audio/wav");
    assert!(look.found().duration_ms.unwrap().abs_diff(1500) <= 2, "{:?}", look.found().duration_ms);
}

/// Silent frames of MPEG audio, layer III, 128 kbit/s, 44.1 kHz, one channel.
#[test]
fn mp3_is_measured_by_its_frames() {
    let frame = [b"\xFF\xFB\x90\xC4".as_slice(), &[0; 413]].concat();
    let look = Look::at(&frame.repeat(100), "audio/mpeg");
    let found = look.found();
    assert_eq!(found.codecs, ["mp3"]);
    assert!(found.duration_ms.unwrap().abs_diff(2612) <= 30, "{:?}", found.duration_ms);
    assert_eq!(found.waveform.as_deref(), Some([0; PEAKS].as_slice()));
}

#[test]
fn a_long_recording_has_a_duration_but_no_waveform() {
    let limits = Limits { listened: 1, ..Limits::default() };
    for (content, media_type) in [(ogg(150), "audio/ogg"), (webm(150), "audio/webm"), (wav(3, 8000), "audio/wav")] {
        let look = Look::within(&content, media_type, &limits);
        assert!(look.found().duration_ms.unwrap().abs_diff(3000) <= 20, "{media_type}: {:?}", look.found().duration_ms);
        assert_eq!(look.found().waveform, None);
    }
}

#[test]
fn what_cannot_be_heard_is_refused() {
    for media_type in ["audio/ogg", "audio/webm", "audio/mpeg", "audio/wav", "audio/flac", "audio/mp4"] {
        for content in [b"".as_slice(), b"not audio at all", &wav(1, 8000)[..44], &ogg(0)] {
            let look = Look::at(content, media_type);
            assert!(matches!(look.found, Err(Fault::Broken(_))), "{media_type}: {:?}", look.found);
        }
    }
}

/// A recorder that crashes leaves the last page in pieces, which may be the only one.
#[test]
fn of_a_recording_without_its_end_the_rest_is_heard() {
    for each in [1, 50, 150] {
        let content = ogg_in_pages(150, each);
        assert_half_loud(Look::at(&content, "audio/ogg").found(), "opus", 3000);
        let look = Look::at(&content[..content.len() * 3 / 4], "audio/ogg");
        let (duration, codecs) = (look.found().duration_ms.unwrap(), &look.found().codecs);
        assert!((2_200..2_900).contains(&duration) && *codecs == ["opus"], "{each} in a page: {duration}");
        assert!(look.found().waveform.is_some());
    }
    // Fragments of about a second (AAC) and a third of one (Opus). The last one is cut off in the middle.
    for (name, length, least) in [("aac.mp4", 5_600, 2_200), ("chromium.mp4", 6_900, 2_500)] {
        let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/inspect/samples");
        let content = std::fs::read(format!("{samples}/{name}")).unwrap();
        for media_type in ["audio/mp4", "video/mp4"] {
            let look = Look::at(&content[..length], media_type);
            let duration = look.found().duration_ms.unwrap();
            assert!((least..3_000).contains(&duration), "{name}: {duration}");
            assert!(look.found().waveform.is_some());
        }
    }
}

#[test]
fn a_recording_that_is_cut_off_does_no_harm() {
    for (content, media_type) in [(ogg(12), "audio/ogg"), (webm(12), "audio/webm"), (wav(1, 200), "audio/wav")] {
        for end in (0..content.len()).step_by(7) {
            if let Err(fault) = Look::at(&content[..end], media_type).found {
                assert!(fault.is_lasting(), "{media_type} {end}: {fault}");
            }
        }
    }
}
