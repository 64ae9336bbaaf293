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
    /// Tell what happened in calls
    Calls(cli::calls::CallsArgs),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(args) => cli::serve::run(args),
        Command::Calls(args) => cli::calls::run(&args),
    }
}
