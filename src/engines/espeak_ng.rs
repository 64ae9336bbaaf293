//! eSpeak NG (Mandarin, and English where flite is missing), as a program of its own: it is GPL,
//! and a program that hangs can be stopped.

use super::synthesizer::{SynthesisError, Synthesizer, TIMEOUT, check_text, to_prompt_samples};
use crate::language::Language;
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ENGINE: &str = "espeak-ng";
const PACKAGE: &str = "espeak-ng";
/// Ten minutes of 22.05 kHz: more than `LONGEST_TEXT` can be read aloud in.
const LONGEST_OUTPUT: usize = 600 * 22_050 * 2;
/// Words a minute at rate 1.0: a little under the engine's own, for the telephone.
const WORDS_A_MINUTE: f32 = 160.0;

pub struct EspeakNg {
    program: PathBuf,
    timeout: Duration,
    id: String,
}

impl EspeakNg {
    /// Looks for `espeak-ng` along PATH and asks it for its version.
    pub fn find() -> Result<EspeakNg, SynthesisError> {
        Self::at(Path::new("espeak-ng"), TIMEOUT)
    }

    fn at(program: &Path, timeout: Duration) -> Result<EspeakNg, SynthesisError> {
        let mut engine = EspeakNg {
            program: program.to_path_buf(),
            timeout,
            id: String::new(),
        };
        let version = engine.run(&["--version"], "")?;
        let version = String::from_utf8_lossy(&version);
        // "eSpeak NG text-to-speech: 1.51  Data at: …"
        let version = version.split("Data at").next().unwrap_or_default();
        engine.id = format!("espeak-ng/{}", version.trim());
        Ok(engine)
    }

    /// Runs the program with `input` as its standard input; its standard output, whole.
    fn run(&self, arguments: &[&str], input: &str) -> Result<Vec<u8>, SynthesisError> {
        let deadline = Instant::now() + self.timeout;
        // The input is a file without a name, so that no program can make us wait to write.
        let mut stdin = tempfile::tempfile().map_err(failed)?;
        stdin.write_all(input.as_bytes()).map_err(failed)?;
        stdin.rewind().map_err(failed)?;
        let mut child = Command::new(&self.program)
            .args(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| SynthesisError::NotInstalled {
                engine: ENGINE,
                package: PACKAGE,
                reason: error.to_string(),
            })?;
        let result = self.read_output(&mut child, deadline);
        // Killing a program that has ended does nothing; waiting leaves no zombie behind.
        let _ = child.kill();
        let _ = child.wait();
        result
    }

    fn read_output(&self, child: &mut Child, deadline: Instant) -> Result<Vec<u8>, SynthesisError> {
        let mut stdout = child.stdout.take().expect("standard output is piped");
        let mut output = Vec::new();
        let mut buffer = [0; 16 * 1_024];
        loop {
            if !readable_before(&stdout, deadline)? {
                return Err(self.timed_out());
            }
            match stdout.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => output.extend_from_slice(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
            if output.len() > LONGEST_OUTPUT {
                return Err(failed("it put out more than ten minutes of sound"));
            }
        }
        // The output is closed, so the program is about to end.
        loop {
            match child.try_wait().map_err(failed)? {
                Some(status) if status.success() => return Ok(output),
                Some(status) => return Err(failed(status)),
                None if Instant::now() >= deadline => return Err(self.timed_out()),
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn timed_out(&self) -> SynthesisError {
        SynthesisError::TimedOut {
            engine: ENGINE,
            seconds: self.timeout.as_secs(),
        }
    }
}

impl Synthesizer for EspeakNg {
    fn id(&self) -> &str {
        &self.id
    }

    fn speaks(&self, _language: Language) -> bool {
        true
    }

    fn synthesize(
        &self,
        text: &str,
        language: Language,
        rate: f32,
    ) -> Result<Vec<i16>, SynthesisError> {
        check_text(text)?;
        let voice = match language {
            Language::En => "en-us",
            Language::Zh => "cmn",
        };
        let speed = (WORDS_A_MINUTE * rate.clamp(0.5, 2.0)).round().to_string();
        let arguments = ["-v", voice, "-s", &speed, "-b", "1", "--stdin", "--stdout"];
        let output = self.run(&arguments, text)?;
        let (samples, rate) = parse_wav(&output)
            .ok_or_else(|| failed("its output is not the WAV that was expected"))?;
        to_prompt_samples(ENGINE, &samples, rate)
    }
}

/// Whether there is something to read, or the end, before the deadline.
fn readable_before(stdout: &impl AsRawFd, deadline: Instant) -> Result<bool, SynthesisError> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let milliseconds = libc::c_int::try_from(left.as_millis()).unwrap_or(libc::c_int::MAX);
        let mut poll = libc::pollfd {
            fd: stdout.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one descriptor is passed, and it is open as long as `stdout` is borrowed.
        match unsafe { libc::poll(&raw mut poll, 1, milliseconds) } {
            0 => return Ok(false),
            1.. => return Ok(true),
            _ => {
                let error = std::io::Error::last_os_error();
                if error.kind() != ErrorKind::Interrupted {
                    return Err(failed(error));
                }
            }
        }
    }
}

/// Samples and rate of a 16-bit mono WAV on a pipe, whose lengths are not to be believed.
fn parse_wav(file: &[u8]) -> Option<(Vec<i16>, u32)> {
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

fn failed(reason: impl std::fmt::Display) -> SynthesisError {
    SynthesisError::Failed {
        engine: ENGINE,
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A program of ours in the engine's place.
    fn program(script: &str, timeout: Duration) -> (tempfile::TempDir, EspeakNg) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let engine = EspeakNg {
            program: path,
            timeout,
            id: "test".to_string(),
        };
        (folder, engine)
    }

    #[test]
    fn both_languages_are_spoken() {
        let engine = match EspeakNg::find() {
            Ok(engine) => engine,
            Err(error) => return println!("skipped: {error}"),
        };
        assert!(
            engine.id().starts_with("espeak-ng/eSpeak NG"),
            "{}",
            engine.id()
        );
        let zh = engine.synthesize("查快递请按一，退款请按二。", Language::Zh, 1.0);
        assert!(zh.unwrap().len() > 12_000);
        let en = "Press zero; `touch /tmp/x` \"$(id)\" -v de";
        let usual = engine.synthesize(en, Language::En, 1.0).unwrap();
        let slow = engine.synthesize(en, Language::En, 0.7).unwrap();
        assert!(slow.len() > usual.len() * 5 / 4);
    }

    #[test]
    fn a_program_that_hangs_is_stopped() {
        let (_folder, engine) = program("sleep 60", Duration::from_millis(50));
        let began = Instant::now();
        let result = engine.synthesize("一", Language::Zh, 1.0);
        assert!(
            matches!(result, Err(SynthesisError::TimedOut { .. })),
            "{result:?}"
        );
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_program_that_fails_or_babbles_is_an_error() {
        for script in [
            "exit 3",
            "kill -9 $$",
            "echo hello",
            "exec 1>&-; sleep 60",
            "true",
        ] {
            let (_folder, engine) = program(script, Duration::from_millis(300));
            let result = engine.synthesize("一", Language::Zh, 1.0);
            assert!(result.is_err(), "{script}");
        }
        let (_folder, endless) = program("cat /dev/zero", Duration::from_secs(20));
        let result = endless.synthesize("一", Language::Zh, 1.0).unwrap_err();
        assert!(result.to_string().contains("ten minutes"), "{result}");
    }

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let error = EspeakNg::at(Path::new("/nowhere/espeak-ng"), TIMEOUT)
            .err()
            .unwrap();
        assert!(
            error.to_string().contains("apt-get install espeak-ng"),
            "{error}"
        );
    }
}
