//! The webhook's receiver, which takes letters but at times.

use crate::chance::{FAILS, Tally, count};
use crate::http_stand_in::{Request, Response, StandIn};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a letter is about, and the call that it is of.
pub type About = (String, String);

#[derive(Default)]
pub struct Letters {
    /// Those that were taken, by their ids.
    taken: Mutex<BTreeMap<String, About>>,
    /// Letters, or further copies of them, that were not taken, or too late.
    pub refused: AtomicU64,
}

impl Letters {
    pub fn receive(self: &Arc<Self>, seed: u64, tally: &Arc<Tally>) -> StandIn {
        let rng = Mutex::new(StdRng::seed_from_u64(seed ^ 11));
        let (letters, tally) = (self.clone(), tally.clone());
        StandIn::start(move |request, _| {
            let mut rng = rng.lock().expect("nobody panics");
            if tally.is_closing() || !rng.random_bool(FAILS) {
                letters.take(request);
                return Response::new(204, "");
            }
            count(&letters.refused);
            match rng.random_range(0..4) {
                0 => Response::new(503, ""),
                1 => Response::new(302, ""),
                // Nobody wants it: it is dead.
                2 => Response::new(410, ""),
                _ => Response {
                    delay: Duration::from_secs(4),
                    ..Response::new(204, "")
                },
            }
        })
    }

    fn take(&self, request: &Request) {
        let id = request.header("webhook-id").expect("it is there");
        let letter: Value = serde_json::from_slice(&request.body).expect("it is JSON");
        let data = &letter["data"];
        // Of a callback that is not made any more, the call is that in which it was booked.
        let call = data["call"].as_str().or(data["of"].as_str());
        let about = (
            letter["type"].as_str().expect("a word").to_owned(),
            call.expect("it is about a call").to_owned(),
        );
        let mut taken = self.taken.lock().expect("nobody panics");
        let known = taken.insert(id.to_owned(), about.clone());
        assert!(known.is_none_or(|known| known == about), "{id}: {about:?}");
    }

    pub fn taken(&self) -> BTreeMap<String, About> {
        self.taken.lock().expect("nobody panics").clone()
    }
}
