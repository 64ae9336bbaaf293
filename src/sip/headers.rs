//! A message's header fields: an ordered list, values byte for byte.

use crate::sip::header::Header;
use crate::sip::lexer;
use bytes::Bytes;
use std::fmt;

/// Header fields in the order they were written. Known ones are found by [`Header`], others by
/// name; folded lines are unfolded.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<Field>);

#[derive(Clone)]
pub struct Field {
    pub name: Name,
    /// Without line ends and without white space around it; else as it was written.
    pub value: Bytes,
}

#[derive(Clone)]
pub enum Name {
    Known(Header),
    Other(Bytes),
}

impl Headers {
    /// The first value's whole line.
    pub fn get(&self, header: Header) -> Option<&Bytes> {
        self.lines(header).next()
    }

    /// The first value of a header field not in [`Header`].
    pub fn get_other(&self, name: &str) -> Option<&Bytes> {
        let same = |field: &&Field| field.name.as_bytes().eq_ignore_ascii_case(name.as_bytes());
        Some(&self.0.iter().find(same)?.value)
    }

    /// Every line of the header field, unsplit.
    pub fn lines(&self, header: Header) -> impl Iterator<Item = &Bytes> {
        self.0
            .iter()
            .filter(move |field| field.name.is(header))
            .map(|field| &field.value)
    }

    /// Every value of the header field, in order: lists are split at their commas.
    pub fn all(&self, header: Header) -> impl Iterator<Item = &[u8]> {
        self.lines(header).flat_map(move |line| {
            let list = header.is_list().then(|| lexer::split_list(line, b','));
            let whole = (!header.is_list()).then_some(&line[..]);
            list.into_iter().flatten().chain(whole)
        })
    }

    pub fn has(&self, header: Header) -> bool {
        self.get(header).is_some()
    }

    /// Whether the list has this value, in any case: an option tag, a method, an event package.
    pub fn lists(&self, header: Header, value: &str) -> bool {
        self.all(header)
            .any(|one| one.eq_ignore_ascii_case(value.as_bytes()))
    }

    /// Appends a line. Line ends in the value become spaces, so that a value never becomes a header.
    pub fn push(&mut self, header: Header, value: impl Into<Bytes>) {
        self.push_field(Name::Known(header), value.into());
    }

    /// Appends a line of a header field not in [`Header`].
    pub fn push_other(&mut self, name: &str, value: impl Into<Bytes>) {
        let name = match Header::parse(name.as_bytes()) {
            Some(header) => Name::Known(header),
            None => Name::Other(Bytes::copy_from_slice(name.as_bytes())),
        };
        self.push_field(name, value.into());
    }

    pub(crate) fn push_field(&mut self, name: Name, value: Bytes) {
        let value = one_line(value);
        self.0.push(Field { name, value });
    }

    /// Puts a line before all others of the same header field: a Via, a Route.
    pub fn push_front(&mut self, header: Header, value: impl Into<Bytes>) {
        let value = one_line(value.into());
        let at = self.0.iter().position(|field| field.name.is(header));
        let field = Field {
            name: Name::Known(header),
            value,
        };
        self.0.insert(at.unwrap_or(0), field);
    }

    /// Replaces the header field's first line where it stands and drops its others, or appends it.
    pub fn set(&mut self, header: Header, value: impl Into<Bytes>) {
        let at = self.0.iter().position(|field| field.name.is(header));
        let value = one_line(value.into());
        let Some(at) = at else {
            return self.push(header, value);
        };
        let mut index = 0;
        self.0.retain(|field| {
            index += 1;
            index - 1 <= at || !field.name.is(header)
        });
        if let Some(field) = self.0.get_mut(at) {
            field.value = value;
        }
    }

    /// Replaces the first value of a list, and leaves the others.
    pub fn set_first(&mut self, header: Header, value: &[u8]) {
        let Some(field) = self.0.iter_mut().find(|field| field.name.is(header)) else {
            return self.push(header, value.to_vec());
        };
        let first = lexer::split_list(&field.value, b',')
            .next()
            .unwrap_or_default();
        let end = first.as_ptr() as usize - field.value.as_ptr() as usize + first.len();
        let rest = field.value.get(end..).unwrap_or_default();
        field.value = one_line([value, rest].concat().into());
    }

    /// Drops all lines of the header field.
    pub fn remove(&mut self, header: Header) {
        self.0.retain(|field| !field.name.is(header));
    }

    /// Appends all lines of the header field that `from` has, byte for byte.
    pub fn copy(&mut self, from: &Headers, header: Header) {
        let lines = from.0.iter().filter(|field| field.name.is(header));
        self.0.extend(lines.cloned());
    }

    pub fn fields(&self) -> &[Field] {
        &self.0
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn one_line(value: Bytes) -> Bytes {
    let breaks = |byte: &u8| matches!(byte, b'\r' | b'\n');
    if !value.iter().any(breaks) {
        return value;
    }
    value
        .iter()
        .map(|byte| if breaks(byte) { b' ' } else { *byte })
        .collect()
}

impl Name {
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Name::Known(header) => header.as_str().as_bytes(),
            Name::Other(name) => name,
        }
    }

    pub fn is(&self, header: Header) -> bool {
        matches!(self, Name::Known(known) if *known == header)
    }
}

impl PartialEq for Field {
    fn eq(&self, other: &Field) -> bool {
        self.name
            .as_bytes()
            .eq_ignore_ascii_case(other.name.as_bytes())
            && self.value == other.value
    }
}

impl Eq for Field {}

/// Shows names and values, but never credentials.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret =
            |name: &Name| name.is(Header::Authorization) || name.is(Header::ProxyAuthorization);
        let mut map = f.debug_map();
        for field in &self.0 {
            let name = String::from_utf8_lossy(field.name.as_bytes());
            if secret(&field.name) {
                map.entry(&name, &"(hidden)");
            } else {
                map.entry(&name, &String::from_utf8_lossy(&field.value));
            }
        }
        map.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &'static str)]) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in lines {
            headers.push_other(name, *value);
        }
        headers
    }

    fn shown(headers: &Headers) -> Vec<String> {
        let line = |field: &Field| {
            let name = String::from_utf8_lossy(field.name.as_bytes());
            format!("{name}: {}", String::from_utf8_lossy(&field.value))
        };
        headers.fields().iter().map(line).collect()
    }

    #[test]
    fn compact_and_long_names_are_the_same() {
        let headers = headers(&[
            ("k", "100rel, timer"),
            ("X-Y", "1"),
            ("SUPPORTED", "Replaces"),
        ]);
        assert_eq!(headers.supported(), ["100rel", "timer", "replaces"]);
        assert!(headers.lists(Header::Supported, "TIMER"));
        assert_eq!(headers.get_other("x-y").map(|v| &v[..]), Some(&b"1"[..]));
    }

    #[test]
    fn only_lists_are_split_at_commas() {
        let headers = headers(&[("Via", "a, b"), ("Subject", "a, b"), ("Via", "c")]);
        assert_eq!(
            headers.all(Header::Via).collect::<Vec<_>>(),
            [b"a", b"b", b"c"]
        );
        assert_eq!(headers.all(Header::Subject).collect::<Vec<_>>(), [b"a, b"]);
    }

    #[test]
    fn lines_are_set_in_place() {
        let mut headers = headers(&[("Via", "a, b"), ("To", "t"), ("Via", "c"), ("Via", "d")]);
        headers.set_first(Header::Via, b"A;x");
        assert_eq!(shown(&headers)[0], "Via: A;x, b");
        headers.set(Header::Via, "e");
        assert_eq!(shown(&headers), ["Via: e", "To: t"]);
        headers.push_front(Header::Via, "f");
        headers.push_front(Header::Route, "r");
        assert_eq!(shown(&headers), ["Route: r", "Via: f", "Via: e", "To: t"]);
        headers.remove(Header::Via);
        headers.set(Header::From, "x");
        assert_eq!(shown(&headers), ["Route: r", "To: t", "From: x"]);
    }
}
