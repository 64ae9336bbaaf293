//! Times in buckets of 5 µs up to 5 s; longer ones count as 5 s.

use std::time::Duration;

const BUCKET: Duration = Duration::from_micros(5);
const BUCKETS: usize = 1_000_001;

pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            counts: vec![0; BUCKETS],
            total: 0,
        }
    }
}

impl Histogram {
    pub fn add(&mut self, nanoseconds: u64) {
        let bucket = nanoseconds / BUCKET.as_nanos() as u64;
        self.counts[(bucket as usize).min(BUCKETS - 1)] += 1;
        self.total += 1;
    }

    pub fn count(&self) -> u64 {
        self.total
    }

    /// Milliseconds of the longest; NaN when nothing was counted.
    pub fn longest(&self) -> f64 {
        self.percentile(100.0)
    }

    /// In milliseconds; NaN when nothing was counted.
    pub fn percentile(&self, percent: f64) -> f64 {
        let wanted = (self.total as f64 * percent / 100.0).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, &count) in self.counts.iter().enumerate() {
            seen += u64::from(count);
            if seen >= wanted {
                return bucket as f64 * BUCKET.as_secs_f64() * 1e3;
            }
        }
        f64::NAN
    }
}
