//! Stands in for `clowder` in tests: as the process that looks at a file, also with decoders that misbehave.

#![allow(clippy::panic, reason = "it misbehaves for tests")]

use std::{
    env::args_os,
    fs,
    hint::black_box,
    path::Path,
    process::{Command, ExitCode},
};

use clowder_infra_inspect::{Limits, answer, confine, this_program};

fn main() -> ExitCode {
    let given: Vec<_> = args_os().skip(1).collect();
    if given.first().is_some_and(|first| first == "is-replaced") {
        is_replaced();
        return ExitCode::SUCCESS;
    }
    let after = |name: &str| given.iter().position(|arg| arg == name).and_then(|at| given.get(at + 1));
    let (Some(media_type), Some(folder), Some(file)) = (after("--type"), after("--into"), after("--")) else {
        return ExitCode::FAILURE;
    };
    let limits = Limits { seconds: 1, ..Limits::default() };
    match media_type.to_str().unwrap_or_default() {
        "test/eats" => {
            confine(&limits).ok();
            let mut eaten = Vec::new();
            loop {
                eaten.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "test/spins" => {
            confine(&limits).ok();
            loop {
                black_box(0);
            }
        }
        "test/waits" => {
            confine(&limits).ok();
            std::fs::write(Path::new(folder).join("pid"), std::process::id().to_string()).ok();
            loop {
                std::thread::park();
            }
        }
        "test/crashes" => std::process::abort(),
        "test/panics" => panic!("a decoder that nobody has caught"),
        "test/killed" => {
            let own = std::process::id().to_string();
            Command::new("kill").args(["-9", &own]).status().ok();
        }
        "test/mistaken" => return ExitCode::from(2),
        "test/babbles" => print!("no JSON"),
        media_type => {
            print!("{}", answer(Path::new(file), media_type, Path::new(folder), after("--ffmpeg").map(Path::new)));
        }
    }
    ExitCode::SUCCESS
}

/// An update puts another program in the place of this one, which goes on starting itself.
fn is_replaced() {
    let (Ok(place), Ok(program)) = (std::env::current_exe(), this_program()) else { return };
    fs::remove_file(&place).ok();
    fs::write(&place, "another program").ok();
    Command::new(program).args(["inspect-file", "--type", "test/babbles", "--into", "/", "--", "/"]).status().ok();
}
