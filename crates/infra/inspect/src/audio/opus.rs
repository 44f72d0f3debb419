//! Opus, which `symphonia` finds in its containers but does not decode.

use std::panic::{AssertUnwindSafe, catch_unwind};

use opus_decoder::OpusDecoder;
use symphonia::core::packet::Packet;

/// The most samples that a packet has for each channel: 120 ms.
const LONGEST: usize = 5760;

pub(super) struct Opus {
    decoder: OpusDecoder,
    channels: usize,
    /// Samples of each channel at the beginning that nobody hears, still to come.
    skipped: usize,
    samples: Vec<i16>,
    heard: Vec<f32>,
}

impl Opus {
    /// `head`: the identification header (RFC 7845, 5.1). `None` for more channels than two.
    pub(super) fn new(head: Option<&[u8]>) -> Option<Self> {
        let channels = usize::from(head.and_then(|head| head.get(9).copied()).unwrap_or(2));
        let skipped =
            head.and_then(|head| head.get(10..12)).map_or(0, |skipped| u16::from_le_bytes([skipped[0], skipped[1]]));
        let decoder = OpusDecoder::new(48_000, channels).ok()?;
        let samples = vec![0; LONGEST * channels];
        Some(Self { decoder, channels, skipped: skipped.into(), samples, heard: Vec::new() })
    }

    /// The samples of a packet, interleaved, and the number of channels. A damaged packet has none.
    pub(super) fn decode(&mut self, packet: &Packet) -> (&[f32], usize) {
        let decoded = match packet.data.is_empty() {
            true => 0,
            false => {
                let attempt = || self.decoder.decode(&packet.data, &mut self.samples, false).unwrap_or(0);
                // Its state is what it was when it panicked, which the next packets get over.
                catch_unwind(AssertUnwindSafe(attempt)).unwrap_or(0).min(LONGEST)
            }
        };
        let begin = self.skipped.min(decoded);
        self.skipped -= begin;
        let end = decoded.saturating_sub(usize::try_from(packet.trim_end.get()).unwrap_or(usize::MAX)).max(begin);
        let heard = &self.samples[begin * self.channels..end * self.channels];
        self.heard.clear();
        self.heard.extend(heard.iter().map(|sample| f32::from(*sample) / 32_768.0));
        (&self.heard, self.channels)
    }
}
