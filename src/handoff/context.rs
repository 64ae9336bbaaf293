//! What a person is told about the caller, as User-to-User (RFC 7433): the call's reference and
//! short values that are not sensitive, hexadecimal, at most 128 octets before encoding.

use crate::events::CallRef;

const MAX_OCTETS: usize = 128;

/// The header's value. Pairs that would make it too long are left out; the reference never is.
pub fn user_to_user(call: CallRef, values: &[(String, String)]) -> String {
    let mut text = format!("call={call}");
    for (name, value) in values {
        let pair = format!(";{name}={value}");
        if text.len() + pair.len() <= MAX_OCTETS {
            text.push_str(&pair);
        }
    }
    let mut header: String = text.bytes().map(|octet| format!("{octet:02x}")).collect();
    header.push_str(";encoding=hex;content=text;purpose=zeroline");
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(header: &str) -> String {
        let hex = header.split(';').next().unwrap();
        let octets = (0..hex.len()).step_by(2);
        octets
            .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap() as char)
            .collect()
    }

    #[test]
    fn the_reference_and_short_values_go_along_and_long_ones_stay() {
        let values = [
            ("tracking_number".to_string(), "1234567890".to_string()),
            ("notes".to_string(), "x".repeat(200)),
            ("steps".to_string(), "4".to_string()),
        ];
        let header = user_to_user(CallRef::nil(), &values);
        assert_eq!(
            decode(&header),
            "call=00000000000000000000000000;tracking_number=1234567890;steps=4"
        );
        assert!(header.ends_with(";encoding=hex;content=text;purpose=zeroline"));
    }
}
