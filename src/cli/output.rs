//! Standard output, whose reader may have seen enough: `zeroline call … | head -5`.

use std::io::{self, Write};
use std::process::ExitCode;

/// Writes a line. `false`: nobody reads any more, which is no failure of ours.
pub(super) fn print_line(line: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// The last line of `zeroline NAME`, which has done its work.
pub(super) fn end_with(name: &str, line: &str) -> ExitCode {
    match print_line(line) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("zeroline {name}: cannot write: {error}");
            ExitCode::FAILURE
        }
    }
}
