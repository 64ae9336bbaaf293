//! `zeroline say`: a text as callers would hear it, into a WAV file.

use crate::audio::frame::duration_of;
use crate::audio::wav::WavWriter;
use crate::cli::output::end_with;
use crate::engines::registry::Registry;
use crate::language::Language;
use clap::ValueEnum;
use serde_json::json;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Say a text into a WAV file (8 kHz, as callers hear it)
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is to be said
    #[arg(allow_hyphen_values = true)]
    text: String,
    /// The language that it is in
    #[arg(long, default_value = "en", value_parser = language)]
    language: Language,
    /// How fast, relative to a dialplan's prompts: 0.5 to 2
    #[arg(long, default_value_t = 1.0, value_parser = rate)]
    rate: f32,
    /// The file to write; `-` is standard output
    #[arg(short, long, value_name = "FILE.wav", value_parser = wav_file)]
    output: PathBuf,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Instead of a file.
const STANDARD_OUTPUT: &str = "-";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

fn language(tag: &str) -> Result<Language, String> {
    Language::from_tag(tag).ok_or_else(|| {
        let tags = Language::ALL.map(Language::tag).join(", ");
        format!("one of these is wanted: {tags}")
    })
}

fn wav_file(name: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(name);
    let ending = path.extension();
    let is_wav = ending.is_some_and(|ending| ending.eq_ignore_ascii_case("wav"));
    match is_wav || name == STANDARD_OUTPUT {
        true => Ok(path),
        false => Err(
            "only WAV is written: let the name end in .wav (or be `-`), and convert it \
                      afterwards: ffmpeg -i FILE.wav FILE.mp3"
                .to_owned(),
        ),
    }
}

fn rate(text: &str) -> Result<f32, String> {
    let rate = text.parse().ok();
    rate.filter(|rate| (0.5..=2.0).contains(rate))
        .ok_or_else(|| "a number from 0.5 to 2 is wanted".to_string())
}

pub fn run(args: Args) -> ExitCode {
    match say(&args) {
        Ok(spoken) => match args.output.as_os_str() == STANDARD_OUTPUT {
            true => {
                eprintln!("{spoken}");
                ExitCode::SUCCESS
            }
            false => end_with("say", &spoken),
        },
        Err(message) => {
            eprintln!("zeroline say: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the file; what is to be told about it.
fn say(args: &Args) -> Result<String, String> {
    let registry = Registry::discover();
    let (samples, engine) = registry
        .synthesize(&args.text, args.language, args.rate)
        .map_err(|error| error.to_string())?;
    write(&args.output, &samples).map_err(|error| {
        let file = args.output.display();
        format!("{file} cannot be written: {error}; choose another file with -o")
    })?;
    let seconds = duration_of(samples.len()).as_secs_f64();
    let file = args.output.display().to_string();
    Ok(match args.format {
        Format::Text => format!("{file}: {seconds:.2} s, spoken by {engine}"),
        Format::Json => json!({
            "file": file,
            "seconds": seconds,
            "language": args.language.tag(),
            "engine": engine,
        })
        .to_string(),
    })
}

fn write(path: &Path, samples: &[i16]) -> Result<(), hound::Error> {
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::mono(&mut file)?;
    writer.write(samples)?;
    writer.finish()?;
    match path.as_os_str() == STANDARD_OUTPUT {
        true => io::stdout().write_all(file.get_ref())?,
        false => std::fs::write(path, file.get_ref())?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::wav;
    use clap::Parser;
    use std::fs::File;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &[&str]) -> Result<Args, clap::Error> {
        let line = ["say"].iter().chain(line);
        Command::try_parse_from(line).map(|command| command.args)
    }

    #[test]
    fn mistakes_on_the_command_line_are_refused() {
        for line in [
            &["hello"][..],
            &["hello", "-o", "x.wav", "--language", "de"],
            &["hello", "-o", "x.wav", "--rate", "9"],
            &["hello", "-o", "x.wav", "--rate", "NaN"],
            &["hello", "-o", "x.mp3"],
            &["hello", "-o", "x"],
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_text_may_begin_with_a_dash_and_the_output_be_one() {
        let args = parse(&["-5.25 degrees", "-o", "-"]).expect("it is a good line");
        assert_eq!(args.text, "-5.25 degrees");
        assert_eq!(args.output.as_os_str(), STANDARD_OUTPUT);
    }

    #[test]
    fn a_text_becomes_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out.wav").display().to_string();
        let args = parse(&["Good morning.", "-o", &file, "--format", "json"]).unwrap();
        let told = match say(&args) {
            Ok(told) => told,
            Err(error) => return println!("skipped: {error}"),
        };
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let channels = wav::read(File::open(&file).unwrap()).unwrap();
        let seconds = channels[0].len() as f64 / 8_000.0;
        assert_eq!(
            (told["seconds"].as_f64(), channels.len()),
            (Some(seconds), 1)
        );
        assert!(seconds > 0.4, "{told}");
        let args = parse(&["Good morning.", "-o", "/nowhere/out.wav"]).unwrap();
        assert!(
            say(&args)
                .unwrap_err()
                .contains("/nowhere/out.wav cannot be written")
        );
    }
}
