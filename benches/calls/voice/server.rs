//! A server with a recognizer, for callers who speak.

use crate::made_up;
use crate::subject::{self, free_port, wait_until_ready};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    BuiltIn,
    /// See [`made_up`].
    Whisper,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Engine::BuiltIn => "built-in",
            Engine::Whisper => "whisper (tiny's shape, made-up weights)",
        }
    }

    fn config(self, folder: &Path) -> String {
        match self {
            Engine::BuiltIn => "speech: { recognizers: [builtin] }".to_string(),
            Engine::Whisper => made_up::config(folder, "refund"),
        }
    }
}

pub struct Server {
    child: Child,
    pub sip: SocketAddr,
    console: SocketAddr,
    pub folder: tempfile::TempDir,
}

impl Server {
    pub fn start(engine: Engine) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [sip, console] =
            [free_port(), free_port()].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("hotline.yaml"), include_str!("hotline.yaml")).expect("it is written");
        let config = format!(
            "listen: [\"udp:{sip}\"]\n\
             dialplans: {{ default: hotline.yaml }}\n\
             data: data\n\
             console: {console}\n\
             log: {{ level: warn }}\n{}\n",
            engine.config(folder.path())
        );
        std::fs::write(path("zeroline.yaml"), config).expect("it is written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_zeroline"));
        command
            .arg("serve")
            .arg("--config")
            .arg(path("zeroline.yaml"));
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        wait_until_ready(&mut child);
        Server {
            child,
            sip,
            console,
            folder,
        }
    }

    pub fn records(&self) -> Vec<serde_json::Value> {
        subject::records(self.folder.path(), self.console)
    }

    /// What the journal tells of calls, as JSON.
    pub fn calls(&self, arguments: &[&str]) -> String {
        subject::calls(self.folder.path(), arguments)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
