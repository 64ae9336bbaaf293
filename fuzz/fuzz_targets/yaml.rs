//! A text as a dialplan and as a config: neither panics, every diagnostic marks a place in the text,
//! and a dialplan comes out exactly where there is no error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zeroline::config::Config;
use zeroline::diagnostic::{Diagnostic, Severity, Source, render};
use zeroline::dialplan::check::{View, check};

fuzz_target!(|text: &str| {
    let source = Source::new("fuzz.yaml", text);
    let (dialplan, found) = check(&source, &View::default());
    assert_eq!(dialplan.is_some(), look(&found, &source));
    let (config, found) = Config::check(&source);
    assert_eq!(config.is_some(), look(&found, &source));
});

/// Whether nothing found is an error.
fn look(found: &[Diagnostic], source: &Source) -> bool {
    for diagnostic in found {
        let span = diagnostic.span;
        assert!(source.text.get(span.start..span.end).is_some(), "{diagnostic:?}");
        assert!(span.line > 0 && span.column > 0, "{diagnostic:?}");
    }
    if let Some(first) = found.first() {
        render::render(first, source, 80, false);
    }
    found.iter().all(|diagnostic| diagnostic.severity == Severity::Warning)
}
