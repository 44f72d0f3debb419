//! Audio: everything is decoded, so duration and waveform are those of what is heard.

mod ending;
mod opus;
mod peaks;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use ending::Ending;
use opus::Opus;
use peaks::Peaks;
use symphonia::core::{
    codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known::*},
    errors::Error,
    formats::{FormatOptions, FormatReader, Track, TrackType, probe::Hint},
    io::MediaSourceStream,
    meta::MetadataOptions,
    packet::Packet,
    units::TimeBase,
};

use crate::{Fault, Inspected, Limits, Result};

pub(crate) fn inspect(file: &Path, media_type: &str, limits: &Limits) -> Result<Inspected> {
    let heard = catch_unwind(AssertUnwindSafe(|| listen(file, media_type, limits)));
    heard.unwrap_or_else(|_| Err(Fault::Gave("the decoder panicked".to_owned())))
}

fn listen(file: &Path, media_type: &str, limits: &Limits) -> Result<Inspected> {
    let input = MediaSourceStream::new(Box::new(Ending::open(file, media_type)?), Default::default());
    let mut hint = Hint::new();
    hint.mime_type(media_type);
    let mut format = symphonia::default::get_probe()
        .probe(&hint, input, FormatOptions::default(), MetadataOptions::default())
        .map_err(broken)?;
    let track = format.default_track(TrackType::Audio).cloned();
    let track = track.ok_or_else(|| Fault::Broken("it has no audio".to_owned()))?;
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio()).cloned();
    let parameters = parameters.ok_or_else(|| Fault::Broken("its codec is not known".to_owned()))?;
    let mut heard = Heard::new(&track, &parameters);
    while let Some(packet) = next(&mut *format)? {
        if packet.track_id == track.id {
            heard.hear(&packet, limits);
        }
    }
    // Where a container has times, they hold where its codec says otherwise, or a recorder left out silence.
    let is_timed = ["mp4", "webm", "matroska"].iter().any(|container| media_type.ends_with(container));
    let seconds = heard.seconds(is_timed).ok_or_else(|| Fault::Broken("nothing in it can be heard".to_owned()))?;
    Ok(Inspected {
        media_type: media_type.to_owned(),
        duration_ms: Some((seconds * 1000.0).round() as u64),
        codecs: codec(parameters.codec).map(ToOwned::to_owned).into_iter().collect(),
        waveform: heard.peaks.and_then(Peaks::waveform),
        ..Inspected::default()
    })
}

fn broken(error: Error) -> Fault {
    match error {
        Error::LimitError(what) => Fault::TooLarge(what.to_owned()),
        error => Fault::Broken(error.to_string()),
    }
}

/// The next packet. A file that is cut off or damaged ends there.
fn next(format: &mut dyn FormatReader) -> Result<Option<Packet>> {
    match format.next_packet() {
        Ok(packet) => Ok(packet),
        Err(Error::IoError(_) | Error::DecodeError(_) | Error::ResetRequired) => Ok(None),
        Err(error) => Err(broken(error)),
    }
}

enum Decoder {
    Symphonia(Box<dyn AudioDecoder>),
    Opus(Box<Opus>),
    /// Only times are known.
    None,
}

/// What has been heard so far.
struct Heard {
    decoder: Decoder,
    base: Option<TimeBase>,
    /// `None` once there is no decoder for all of it.
    peaks: Option<Peaks>,
    /// How many samples of a channel there were, and how many of them are a second.
    frames: u64,
    rate: u32,
    /// When the first packet began and the last one ended, in seconds.
    first: Option<f64>,
    last: f64,
}

impl Heard {
    fn new(track: &Track, parameters: &AudioCodecParameters) -> Self {
        let decoder = match parameters.codec {
            CODEC_ID_OPUS => Opus::new(parameters.extra_data.as_deref()).map(|opus| Decoder::Opus(Box::new(opus))),
            _ => symphonia::default::get_codecs()
                .make_audio_decoder(parameters, &AudioDecoderOptions::default())
                .ok()
                .map(Decoder::Symphonia),
        };
        Self {
            peaks: decoder.is_some().then(Peaks::default),
            decoder: decoder.unwrap_or(Decoder::None),
            base: track.time_base,
            frames: 0,
            rate: parameters.sample_rate.unwrap_or(48_000).max(1),
            first: None,
            last: 0.0,
        }
    }

    fn hear(&mut self, packet: &Packet, limits: &Limits) {
        let frames = match &mut self.decoder {
            Decoder::Symphonia(decoder) => match decoder.decode(packet) {
                Ok(decoded) => {
                    self.rate = decoded.spec().rate().max(1);
                    let channels = decoded.num_planes().max(1);
                    let mut samples: Vec<f32> = Vec::new();
                    decoded.copy_to_vec_interleaved(&mut samples);
                    self.peaks.iter_mut().for_each(|peaks| peaks.push(&samples, channels));
                    decoded.frames() as u64
                }
                // A damaged packet is skipped, as a player does.
                Err(_) => 0,
            },
            Decoder::Opus(opus) => {
                self.rate = 48_000;
                let (samples, channels) = opus.decode(packet);
                self.peaks.iter_mut().for_each(|peaks| peaks.push(samples, channels));
                (samples.len() / channels) as u64
            }
            Decoder::None => 0,
        };
        self.frames += frames;
        let length = frames as f64 / f64::from(self.rate);
        if let Some(base) = self.base {
            let begin = base.calc_time_saturating(packet.pts).as_secs_f64();
            let stated = base.calc_duration_saturating(packet.dur).as_secs_f64();
            self.first = Some(self.first.unwrap_or(begin).min(begin));
            self.last = self.last.max(begin + if stated > 0.0 { stated } else { length });
        }
        if self.last > limits.listened as f64 || self.frames / u64::from(self.rate) > limits.listened {
            (self.decoder, self.peaks) = (Decoder::None, None);
        }
    }

    /// How long it is.
    fn seconds(&self, is_timed: bool) -> Option<f64> {
        let decoded = self.frames as f64 / f64::from(self.rate);
        let timed = self.first.map_or(0.0, |first| self.last - first.max(0.0));
        let seconds = match (is_timed, &self.decoder) {
            (false, Decoder::Symphonia(_) | Decoder::Opus(_)) => decoded,
            _ if timed > 0.0 => timed,
            _ => decoded,
        };
        (seconds > 0.0 && seconds < 1e7).then_some(seconds)
    }
}

fn codec(id: AudioCodecId) -> Option<&'static str> {
    Some(match id {
        CODEC_ID_OPUS => "opus",
        CODEC_ID_VORBIS => "vorbis",
        CODEC_ID_AAC => "aac",
        CODEC_ID_MP3 => "mp3",
        CODEC_ID_FLAC => "flac",
        CODEC_ID_PCM_U8 | CODEC_ID_PCM_S16LE | CODEC_ID_PCM_S24LE | CODEC_ID_PCM_S32LE | CODEC_ID_PCM_F32LE
        | CODEC_ID_PCM_F64LE => "pcm",
        _ => return None,
    })
}
