//! baresip, from Debian's baresip-core, as a telephone.

use super::free_port::free_port;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// baresip without a sound card, ordered about by keys on its console port.
pub struct Baresip {
    process: Child,
    console: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Baresip {
    /// `account` is its line for the server: who it is, and what it does about that.
    pub fn start(account: &str) -> Baresip {
        let folder = tempfile::tempdir().unwrap();
        let (sip, console) = (free_port(), free_port());
        let config = format!(
            "module_path /usr/lib/baresip/modules\nsip_listen 127.0.0.1:{sip}\n\
             net_interface 127.0.0.1\nmodule g711.so\nmodule aubridge.so\n\
             module_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule cons.so\n\
             cons_listen 127.0.0.1:{console}\naudio_player aubridge,nil\n\
             audio_source aubridge,nil\naudio_alert aubridge,nil\n"
        );
        std::fs::write(folder.path().join("config"), config).unwrap();
        let account = format!("{account};audio_codecs=PCMU/8000\n");
        std::fs::write(folder.path().join("accounts"), account).unwrap();
        std::fs::write(folder.path().join("contacts"), "").unwrap();
        let process = Command::new("baresip")
            .arg("-f")
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .expect("baresip runs: `make test` installs it (Debian's baresip-core)");
        let console = SocketAddr::from(([127, 0, 0, 1], console));
        Baresip {
            process,
            console,
            _folder: folder,
        }
    }

    /// One connection, as if typed.
    pub fn console(&self) -> std::net::TcpStream {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match std::net::TcpStream::connect(self.console) {
                Ok(stream) => return stream,
                Err(error) => assert!(Instant::now() < deadline, "no console: {error}"),
            }
            // It tells nobody when its console listens.
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
