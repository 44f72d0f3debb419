//! The waveform: how loud each part of a recording is, whose length is only known at its end.

use crate::PEAKS;

/// How many samples of a channel become one value on the way: some milliseconds.
const STEP: usize = 240;

#[derive(Debug, Default)]
pub(super) struct Peaks {
    steps: Vec<f32>,
    /// The loudest sample of the step that has begun, and how many samples it has.
    present: (f32, usize),
}

impl Peaks {
    /// Takes samples of all channels, interleaved.
    pub(super) fn push(&mut self, samples: &[f32], channels: usize) {
        for frame in samples.chunks(channels) {
            let (loudest, count) = &mut self.present;
            // `max` passes over what is not a number.
            *loudest = frame.iter().fold(*loudest, |loudest, sample| loudest.max(sample.abs()));
            *count += 1;
            if *count == STEP {
                self.steps.push(*loudest);
                self.present = (0.0, 0);
            }
        }
    }

    /// `None` if nothing was heard.
    pub(super) fn waveform(mut self) -> Option<Vec<u8>> {
        if self.present.1 > 0 {
            self.steps.push(self.present.0);
        }
        let steps = self.steps.len();
        let peak = |at: usize| {
            let (begin, end) = (at * steps / PEAKS, ((at + 1) * steps).div_ceil(PEAKS).max(1));
            let loudest = self.steps[begin..end.min(steps)].iter().copied().fold(0.0, f32::max);
            (loudest.min(1.0) * 255.0).round() as u8
        };
        (steps > 0).then(|| (0..PEAKS).map(peak).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waveform_has_its_peaks_where_they_are_heard() {
        let mut peaks = Peaks::default();
        // Two channels, of which the second gets loud for the second half.
        peaks.push(&[0.0; 2 * STEP * 500], 2);
        peaks.push(&[0.0, -0.5].repeat(STEP * 500), 2);
        let waveform = peaks.waveform().unwrap();
        assert_eq!(waveform, [[0_u8; 50], [128; 50]].concat());
    }

    #[test]
    fn a_short_recording_has_all_peaks() {
        let mut peaks = Peaks::default();
        assert_eq!(Peaks::default().waveform(), None);
        peaks.push(&[f32::NAN, 2.0, 0.1], 1);
        assert_eq!(peaks.waveform(), Some(vec![255; PEAKS]));
    }
}
