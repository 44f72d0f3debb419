//! The real binary as the process that looks at files: it has enough memory under its limits, and finds what there is.

use std::{fs, path::Path};

use clowder_infra::inspect::{Fault, Inspector, Limits};
use clowder_tests::server::binary;

fn inspector() -> Inspector {
    Inspector::new(binary().clone(), None, Limits::default(), 2)
}

/// A recording of a tone, of 8,000 samples a second.
fn tone(seconds: usize) -> Vec<u8> {
    let samples: Vec<u8> = (0..seconds * 8000).map(|at| if at / 10 % 2 == 0 { 64 } else { 192 }).collect();
    let length = u32::try_from(samples.len()).unwrap();
    let mut content = b"RIFF".to_vec();
    content.extend((36 + length).to_le_bytes());
    content.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1F\0\0\x40\x1F\0\0\x01\0\x08\0data");
    content.extend(length.to_le_bytes());
    [content, samples].concat()
}

/// A picture of one colour, of which not even the coded pixels are large.
fn gif(width: u16, height: u16) -> Vec<u8> {
    let [wide, high] = [width, height].map(u16::to_le_bytes);
    let screen = [b"GIF89a".as_slice(), &wide, &high, &[0x80, 0, 0, 200, 30, 60, 0, 0, 0]].concat();
    [screen.as_slice(), b",\0\0\0\0", &wide, &high, &[0], &[2, 2, 0x44, 1, 0], b";"].concat()
}

async fn look(folder: &Path, content: &[u8], media_type: &str) -> Result<clowder_infra::inspect::Inspected, Fault> {
    let file = folder.join("file");
    fs::write(&file, content).unwrap();
    inspector().inspect(&file, media_type, folder).await
}

#[tokio::test]
async fn the_binary_looks_at_files_in_a_process_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let found = look(folder.path(), &tone(3), "audio/wav").await.unwrap();
    assert_eq!((found.duration_ms, found.codecs), (Some(3000), vec!["pcm".to_owned()]));
    assert_eq!(found.waveform, Some(vec![128; 100]));

    // Cut off, but with a first row: what there is of it is not enough to decode.
    let broken = look(folder.path(), &gif(300, 200), "image/png").await.unwrap_err();
    assert!(matches!(broken, Fault::Broken(_)), "{broken}");
    let bomb = look(folder.path(), &gif(10_000, 10_000), "image/gif").await.unwrap_err();
    assert!(matches!(bomb, Fault::TooLarge(_)), "{bomb}");
}
