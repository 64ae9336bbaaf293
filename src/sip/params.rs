//! Parameters: `;name=value` behind URIs and in header values.

use crate::sip::error::Malformed;
use crate::sip::lexer;
use std::fmt;

/// Parameters in the order they were written, values byte for byte (quotes included).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Params(Vec<Param>);

type Param = (Box<str>, Option<Box<[u8]>>);

impl Params {
    /// Reads what follows the element that has the parameters: nothing, or `;a=b;c`.
    pub fn parse(text: &[u8]) -> Result<Params, Malformed> {
        let text = lexer::trim(text);
        if text.is_empty() {
            return Ok(Params::default());
        }
        let text = text
            .strip_prefix(b";")
            .ok_or(Malformed("Malformed parameter"))?;
        Params::parse_list(text, b';')
    }

    /// Reads `a=b<separator>c="d"`, with no separator in front.
    pub fn parse_list(text: &[u8], separator: u8) -> Result<Params, Malformed> {
        let mut params = Params::default();
        for piece in lexer::split_list(text, separator) {
            let (name, value) = match lexer::split_once(piece, b'=') {
                Some((name, value)) => (lexer::trim_end(name), Some(lexer::trim_start(value))),
                None => (piece, None),
            };
            let name = name_text(name).ok_or(Malformed("Malformed parameter"))?;
            if value.is_some_and(|value| !is_value(value)) {
                return Err(Malformed("Malformed parameter"));
            }
            params.0.push((name.into(), value.map(Into::into)));
        }
        Ok(params)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the parameter is there, with or without a value. Names are case-insensitive.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// The value as written; `None` if it is absent, has no value, or is no UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get_bytes(name)?).ok()
    }

    pub fn get_bytes(&self, name: &str) -> Option<&[u8]> {
        let (_, value) = self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        value.as_deref()
    }

    /// The value with quotes and escapes undone.
    pub fn get_unquoted(&self, name: &str) -> Option<String> {
        String::from_utf8(lexer::unquote(self.get_bytes(name)?)).ok()
    }

    /// Replaces the parameter where it stands, or appends it.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(|value| value.as_bytes().into());
        match self
            .0
            .iter_mut()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
        {
            Some(param) => param.1 = value,
            None => self.0.push((name.into(), value)),
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.0.iter().map(|(n, v)| (&**n, v.as_deref()))
    }

    /// Writes `;a=b;c`.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            out.push(b';');
            out.extend_from_slice(name.as_bytes());
            if let Some(value) = value {
                out.push(b'=');
                out.extend_from_slice(value);
            }
        }
    }
}

/// Parameter names are tokens; in URIs they may have a few characters more.
fn name_text(name: &[u8]) -> Option<&str> {
    let good = |byte: &u8| lexer::is_token_byte(*byte) || b"[]/:&$()".contains(byte);
    if name.is_empty() || !name.iter().all(good) {
        return None;
    }
    std::str::from_utf8(name).ok()
}

/// A whole quoted string, or anything without white space, quotes and brackets. (An empty value is
/// taken: phones send `;tag=`.)
fn is_value(value: &[u8]) -> bool {
    if value.starts_with(b"\"") {
        return lexer::quoted_string(value).is_some_and(|(_, rest)| rest.is_empty());
    }
    !value
        .iter()
        .any(|byte| lexer::is_lws(*byte) || b"\"<>,;".contains(byte) || *byte == 0)
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.iter() {
            write!(f, ";{name}")?;
            if let Some(value) = value {
                write!(f, "={}", String::from_utf8_lossy(value))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_order_case_and_bytes() {
        let text = b"; A = 1;b;c=\"x;\\\"\xff\" ;d=";
        let params = Params::parse(text).expect("well-formed");
        let mut written = vec![];
        params.write(&mut written);
        assert_eq!(written, b";A=1;b;c=\"x;\\\"\xff\";d=");
        assert_eq!(
            (params.get("a"), params.get("b"), params.get("c")),
            (Some("1"), None, None)
        );
        assert!(params.has("B") && !params.has("x"));
        assert_eq!(params.get_bytes("C"), Some(&b"\"x;\\\"\xff\""[..]));
    }

    #[test]
    fn parameters_are_set_and_removed() {
        let mut params = Params::parse(b";a=1;b").expect("well-formed");
        params.set("A", Some("2"));
        params.set("c", None);
        params.remove("B");
        assert_eq!(params.to_string(), ";a=2;c");
    }

    #[test]
    fn what_is_no_parameter() {
        for text in [
            "x",
            ";",
            ";;a",
            ";a;",
            ";a b",
            ";a=b c",
            ";=b",
            ";a=\"x",
            ";a=\"x\"y",
            ";a=<",
        ] {
            assert!(Params::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
