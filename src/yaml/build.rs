//! The parser's events to a tree, without recursion and within the limits.

use super::places::Places;
use super::{Entry, Key, MAX_BYTES, MAX_DEPTH, MAX_NODES, Node, Style, Value, traps};
use crate::diagnostic::{Report, Span, rules};
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::borrow::Cow;
use std::collections::HashMap;
use traps::Repair;

pub(super) fn parse(report: &mut Report) -> Option<Node> {
    let text = report.text();
    if text.len() > MAX_BYTES {
        report.add(
            &rules::TOO_LARGE,
            Span::START,
            format!(
                "The file has {} bytes; {MAX_BYTES} are allowed.",
                text.len()
            ),
            "Split it, or check that it is the right file.",
        );
        return None;
    }
    if let Some(at) = text.find('\0') {
        let line = text[..at].lines().count().max(1);
        let span = Span {
            start: at,
            end: at + 1,
            line,
            column: 1,
        };
        report.add(
            &rules::YAML_SYNTAX,
            span,
            "The file contains a NUL byte: it is no text.",
            "Check that it is the right file, and that it is UTF-8.",
        );
        return None;
    }
    let places = Places::new(text);
    let mut repaired = Cow::Borrowed(text);
    let mut lines = Vec::new();
    for _ in 0..rounds(text) {
        let builder = Builder {
            places: &places,
            open: Vec::new(),
            root: None,
            count: 0,
            report,
        };
        match builder.run(&repaired) {
            Ok(root) => {
                lines.into_iter().for_each(|line| report.leave_out(line));
                return Some(root);
            }
            Err(Stop(Some(repair))) => {
                lines.push(line_around(text, repair.range.start));
                repair.apply(repaired.to_mut());
            }
            Err(Stop(None)) => break,
        }
    }
    report.add_to_last_fix("The rest of the file was not judged: check again then.");
    None
}

/// How often a text is read anew after a mistake was repaired: long ones seldom, so that a hostile
/// one stays cheap.
fn rounds(text: &str) -> usize {
    const MOST: usize = 20;
    const BYTES: usize = 2 << 20;
    (BYTES / text.len().max(1)).clamp(1, MOST)
}

fn line_around(text: &str, at: usize) -> std::ops::Range<usize> {
    let start = text[..at].rfind(['\n', '\r']).map_or(0, |found| found + 1);
    let end = text[at..]
        .find(['\n', '\r'])
        .map_or(text.len(), |found| at + found);
    start..end
}

/// A collection whose end has not been seen.
struct Open {
    span: Span,
    items: Vec<Node>,
    entries: Vec<Entry>,
    /// The key whose value comes next.
    key: Option<Key>,
    /// Key → its line, to find duplicates.
    seen: HashMap<String, usize>,
    mapping: bool,
    flow: bool,
    /// A key that is not a scalar was reported; what belongs to it is skipped.
    skip_value: bool,
}

struct Builder<'r, 'a> {
    places: &'r Places<'a>,
    open: Vec<Open>,
    root: Option<Node>,
    count: usize,
    report: &'r mut Report<'a>,
}

/// Reading stops here; the reason has been reported. With the repair, it can go on.
struct Stop(Option<Repair>);

impl Builder<'_, '_> {
    /// `text` is that of the report, with what was wrong repaired: the places are the same.
    fn run(mut self, text: &str) -> Result<Node, Stop> {
        let mut parser = Parser::new_from_str(text);
        loop {
            match parser.next_event() {
                None | Some(Ok((Event::StreamEnd, _))) => break,
                Some(Ok((event, span))) => {
                    let span = self.places.span(span.start, span.end);
                    self.event(event, span)?;
                }
                Some(Err(error)) => {
                    let place = self.places.span(*error.marker(), *error.marker());
                    return Err(Stop(traps::explain(self.report, text, place, error.info())));
                }
            }
        }
        Ok(self.root.unwrap_or(Node {
            span: Span::START,
            value: scalar("", Style::Empty),
        }))
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::Alias(_) => return self.refuse_alias(span),
            Event::Scalar(text, style, anchor, tag) => {
                self.check_properties(span, anchor, tag.is_some())?;
                self.count_node(span)?;
                let style = self.style(&text, style, span);
                let text = if style == Style::Empty { "" } else { &text };
                let span = match style {
                    Style::Empty => Span {
                        end: span.start,
                        ..span
                    },
                    _ => trimmed(self.report.text(), span),
                };
                let value = scalar(text, style);
                self.put(Node { span, value });
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_properties(span, anchor, tag.is_some())?;
                self.start(span, false)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.check_properties(span, anchor, tag.is_some())?;
                self.start(span, true)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::DocumentStart(_) if self.root.is_some() => {
                self.report.add(
                    &rules::YAML_SYNTAX,
                    span,
                    "A second document begins here; a file holds one.",
                    "Remove the line `---` and what follows it.",
                );
                return Err(Stop(None));
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn style(&self, text: &str, style: ScalarStyle, span: Span) -> Style {
        match style {
            // The parser gives a value that is not there as a `~` at some place near.
            ScalarStyle::Plain if text.is_empty() || text == "~" && !self.is_tilde(span) => {
                Style::Empty
            }
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        }
    }

    fn is_tilde(&self, span: Span) -> bool {
        let covered = self.report.text().get(span.start..span.end);
        covered.is_some_and(|text| text.starts_with('~'))
    }

    fn refuse_alias(&mut self, span: Span) -> Result<(), Stop> {
        Err(Stop(traps::alias(self.report, span)))
    }

    fn check_properties(&mut self, span: Span, anchor: usize, tag: bool) -> Result<(), Stop> {
        if anchor != 0 {
            return Err(Stop(traps::anchor(self.report, span)));
        }
        if tag {
            return Err(Stop(traps::tag(self.report, span)));
        }
        Ok(())
    }

    fn count_node(&mut self, span: Span) -> Result<(), Stop> {
        self.count += 1;
        if self.count > MAX_NODES {
            self.report.add(
                &rules::TOO_LARGE,
                span,
                format!("The file has more than {MAX_NODES} values."),
                "Split it, or check that it is the right file.",
            );
            return Err(Stop(None));
        }
        Ok(())
    }

    fn start(&mut self, span: Span, mapping: bool) -> Result<(), Stop> {
        self.count_node(span)?;
        if self.open.len() >= MAX_DEPTH {
            self.report.add(
                &rules::TOO_LARGE,
                span,
                format!("Values are nested more than {MAX_DEPTH} deep."),
                "Nest less deeply, or check that it is the right file.",
            );
            return Err(Stop(None));
        }
        let flow = self.report.text()[span.start..].starts_with(['{', '[']);
        self.open.push(Open {
            span,
            items: Vec::new(),
            entries: Vec::new(),
            key: None,
            seen: HashMap::new(),
            mapping,
            flow,
            skip_value: false,
        });
        Ok(())
    }

    fn end(&mut self, span: Span) {
        let Some(open) = self.open.pop() else { return };
        let last = if open.mapping {
            open.entries
                .last()
                .map(|entry| entry.value.span.end.max(entry.key.span.end))
        } else {
            open.items.last().map(|node| node.span.end)
        };
        let end = if open.flow {
            span.end
        } else {
            last.unwrap_or(open.span.end)
        };
        let value = if open.mapping {
            Value::Mapping {
                entries: open.entries,
                flow: open.flow,
            }
        } else {
            Value::Sequence(open.items)
        };
        let span = Span {
            end: end.max(open.span.start),
            ..open.span
        };
        let span = trimmed(self.report.text(), span);
        self.put(Node { span, value });
    }

    /// A finished node goes into the collection that is open, as a key, a value or an item.
    fn put(&mut self, node: Node) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        if !open.mapping {
            open.items.push(node);
            return;
        }
        if std::mem::take(&mut open.skip_value) {
            return;
        }
        let Some(key) = open.key.take() else {
            return self.put_key(node);
        };
        let entry = Entry { key, value: node };
        let entry = match open.flow {
            true => traps::full_width::split(entry, self.report),
            false => entry,
        };
        open.entries.push(entry);
    }

    fn put_key(&mut self, node: Node) {
        let open = self.open.last_mut().expect("put looked at it");
        let Value::Scalar { text, style } = node.value else {
            open.skip_value = true;
            return traps::complex_key(self.report, node.span);
        };
        if let Some(line) = open.seen.get(&text) {
            self.report.add(
                &rules::DUPLICATE_KEY,
                node.span,
                format!("`{text}` is written twice; first in line {line}."),
                "Keep one of them.",
            );
        } else {
            open.seen.insert(text.clone(), node.span.line);
        }
        open.key = Some(Key {
            text,
            style,
            span: node.span,
        });
    }
}

fn scalar(text: &str, style: Style) -> Value {
    Value::Scalar {
        text: text.to_owned(),
        style,
    }
}

/// The span without the white space at its end that the parser counts to some values.
fn trimmed(text: &str, span: Span) -> Span {
    let covered = text.get(span.start..span.end).unwrap_or_default();
    Span {
        end: span.start + covered.trim_end().len(),
        ..span
    }
}
