//! Which cores a thread runs on.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Puts this thread onto one core; gives back where it was.
pub fn pin(core: usize) -> CpuSet {
    let before = sched_getaffinity(None).expect("the kernel tells it");
    let mut set = CpuSet::new();
    set.set(core);
    self::set(&set);
    before
}

/// Lets this thread run on every core of the machine; gives back where it was.
pub fn set_all() -> CpuSet {
    let before = sched_getaffinity(None).expect("the kernel tells it");
    let mut set = CpuSet::new();
    let machine = std::thread::available_parallelism().map_or(1, usize::from);
    (0..machine.max(2)).for_each(|core| set.set(core));
    self::set(&set);
    before
}

pub fn set(cores: &CpuSet) {
    sched_setaffinity(None, cores).expect("the cores are ours");
}

/// The cores that this process may use.
pub fn cores() -> Vec<usize> {
    let set = sched_getaffinity(None).expect("the kernel tells it");
    (0..CpuSet::MAX_CPU)
        .filter(|&core| set.is_set(core))
        .collect()
}
