//! The system calls that decoders need, and those that `ffmpeg` needs besides.

use std::{collections::BTreeMap, process};

use seccompiler::{
    BackendError,
    SeccompCmpArgLen::Dword,
    SeccompCmpOp::{Eq, MaskedEq},
    SeccompCondition, SeccompRule,
};

/// Numbers of the kernel: of `clone`, `mmap`, `prctl` and `ioctl`.
const THREAD: u64 = 0x0001_0000;
const NAMESPACES: u64 = 0x7E02_0000;
const EXECUTABLE: u64 = 4;
const SET_NAME: u64 = 15;
const SET_VMA: u64 = 0x5356_4D41;
const IS_TERMINAL: u64 = 0x5401;
const NON_BLOCKING: u64 = 0x5421;

/// Files that Landlock leaves open, memory, threads, and the time. None makes a socket, changes an existing file, starts a
/// program, or knows another process.
const DECODING: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_faccessat,
    libc::SYS_fadvise64,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getcwd,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_statx,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Starting a program, loading it, and waiting for it. Which program, Landlock decides.
const STARTING: &[i64] = &[
    libc::SYS_chdir,
    libc::SYS_close_range,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_execve,
    libc::SYS_faccessat2,
    libc::SYS_fstatfs,
    libc::SYS_get_mempolicy,
    libc::SYS_get_robust_list,
    libc::SYS_getdents64,
    libc::SYS_getgroups,
    libc::SYS_getpriority,
    libc::SYS_getresgid,
    libc::SYS_getresuid,
    libc::SYS_getsid,
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_munlock,
    libc::SYS_pipe2,
    libc::SYS_prlimit64,
    libc::SYS_pselect6,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_setaffinity,
    libc::SYS_set_tid_address,
    libc::SYS_setpgid,
    libc::SYS_statfs,
    libc::SYS_times,
    libc::SYS_umask,
    libc::SYS_wait4,
    libc::SYS_waitid,
];

/// What newer processors do not have, because another call does the same.
#[cfg(target_arch = "x86_64")]
const OLDER: (&[i64], &[i64]) = (
    &[
        libc::SYS_access,
        libc::SYS_getpgrp,
        libc::SYS_lstat,
        libc::SYS_open,
        libc::SYS_poll,
        libc::SYS_readlink,
        libc::SYS_stat,
    ],
    &[
        libc::SYS_arch_prctl,
        libc::SYS_dup2,
        libc::SYS_epoll_wait,
        libc::SYS_fork,
        libc::SYS_getrlimit,
        libc::SYS_pipe,
        libc::SYS_select,
        libc::SYS_time,
        libc::SYS_vfork,
    ],
);
#[cfg(not(target_arch = "x86_64"))]
const OLDER: (&[i64], &[i64]) = (&[], &[]);

/// The calls that are let through; `starts`: another program may be started.
pub(super) fn open(starts: bool) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let mut open: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    open.extend([DECODING, OLDER.0].concat().into_iter().map(|call| (call, Vec::new())));
    // It ends itself, and its group; nobody else hears of it.
    let own = process::id();
    let group = own.wrapping_neg();
    open.insert(libc::SYS_kill, vec![argument(0, Eq, own)?, argument(0, Eq, group)?]);
    open.insert(libc::SYS_tgkill, vec![argument(0, Eq, own)?]);
    open.insert(libc::SYS_prctl, vec![argument(0, Eq, SET_NAME)?, argument(0, Eq, SET_VMA)?]);
    open.insert(libc::SYS_ioctl, vec![argument(1, Eq, IS_TERMINAL)?, argument(1, Eq, NON_BLOCKING)?]);
    if starts {
        open.extend([STARTING, OLDER.1].concat().into_iter().map(|call| (call, Vec::new())));
        open.insert(libc::SYS_clone, vec![argument(0, MaskedEq(NAMESPACES), 0_u64)?]);
    } else {
        open.insert(libc::SYS_clone, vec![argument(0, MaskedEq(THREAD), THREAD)?]);
        // No memory that was written becomes code.
        open.insert(libc::SYS_mmap, vec![argument(2, MaskedEq(EXECUTABLE), 0_u64)?]);
        open.insert(libc::SYS_mprotect, vec![argument(2, MaskedEq(EXECUTABLE), 0_u64)?]);
    }
    Ok(open)
}

/// Lets a call through whose argument at this place compares so; the kernel looks at 32 bits of it.
fn argument(at: u8, compares: seccompiler::SeccompCmpOp, with: impl Into<u64>) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(at, Dword, compares, with.into())?])
}
