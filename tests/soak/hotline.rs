//! The hotline that is soaked: a dialplan that leads everywhere, and a config with all that can fail.

use crate::chance::FAILS;
use crate::common::{SPEAKS, Server};
use crate::http_stand_in::{Response, StandIn};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

/// Who register with the server, with this password.
pub const AGENTS: [&str; 4] = ["anna", "ben", "carla", "dan"];
pub const PASSWORD: &str = "secret";
/// The beginning of numbers that may be called back, and of others.
pub const CALLED_BACK: &str = "+44";
pub const NOT_CALLED_BACK: &str = "+33";

/// `P1` to `P9` are addresses; `experts` take calls by the accept key.
const DIALPLAN: &str = r#"
dialplan: soak
languages: [en]
timezone: Europe/London
greeting: Welcome to the soak. This is an automatic service.
human: { handoff: desk }
start: main
nodes:
  main:
    menu: "For a parcel, press 1. For those who are elsewhere, press 2. For an expert, press 3. For our staff, press 4. To leave a message, press 5."
    options:
      "1": parcel
      "2": elsewhere
      "3": expert
      "4": staffed
      "5": message
  parcel: { ask: number, prompt: Please key in your four digit number., to: lookup }
  lookup:
    http: { get: "LOOKUPS/{{ number }}", timeout: 2s, save: parcel }
    to: status
    failed: human
  status:
    say: "Parcel {{ number }} is {{ parcel.state }}."
    answers: true
    confirm_resolved: { "yes": bye, "no": human }
  elsewhere: { menu: "For a refund, press 1. For a branch, press 2.", options: { "1": refund, "2": branch } }
  refund: { transfer: refunds }
  expert: { transfer: experts }
  staffed: { transfer: staff }
  branch: { transfer: branches }
  bye: { hangup: Goodbye. }
slots:
  number: { type: digits, length: 4 }
handoffs:
  desk: { ring: [{ to: P1, limit: 2 }, { to: P2, limit: 2 }, { to: P3, limit: 2 }], order: round_robin, timeout: 5s, rest: 2s, queue: true, else: message }
  refunds: { ring: [P4, P5], way: refer, timeout: 5s, else: desk }
  experts: { ring: [P6, P7, P8], order: all, accept: true, timeout: 5s, else: desk }
  staff: { ring: [agents], order: longest_idle, timeout: 5s, rest: 2s, queue: true, else: callback }
  branches: { ring: [P9], way: attended, timeout: 5s, else: staff }
"#;
pub const PEOPLE: usize = 9;

/// What is said during a call now and then fails, or comes too late.
const SPEAKS_AT_TIMES: &str = r#"
words=$(cat)
case "$words" in *Parcel*)
  case $(printf '%s' "SEED $words" | cksum | cut -c1-4 | tail -c 3) in
    0[0-2]) exit 1 ;;
    0[3-4]) exec sleep 30 ;;
  esac ;;
esac
"#;

/// What the server is to know of the others.
pub struct Surroundings {
    /// [`PEOPLE`] addresses.
    pub people: Vec<String>,
    /// Where the telephones are that are called back.
    pub called_back: SocketAddr,
    pub lookups: String,
    pub webhook: String,
}

/// Callbacks ring a person first in every other seed, and the caller in those between.
pub fn start(seed: u64, around: &Surroundings) -> Server {
    let mut dialplan = DIALPLAN.replace("LOOKUPS", &around.lookups);
    for (nth, address) in around.people.iter().enumerate() {
        dialplan = dialplan.replace(&format!("P{}", nth + 1), &format!("\"{address}\""));
    }
    let agents = AGENTS.map(|name| format!("{name}: {{ password: {PASSWORD}, wrap_up: 1s }}"));
    let first = ["caller", "agent"][seed as usize % 2];
    let settings = format!(
        "transfers: {{ allow: [\"sip:*@127.0.0.1\"] }}\n\
         agents: {{ {} }}\n\
         callbacks: {{ to: \"sip:{{number}}@{}\", allow: [\"{CALLED_BACK}*\"], first: {first}, every: 10s, tries: 2, rings: 5s }}\n\
         webhooks: {{ crm: {{ url: \"{}/crm\", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, timeout: 2s }} }}\n",
        agents.join(", "),
        around.called_back,
        around.webhook
    );
    let flite = format!("{SPEAKS_AT_TIMES}{SPEAKS}").replace("SEED", &seed.to_string());
    Server::start_among(&[("flite", &flite)], &dialplan, &settings)
}

/// What is looked up.
pub fn lookups(seed: u64) -> StandIn {
    let rng = Mutex::new(StdRng::seed_from_u64(seed ^ 7));
    StandIn::start(move |_, _| {
        let mut rng = rng.lock().expect("nobody panics");
        if !rng.random_bool(FAILS) {
            return Response::new(200, "{\"state\": \"on its way\"}");
        }
        match rng.random_range(0..3) {
            0 => Response::new(500, ""),
            1 => Response {
                delay: Duration::from_secs(4),
                ..Response::new(200, "{}")
            },
            _ => Response {
                cut_at: Some(3),
                ..Response::new(200, "{\"state\": \"on its way\"}")
            },
        }
    })
}
