//! The process that looks at a file: started here, confined there. Nothing that a file makes a decoder do reaches further.

use std::{
    env, fs,
    hash::{BuildHasher, RandomState},
    io::{self, Read, stdin},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{self, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpgrp, getpid, kill_process, kill_process_group, setpriority_process, setrlimit,
};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    sync::Semaphore,
    time::timeout,
};

use crate::{
    Fault, Inspected, Limits, Result, inspect, may_have_poster,
    sandbox::{Contained, Reach, SelfTest, contain, probe},
};

/// The longest answer that is read, in octets. It has no pixels: those are in files.
const LONGEST: u64 = 1 << 20;
/// The longest file that may be written, in octets.
const WRITTEN: u64 = 1 << 30;
/// The files that may be open, of which a decoder needs one.
const OPEN: u64 = 64;
/// How long a process that has used up its time has left to end by the signal that says so, in seconds.
const GRACE: u64 = 5;
/// How a program ends that has panicked.
const PANICKED: i32 = 101;

/// The program of this process as it runs, whatever an update has put in its place on the disk.
pub fn this_program() -> io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() { Ok(running.to_owned()) } else { env::current_exe() }
}

/// Looks at files, each in a process of its own.
pub struct Inspector {
    program: PathBuf,
    ffmpeg: Option<PathBuf>,
    limits: Limits,
    turns: Semaphore,
}

impl Inspector {
    /// `program` is this binary, which takes `inspect-file`; `ffmpeg` is the path of one, if there is one. `at_once`: how
    /// many files are looked at at the same time; others wait.
    pub fn new(program: PathBuf, ffmpeg: Option<PathBuf>, limits: Limits, at_once: usize) -> Self {
        Self { program, ffmpeg, limits, turns: Semaphore::new(at_once.max(1)) }
    }

    /// Looks at a file of this type. What is written goes into `folder`, which exists and is empty; whoever calls removes
    /// it. If the future is dropped, the process ends.
    pub async fn inspect(&self, file: &Path, media_type: &str, folder: &Path) -> Result<Inspected> {
        let _turn = self.turns.acquire().await.map_err(|error| Fault::Away(error.to_string()))?;
        let (status, answer) = self.run(&["--type", media_type], file, folder, self.ffmpeg.as_deref()).await?;
        verdict(status, &answer)
    }

    /// What a process that looks at files can reach on this machine: one for pictures, and one for videos if there is an
    /// `ffmpeg`.
    pub async fn self_test(&self) -> Result<SelfTest> {
        // Nobody else has one of this name, also if something has stayed there from before.
        let folder = env::temp_dir().join(format!("clowder-{:016x}", RandomState::new().hash_one(process::id())));
        fs::create_dir(&folder)?;
        let folder = Made(folder);
        let mut found = SelfTest { contained: Contained { files: true, calls: true }, ..SelfTest::default() };
        for ffmpeg in [None, self.ffmpeg.as_deref()].into_iter().take(1 + usize::from(self.ffmpeg.is_some())) {
            let file = folder.0.join("file");
            fs::write(&file, "file")?;
            let (status, answer) = self.run(&["--self-test"], &file, &folder.0, ffmpeg).await?;
            let one: SelfTest = match serde_json::from_slice(&answer) {
                Ok(one) if status.success() => one,
                _ => return Err(Fault::Died(format!("it ended with {status} and no answer"))),
            };
            found.contained.files &= one.contained.files;
            found.contained.calls &= one.contained.calls;
            found.reached.extend(one.reached);
            found.lost.extend(one.lost);
        }
        Ok(found)
    }

    async fn run(
        &self,
        what: &[&str],
        file: &Path,
        folder: &Path,
        ffmpeg: Option<&Path>,
    ) -> Result<(ExitStatus, Vec<u8>)> {
        let away = |error: &dyn std::fmt::Display| Fault::Away(error.to_string());
        let mut command = Command::new(&self.program);
        command.arg("inspect-file").args(what).arg("--into").arg(folder);
        if let Some(ffmpeg) = ffmpeg {
            command.arg("--ffmpeg").arg(ffmpeg);
        }
        // Its path says nothing to whoever lists processes.
        command.arg0("clowder");
        // None of our settings and secrets is in its environment. A group of its own, so that an ffmpeg ends with it.
        command.arg("--").arg(file).env_clear().process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| away(&error))?;
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        // The process ends when this does, also if we are killed.
        let _alive = child.stdin.take();
        let answered = timeout(Duration::from_secs(self.limits.patience), answered(&mut child)).await;
        let Ok(answered) = answered else {
            return Err(Fault::Gave(format!("it took longer than {} seconds", self.limits.patience)));
        };
        let answered = answered.map_err(|error| away(&error))?;
        group.has_ended();
        Ok(answered)
    }
}

/// A folder that goes with it.
struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn answered(child: &mut Child) -> std::io::Result<(ExitStatus, Vec<u8>)> {
    let mut answer = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(LONGEST).read_to_end(&mut answer).await?;
    }
    Ok((child.wait().await?, answer))
}

fn verdict(status: ExitStatus, answer: &[u8]) -> Result<Inspected> {
    let gave = |why: String| Err(Fault::Gave(why));
    match status.signal().and_then(Signal::from_named_raw) {
        // Somebody stops the whole server.
        Some(Signal::TERM | Signal::INT | Signal::HUP) => return Err(Fault::Away("it was stopped".to_owned())),
        // The system has no memory left, or somebody ends whatever is there.
        Some(Signal::KILL) => return Err(Fault::Died("it was killed".to_owned())),
        Some(Signal::XCPU) => return gave("it took too much time of a processor".to_owned()),
        Some(signal) => return gave(format!("the decoder ended by signal {}", signal.as_raw())),
        None => {}
    }
    match serde_json::from_slice(answer) {
        Ok(answer) if status.success() => answer,
        _ if status.code() == Some(PANICKED) => gave("the decoder panicked".to_owned()),
        // Another program has taken its place, or it could not begin.
        _ => Err(Fault::Died(format!("it ended with {status} and no answer"))),
    }
}

/// A process and its children, which are killed unless they have ended.
struct Group(Option<Pid>);

impl Group {
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What the process does: confines itself, looks at the file, and says as JSON what it has found, or a [`Fault`].
pub fn answer(file: &Path, media_type: &str, folder: &Path, ffmpeg: Option<&Path>) -> String {
    let limits = Limits::default();
    // What starts no program must not be able to.
    let ffmpeg = ffmpeg.filter(|_| may_have_poster(media_type));
    let found = confine(&limits, &Reach { file, folder, ffmpeg })
        .and_then(|_| inspect(file, media_type, folder, ffmpeg, &limits));
    serde_json::to_string(&found).unwrap_or_default()
}

/// What the process does to test its sandbox: confines itself, tries what it must not do, and says as JSON what it could.
pub fn test_sandbox(reach: &Reach<'_>) -> String {
    let found = confine(&Limits::default(), reach).map(|contained| probe(reach, contained));
    found.ok().and_then(|found| serde_json::to_string(&found).ok()).unwrap_or_default()
}

/// From here on, this process and those that it starts have little memory and time, few open files, and leave no core
/// dump; and it has nothing but this within its reach, as far as the kernel can keep it from the rest. It ends when
/// whoever started it does. It has one thread yet: others would stay as they are.
pub fn confine(limits: &Limits, reach: &Reach<'_>) -> Result<Contained> {
    let bounds = [
        (Resource::As, limits.memory, limits.memory),
        // With a hard limit alone, it is killed as by anybody else.
        (Resource::Cpu, limits.seconds, limits.seconds + GRACE),
        (Resource::Fsize, WRITTEN, WRITTEN),
        (Resource::Nofile, OPEN, OPEN),
        (Resource::Core, 0, 0),
    ];
    for (resource, most, hard) in bounds {
        let bound = Rlimit { current: Some(most), maximum: Some(hard) };
        setrlimit(resource, bound).map_err(|error| Fault::Away(error.to_string()))?;
    }
    let _ = setpriority_process(None, 5);
    let contained = contain(reach);
    end_with_parent();
    Ok(contained)
}

/// The standard input is a pipe that nobody writes to: it ends when the parent does.
fn end_with_parent() {
    let is_pipe = rustix::fs::fstat(stdin())
        .is_ok_and(|status| rustix::fs::FileType::from_raw_mode(status.st_mode) == rustix::fs::FileType::Fifo);
    if !is_pipe {
        return;
    }
    thread::spawn(|| {
        let _ = stdin().lock().read(&mut [0]);
        let _ = match getpgrp() == getpid() {
            true => kill_process_group(getpgrp(), Signal::KILL),
            false => kill_process(getpid(), Signal::KILL),
        };
    });
}
