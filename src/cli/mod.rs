//! One function a subcommand.
