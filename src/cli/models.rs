//! `zeroline models list|get`: the models of the recognizer whisper.

use crate::cli::output::end_with;
use crate::engines::download::{Download, Fetched};
use crate::engines::whisper_models::{HUB, KnownModel, MODELS, RECOMMENDED, file_name};
use clap::{Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// List or fetch models for hearing callers
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell which models there are, and which are here
    List(ListArgs),
    /// Fetch a model, or go on with one that was begun
    Get(GetArgs),
}

#[derive(Debug, clap::Args)]
struct Folder {
    /// Where models are kept: `speech: models:` in the config
    #[arg(long, value_name = "DIR", default_value = "models")]
    folder: PathBuf,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    folder: Folder,
}

#[derive(Debug, clap::Args)]
struct GetArgs {
    /// One of `zeroline models list`, or another name with --sha256
    #[arg(default_value = RECOMMENDED, value_parser = model_name)]
    name: String,
    /// Where to fetch it from instead of the hub: the address before /ggml-NAME.bin
    #[arg(long, value_name = "URL", default_value = HUB, hide_default_value = true)]
    mirror: String,
    /// The SHA-256 of the file, for a model that is not in the list
    #[arg(long, value_name = "HEX", value_parser = sha256)]
    sha256: Option<String>,
    #[command(flatten)]
    folder: Folder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// It becomes a part of a file's name and of an address.
fn model_name(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    match !name.is_empty() && !name.starts_with('.') && name.chars().all(plain) {
        true => Ok(name.to_owned()),
        false => Err("a name like base-q8_0 is wanted".to_owned()),
    }
}

fn sha256(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    match text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit()) {
        true => Ok(text),
        false => Err("64 hexadecimal digits are wanted".to_owned()),
    }
}

pub fn run(args: Args) -> ExitCode {
    match args.command {
        Command::List(args) => end_with("models list", &list(&args.folder)),
        Command::Get(args) => match get(&args) {
            Ok(told) => end_with("models get", &told),
            Err((message, code)) => {
                eprintln!("zeroline models get: {message}");
                code
            }
        },
    }
}

fn list(folder: &Folder) -> String {
    let is_here = |model: &KnownModel| {
        let file = folder.folder.join(file_name(model.name));
        file.metadata().is_ok_and(|it| it.len() == model.bytes)
    };
    match folder.format {
        Format::Json => {
            let all: Vec<Value> = MODELS
                .iter()
                .map(|model| {
                    json!({
                        "name": model.name,
                        "file": file_name(model.name),
                        "bytes": model.bytes,
                        "sha256": model.sha256,
                        "note": model.note,
                        "here": is_here(model),
                    })
                })
                .collect();
            json!({ "models": all, "folder": folder.folder }).to_string()
        }
        Format::Text => {
            let rows = MODELS.iter().map(|model| {
                let here = if is_here(model) { "here" } else { "" };
                let megabytes = model.bytes / 1_000_000;
                format!(
                    "{:<15}{megabytes:>5} MB  {here:<6}{}",
                    model.name, model.note
                )
            });
            rows.collect::<Vec<_>>().join("\n")
        }
    }
}

/// What to tell, or what went wrong and the exit code.
fn get(args: &GetArgs) -> Result<String, (String, ExitCode)> {
    let known = KnownModel::named(&args.name);
    let Some(sha256) = args
        .sha256
        .clone()
        .or_else(|| known.map(|it| it.sha256.to_owned()))
    else {
        let names = MODELS.map(|model| model.name).join(", ");
        let message = format!(
            "`{}` is not in the list ({names}); for another model give its checksum: --sha256 HEX",
            args.name
        );
        return Err((message, ExitCode::from(2)));
    };
    let file = args.folder.folder.join(file_name(&args.name));
    let download = Download {
        url: format!(
            "{}/{}",
            args.mirror.trim_end_matches('/'),
            file_name(&args.name)
        ),
        file: file.clone(),
        sha256,
    };
    let failed = |error: &dyn std::fmt::Display| (error.to_string(), ExitCode::FAILURE);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    let client = Download::client().map_err(|error| failed(&error))?;
    let progress = bar(&args.name, known.map(|model| model.bytes));
    let fetched = runtime.block_on(download.run(&client, &progress));
    progress.finish_and_clear();
    let fetched = fetched.map_err(|error| failed(&error))?;
    Ok(tell(args.folder.format, &args.name, &download, fetched))
}

fn bar(name: &str, bytes: Option<u64>) -> ProgressBar {
    let template = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(bytes.unwrap_or(0))
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(name.to_owned())
}

fn tell(format: Format, name: &str, download: &Download, fetched: Fetched) -> String {
    let file = download.file.display();
    let (there, resumed) = match fetched {
        Fetched::AlreadyThere => (true, 0),
        Fetched::Whole { resumed_from } => (false, resumed_from),
    };
    match format {
        Format::Json => json!({
            "name": name,
            "file": download.file,
            "sha256": download.sha256,
            "already_there": there,
            "resumed_from": resumed,
        })
        .to_string(),
        Format::Text if there => format!("{file}: it is here already, and whole"),
        Format::Text => format!("{file}: fetched, its checksum is right"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::http_stand_in::{Response, StandIn};
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &[&str]) -> Result<GetArgs, clap::Error> {
        let line = ["models", "get"].iter().chain(line);
        Line::try_parse_from(line).map(|line| match line.args.command {
            Command::Get(args) => args,
            Command::List(_) => panic!("get was said"),
        })
    }

    /// The SHA-256 of "model".
    const CHECKSUM: &str = "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4";

    #[test]
    fn a_model_is_fetched_from_the_mirror_into_the_folder() {
        let hub = StandIn::start(|_, _| Response::new(200, "model"));
        let folder = tempfile::tempdir().expect("the machine has room for a folder");
        let folder = folder.path().display().to_string();
        let mirror = format!("{}/whisper/", hub.url);
        let line = [
            "own", "--sha256", CHECKSUM, "--mirror", &mirror, "--folder", &folder, "--format",
            "json",
        ];
        let told = get(&parse(&line).expect("it is a good line")).expect("the hub has it");
        let told: Value = serde_json::from_str(&told).expect("it is JSON");
        assert_eq!(told["already_there"], false);
        assert_eq!(told["file"], format!("{folder}/ggml-own.bin"));
        assert_eq!(hub.take_requests()[0].path, "/whisper/ggml-own.bin");
        let line = ["base-q8_0", "--mirror", &mirror, "--folder", &folder];
        let (message, _) = get(&parse(&line).expect("it is a good line")).unwrap_err();
        assert!(
            message.contains("SHA-256") && message.contains(CHECKSUM),
            "{message}"
        );
    }

    #[test]
    fn what_cannot_be_checked_is_not_fetched() {
        let (message, code) = get(&parse(&["large-v9"]).expect("a name")).unwrap_err();
        assert!(
            message.contains("base-q8_0") && message.contains("--sha256"),
            "{message}"
        );
        assert_eq!(code, ExitCode::from(2));
        for line in [
            &["../x"][..],
            &["a/b"],
            &[""],
            &[".."],
            &["x", "--sha256", "12"],
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
        assert_eq!(parse(&[]).expect("it has a default").name, RECOMMENDED);
    }

    #[test]
    fn the_list_tells_what_is_here() {
        let folder = tempfile::tempdir().expect("the machine has room for a folder");
        let tiny = KnownModel::named("tiny-q8_0").expect("it is in the list");
        let file = std::fs::File::create(folder.path().join(file_name(tiny.name)));
        file.and_then(|file| file.set_len(tiny.bytes))
            .expect("it is sparse");
        let told = |format| {
            list(&Folder {
                folder: folder.path().into(),
                format,
            })
        };
        let told_in_json: Value = serde_json::from_str(&told(Format::Json)).expect("it is JSON");
        let models = told_in_json["models"].as_array().expect("a list");
        let here = models.iter().filter(|model| model["here"] == true);
        let here: Vec<_> = here.map(|model| &model["name"]).collect();
        assert_eq!(here, ["tiny-q8_0"]);
        assert_eq!(told(Format::Text).lines().count(), MODELS.len());
    }
}
