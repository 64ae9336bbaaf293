//! What is measured: a process on one core, and what the kernel tells about it.

use crate::affinity;
use crate::made_up;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroline::audio::codecs::Codec;
use zeroline::engines::registry::Registry;
use zeroline::language::Language;

/// The argument by which this program runs as the bare loop.
pub const BARE_LOOP: &str = "--bare-loop";

const LONG: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Served by keys, on one core.
    Zeroline,
    /// The floor: the same packets without a server.
    BareLoop,
    /// Served by keys, on all cores.
    Deaf,
    /// Listened to by the recognizer that is built in, on all cores. `speech`: every caller speaks a
    /// third of the time; else they are silent.
    Listening { speech: bool },
    /// Listened to by a whisper that cannot keep up, on all cores; callers hardly stop speaking.
    Saturated,
    /// Served by keys, on one core; who wants a person waits in line for these at this port of
    /// loopback.
    Queue { people: u16, port: u16 },
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Zeroline => "zeroline",
            Kind::BareLoop => "bare loop",
            Kind::Deaf => "served by keys",
            Kind::Listening { speech: false } => "listened to, silent",
            Kind::Listening { speech: true } => "listened to, speaking a third of the time",
            Kind::Saturated => "listened to by whisper, behind",
            Kind::Queue { .. } => "with a queue",
        }
    }

    /// What callers send, round and round, in µ-law.
    pub fn voice(self) -> Option<Arc<[u8]>> {
        match self {
            Kind::Zeroline | Kind::BareLoop | Kind::Deaf | Kind::Queue { .. } => None,
            Kind::Listening { speech } => Some(voice(speech, Duration::from_secs(9))),
            Kind::Saturated => Some(chatter()),
        }
    }
}

pub struct Subject {
    child: Child,
    pub sip: SocketAddr,
    console: SocketAddr,
    folder: tempfile::TempDir,
}

impl Subject {
    /// Starts it on `core` and waits until it takes calls.
    pub fn start(kind: Kind, core: usize) -> Subject {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [sip, console] =
            [free_port(), free_port()].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let serve = |speech: &str| zeroline(folder.path(), sip, console, speech);
        let mut command = match kind {
            Kind::Zeroline | Kind::Deaf => serve("speech: off"),
            Kind::Listening { .. } => serve("speech: { recognizers: [builtin] }"),
            Kind::Saturated => serve(&made_up::config(folder.path(), "other")),
            Kind::Queue { .. } => serve("speech: off\ntransfers: { allow: [\"sip:*@127.0.0.1\"] }"),
            Kind::BareLoop => {
                let mut command = Command::new(std::env::current_exe().expect("our own path"));
                command.args([BARE_LOOP, &sip.to_string()]);
                command
            }
        };
        // A child keeps the cores of the thread that starts it.
        let before = match kind {
            Kind::Zeroline | Kind::BareLoop | Kind::Queue { .. } => affinity::pin(core),
            Kind::Deaf | Kind::Listening { .. } | Kind::Saturated => affinity::set_all(),
        };
        std::fs::write(folder.path().join("hotline.yaml"), dialplan(kind)).expect("there is room");
        let child = command.stdout(Stdio::piped()).spawn();
        affinity::set(&before);
        let mut child = child.expect("the process starts");
        wait_until_ready(&mut child);
        Subject {
            child,
            sip,
            console,
            folder,
        }
    }

    /// Time on the processor so far, of all threads.
    pub fn cpu(&self) -> Duration {
        Duration::from_nanos(self.threads().iter().map(|(_, nanos)| nanos).sum())
    }

    /// Each thread's name and nanoseconds on the processor.
    pub fn threads(&self) -> Vec<(String, u64)> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let tasks = std::fs::read_dir(tasks).expect("the process lives");
        tasks
            .flatten()
            .filter_map(|task| {
                let schedstat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
                let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
                let nanos = schedstat.split_whitespace().next()?.parse().ok()?;
                Some((name.trim().to_string(), nanos))
            })
            .collect()
    }

    /// Resident bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the process lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.expect("the kernel tells it") * 1024
    }

    /// See [`metric`].
    pub fn metric(&self, name: &str) -> f64 {
        metric(self.console, name)
    }

    /// The records of the calls that have ended.
    pub fn records(&self) -> Vec<serde_json::Value> {
        records(self.folder.path(), self.console)
    }

    /// Its data, for the store's own readers.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Time on the processor of its children that have ended: synthesizers.
    pub fn children_cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.expect("the process lives");
        // After the name, which may have spaces: cutime and cstime are fields 16 and 17 of all.
        let fields = stat.rsplit_once(')').expect("a name in brackets").1;
        let ticks = fields.split_whitespace().skip(13).take(2);
        let ticks: u64 = ticks.map(|it| it.parse().unwrap_or(0)).sum();
        // SAFETY: it only asks.
        let a_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        Duration::from_secs_f64(ticks as f64 / a_second as f64)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What monitoring is told: the sum of a metric over its labels.
fn metric(console: SocketAddr, name: &str) -> f64 {
    let mut stream = TcpStream::connect(console).expect("the console listens");
    let request = format!("GET /metrics HTTP/1.0\r\nHost: {console}\r\n\r\n");
    let mut answer = String::new();
    let asked = stream.write_all(request.as_bytes());
    let read = asked.and_then(|()| stream.read_to_string(&mut answer));
    read.expect("the console answers");
    let values = answer.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let named = series.split('{').next() == Some(name);
        named.then(|| value.parse::<f64>().ok())?
    });
    // The sum of nothing is -0.
    values.sum::<f64>() + 0.0
}

/// The records of all calls, as lines of JSON, once they are all there.
pub fn records(folder: &Path, console: SocketAddr) -> Vec<serde_json::Value> {
    let begun = Instant::now();
    loop {
        let lines = calls(folder, &["export", "--format", "json"]);
        let records: Vec<_> = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("a record is JSON"))
            .collect();
        if records.len() as f64 >= metric(console, "zeroline_calls_started_total") {
            return records;
        }
        assert!(begun.elapsed() < LONG, "{} records came", records.len());
        // A store tells nobody of a new record.
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What `zeroline calls` says of the data in a server's folder.
pub fn calls(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zeroline"));
    command.arg("calls").args(arguments);
    let output = command.arg("--data").arg(folder.join("data")).output();
    String::from_utf8_lossy(&output.expect("it runs").stdout).into_owned()
}

/// Its standard output is a pipe.
pub fn wait_until_ready(child: &mut Child) {
    let mut ready = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    let read = BufReader::new(stdout).read_line(&mut ready);
    assert!(
        read.is_ok() && ready.starts_with("ready"),
        "the server does not start; it says: {ready}"
    );
}

/// So long: what leads to the other prompt is said, and then silence.
fn voice(speech: bool, length: Duration) -> Arc<[u8]> {
    let mut samples = vec![0_i16; length.as_millis() as usize * 8];
    if speech {
        let text = "I would like to hear the other prompt now please";
        let voices = Registry::discover();
        let spoken = voices.synthesize(text, Language::En, 1.0);
        let (spoken, _) = spoken.expect("a synthesizer is installed");
        let length = spoken.len().min(samples.len());
        samples[..length].copy_from_slice(&spoken[..length]);
    }
    let mut payload = vec![0; samples.len()];
    Codec::Pcmu.encode(&samples, &mut payload);
    payload.into()
}

/// Hardly a pause: as much to be heard as callers can say.
fn chatter() -> Arc<[u8]> {
    voice(true, Duration::from_millis(4_500))
}

fn dialplan(kind: Kind) -> String {
    let text = include_str!("hotline.yaml");
    let Kind::Queue { people, port } = kind else {
        return text.into();
    };
    let support = "ring: [\"sip:agent@zeroline.local\"]";
    assert!(text.contains(support), "the dialplan has a handoff");
    let people = format!(
        "ring: [{{ to: \"sip:desk@127.0.0.1:{port}\", limit: {people} }}], \
         queue: {{ most: 5000, longest: 2h }}"
    );
    text.replace(support, &people)
}

/// Voice that lasts 120 s, and a config without limits that a benchmark would run into.
fn zeroline(folder: &Path, sip: SocketAddr, console: SocketAddr, speech: &str) -> Command {
    let prompts = folder.join("prompts/en");
    std::fs::create_dir_all(&prompts).expect("a folder for the prompt");
    write_prompt(&prompts.join("long.wav"));
    let config = folder.join("zeroline.yaml");
    let text = format!(
        "listen: [\"udp:{sip}\"]\n\
         media: {{ ports: 32000-59998, threads: 1 }}\n\
         calls: {{ max: 5000 }}\n\
         dialplans: {{ default: hotline.yaml }}\n\
         prompts: prompts\n\
         data: data\n\
         rate: {{ requests_per_second: 100000, calls_per_second: 10000 }}\n\
         console: {console}\n\
         log: {{ level: warn }}\n\
         {speech}\n"
    );
    std::fs::write(&config, text).expect("the config is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_zeroline"));
    command.arg("serve").arg("--config").arg(config);
    command
}

fn write_prompt(path: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("the prompt is written");
    for sample in 0..120 * 8000 {
        // A tone that swells and fades like syllables.
        let time = f64::from(sample) / 8000.0;
        let swell = (time * 8.0).sin().abs();
        let value = (time * 1200.0).sin() * swell * 8000.0;
        writer.write_sample(value as i16).expect("there is room");
    }
    writer.finalize().expect("the prompt is written");
}

pub fn free_port() -> u16 {
    // Below the ports of the media.
    (20_000..32_000)
        .step_by(2)
        .skip(std::process::id() as usize % 5000)
        .find(|&port| {
            std::net::UdpSocket::bind(("127.0.0.1", port)).is_ok()
                && std::net::TcpListener::bind(("127.0.0.1", port)).is_ok()
                && USED.fetch_max(port, std::sync::atomic::Ordering::Relaxed) < port
        })
        .expect("a port is free")
}

/// The highest port that was given away.
static USED: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
