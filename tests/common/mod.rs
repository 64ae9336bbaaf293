//! A real server for a test: its own ports, its own data folder, ended with the test.
#![allow(dead_code, reason = "each test target uses a part of it")]

pub mod baresip;
pub mod free_port;
pub mod scenario;
pub mod sipp;

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Server {
    process: Child,
    /// Without a port where UDP is not listened on.
    pub udp: SocketAddr,
    /// Without a port where TCP is not listened on.
    pub tcp: SocketAddr,
    pub console: SocketAddr,
    pub folder: tempfile::TempDir,
}

/// A hotline without synthesis at call time: a menu, a question with zeros, a lookup, a sensitive
/// question. Its handoff rings the built-in agent.
pub const DIALPLAN: &str = r#"
dialplan: test
languages: [en]
timezone: Europe/London
greeting: Welcome to the test. This is an automatic service.
human: { handoff: desk }
start: main
nodes:
  main:
    menu: "For a number, press 1. For a lookup, press 2. To go, press 3."
    options:
      "1": { to: number }
      "2": { to: number_of_lookup }
      "3": { to: bye }
  number: { ask: number, prompt: Please key in your six digit number., to: thanks }
  number_of_lookup: { ask: number, prompt: Please key in your six digit number., to: lookup }
  lookup:
    http: { get: "http://127.0.0.1:LOOKUP_PORT/{{ number }}", timeout: 20s, save: answer }
    to: thanks
    failed: human
  thanks: { say: Thank you., answers: true, confirm_resolved: { "yes": bye, "no": main } }
  bye: { hangup: Goodbye. }
slots:
  number: { type: digits, length: 6 }
handoffs:
  desk: { ring: ["sip:agent@zeroline.local"], else: callback }
"#;

/// A script in the place of an engine: half a second of noise for every text.
pub const SPEAKS: &str = r#"
case "$1" in
  -lv) echo "Voices available: slt"; exit ;;
  --version) echo "version: flite-test"; exit ;;
esac
printf 'RIFF\000\000\000\000WAVEfmt \020\000\000\000\001\000\001\000'
printf '\100\037\000\000\200\076\000\000\002\000\020\000data\000\000\000\000'
head -c 8000 /dev/urandom
"#;

impl Server {
    pub fn start(dialplan: &str) -> Server {
        Server::start_with(dialplan, "")
    }

    /// `settings` are further lines of the config; without a `listen` in them, both transports are
    /// listened on, and without `dialplans`, `dialplan` is for all.
    pub fn start_with(dialplan: &str, settings: &str) -> Server {
        Server::start_among(&[], dialplan, settings)
    }

    /// Its log goes into a pipe whose reader has gone.
    pub fn start_unread(dialplan: &str) -> Server {
        let mut server = Server::start_with(dialplan, "log: { level: debug }\n");
        server.kill();
        let folder = server.folder.path();
        let (process, udp, tcp, console) = launch_with(folder, Stdio::piped());
        (server.process, server.udp, server.tcp, server.console) = (process, udp, tcp, console);
        drop(server.process.stderr.take());
        server
    }

    /// With shell scripts in the place of programs that it would find along PATH.
    pub fn start_among(programs: &[(&str, &str)], dialplan: &str, settings: &str) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("bin")).unwrap();
        for (name, script) in programs {
            let program = path("bin").join(name);
            std::fs::write(&program, format!("#!/bin/sh\n{script}")).unwrap();
            std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        }
        std::fs::write(path("dialplan.yaml"), dialplan).unwrap();
        let drain = match settings.contains("drain:") {
            true => "",
            false => "drain: 1s\n",
        };
        let listen = match settings.contains("listen:") {
            true => "",
            false => "listen: [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]\n",
        };
        let dialplans = match settings.contains("dialplans:") {
            true => "",
            false => "dialplans: { default: dialplan.yaml }\n",
        };
        // The journal's reserve is for all of them, and a test has no use for so large a file.
        let calls = match settings.contains("calls:") {
            true => "",
            false => "calls: { max: 100 }\n",
        };
        let config = format!(
            "{listen}console: 127.0.0.1:0\n\
             {dialplans}data: data\nprompts: prompts\n{calls}{drain}{settings}"
        );
        std::fs::write(path("zeroline.yaml"), config).unwrap();
        let (process, udp, tcp, console) = launch(folder.path());
        Server {
            process,
            udp,
            tcp,
            console,
            folder,
        }
    }

    /// Starts again over the same data, at other ports.
    pub fn restart(&mut self) {
        let (process, udp, tcp, console) = launch(self.folder.path());
        (self.process, self.udp, self.tcp, self.console) = (process, udp, tcp, console);
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The records of all calls, once there are `count`.
    pub fn records(&self, count: usize) -> Vec<serde_json::Value> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let records = records(&self.data());
            if records.len() >= count {
                return records;
            }
            assert!(
                Instant::now() < deadline,
                "{} of {count} records came",
                records.len()
            );
            // A store tells nobody of a new record.
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The last call, with its events.
    pub fn last_call(&self) -> serde_json::Value {
        self.records(1);
        let shown = Command::new(env!("CARGO_BIN_EXE_zeroline"))
            .args(["calls", "show", "last", "--format", "json", "--data"])
            .arg(self.data())
            .output()
            .expect("zeroline calls runs");
        serde_json::from_slice(&shown.stdout).expect("it is JSON")
    }

    /// What the console answers.
    pub fn get(&self, path: &str) -> String {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(self.console).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Asks the console for a change, and has its answer's first line and body.
    pub fn put(&self, path: &str, headers: &str, body: &str) -> (String, serde_json::Value) {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(self.console).unwrap();
        let length = body.len();
        write!(
            stream,
            "PUT {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             {headers}Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("it has both");
        let status = head.lines().next().unwrap_or_default().to_owned();
        (status, serde_json::from_str(body).expect("it is JSON"))
    }

    /// Until monitoring is told this line.
    pub fn wait_for_metric(&self, line: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.get("/metrics").lines().any(|told| told == line) {
            assert!(Instant::now() < deadline, "no {line}");
            // Metrics are asked for; they tell nobody of a change.
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// How many sockets the process has open.
    pub fn sockets(&self) -> usize {
        let all = std::fs::read_dir(format!("/proc/{}/fd", self.process.id()));
        let links = all
            .expect("it runs")
            .filter_map(|it| it.ok()?.path().read_link().ok());
        let socket = |link: &PathBuf| link.to_string_lossy().starts_with("socket:");
        links.filter(socket).count()
    }

    /// Until all but `before` are closed.
    pub fn wait_for_sockets(&self, before: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.sockets() > before {
            let left = self.sockets() - before;
            assert!(Instant::now() < deadline, "{left} sockets are left open");
            // Nobody is told when the kernel has closed one.
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM.
    pub fn ask_to_stop(&self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// SIGTERM, and the wait for the end.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        self.ask_to_stop();
        self.wait()
    }

    /// For the end of a server that was asked to stop.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.process.wait().unwrap()
    }
}

fn launch(folder: &Path) -> (Child, SocketAddr, SocketAddr, SocketAddr) {
    launch_with(folder, Stdio::inherit())
}

fn launch_with(folder: &Path, log: Stdio) -> (Child, SocketAddr, SocketAddr, SocketAddr) {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut process = Command::new(env!("CARGO_BIN_EXE_zeroline"))
        .env("PATH", format!("{}:{path}", folder.join("bin").display()))
        .args(["serve", "--config"])
        .arg(folder.join("zeroline.yaml"))
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the server starts");
    let mut line = String::new();
    let output = process.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut line).unwrap();
    assert!(
        line.starts_with("ready: "),
        "the server did not start: {line:?}"
    );
    let address = |transport: &str| {
        let ending = format!(";transport={transport}");
        let mut words = line.split(' ');
        match words.find_map(|word| word.strip_suffix(&ending)) {
            Some(word) => word.rsplit_once('@').unwrap().1.parse().unwrap(),
            None => SocketAddr::from(([0, 0, 0, 0], 0)),
        }
    };
    let (udp, tcp) = (address("udp"), address("tcp"));
    let console = line
        .trim_end()
        .trim_end_matches(')')
        .rsplit_once("http://")
        .unwrap()
        .1;
    (process, udp, tcp, console.parse().unwrap())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether this machine has IPv6 at all; where it has not, a test says so and shows nothing.
pub fn has_ipv6() -> bool {
    let has_it = std::net::UdpSocket::bind("[::]:0").is_ok();
    if !has_it {
        eprintln!("skipped: this machine has no IPv6");
    }
    has_it
}

pub fn records(data: &Path) -> Vec<serde_json::Value> {
    let listed = Command::new(env!("CARGO_BIN_EXE_zeroline"))
        .args(["calls", "export", "--format", "json", "--data"])
        .arg(data)
        .output()
        .expect("zeroline calls runs");
    String::from_utf8_lossy(&listed.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}
