//! Arguments → one function a subcommand.

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use zeroline::cli;

/// An IVR voice-bot server that always offers a human by one key, and proves it
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take calls
    Serve(cli::serve::Args),
    /// Judge dialplans and config files: every problem at once, with its fix
    Check(cli::check::Args),
    Call(Box<cli::call::Args>),
    /// Tell what happened in calls
    Calls(cli::calls::CallsArgs),
    /// Tell who is to be called back
    Callbacks(cli::callbacks::CallbacksArgs),
    /// Speak a text into a WAV file
    Say(cli::say::Args),
    Transcribe(cli::transcribe::Args),
    Eval(cli::eval::Args),
    Models(cli::models::Args),
    /// Tell which letters to webhooks did not arrive, and send them again
    Webhooks(cli::webhooks::WebhooksArgs),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(args) => cli::serve::run(args),
        Command::Check(args) => cli::check::run(args),
        Command::Call(args) => cli::call::run(*args),
        Command::Calls(args) => cli::calls::run(&args),
        Command::Callbacks(args) => cli::callbacks::run(&args),
        Command::Say(args) => cli::say::run(args),
        Command::Transcribe(args) => cli::transcribe::run(args),
        Command::Eval(args) => cli::eval::run(args),
        Command::Models(args) => cli::models::run(args),
        Command::Webhooks(args) => cli::webhooks::run(&args),
    }
}
