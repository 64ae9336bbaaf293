//! Where in a text something is: from the parser's lines and columns (in characters) to bytes.

use crate::diagnostic::Span;
use saphyr_parser::Marker;

/// Byte offsets of every line's beginning, and of every [`STRIDE`]th character within long lines, so
/// that a place is found in constant time however long a line is.
pub struct Places<'a> {
    text: &'a str,
    lines: Vec<Line>,
}

struct Line {
    start: usize,
    end: usize,
    /// The offset of the characters number STRIDE, 2·STRIDE, … of the line.
    strides: Vec<usize>,
}

const STRIDE: usize = 128;

impl<'a> Places<'a> {
    pub fn new(text: &'a str) -> Places<'a> {
        let mut lines = Vec::new();
        let mut line = Line::from(0);
        let mut count = 0;
        for (at, c) in text.char_indices() {
            if count > 0 && count % STRIDE == 0 {
                line.strides.push(at);
            }
            count += 1;
            let after = at + c.len_utf8();
            let lone_return = c == '\r' && !text[after..].starts_with('\n');
            if c == '\n' || lone_return {
                line.end = after;
                lines.push(std::mem::replace(&mut line, Line::from(after)));
                count = 0;
            }
        }
        line.end = text.len();
        lines.push(line);
        Places { text, lines }
    }

    pub fn span(&self, start: Marker, end: Marker) -> Span {
        let from = self.offset(start);
        Span {
            start: from,
            end: self.offset(end).max(from),
            line: start.line().max(1),
            column: start.col() + 1,
        }
    }

    fn offset(&self, marker: Marker) -> usize {
        let Some(line) = self.lines.get(marker.line().max(1) - 1) else {
            return self.text.len();
        };
        let column = marker.col();
        let (from, skip) = match (column / STRIDE).checked_sub(1) {
            None => (line.start, column),
            Some(stride) => match line.strides.get(stride) {
                Some(&at) => (at, column % STRIDE),
                None => return line.end,
            },
        };
        let rest = &self.text[from..line.end];
        from + rest
            .char_indices()
            .nth(skip)
            .map_or(rest.len(), |(at, _)| at)
    }
}

impl Line {
    fn from(start: usize) -> Line {
        Line {
            start,
            end: start,
            strides: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_in_characters_become_bytes() {
        let long = "欢".repeat(1000);
        let text = format!("ab\r\n欢x\r{long}y\n");
        let places = Places::new(&text);
        // The index is not looked at: lines and columns alone count.
        let offset = |line, column| places.offset(Marker::new(0, line, column));
        assert_eq!(offset(1, 1), 1);
        assert_eq!(&text[offset(2, 1)..offset(2, 2)], "x");
        assert_eq!(&text[offset(3, 1000)..offset(3, 1001)], "y");
        assert_eq!(offset(3, 5000), text.len());
        assert_eq!(offset(9, 0), text.len());
    }
}
