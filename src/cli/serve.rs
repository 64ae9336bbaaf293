//! `zeroline serve`: takes calls.

use crate::call::{agent_code, demo_agent};
use crate::cli::demo_service;
use crate::cli::output::print_line;
use crate::config::{Config, Dialplans, Listen, Overrides, read_source};
use crate::diagnostic::render::render;
use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::dialogue::action::Part;
use crate::dialogue::program::Program;
use crate::dialplan::check::{View, check};
use crate::engines::load::{known_parts, load_all, load_slow};
use crate::engines::pool::SynthesizerPool;
use crate::engines::prompt_cache::PromptCache;
use crate::engines::prompt_library::PromptLibrary;
use crate::engines::recognizers::{Recognizers, taking_down};
use crate::engines::registry::Registry;
use crate::language::Language;
use crate::server::hearing::Ears;
use crate::server::preflight::look_first;
use crate::server::serve::{Addresses, Ready, serve};
use crate::server::services::Directory;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Zoned;
use rustix::fs::Mode;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::mpsc;

#[derive(clap::Args)]
pub struct Args {
    /// The config file; without one every setting has its default
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to take calls, by UDP and TCP (or `udp:ADDR:PORT`); may be given more than once
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Vec<String>,
    /// The dialplan for every called user
    #[arg(long, value_name = "FILE")]
    dialplan: Option<PathBuf>,
    /// The folder of recorded prompts
    #[arg(long, value_name = "DIR")]
    prompts: Option<PathBuf>,
    /// The folder of the journal, the call records and the recordings
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Serve the dialplans that come with Zeroline (in ./dialplans), and answer their lookups
    #[arg(long)]
    demo: bool,
}

type Programs = BTreeMap<PathBuf, Arc<Program>>;

pub fn run(args: Args) -> ExitCode {
    // Whatever is made from here on tells of callers: it is for this user alone.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    match prepare(args) {
        Ok(ready) => start(ready),
        Err(code) => code,
    }
}

fn start(ready: Ready) -> ExitCode {
    match serve(ready, stop_signals, announce) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("zeroline: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `sip:bank@…`, `sip:government@…`, and a parcel service for every other called user.
fn demo_dialplans() -> Dialplans {
    let number = |name: &str| (name.to_string(), format!("dialplans/{name}.yaml").into());
    Dialplans {
        default: Some("dialplans/parcel.yaml".into()),
        numbers: vec![number("bank"), number("government")],
    }
}

/// The one line on standard output: calls are taken from now on, whether or not anybody reads it.
fn announce(addresses: Addresses) {
    let _ = print_line(&ready_line(&addresses));
}

fn ready_line(addresses: &Addresses) -> String {
    let sip = addresses.sip.iter().map(|(protocol, address)| {
        let transport = protocol.name().to_lowercase();
        format!("sip:hotline@{address};transport={transport}")
    });
    let sip: Vec<String> = sip.collect();
    let console = addresses.console;
    let http = match addresses.metrics {
        Some(metrics) => format!("health and metrics: http://{metrics}, console: http://{console}"),
        None => format!("health and metrics: http://{console}"),
    };
    format!("ready: {} ({http})", sip.join(" "))
}

/// From this call on, SIGTERM and SIGINT stop the server in order: each that comes is told. Within a
/// runtime.
fn stop_signals() -> mpsc::Receiver<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (came, signals) = mpsc::channel(1);
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let Ok(mut signal) = signal(kind) else {
            continue;
        };
        let came = came.clone();
        tokio::spawn(async move {
            while signal.recv().await.is_some() && came.send(()).await.is_ok() {}
        });
    }
    signals
}

fn prepare(args: Args) -> Result<Ready, ExitCode> {
    let overrides = Overrides {
        listen: listen(&args.listen)?,
        dialplan: args.dialplan,
        prompts: args.prompts,
        data: args.data,
    };
    let mut config = Config::load(args.config.as_deref(), overrides)
        .map_err(|found| show(&found, args.config.as_deref()))?;
    if args.demo && config.dialplans == Dialplans::default() {
        config.dialplans = demo_dialplans();
    }
    let config = Arc::new(config);
    crate::cli::logging::start(&config.log);
    let registry = Registry::open(&config.speech);
    let programs = load_dialplans(&config, &registry)?;
    let failed = |error: &dyn std::fmt::Display| {
        eprintln!("zeroline: {error}");
        ExitCode::FAILURE
    };
    look_first(&config).map_err(|error| failed(&error))?;
    let parts = parts(&programs, !config.agents.is_empty());
    let library = Arc::new(library(&config, registry, &parts)?);
    speak_slowly_later(library.clone(), parts).map_err(|error| failed(&error))?;
    let pool = SynthesizerPool::start(library.clone()).map_err(|error| failed(&error))?;
    let ears = Ears::start(recognizers(&config)?).map_err(|error| failed(&error))?;
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new()
        .install_recorder()
        .map_err(|error| failed(&error))?;
    let dialplans = programs.values().map(|program| &program.dialplan);
    let demo_wanted = demo_service::is_wanted(dialplans, config.console);
    let hears = ears.languages();
    let directory = Directory::new(&config, library.clone(), hears, |file| {
        programs[file].clone()
    });
    Ok(Ready {
        config,
        library,
        directory,
        synthesizers: Arc::new(pool),
        ears: Arc::new(ears),
        metrics,
        demo: args.demo || demo_wanted,
    })
}

/// A recognizer that the config names is there, or the server does not start.
fn recognizers(config: &Config) -> Result<Recognizers, ExitCode> {
    let recognizers = Recognizers::open(&config.speech).map_err(|errors| {
        for error in errors {
            eprintln!("zeroline: {error}");
        }
        ExitCode::FAILURE
    })?;
    for missing in recognizers.missing() {
        tracing::debug!(%missing, "a recognizer that could have been");
    }
    for language in Language::ALL {
        let hear = recognizers.for_language(language).iter();
        let hear: Vec<&str> = hear.map(|engine| engine.id()).collect();
        match hear.is_empty() {
            true => tracing::warn!(%language, "nobody hears it: its callers are served by keys"),
            false => tracing::info!(%language, hear = hear.join(", "), "recognizers"),
        }
    }
    Ok(recognizers)
}

fn listen(addresses: &[String]) -> Result<Vec<Listen>, ExitCode> {
    let parsed: Result<Vec<Vec<Listen>>, String> = addresses
        .iter()
        .map(|address| Listen::parse(address))
        .collect();
    match parsed {
        Ok(lists) => Ok(lists.concat()),
        Err(error) => {
            eprintln!("zeroline serve: --listen: {error}");
            Err(ExitCode::from(2))
        }
    }
}

/// A server never starts on a broken file: every problem of every file is told.
fn load_dialplans(config: &Config, registry: &Registry) -> Result<Programs, ExitCode> {
    let voices = Language::ALL.into_iter();
    let voices: Vec<Language> = voices
        .filter(|&language| registry.speaking(language).next().is_some())
        .collect();
    let view = View {
        today: Some(Zoned::now().date()),
        takes_down: taking_down(&config.speech),
        ..config.view(&voices)
    };
    let numbered = config.dialplans.numbers.iter().map(|(_, file)| file);
    let files: Vec<&PathBuf> = config.dialplans.default.iter().chain(numbered).collect();
    if files.is_empty() {
        eprintln!(
            "zeroline serve: no dialplan: give one with --dialplan FILE, or `dialplans:` in the config"
        );
        return Err(ExitCode::from(2));
    }
    let mut programs = Programs::new();
    let mut broken = None;
    for file in files {
        if programs.contains_key(file) {
            continue;
        }
        match load_dialplan(file, &view) {
            Ok(program) => _ = programs.insert(file.clone(), program),
            Err(code) => broken = Some(code),
        }
    }
    broken.map_or(Ok(programs), Err)
}

fn load_dialplan(file: &Path, view: &View) -> Result<Arc<Program>, ExitCode> {
    let source = read_source(file).map_err(|found| show(&found, Some(file)))?;
    let (dialplan, found) = check(&source, view);
    let code = show_all(&found, &source);
    let dialplan = dialplan.ok_or(code)?;
    Program::compile(dialplan).map_err(|errors| {
        for error in errors {
            eprintln!("{}: {error:?}", file.display());
        }
        ExitCode::FAILURE
    })
}

/// Of a file that could not be read, or of one whose text is read again to show it.
fn show(found: &[Diagnostic], file: Option<&Path>) -> ExitCode {
    let file = file.unwrap_or(Path::new(""));
    let text = std::fs::read_to_string(file).unwrap_or_default();
    show_all(found, &Source::new(file, text))
}

fn show_all(found: &[Diagnostic], source: &Source) -> ExitCode {
    let colour = std::io::stderr().is_terminal();
    for diagnostic in found {
        eprintln!("{}", render(diagnostic, source, 100, colour));
    }
    let broken = found
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    if broken {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// All that is known beforehand of what calls will say.
fn parts(programs: &Programs, has_agents: bool) -> Vec<Part> {
    let own = demo_agent::greeting().into_iter();
    // Which nobody can dial where no agents are.
    let to_agents = agent_code::confirmations().filter(|_| has_agents);
    let own = own.chain(to_agents);
    let own = own.map(|(language, content)| Part { language, content });
    let programs = programs.values();
    own.chain(programs.flat_map(|program| known_parts(&program.dialplan)))
        .collect()
}

/// Beside the first calls: few callers need it, and nobody waits for it.
fn speak_slowly_later(library: Arc<PromptLibrary>, parts: Vec<Part>) -> std::io::Result<()> {
    let work = move || {
        // On Linux this is the thread's own niceness.
        let _ = rustix::process::setpriority_process(None, 19);
        load_slow(&library, &parts);
    };
    let thread = std::thread::Builder::new().name("slow-prompts".into());
    thread.spawn(work).map(drop)
}

/// Everything that is known beforehand is made into sound now.
fn library(config: &Config, registry: Registry, parts: &[Part]) -> Result<PromptLibrary, ExitCode> {
    let cache = PromptCache::open(&config.data)
        .inspect_err(|error| tracing::warn!(%error, "prompts are made anew at each start"))
        .ok();
    let library = PromptLibrary::new(registry, cache, Some(config.prompts.clone()));
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let progress = ProgressBar::new(0)
        .with_style(style)
        .with_message("making prompts");
    let report = load_all(&library, parts, &progress);
    progress.finish_and_clear();
    for problem in &report.problems {
        eprintln!("zeroline: a prompt cannot be heard: {problem}");
    }
    tracing::info!(
        recorded = report.recorded,
        cached = report.from_cache,
        synthesized = report.synthesized,
        "prompts are ready"
    );
    if report.problems.is_empty() {
        Ok(library)
    } else {
        Err(ExitCode::FAILURE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::flow::Protocol;
    use std::net::SocketAddr;

    #[test]
    fn the_ready_line_names_every_address_that_answers() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let addresses = |metrics| Addresses {
            sip: vec![(Protocol::Udp, at(5060))],
            console: at(8060),
            metrics,
        };
        let sip = "ready: sip:hotline@127.0.0.1:5060;transport=udp";
        assert_eq!(
            ready_line(&addresses(None)),
            format!("{sip} (health and metrics: http://127.0.0.1:8060)")
        );
        assert_eq!(
            ready_line(&addresses(Some(at(9090)))),
            format!(
                "{sip} (health and metrics: http://127.0.0.1:9090, console: http://127.0.0.1:8060)"
            )
        );
    }
}
