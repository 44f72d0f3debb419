//! The fuzz targets (`fuzz/`) without a fuzzer, which needs another compiler: they compile, accept their seeds, and stand
//! whatever is changed in them.

use std::{fs, path::Path};

use proptest::{prelude::*, sample::Index};

// Each is a program of its own there.
#[path = "../../../fuzz/fuzz_targets/bus.rs"]
#[allow(unused_attributes, reason = "it has no `main`, which only a program can say")]
mod bus;
#[path = "../../../fuzz/fuzz_targets/cursor.rs"]
#[allow(unused_attributes, reason = "the same")]
mod cursor;
#[path = "../../../fuzz/fuzz_targets/form.rs"]
#[allow(unused_attributes, reason = "the same")]
mod form;
#[path = "../../../fuzz/fuzz_targets/frame.rs"]
#[allow(unused_attributes, reason = "the same")]
mod frame;
#[path = "../../../fuzz/fuzz_targets/media.rs"]
#[allow(unused_attributes, reason = "the same")]
mod media;
#[path = "../../../fuzz/fuzz_targets/names.rs"]
#[allow(unused_attributes, reason = "the same")]
mod names;
#[path = "../../../fuzz/fuzz_targets/octets.rs"]
#[allow(unused_attributes, reason = "the same")]
mod octets;
#[path = "../../../fuzz/fuzz_targets/query.rs"]
#[allow(unused_attributes, reason = "the same")]
mod query;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 8] = [
    ("bus", bus::run),
    ("cursor", cursor::run),
    ("form", form::run),
    ("frame", frame::run),
    ("media", media::run),
    ("names", names::run),
    ("octets", octets::run),
    ("query", query::run),
];

/// In place of the macro of `libfuzzer_sys`: a function that takes any octets.
#[macro_export]
macro_rules! fuzz_target {
    (|$input:ident: $kind:ty| $body:block) => {
        pub fn run(octets: &[u8]) {
            let Some($input): Option<$kind> = $crate::fuzzing::Input::of(octets) else { return };
            $body
        }
    };
}

/// What a target takes, made of any octets.
pub trait Input<'o>: Sized {
    fn of(octets: &'o [u8]) -> Option<Self>;
}

impl<'o> Input<'o> for &'o [u8] {
    fn of(octets: &'o [u8]) -> Option<Self> {
        Some(octets)
    }
}

impl<'o> Input<'o> for &'o str {
    fn of(octets: &'o [u8]) -> Option<Self> {
        std::str::from_utf8(octets).ok()
    }
}

impl<'o> Input<'o> for (u8, &'o [u8]) {
    fn of(octets: &'o [u8]) -> Option<Self> {
        octets.split_last().map(|(last, rest)| (*last, rest))
    }
}

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(name)
}

/// What a target begins with, and nothing.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder("seeds").join(target)).into_iter().flatten().flatten();
    let mut files: Vec<_> = files.map(|file| file.path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).chain([Vec::new()]).collect()
}

#[test]
fn all_targets_are_here() {
    let files = fs::read_dir(folder("fuzz_targets")).unwrap().map(|file| file.unwrap().path());
    let mut names: Vec<_> = files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, TARGETS.map(|(name, _)| name));
    let programs = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for name in names {
        assert!(programs.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}

#[test]
fn seeds_do_no_harm() {
    for (name, run) in TARGETS {
        seeds(name).iter().for_each(|seed| run(seed));
    }
}

proptest! {
    #[test]
    fn what_is_left_of_a_seed_does_no_harm(
        which in 0..TARGETS.len(),
        seed in any::<Index>(),
        more in prop::collection::vec(any::<u8>(), 0..20),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..8),
        end in any::<Index>(),
    ) {
        let (name, run) = TARGETS[which];
        let mut octets = seed.get(&seeds(name)).clone();
        octets.extend(more);
        for (at, octet) in changes {
            if !octets.is_empty() {
                let at = at.index(octets.len());
                octets[at] = octet;
            }
        }
        octets.truncate(end.index(octets.len() + 1));
        run(&octets);
    }
}
