//! What the server has put down at the end, read by its own commands once nothing moves any more.

use crate::common::{self, Server};
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

/// All callbacks that are due are made within so long, where everybody answers.
const PATIENCE: Duration = Duration::from_secs(240);
/// From the end of the last call.
const STORED_WITHIN: Duration = Duration::from_secs(20);

pub struct Picture {
    pub records: Vec<Value>,
    /// All that were ever booked.
    pub callbacks: Vec<Value>,
}

impl Picture {
    /// Once no call goes on, every callback has come to an end, and callers have `count` records, or
    /// long after they should.
    pub fn at_rest(server: &Server, count: usize) -> Picture {
        let deadline = Instant::now() + PATIENCE;
        let mut stored_by = None;
        loop {
            let before = callbacks(server);
            if !before.iter().any(is_open) && has_no_calls(server) {
                let picture = Picture {
                    records: common::records(&server.data()),
                    callbacks: before.clone(),
                };
                let by = stored_by.get_or_insert_with(|| Instant::now() + STORED_WITHIN);
                let are_stored = picture.records.len() >= picture.made().count() + count;
                let is_enough = are_stored || Instant::now() > *by;
                if is_enough && has_no_calls(server) && callbacks(server) == before {
                    return picture;
                }
            }
            let open: Vec<_> = before.iter().filter(|it| is_open(it)).collect();
            assert!(Instant::now() < deadline, "no end is near: {open:?}");
            // A store tells nobody of a change.
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    pub fn record(&self, call: &Value) -> Option<&Value> {
        self.records.iter().find(|record| record["call"] == *call)
    }

    /// Our own calls to those who asked for one.
    pub fn made(&self) -> impl Iterator<Item = &Value> {
        let all = self.records.iter();
        all.filter(|record| !record["callback_of"].is_null())
    }

    pub fn attempts(&self) -> impl Iterator<Item = &Value> {
        let all = self.records.iter();
        all.flat_map(|record| record["attempts"].as_array().expect("a list"))
    }
}

fn is_open(callback: &Value) -> bool {
    callback["state"] == "calling" || callback["state"] == "waiting"
}

fn has_no_calls(server: &Server) -> bool {
    let metrics = server.get("/metrics");
    metrics.lines().any(|line| line == "zeroline_calls 0")
}

fn callbacks(server: &Server) -> Vec<Value> {
    listed(server, &["callbacks", "list", "--all"])
}

/// Letters that have not arrived: the dead, and those that wait.
pub fn undelivered(server: &Server) -> Vec<Value> {
    listed(server, &["webhooks", "list", "--waiting"])
}

fn listed(server: &Server, command: &[&str]) -> Vec<Value> {
    let listed = Command::new(env!("CARGO_BIN_EXE_zeroline"))
        .args(command)
        .args(["--limit", "1000000", "--format", "json", "--data"])
        .arg(server.data())
        .output()
        .expect("zeroline runs");
    serde_json::from_slice(&listed.stdout).expect("it is JSON")
}
