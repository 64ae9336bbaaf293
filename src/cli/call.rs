//! `zeroline call`: calls a SIP address as a caller would, and tells what happened.

use crate::audio::codecs::Codec;
use crate::audio::prompt_file;
use crate::audio::wav::{self, WavWriter};
use crate::caller::call::{Call, KeysBy};
use crate::caller::caller::Caller;
use crate::caller::report::Report;
use crate::caller::script::{self, Step};
use crate::cli::call_keyboard::{Keyboard, Stroke};
use crate::cli::call_view::{LiveView, summary};
use crate::cli::output::print_line;
use crate::config::secret::Password;
use crate::engines::registry::Registry;
use crate::key::Key;
use crate::language::Language;
use crate::sip::digest::Credentials;
use clap::ValueEnum;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long the other side may take until it speaks.
const PATIENCE: Duration = Duration::from_secs(60);
/// So long a quiet gives the turn to the caller: no pause in a prompt is as long.
const TURN: Duration = Duration::from_millis(1_200);

/// A call that nobody follows is hung up so long after its last step.
const UNATTENDED: Duration = Duration::from_secs(30);

/// Call a SIP address as a caller would: press keys, say something, record what is heard
#[derive(Debug, clap::Args)]
#[command(after_help = "On a terminal the keys 0-9 * # are pressed as you type them; q hangs up.")]
pub struct Args {
    /// Whom to call: sip:100@127.0.0.1:5060, with ;transport=tcp for TCP
    target: String,
    /// Keys to press, in groups with commas between: 1,2,0 or 1,12345#
    #[arg(long, value_name = "KEYS", value_delimiter = ',', value_parser = keys)]
    press: Vec<Keys>,
    /// When to press each group, since the answer: 3s,8s,12.5s
    #[arg(long, value_name = "TIMES", value_delimiter = ',', value_parser = duration)]
    at: Vec<Duration>,
    /// How long to wait before each group for which --at names no time
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    wait: Duration,
    /// Say this sound file when the call is answered, before any key
    #[arg(long, value_name = "FILE")]
    play: Option<PathBuf>,
    /// Say this, in English or Chinese, once the other side has spoken and is quiet; may be given more
    /// than once, for one turn after the other, before any key
    #[arg(long, value_name = "TEXT")]
    say: Vec<String>,
    /// Record what is heard into this WAV file
    #[arg(long, value_name = "FILE.wav")]
    record: Option<PathBuf>,
    /// Hang up so long after the answer; without it, 30 s after the last key, or on a terminal when
    /// you say so
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Give up if nobody answers for so long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    ring_timeout: Duration,
    /// Who calls: a number, an address, or "Name" <sip:user@host>
    #[arg(long, value_name = "WHO")]
    from: Option<String>,
    /// The user name to authenticate with
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// The file whose first line is the password
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Send the call to this address instead of the target's own
    #[arg(long, value_name = "ADDR:PORT")]
    proxy: Option<SocketAddr>,
    /// One more header field of the INVITE: "Subject: hello"
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The codecs to offer, the preferred one first
    #[arg(long, value_name = "CODEC", value_delimiter = ',', default_value = "pcmu,pcma", value_parser = codec)]
    codec: Vec<Codec>,
    /// How keys are sent
    #[arg(long, value_enum, default_value_t = KeysBy::Rfc4733)]
    keys_by: KeysBy,
    /// Do not offer telephone-events (RFC 4733)
    #[arg(long)]
    no_telephone_event: bool,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// What `--format json` writes.
#[derive(Serialize)]
struct Document<'a> {
    target: &'a str,
    /// What went wrong, in words.
    problem: Option<&'a str>,
    #[serde(flatten)]
    report: &'a Report,
}

pub fn run(args: Args) -> ExitCode {
    if let Err(message) = check_times(&args) {
        eprintln!("zeroline call: {message}");
        return ExitCode::from(2);
    }
    let result = tokio::runtime::Runtime::new()
        .map_err(|error| format!("no threads can be started: {error}"))
        .and_then(|runtime| runtime.block_on(call(&args)));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("zeroline call: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every group of keys is pressed, and in its turn.
fn check_times(args: &Args) -> Result<(), String> {
    let (times, groups) = (args.at.len(), args.press.len());
    if times > groups {
        return Err(format!(
            "--at has {times} times for {groups} groups of keys in --press"
        ));
    }
    if !args.at.is_sorted() {
        return Err(
            "the times of --at must ascend: keys are pressed in the order of --press".to_owned(),
        );
    }
    let waits = u32::try_from(groups - times).unwrap_or(u32::MAX);
    let last = args.at.last().copied().unwrap_or_default();
    let last = last.saturating_add(args.wait.saturating_mul(waits));
    match args.duration {
        Some(duration) if groups > 0 && last >= duration => Err(format!(
            "the last keys would be pressed {last:?} after the answer, when --duration {duration:?} \
             has ended the call: make it longer"
        )),
        _ => Ok(()),
    }
}

/// Whether the call was answered and ended normally.
async fn call(args: &Args) -> Result<bool, String> {
    let script = script_of(args)?;
    let caller = caller_of(args)?;
    // It must be possible to write it before anybody's telephone rings.
    let record = args.record.as_deref().map(create).transpose()?;
    let call = caller.call().await.map_err(|error| error.to_string())?;
    let problem = follow(&call, args, &script).await.err();
    let report = call.finish().await;
    let report = report.ok_or("the call was lost inside this program")?;
    if let (Some(file), Some(path)) = (record, &args.record) {
        write(file, &report.heard)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    }
    let told = match args.format {
        Format::Text => format!("\n{}", summary(&report)),
        Format::Json => {
            let document = Document {
                target: &args.target,
                problem: problem.as_deref(),
                report: &report,
            };
            serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?
        }
    };
    let is_read = print_line(&told).map_err(unwritable)?;
    match problem {
        Some(problem) => Err(problem),
        // Who has seen enough of it is not told of the rest.
        None => Ok(!is_read || report.answered && report.ended.how.is_normal()),
    }
}

fn caller_of(args: &Args) -> Result<Caller, String> {
    let mut caller = Caller::to(&args.target);
    if let (Some(username), Some(file)) = (&args.user, &args.password_file) {
        let password = Password::File(file.clone()).reveal()?;
        caller.credentials = Some(Credentials {
            username: username.clone(),
            password: password.expose().to_owned(),
        });
    }
    caller.from.clone_from(&args.from);
    caller.proxy = args.proxy;
    caller.headers.clone_from(&args.headers);
    caller.keys_by = args.keys_by;
    caller.ring_timeout = args.ring_timeout;
    caller.media.codecs.clone_from(&args.codec);
    caller.media.telephone_event = !args.no_telephone_event;
    Ok(caller)
}

fn script_of(args: &Args) -> Result<Vec<Step>, String> {
    let mut script = Vec::new();
    if let Some(file) = &args.play {
        script.push(Step::Play(read_sound(file)?.into()));
    }
    if !args.say.is_empty() {
        let voices = Registry::discover();
        for text in &args.say {
            script.push(Step::UntilTalkspurt(PATIENCE));
            script.push(Step::UntilQuietFor(TURN));
            script.push(Step::Play(spoken(&voices, text)?.into()));
        }
    }
    for (n, keys) in args.press.iter().enumerate() {
        script.push(match args.at.get(n) {
            Some(time) => Step::At(*time),
            None => Step::Wait(args.wait),
        });
        script.push(Step::Press(keys.0.clone()));
    }
    Ok(script)
}

fn unwritable(error: io::Error) -> String {
    format!("cannot write: {error}")
}

/// Shows the call and does what the script and the keyboard say, until it is time to hang up, or
/// nobody looks on any more.
async fn follow(call: &Call, args: &Args, script: &[Step]) -> Result<(), String> {
    let mut view = LiveView::new(args.format == Format::Text);
    let mut keyboard = Keyboard::open();
    let stays = keyboard.is_attended() || args.duration.is_some();
    let last = match stays {
        true => Step::UntilEnded,
        false => Step::Wait(UNATTENDED),
    };
    let script = [script, &[last]].concat();
    let limit = [args.duration.map_or(Step::UntilEnded, Step::At)];
    let (run, limited) = (script::run(call, &script), script::run(call, &limit));
    tokio::pin!(run, limited);
    let mut interrupted = hear(SignalKind::interrupt())?;
    let mut terminated = hear(SignalKind::terminate())?;
    let mut changes = call.changes();
    loop {
        if !view.show(call).map_err(unwritable)? {
            break Ok(());
        }
        tokio::select! {
            result = &mut run => break result.map_err(|error| error.to_string()),
            result = &mut limited => break result.map_err(|error| error.to_string()),
            stroke = keyboard.next() => match stroke {
                Stroke::Key(key) => if let Err(error) = call.press(&[key]).await {
                    let told = view.tell(&format!("key {key} was not pressed: {error}"));
                    told.map_err(unwritable)?;
                },
                Stroke::HangUp => break Ok(()),
            },
            _ = interrupted.recv() => break Ok(()),
            _ = terminated.recv() => break Ok(()),
            changed = changes.changed() => if changed.is_err() { break Ok(()) },
        }
    }
}

fn hear(kind: SignalKind) -> Result<Signal, String> {
    signal(kind).map_err(|error| format!("signals cannot be heard: {error}"))
}

fn create(path: &Path) -> Result<File, String> {
    File::create(path).map_err(|error| {
        let path = path.display();
        format!("{path} cannot be written: {error}; choose another file with --record")
    })
}

fn write(file: File, heard: &[i16]) -> Result<(), hound::Error> {
    let mut writer = WavWriter::mono(BufWriter::new(file))?;
    writer.write(heard)?;
    writer.finish()?;
    Ok(())
}

fn spoken(voices: &Registry, text: &str) -> Result<Vec<i16>, String> {
    let language = Language::of_text(text);
    let spoken = voices.synthesize(text, language, 1.0);
    let (samples, _) = spoken.map_err(|error| format!("--say {text:?}: {error}"))?;
    Ok(samples)
}

/// A WAV of our own kind as it is, other files as prompts are read.
fn read_sound(path: &Path) -> Result<Vec<i16>, String> {
    let name = path.display();
    let file = fs::read(path).map_err(|error| format!("{name} cannot be read: {error}"))?;
    if let Ok(channels) = wav::read(&file[..])
        && let Some(samples) = channels.into_iter().next()
    {
        return Ok(samples);
    }
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("wav");
    let samples = prompt_file::decode(file, extension);
    samples.map_err(|error| format!("{name} cannot be played: {error}"))
}

#[derive(Debug, Clone, PartialEq)]
struct Keys(Vec<Key>);

fn keys(text: &str) -> Result<Keys, String> {
    let keys: Result<Vec<Key>, String> = text.trim().chars().map(Key::try_from).collect();
    keys.map(Keys)
}

/// `3s`, `1.5s`, `200ms`, `2m`; a bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("", 1.0)];
    let seconds = units.iter().find_map(|(unit, seconds)| {
        let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        Some(number * seconds)
    });
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.filter(|time| *time <= Duration::from_secs(24 * 3600))
        .ok_or_else(|| "a time is wanted, of at most a day: 3s, 1.5s, 200ms, 2m".to_owned())
}

fn codec(name: &str) -> Result<Codec, String> {
    let wanted = name.trim();
    let found = Codec::ALL
        .into_iter()
        .find(|codec| codec.name().eq_ignore_ascii_case(wanted));
    found.ok_or_else(|| "one of these is wanted: pcmu, pcma".to_owned())
}

fn header(line: &str) -> Result<(String, String), String> {
    let (name, value) = line
        .split_once(':')
        .filter(|(name, _)| !name.trim().is_empty())
        .ok_or("a name, a colon and a value are wanted: \"Subject: hello\"")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn script(line: &str) -> String {
        let words = std::iter::once("call").chain(line.split(' '));
        let line = Line::try_parse_from(words).expect("it is a good line");
        let script = script_of(&line.args).expect("it names no file");
        format!("{script:?}")
    }

    #[test]
    fn keys_are_pressed_at_their_times_and_else_one_after_the_other() {
        assert_eq!(
            script("100@h --press 1,20# --at 500ms --wait 2"),
            "[At(500ms), Press([Key(1)]), Wait(2s), Press([Key(2), Key(0), Key(#)])]"
        );
    }

    #[test]
    fn keys_that_would_never_be_pressed_are_refused() {
        let check = |line: &str| {
            let words = std::iter::once("call").chain(line.split(' '));
            let line = Line::try_parse_from(words).expect("it is a good line");
            check_times(&line.args)
        };
        assert_eq!(check("100@h --press 1,2 --at 1s,3s --duration 4s"), Ok(()));
        for (line, why) in [
            ("100@h --press 1 --at 1s,2s", "2 times for 1 groups"),
            ("100@h --press 1,2 --at 3s,1s", "must ascend"),
            ("100@h --press 1 --at 5s --duration 4s", "--duration 4s"),
            (
                "100@h --press 1,2 --at 3s --wait 2s --duration 4s",
                "5s after",
            ),
        ] {
            let told = check(line).expect_err(line);
            assert!(told.contains(why), "{told}");
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let ms = |text| duration(text).map(|time| time.as_millis()).ok();
        assert_eq!(ms("3s"), Some(3_000));
        assert_eq!(ms("1.5 s"), Some(1_500));
        assert_eq!(ms("200ms"), Some(200));
        assert_eq!(ms("2m"), Some(120_000));
        assert_eq!(ms("4"), Some(4_000));
        for bad in ["", "s", "-1s", "soon", "2d", "1e9s", "NaN"] {
            assert_eq!(ms(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_no_key_codec_or_header_is_refused() {
        assert!(keys("1x").is_err() && codec("opus").is_err());
        assert!(header("Subject").is_err() && header(": x").is_err());
        let subject = ("Subject".to_owned(), "a: b".to_owned());
        assert_eq!(header("Subject: a: b"), Ok(subject));
    }
}
