//! Pictures and recordings, made from nothing.

/// A PNG with a slope of colours, and this text in its metadata.
pub fn png(width: u32, height: u32, comment: &str) -> Vec<u8> {
    let shade = |at: u32, of: u32| u8::try_from(at * 255 / of.max(1)).unwrap_or(u8::MAX);
    let row = |y: u32| (0..width).flat_map(move |x| [shade(x, width), shade(y, height), 128]);
    let rows: Vec<u8> = (0..height).flat_map(|y| std::iter::once(0).chain(row(y))).collect();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let text = [b"Comment\0".as_slice(), comment.as_bytes()].concat();
    let chunks = [chunk(b"IHDR", &header), chunk(b"tEXt", &text), chunk(b"IDAT", &stored(&rows)), chunk(b"IEND", b"")];
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
}

/// A recording of a tone (WAV of one octet each), of so many samples a second.
pub fn wav(seconds: u32, rate: u32) -> Vec<u8> {
    let samples: Vec<u8> = (0..seconds * rate).map(|at| if at / 10 % 2 == 0 { 64 } else { 192 }).collect();
    let length = seconds * rate;
    let header = [&(36 + length).to_le_bytes()[..], b"WAVEfmt \x10\0\0\0\x01\0\x01\0"].concat();
    let rates = [rate.to_le_bytes(), rate.to_le_bytes()].concat();
    let data = [&b"\x01\0\x08\0data"[..], &length.to_le_bytes()].concat();
    [b"RIFF".to_vec(), header, rates, data, samples].concat()
}

/// A chunk of a PNG.
pub fn chunk(name: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let named = [name.as_slice(), payload].concat();
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &named, &crc(&named).to_be_bytes()].concat()
}

fn crc(content: &[u8]) -> u32 {
    !content.iter().fold(!0, |crc, octet| {
        (0..8).fold(crc ^ u32::from(*octet), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

/// As zlib stores what it does not compress.
fn stored(content: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x78, 0x01];
    let mut pieces = content.chunks(usize::from(u16::MAX)).peekable();
    while let Some(piece) = pieces.next() {
        let length = u16::try_from(piece.len()).unwrap_or(u16::MAX);
        packed.push(u8::from(pieces.peek().is_none()));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(piece);
    }
    let (low, high) = content.iter().fold((1_u32, 0_u32), |(low, high), octet| {
        let low = (low + u32::from(*octet)) % 65_521;
        (low, (high + low) % 65_521)
    });
    packed.extend((high << 16 | low).to_be_bytes());
    packed
}
