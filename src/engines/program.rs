//! An engine that is a program of its own: it may hang or crash, and costs that one text.

use super::synthesizer::{SynthesisError, to_prompt_samples};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Ten minutes of 22.05 kHz: more than `LONGEST_TEXT` can be read aloud in.
const LONGEST_OUTPUT: u64 = 600 * 22_050 * 2;

/// How long a program may put out before what it put out is looked at.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

pub struct Program {
    /// What it is called in errors, and Debian's package that has it.
    name: &'static str,
    package: &'static str,
    path: PathBuf,
    timeout: Duration,
}

impl Program {
    /// `path` is looked for along PATH where it is a bare name.
    pub fn new(
        name: &'static str,
        package: &'static str,
        path: &Path,
        timeout: Duration,
    ) -> Program {
        Program {
            name,
            package,
            path: path.to_path_buf(),
            timeout,
        }
    }

    /// Runs it with `input` as its standard input, to a good end; its standard output.
    pub fn output(&self, arguments: &[&str], input: &str) -> Result<Vec<u8>, SynthesisError> {
        let (status, output) = self.run(arguments, input)?;
        match status.success() {
            true => Ok(output),
            false => Err(self.failed(status)),
        }
    }

    /// What it tells about itself, whatever its exit status: flite's is 1 after its version.
    pub fn about(&self, argument: &str) -> Result<String, SynthesisError> {
        let (_, output) = self.run(&[argument], "")?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    fn run(
        &self,
        arguments: &[&str],
        input: &str,
    ) -> Result<(ExitStatus, Vec<u8>), SynthesisError> {
        let deadline = Instant::now() + self.timeout;
        // Files without a name, not pipes: no program can make us wait to write or to read, and one
        // that goes back in its output to correct its header can do so.
        let mut stdin = self.memory_file()?;
        stdin
            .write_all(input.as_bytes())
            .and_then(|()| stdin.rewind())
            .map_err(|error| self.failed(error))?;
        let mut stdout = self.memory_file()?;
        let its_stdout = stdout.try_clone().map_err(|error| self.failed(error))?;
        let mut child = Command::new(&self.path)
            .args(arguments)
            .stdin(stdin)
            .stdout(its_stdout)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| SynthesisError::NotInstalled {
                engine: self.name,
                package: self.package,
                reason: error.to_string(),
            })?;
        let result = self.wait(&mut child, &stdout, deadline);
        // Killing a program that has ended does nothing; waiting leaves no zombie behind.
        let _ = child.kill();
        let _ = child.wait();
        Ok((result?, self.read(&mut stdout)?))
    }

    /// In memory: what a caller's data goes into never touches the disk, which may be full besides.
    fn memory_file(&self) -> Result<File, SynthesisError> {
        let file = memfd_create("zeroline", MemfdFlags::CLOEXEC);
        file.map(File::from).map_err(|error| self.failed(error))
    }

    /// Makes text into a prompt's samples: the program reads it from its standard input and writes
    /// a WAV of 16-bit mono to its standard output.
    pub fn speak(&self, arguments: &[&str], text: &str) -> Result<Vec<i16>, SynthesisError> {
        let output = self.output(arguments, text)?;
        let (samples, rate) = parse_wav(&output)
            .ok_or_else(|| self.failed("its output is not the WAV that was expected"))?;
        to_prompt_samples(self.name, &samples, rate)
    }

    fn wait(
        &self,
        child: &mut Child,
        stdout: &File,
        deadline: Instant,
    ) -> Result<ExitStatus, SynthesisError> {
        let pid = Pid::from_child(child);
        let ends = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| self.failed(error))?;
        loop {
            let length = stdout.metadata().map_err(|error| self.failed(error))?.len();
            if length > LONGEST_OUTPUT {
                return Err(self.failed("it put out more than ten minutes of sound"));
            }
            if let Some(status) = child.try_wait().map_err(|error| self.failed(error))? {
                return Ok(status);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SynthesisError::TimedOut {
                    engine: self.name,
                    seconds: self.timeout.as_secs(),
                });
            }
            let wait = Timespec::try_from(left.min(BETWEEN_LOOKS));
            let wait = wait.map_err(|error| self.failed(error))?;
            // An interrupted wait is looked at above, like one that has ended.
            let _ = poll(&mut [PollFd::new(&ends, PollFlags::IN)], Some(&wait));
        }
    }

    fn read(&self, stdout: &mut File) -> Result<Vec<u8>, SynthesisError> {
        let mut output = Vec::new();
        let read = stdout
            .rewind()
            .and_then(|()| stdout.read_to_end(&mut output));
        read.map_err(|error| self.failed(error))?;
        Ok(output)
    }

    pub fn failed(&self, reason: impl std::fmt::Display) -> SynthesisError {
        SynthesisError::Failed {
            engine: self.name,
            reason: reason.to_string(),
        }
    }
}

/// Samples and rate of a 16-bit mono WAV whose lengths are not to be believed: some engines write
/// the header before they know them.
pub(super) fn parse_wav(file: &[u8]) -> Option<(Vec<i16>, u32)> {
    const HEADER: usize = 44;
    let (header, samples) = file.split_at_checked(HEADER)?;
    let fits = header.starts_with(b"RIFF")
        && header.get(8..16) == Some(b"WAVEfmt ")
        && header.get(20..24) == Some(&[1, 0, 1, 0])
        && header.get(34..40) == Some(b"\x10\0data");
    let rate = u32::from_le_bytes(header.get(24..28)?.try_into().ok()?);
    let samples = samples
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
    fits.then(|| (samples.collect(), rate))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A program of ours in an engine's place.
    pub fn script(lines: &str, timeout: Duration) -> (tempfile::TempDir, Program) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine");
        std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        (folder, Program::new("test", "test", &path, timeout))
    }

    #[test]
    fn a_program_that_hangs_is_stopped() {
        // Time enough for it to say who it is.
        let (folder, program) = script("echo $$ > $0.pid; exec sleep 60", Duration::from_secs(3));
        let result = program.speak(&[], "one");
        assert!(
            matches!(result, Err(SynthesisError::TimedOut { .. })),
            "{result:?}"
        );
        let pid = std::fs::read_to_string(folder.path().join("engine.pid")).unwrap();
        let process = Path::new("/proc").join(pid.trim());
        assert!(!process.exists(), "it lives on, or is a zombie");
    }

    #[test]
    fn a_program_that_crashes_or_babbles_is_an_error() {
        for lines in [
            "exit 3",
            "kill -SEGV $$",
            "kill -9 $$",
            "echo hello",
            "true",
            "exec cat /dev/zero",
        ] {
            let (_folder, program) = script(lines, Duration::from_secs(20));
            let result = program.speak(&[], "one");
            assert!(
                matches!(result, Err(SynthesisError::Failed { .. })),
                "{lines}: {result:?}"
            );
        }
    }

    #[test]
    fn a_program_reads_what_it_is_given() {
        let (_folder, program) = script("cat; echo $1", Duration::from_secs(20));
        let output = program.output(&["-x"], "--help; `id`\n").unwrap();
        assert_eq!(output, b"--help; `id`\n-x\n");
    }

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let nowhere = Path::new("/nowhere/speaks");
        let program = Program::new("speaks", "speaks-dev", nowhere, Duration::from_secs(1));
        let error = program.output(&[], "").unwrap_err();
        assert!(
            error.to_string().contains("apt-get install speaks-dev"),
            "{error}"
        );
    }
}
