//! Passwords: kept out of logs by their type.

use std::fmt;
use std::path::PathBuf;

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    Written(Secret),
    /// Its first line.
    File(PathBuf),
    /// The name of an environment variable.
    Environment(String),
}

impl Password {
    /// Reads it, or says why that failed.
    pub fn reveal(&self) -> Result<Secret, String> {
        match self {
            Password::Written(secret) => Ok(secret.clone()),
            Password::File(file) => {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
                Ok(Secret::new(text.lines().next().unwrap_or_default()))
            }
            Password::Environment(name) => std::env::var(name)
                .map(Secret::new)
                .map_err(|_| format!("the environment has no variable `{name}`")),
        }
    }
}
