//! A dialplan's text, whatever it is: loaded, or refused with diagnostics that lie within it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zeroline::diagnostic::Source;
use zeroline::dialplan::check::{View, check};

fuzz_target!(|text: &str| {
    let source = Source::new("fuzz.yaml", text);
    let (dialplan, diagnostics) = check(&source, &View::default());
    assert!(dialplan.is_some() || !diagnostics.is_empty());
    for diagnostic in diagnostics {
        let span = diagnostic.span;
        assert!(
            span.start <= span.end && span.end <= source.text.len(),
            "{diagnostic:?}"
        );
        assert!(span.line >= 1 && span.column >= 1, "{diagnostic:?}");
    }
});
