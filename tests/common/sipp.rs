//! SIPp, from Debian's sip-tester, as a peer.

use super::free_port::free_port;
use super::scenario::{self, Side};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sipp")
        .join(name)
}

fn sipp(target: SocketAddr, media: u16) -> Command {
    let mut command = Command::new("sipp");
    command
        .arg(target.to_string())
        .args(["-i", "127.0.0.1", "-nostdin", "-timeout_error"])
        .args(["-timeout", "60s", "-s", "hotline"])
        .args(["-mp", &media.to_string()])
        // Its recordings of keys are there.
        .current_dir("/usr/share/sip-tester")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn finish(process: Child) {
    let output = process.wait_with_output().expect("sipp ends");
    let tail: String = String::from_utf8_lossy(&output.stdout)
        .lines()
        .rev()
        .take(30)
        .fold(String::new(), |text, line| format!("{line}\n{text}"));
    assert!(
        output.status.success(),
        "sipp failed ({:?}):\n{tail}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

const INSTALL: &str = "sipp runs: `make test` installs it (Debian's sip-tester)";

/// Runs SIPp as a caller to its end; `media` is the first port of its RTP.
pub fn call(target: SocketAddr, media: u16, args: &[&str]) {
    let process = sipp(target, media).args(args).spawn().expect(INSTALL);
    finish(process);
}

/// So many calls at once by a scenario of ours.
pub fn call_by(target: SocketAddr, media: u16, name: &str, calls: u32) {
    let (file, calls) = (scenario(name), calls.to_string());
    let file = file.to_string_lossy();
    call(target, media, &["-sf", &file, "-m", &calls, "-r", &calls]);
}

/// One call by a scenario of ours; `keys` are its own keywords and what they stand for.
pub fn call_with(target: SocketAddr, media: u16, name: &str, keys: &[(&str, &str)], args: &[&str]) {
    let file = scenario(name);
    let file = file.to_string_lossy();
    let mut all = vec!["-sf", &*file, "-m", "1"];
    for (key, value) in keys {
        all.extend(["-key", key, value]);
    }
    all.extend(args);
    call(target, media, &all);
}

/// One call to `user` by steps (see [`scenario`](super::scenario)), to its end.
pub fn call_by_steps(target: SocketAddr, media: u16, user: &str, steps: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("steps.xml");
    std::fs::write(&file, scenario::scenario(Side::Caller, steps)).expect("it is written");
    let file = file.to_string_lossy();
    call(target, media, &["-sf", &file, "-m", "1", "-s", user]);
}

/// SIPp as a server, for one call or registration by a scenario of ours.
pub struct Peer {
    process: Child,
    pub address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Peer {
    /// `keys` are the scenario's own keywords and what they stand for.
    pub fn listen(media: u16, name: &str, keys: &[(&str, &str)]) -> Peer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Peer::play(media, folder, &scenario(name), keys)
    }

    /// A person's telephone that does this, step by step (see [`scenario`](super::scenario)).
    pub fn with_steps(media: u16, steps: &str) -> Peer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("steps.xml");
        std::fs::write(&file, scenario::scenario(Side::Person, steps)).expect("it is written");
        Peer::play(media, folder, &file, &[])
    }

    fn play(media: u16, folder: tempfile::TempDir, scenario: &Path, keys: &[(&str, &str)]) -> Peer {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = sipp(address, media);
        command
            .args(["-m", "1", "-p", &address.port().to_string(), "-sf"])
            .arg(scenario)
            .args(["-trace_logs", "-log_file"])
            .arg(folder.path().join("log"));
        for (key, value) in keys {
            command.args(["-key", key, value]);
        }
        Peer {
            process: command.spawn().expect(INSTALL),
            address,
            folder,
        }
    }

    /// Until its scenario has logged a line that begins so.
    pub fn wait_for_log(&self, start: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.log().lines().any(|line| line.starts_with(start)) {
            assert!(Instant::now() < deadline, "no {start} in {:?}", self.log());
            // SIPp writes to a file, and tells nobody.
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        // It comes with its first line.
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits for its end; what its scenario logged.
    pub fn finish(self) -> String {
        finish(self.process);
        // Some scenarios log nothing.
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}
