//! The people who answer, one after the other, and tell whom they talk to.

use std::sync::mpsc;
use std::time::Duration;
use zeroline::caller::answerer::{Answer, Answerer, Behaviour};
use zeroline::caller::call::Call;
use zeroline::sip::header::Header;

/// Longer than the benchmark.
const LONG: Duration = Duration::from_secs(24 * 3600);

pub struct People {
    pub port: u16,
    connected: mpsc::Receiver<usize>,
}

impl People {
    /// The number of a caller who talks to a person from now on.
    pub fn next_connected(&mut self) -> Option<usize> {
        self.connected.try_recv().ok()
    }
}

/// They answer at once, and stay until the caller goes. Their thread is where its starter is, and
/// ends with the process.
pub fn answer() -> People {
    let (port_in, port) = mpsc::channel();
    let (connected_in, connected) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be started");
        runtime.block_on(async {
            let ringing = Answer {
                ring: true,
                ..Answer::default()
            };
            let loopback = ([127, 0, 0, 1], 0).into();
            let listening = Answerer::listen(loopback, Behaviour::Answer(ringing)).await;
            let mut people = listening.expect("loopback has a free port");
            let _ = port_in.send(people.address().port());
            while let Some(call) = people.next_call(LONG).await {
                tokio::spawn(talk(call, connected_in.clone()));
            }
        });
    });
    let port = port.recv().expect("they are there");
    People { port, connected }
}

async fn talk(call: Call, connected: mpsc::Sender<usize>) {
    let from = call.invite().and_then(|it| it.headers.get(Header::From));
    let from = String::from_utf8_lossy(from.expect("every INVITE has one"));
    let caller = caller_of(&from).expect("it names a caller of ours");
    if call.until_answered(LONG).await.is_ok() {
        let _ = connected.send(caller);
        let _ = call.ended(LONG).await;
    }
}

/// Of `<sip:caller12@…`.
fn caller_of(from: &str) -> Option<usize> {
    let (_, rest) = from.split_once("sip:caller")?;
    rest.split_once('@')?.0.parse().ok()
}
