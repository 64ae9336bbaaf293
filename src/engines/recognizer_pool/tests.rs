use super::*;
use crate::language::Language;
use crate::speech::recognizer::{SAMPLE_RATE, Utterance};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

/// Hears the sum of the samples. A sample of `WAIT` waits for leave, one of `PANIC` panics, one of
/// `FAIL` fails.
struct Fake {
    name: &'static str,
    leave: Arc<Mutex<Receiver<()>>>,
}

const WAIT: i16 = -1;
const PANIC: i16 = -2;
const FAIL: i16 = -3;

struct Sum {
    of: String,
    sum: i64,
    leave: Arc<Mutex<Receiver<()>>>,
}

impl Recognizer for Fake {
    fn id(&self) -> &str {
        self.name
    }

    fn hears(&self, _: Language) -> bool {
        true
    }

    fn hears_as_it_goes(&self) -> bool {
        self.name == "streams"
    }

    fn start(&self, _: &Arc<Grammar>) -> Box<dyn Utterance> {
        assert_ne!(self.name, "panics");
        Box::new(Sum {
            of: self.name.to_string(),
            sum: 0,
            leave: self.leave.clone(),
        })
    }
}

impl Utterance for Sum {
    fn push(&mut self, samples: &[i16]) -> Result<(), RecognitionError> {
        for &sample in samples {
            let is_first = self.of == "first";
            match sample {
                WAIT => {
                    let leave = self.leave.lock().unwrap_or_else(PoisonError::into_inner);
                    let _ = leave.recv();
                }
                PANIC if is_first => panic!("a bug in the engine"),
                FAIL if is_first => return Err(failed("first")),
                sample => self.sum += i64::from(sample),
            }
        }
        Ok(())
    }

    fn hypotheses(&mut self) -> Result<Vec<Hypothesis>, RecognitionError> {
        if self.sum == 666 && self.of == "first" {
            return Err(failed("first"));
        }
        let text = format!("{} {}", self.of, self.sum);
        let confidence = 1.0;
        Ok(vec![Hypothesis { text, confidence }])
    }
}

fn failed(engine: &str) -> RecognitionError {
    let reason = "it was told to".to_string();
    let engine = engine.to_string();
    RecognitionError::Failed { engine, reason }
}

struct Bench {
    pool: RecognizerPool,
    leave: Sender<()>,
    waits: Arc<Mutex<Receiver<()>>>,
    tell: Sender<(usize, Answer)>,
    told: Receiver<(usize, Answer)>,
}

impl Bench {
    fn new(threads: usize) -> Bench {
        let (leave, waits) = channel();
        let (tell, told) = channel();
        Bench {
            pool: RecognizerPool::start(threads).unwrap(),
            leave,
            waits: Arc::new(Mutex::new(waits)),
            tell,
            told,
        }
    }

    fn listener(&self, engines: &[&'static str]) -> Listener {
        let engine = |&name: &&'static str| -> Arc<dyn Recognizer> {
            let leave = self.waits.clone();
            Arc::new(Fake { name, leave })
        };
        Listener {
            grammar: Arc::new(Grammar {
                language: Language::En,
                phrases: Vec::new(),
                value: None,
            }),
            engines: engines.iter().map(engine).collect(),
        }
    }

    fn begin(&self, caller: usize, engines: &[&'static str]) -> Result<Hearing, Behind> {
        let tell = self.tell.clone();
        let reply = move |answer| tell.send((caller, answer)).unwrap();
        self.pool.begin(vec![self.listener(engines)], reply)
    }

    /// An utterance whose engine waits for leave by now: what comes is looked at after that.
    fn keep_busy(&self) -> Hearing {
        let busy = self.begin(0, &["first"]).unwrap();
        busy.push(vec![WAIT]).unwrap();
        // Who waits for leave has locked it.
        while self.waits.try_lock().is_ok() {
            std::thread::yield_now();
        }
        busy
    }

    fn next(&self) -> (usize, Result<String, RecognitionError>, bool) {
        let (caller, answer) = self.told.recv_timeout(Duration::from_secs(20)).unwrap();
        let (outcome, is_final) = match answer {
            Answer::Partial(outcome) | Answer::Ahead(outcome) => (outcome, false),
            Answer::Final(outcome) => (outcome, true),
        };
        let text = outcome.map(|heard| heard[0][0].text.clone());
        (caller, text, is_final)
    }
}

#[test]
fn an_utterance_is_answered_ahead_and_at_its_end() {
    let bench = Bench::new(2);
    let hearing = bench.begin(7, &["first"]).unwrap();
    hearing.push(vec![1, 2]).unwrap();
    hearing.ask_ahead().unwrap();
    assert_eq!(bench.next(), (7, Ok("first 3".to_string()), false));
    hearing.push(vec![4]).unwrap();
    hearing.end(false).unwrap();
    assert_eq!(bench.next(), (7, Ok("first 7".to_string()), true));
}

#[test]
fn where_only_silence_came_since_the_answer_ahead_is_the_answer() {
    let bench = Bench::new(1);
    let hearing = bench.begin(7, &["first"]).unwrap();
    hearing.push(vec![1]).unwrap();
    hearing.ask_ahead().unwrap();
    assert!(bench.next().1.is_ok());
    hearing.push(vec![9]).unwrap();
    hearing.end(true).unwrap();
    assert_eq!(bench.next(), (7, Ok("first 1".to_string()), true));
}

#[test]
fn in_the_midst_only_engines_that_hear_as_it_goes_are_asked() {
    let bench = Bench::new(1);
    for (engine, answers) in [("streams", 2), ("first", 1)] {
        let hearing = bench.begin(7, &[engine]).unwrap();
        hearing.push(vec![1]).unwrap();
        hearing.ask_partial().unwrap();
        let midst = (engine == "streams").then(|| bench.next());
        hearing.push(vec![2]).unwrap();
        hearing.end(false).unwrap();
        let told: Vec<_> = midst.into_iter().chain([bench.next()]).collect();
        assert_eq!(told.len(), answers);
        assert_eq!(told.last(), Some(&(7, Ok(format!("{engine} 3")), true)));
    }
}

#[test]
fn finals_go_first() {
    let bench = Bench::new(1);
    let _busy = bench.keep_busy();
    let ahead = bench.begin(1, &["first"]).unwrap();
    ahead.push(vec![1]).unwrap();
    ahead.ask_ahead().unwrap();
    let last = bench.begin(2, &["first"]).unwrap();
    last.push(vec![2]).unwrap();
    last.end(false).unwrap();
    bench.leave.send(()).unwrap();
    assert_eq!((bench.next().0, bench.next().0), (2, 1));
}

#[test]
fn the_next_engine_hears_it_all_where_one_fails() {
    for (samples, engines) in [
        (vec![1, FAIL, 5], ["first", "second"]),
        (vec![1, PANIC, 5], ["first", "second"]),
        (vec![666], ["first", "second"]),
        (vec![1, 5], ["panics", "second"]),
    ] {
        let bench = Bench::new(1);
        let hearing = bench.begin(0, &engines).unwrap();
        let sum: i64 = samples.iter().map(|&sample| i64::from(sample)).sum();
        for sample in samples {
            hearing.push(vec![sample]).unwrap();
        }
        hearing.end(false).unwrap();
        assert_eq!(bench.next(), (0, Ok(format!("second {sum}")), true));
    }
}

#[test]
fn without_another_engine_the_failure_is_the_answer_and_the_thread_lives() {
    let bench = Bench::new(1);
    for sample in [FAIL, PANIC] {
        let hearing = bench.begin(0, &["first"]).unwrap();
        hearing.push(vec![sample]).unwrap();
        hearing.end(false).unwrap();
        let (_, outcome, is_final) = bench.next();
        assert!(outcome.is_err() && is_final);
    }
    let hearing = bench.begin(0, &[]).unwrap();
    hearing.end(false).unwrap();
    let error = bench.next().1.unwrap_err();
    assert!(error.to_string().contains("none for this language"));
}

#[test]
fn a_full_pool_refuses_at_once_and_what_nobody_wants_makes_room() {
    let bench = Bench::new(2);
    let taken: Vec<Hearing> = std::iter::from_fn(|| bench.begin(0, &["first"]).ok()).collect();
    assert_eq!(taken.len(), 2 * UTTERANCES);
    drop(taken);
    let hearing = bench.begin(3, &["first"]).unwrap();
    hearing.end(false).unwrap();
    assert_eq!(bench.next(), (3, Ok("first 0".to_string()), true));
}

#[test]
fn what_is_abandoned_is_not_worked_on() {
    let bench = Bench::new(1);
    let _busy = bench.keep_busy();
    let abandoned = bench.begin(1, &["first"]).unwrap();
    abandoned.end(false).unwrap();
    drop(abandoned);
    let other = bench.begin(2, &["first"]).unwrap();
    other.end(false).unwrap();
    bench.leave.send(()).unwrap();
    assert_eq!(bench.next().0, 2);
}

#[test]
fn a_thread_that_hangs_is_given_no_more() {
    let shared = Shared::default();
    let seconds = Duration::from_secs;
    assert!(!shared.is_stuck(seconds(100)));
    shared.busy_since.store(1_001, Ordering::Relaxed);
    assert!(!shared.is_stuck(seconds(5)));
    assert!(shared.is_stuck(seconds(7)));
}

#[test]
fn no_more_than_the_longest_utterance_is_kept() {
    let bench = Bench::new(1);
    let hearing = bench.begin(0, &["first"]).unwrap();
    for _ in 0..40 {
        hearing.push(vec![1; SAMPLE_RATE as usize]).unwrap();
    }
    hearing.end(false).unwrap();
    let heard = format!("first {LONGEST_UTTERANCE}");
    assert_eq!(bench.next(), (0, Ok(heard), true));
}

#[test]
fn an_answer_ahead_to_less_than_was_said_is_no_answer() {
    let bench = Bench::new(1);
    let hearing = bench.begin(7, &["first"]).unwrap();
    hearing.push(vec![1]).unwrap();
    hearing.ask_ahead().unwrap();
    assert_eq!(bench.next(), (7, Ok("first 1".to_string()), false));
    let _busy = bench.keep_busy();
    // The speech went on, and paused again; the thread comes to that only after the end.
    hearing.push(vec![9]).unwrap();
    hearing.ask_ahead().unwrap();
    hearing.end(true).unwrap();
    bench.leave.send(()).unwrap();
    assert_eq!(bench.next(), (7, Ok("first 10".to_string()), true));
}

#[test]
fn where_one_language_is_not_heard_the_others_are() {
    let bench = Bench::new(1);
    for deaf in [&[][..], &["first"]] {
        let listeners = vec![bench.listener(&["second"]), bench.listener(deaf)];
        let (tell, told) = channel();
        let reply = move |answer| tell.send(answer).unwrap();
        let hearing = bench.pool.begin(listeners, reply).unwrap();
        hearing.push(vec![FAIL]).unwrap();
        hearing.end(false).unwrap();
        let answer = told.recv_timeout(Duration::from_secs(20)).unwrap();
        let text = format!("second {FAIL}");
        let heard = vec![Hypothesis {
            text,
            confidence: 1.0,
        }];
        assert_eq!(answer, Answer::Final(Ok(vec![heard, Vec::new()])));
    }
}

#[test]
fn who_has_been_heard_takes_no_room() {
    let bench = Bench::new(1);
    let heard = |_| {
        let hearing = bench.begin(0, &["first"]).unwrap();
        hearing.end(false).unwrap();
        assert!(bench.next().1.is_ok());
        hearing
    };
    let kept: Vec<Hearing> = (0..2 * UTTERANCES).map(heard).collect();
    drop(kept);
    let taken = std::iter::from_fn(|| bench.begin(0, &["first"]).ok());
    assert_eq!(taken.collect::<Vec<Hearing>>().len(), UTTERANCES);
}
