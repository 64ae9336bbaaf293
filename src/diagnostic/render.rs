//! Diagnostics for people: the line, what is marked in it, why it matters, what to write.

use super::{Diagnostic, Severity, Source, rules};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};
use std::fmt;

/// Of longer lines only a part is shown, in bytes: a minified file would fill the screen.
const MAX_LINE: usize = 300;
/// What is shown of them before the marked place.
const BEFORE: usize = 80;

/// Renders for a terminal of `width` columns; `colour` asks for ANSI colours and box characters.
pub fn render(diagnostic: &Diagnostic, source: &Source, width: usize, colour: bool) -> String {
    let theme = if colour {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::none()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width.max(40))
        .with_context_lines(0);
    let mut out = String::new();
    let view = View {
        diagnostic,
        line: Line::of(diagnostic, source),
    };
    handler
        .render_report(&mut out, &view)
        .expect("writing to a String cannot fail");
    out
}

/// The one line that is shown, or a part of it. miette would search the whole text for it at every diagnostic.
#[derive(Debug)]
struct Line<'a> {
    name: String,
    text: &'a str,
    /// Of `text` in the file, in bytes.
    start: usize,
    /// Of the marked place, from 1.
    number: usize,
    column: usize,
}

impl<'a> Line<'a> {
    fn of(diagnostic: &Diagnostic, source: &'a Source) -> Option<Line<'a>> {
        // The password would be shown with its line.
        if diagnostic.rule == rules::PASSWORD_IN_CONFIG.id {
            return None;
        }
        let before = source.text.get(..diagnostic.span.start)?;
        let mut start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let mut text = source.text.get(start..)?.lines().next().unwrap_or("");
        if text.len() > MAX_LINE {
            let from = boundary(before, before.len().saturating_sub(BEFORE).max(start));
            text = &text[from - start..];
            text = &text[..boundary(text, MAX_LINE)];
            start = from;
        }
        Some(Line {
            name: source.file.display().to_string(),
            text,
            start,
            number: diagnostic.span.line,
            column: diagnostic.span.column,
        })
    }
}

/// The last place between two characters that is not after `at`.
fn boundary(text: &str, at: usize) -> usize {
    let mut places = (0..=at.min(text.len())).rev();
    places.find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl SourceCode for Line<'_> {
    fn read_span<'a>(
        &'a self,
        _span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let whole = SourceSpan::from((self.start, self.text.len()));
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            self.text.as_bytes(),
            whole,
            self.number - 1,
            self.column - 1,
            1,
        )))
    }
}

#[derive(Debug)]
struct View<'a> {
    diagnostic: &'a Diagnostic,
    line: Option<Line<'a>>,
}

impl fmt::Display for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let d = self.diagnostic;
        write!(f, "{}", d.message)?;
        if self.line.is_none() {
            let (file, span) = (d.file.display(), d.span);
            write!(f, " ({file}:{}:{})", span.line, span.column)?;
        }
        Ok(())
    }
}

impl std::error::Error for View<'_> {}

impl miette::Diagnostic for View<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let d = self.diagnostic;
        Some(Box::new(format!("{}[{}]:", d.severity, d.rule)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let d = self.diagnostic;
        Some(Box::new(format!("{}\n{}", d.fix, d.why)))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.line.as_ref().map(|line| line as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let line = self.line.as_ref()?;
        let start = self.diagnostic.span.start;
        let end = (self.diagnostic.span.end).clamp(start, line.start + line.text.len());
        let label = LabeledSpan::new(Some("here".into()), start, end - start);
        Some(Box::new(std::iter::once(label)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Report, Span};
    use super::*;

    fn one(text: &str, span: Span) -> (Source, Diagnostic) {
        let source = Source::new("hotline.yaml", text);
        let mut report = Report::new(&source);
        report.add(
            &rules::UNKNOWN_NODE,
            span,
            "There is no node `trakc`.",
            "Write `track`.",
        );
        let diagnostic = report.into_diagnostics().remove(0);
        (source, diagnostic)
    }

    #[test]
    fn the_line_the_place_the_fix_and_the_reason_are_shown() {
        let span = Span {
            start: 22,
            end: 27,
            line: 2,
            column: 11,
        };
        let (source, diagnostic) = one("start: main\n  1: { to: trakc }\n", span);
        let shown = render(&diagnostic, &source, 100, false);
        for part in [
            "error[unknown-node]:",
            "There is no node `trakc`.",
            "hotline.yaml:2:11",
            "1: { to: trakc }",
            "here",
            "Write `track`.",
            "would fall into nothing",
        ] {
            assert!(shown.contains(part), "{part} is missing in\n{shown}");
        }
        assert!(!shown.contains("start: main"), "{shown}");
    }

    #[test]
    fn of_a_very_long_line_the_marked_part_is_shown() {
        let span = Span {
            start: 5000,
            end: 5001,
            line: 1,
            column: 2501,
        };
        let (source, diagnostic) = one(
            &format!("{}y{}", "欢x".repeat(1250), "z".repeat(9000)),
            span,
        );
        let shown = render(&diagnostic, &source, 100, true);
        assert!(shown.contains("hotline.yaml:1:2501"), "{shown}");
        assert!(shown.contains("欢xyz"), "{shown}");
        assert!(shown.len() < 2000, "{shown}");
    }
}
