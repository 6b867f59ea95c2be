//! Processes under test: started, their processor time, memory and threads read, ended.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use tokio::time::Instant;

/// The processor time, user and system, of all threads of one process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessClock(ClockId);

impl ProcessClock {
    /// Finds the clock of a process.
    ///
    /// # Errors
    ///
    /// When there is no such process.
    pub fn of(pid: u32) -> Result<Self> {
        let pid = Pid::from_raw(i32::try_from(pid)?);
        Ok(Self(
            clock_getcpuclockid(pid).context("the process's clock")?,
        ))
    }

    /// Returns the processor time used so far.
    ///
    /// # Errors
    ///
    /// When the process has ended.
    pub fn used(&self) -> Result<Duration> {
        Ok(self.0.now().context("the process has ended")?.into())
    }
}

/// What a process takes of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// The most memory it had resident so far, in bytes.
    pub peak_bytes: u64,
    /// Its threads now.
    pub threads: u64,
}

/// A process that ends with this value.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// When it was started.
    pub started: Instant,
    /// Its processor time.
    pub clock: ProcessClock,
}

impl Process {
    /// Starts a program; what it says goes to a file.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let out = File::create(log)?;
        let err = out.try_clone()?;
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let started = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        let clock = ProcessClock::of(child.id())?;
        Ok(Self {
            child,
            started,
            clock,
        })
    }

    /// Returns its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    ///
    /// When it cannot be asked.
    pub fn terminate(&mut self) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
        self.child.wait()?;
        Ok(())
    }

    /// Reads its memory and threads.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn footprint(&self) -> Result<Footprint> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let number = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let digits = line.and_then(|line| line.split_whitespace().next());
            Ok(digits.with_context(|| format!("no {name}"))?.parse()?)
        };
        Ok(Footprint {
            peak_bytes: number("VmHWM:")?.saturating_mul(1024),
            threads: number("Threads:")?,
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
