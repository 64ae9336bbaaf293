//! Telephone numbers as they are dialled in a country, and as the world knows them (E.164).

/// Where numbers without a country's code belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166-1 alpha-2.
    pub code: &'static str,
    calling_code: &'static str,
    /// What stands before a number that is dialled within the country, and not before it from
    /// abroad; empty where nothing does.
    trunk_prefix: &'static str,
    /// Digits after the trunk prefix, both inclusive.
    shortest: usize,
    longest: usize,
}

/// ITU-T E.164: digits with the country's code.
const LONGEST: usize = 15;
const SHORTEST: usize = 7;
/// What is dialled before a country's code from most places.
const ABROAD: &str = "00";

/// From the national numbering plans that the ITU lists.
const COUNTRIES: [Country; 20] = [
    country("AU", "61", "0", 9, 9),
    country("BR", "55", "0", 10, 11),
    country("CA", "1", "1", 10, 10),
    country("CN", "86", "0", 9, 11),
    country("DE", "49", "0", 6, 13),
    country("ES", "34", "", 9, 9),
    country("FR", "33", "0", 9, 9),
    country("GB", "44", "0", 9, 10),
    country("HK", "852", "", 8, 8),
    country("IE", "353", "0", 7, 9),
    country("IN", "91", "0", 10, 10),
    country("IT", "39", "", 6, 11),
    country("JP", "81", "0", 9, 10),
    country("KR", "82", "0", 8, 10),
    country("MY", "60", "0", 8, 10),
    country("NL", "31", "0", 9, 9),
    country("NZ", "64", "0", 8, 10),
    country("SG", "65", "", 8, 8),
    country("TW", "886", "0", 8, 9),
    country("US", "1", "1", 10, 10),
];

const fn country(
    code: &'static str,
    calling_code: &'static str,
    trunk_prefix: &'static str,
    shortest: usize,
    longest: usize,
) -> Country {
    Country {
        code,
        calling_code,
        trunk_prefix,
        shortest,
        longest,
    }
}

impl Country {
    pub const ALL: [Country; COUNTRIES.len()] = COUNTRIES;

    pub fn from_code(code: &str) -> Option<Country> {
        COUNTRIES.into_iter().find(|country| country.code == code)
    }
}

/// The number of those digits, as `+447700900123`. Without a country they stay as they are, unless
/// they begin with `+` or `00`. `None` where it is no number of that country, or of any.
pub fn canonical(dialled: &str, country: Option<Country>) -> Option<String> {
    let international = dialled.strip_prefix('+').or(dialled.strip_prefix(ABROAD));
    let digits = international.unwrap_or(dialled);
    let length = SHORTEST..=LONGEST;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || !length.contains(&digits.len()) {
        return None;
    }
    let Some(country) = country.filter(|_| international.is_none()) else {
        let sign = if international.is_some() { "+" } else { "" };
        return Some(format!("{sign}{digits}"));
    };
    let prefixed = digits.strip_prefix(country.trunk_prefix);
    let national = prefixed.filter(|_| !country.trunk_prefix.is_empty());
    let fits = |national: &&str| (country.shortest..=country.longest).contains(&national.len());
    let whole = digits.strip_prefix(country.calling_code);
    let candidates = [national, Some(digits), whole];
    let national = candidates.into_iter().flatten().find(fits)?;
    Some(format!("+{}{national}", country.calling_code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_known_by_their_country() {
        for (dialled, country, number) in [
            ("07700900123", "GB", Some("+447700900123")),
            ("+447700900123", "GB", Some("+447700900123")),
            ("00447700900123", "CN", Some("+447700900123")),
            ("13812345678", "CN", Some("+8613812345678")),
            ("01062345678", "CN", Some("+861062345678")),
            ("8613812345678", "CN", Some("+8613812345678")),
            ("2125550123", "US", Some("+12125550123")),
            ("12125550123", "US", Some("+12125550123")),
            ("23456789", "HK", Some("+85223456789")),
            ("1234", "GB", None),
            ("07700x", "GB", None),
            ("077009001234567", "GB", None),
        ] {
            let country = Country::from_code(country).expect("it is known");
            assert_eq!(
                canonical(dialled, Some(country)).as_deref(),
                number,
                "{dialled}"
            );
        }
        assert_eq!(canonical("5550123", None).as_deref(), Some("5550123"));
        assert!(Country::from_code("XX").is_none());
    }
}
