//! Whole calls in virtual time, over a network that loses, doubles and reorders, from a seed:
//! caller, server and people are the real ones, only sockets, threads and clocks are not there.
//!
//! A failure prints its seed; `ZEROLINE_SEED=… cargo test --test simulation` runs that call alone.
//! `ZEROLINE_CALLS=…` runs so many random ones.

mod agents;
mod answers;
mod callback;
mod caller;
mod checks;
mod early_media;
mod exchange;
mod faults;
mod handset;
mod hearing;
mod helpers;
mod hold;
mod hotline;
mod human_key;
mod messages;
mod network;
mod random;
mod server;
mod silence;
mod tape;
mod transfer_ends;
mod world;

use crate::world::World;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs a call for each seed, or for the one that the environment names; tells which one failed.
pub fn for_each_seed(seeds: std::ops::Range<u64>, mut call: impl FnMut(u64, &mut Option<World>)) {
    let named = std::env::var("ZEROLINE_SEED").ok();
    let named = named.map(|seed| seed.parse().expect("ZEROLINE_SEED is a number"));
    let seeds = named.map_or(seeds, |seed: u64| seed..seed + 1);
    for seed in seeds {
        let mut world = None;
        let result = catch_unwind(AssertUnwindSafe(|| call(seed, &mut world)));
        if let Err(panic) = result {
            if let Some(world) = world {
                println!("after {:?}:\n{}", world.now - world.start, world.story());
            }
            println!("seed {seed} failed: ZEROLINE_SEED={seed} cargo test --test simulation");
            resume_unwind(panic);
        }
    }
}
