//! Stands in for `clowder` in tests: as the process that looks at a file, also with decoders that misbehave.

#![allow(clippy::panic, reason = "it misbehaves for tests")]

use std::{
    env::args_os,
    fs,
    hint::black_box,
    path::Path,
    process::{Command, ExitCode},
};

use clowder_infra_inspect::{
    Contained, Limits, Reach, SelfTest, answer, confine, contain, probe, test_sandbox, this_program,
};

fn main() -> ExitCode {
    let given: Vec<_> = args_os().skip(1).collect();
    match given.first().and_then(|first| first.to_str()) {
        Some("is-replaced") => {
            is_replaced();
            return ExitCode::SUCCESS;
        }
        // What a probe starts.
        Some("--version") => return ExitCode::SUCCESS,
        _ => {}
    }
    let after = |name: &str| given.iter().position(|arg| arg == name).and_then(|at| given.get(at + 1));
    let (Some(folder), Some(file)) = (after("--into"), after("--")) else { return ExitCode::FAILURE };
    let (file, folder, ffmpeg) = (Path::new(file), Path::new(folder), after("--ffmpeg").map(Path::new));
    let reach = Reach { file, folder, ffmpeg };
    if given.iter().any(|given| given == "--self-test") {
        print!("{}", test_sandbox(&reach));
        return ExitCode::SUCCESS;
    }
    let Some(media_type) = after("--type") else { return ExitCode::FAILURE };
    let limits = Limits { seconds: 1, ..Limits::default() };
    match media_type.to_str().unwrap_or_default() {
        "test/eats" => {
            confine(&limits, &reach).ok();
            let mut eaten = Vec::new();
            loop {
                eaten.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "test/spins" => {
            confine(&limits, &reach).ok();
            loop {
                black_box(0);
            }
        }
        "test/waits" => {
            confine(&limits, &reach).ok();
            std::fs::write(folder.join("pid"), std::process::id().to_string()).ok();
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
        // As on a system without a sandbox.
        "test/free" => print_found(&probe(&reach, Contained::default())),
        // A sandbox within the sandbox: the kernel has refused both parts of the second one.
        "test/refused" => {
            contain(&reach);
            print_found(&probe(&reach, contain(&reach)));
        }
        media_type => print!("{}", answer(file, media_type, folder, ffmpeg)),
    }
    ExitCode::SUCCESS
}

fn print_found(found: &SelfTest) {
    print!("{}", serde_json::to_string(found).unwrap_or_default());
}

/// An update puts another program in the place of this one, which goes on starting itself.
fn is_replaced() {
    let (Ok(place), Ok(program)) = (std::env::current_exe(), this_program()) else { return };
    fs::remove_file(&place).ok();
    fs::write(&place, "another program").ok();
    Command::new(program).args(["inspect-file", "--type", "test/babbles", "--into", "/", "--", "/"]).status().ok();
}
