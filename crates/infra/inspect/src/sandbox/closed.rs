//! How the kernel is told: files by Landlock, system calls by seccomp.

use std::{env::consts::ARCH, path::Path};

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter_all_threads};

use super::{Contained, Reach, calls, programs};

/// `ENOSYS`: as if the kernel did not know the call, so that libraries use an older one if they can.
const UNKNOWN_CALL: u32 = 38;
/// Where the loader of a program finds its libraries.
const LIBRARIES: [&str; 8] =
    ["/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/nix/store"];

/// The files first: seccomp does not let through the calls of Landlock.
pub(super) fn close(reach: &Reach<'_>) -> Contained {
    Contained { files: close_files(reach).unwrap_or(false), calls: close_calls(reach).is_ok() }
}

/// The newest interface that was tested; of an older kernel, what it has. Also in the first one, no file can be opened.
fn close_files(reach: &Reach<'_>) -> Result<bool, RulesetError> {
    let tested = ABI::V6;
    let written = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::Truncate;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(tested))?
        .handle_access(AccessNet::from_all(tested))?
        .scope(Scope::from_all(tested))?
        .create()?
        .add_rules(path_beneath_rules([reach.file], AccessFs::ReadFile))?
        .add_rules(path_beneath_rules([reach.folder], written))?;
    if let Some(ffmpeg) = reach.ffmpeg {
        // It may have brought its libraries with it.
        let own = ffmpeg.canonicalize().unwrap_or_default();
        let own = own.parent().map(|folder| [folder.join("lib"), folder.join("../lib")]).into_iter().flatten();
        rules = rules
            .add_rules(path_beneath_rules(programs::needed(ffmpeg), AccessFs::ReadFile | AccessFs::Execute))?
            .add_rules(path_beneath_rules(LIBRARIES, AccessFs::ReadFile | AccessFs::ReadDir))?
            .add_rules(path_beneath_rules(own, AccessFs::ReadFile | AccessFs::ReadDir))?
            .add_rules(path_beneath_rules([Path::new("/etc/ld.so.cache")], AccessFs::ReadFile))?
            .add_rules(path_beneath_rules([Path::new("/dev/null")], AccessFs::ReadFile | AccessFs::WriteFile))?;
    }
    Ok(rules.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
}

fn close_calls(reach: &Reach<'_>) -> seccompiler::Result<()> {
    let arch: TargetArch = ARCH.try_into()?;
    let (closed, open) = (SeccompAction::Errno(UNKNOWN_CALL), SeccompAction::Allow);
    let filter = SeccompFilter::new(calls::open(reach.ffmpeg.is_some())?, closed, open, arch)?;
    let program: BpfProgram = filter.try_into()?;
    apply_filter_all_threads(&program)
}
