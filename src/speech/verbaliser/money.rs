//! Amounts of money: as values, and where they stand in a text.
//!
//! `¥` and `￥` are yuan in both languages; yen are written `JPY 500`. An amount's value is rounded
//! to hundredths, halves away from zero; what stands in a text is read as it stands.

use super::{Decimal, en, zh};
use crate::language::Language;

/// The currencies that are read in words of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currency {
    Usd,
    Gbp,
    Eur,
    Cny,
    Jpy,
    Hkd,
}

impl Currency {
    pub const ALL: [Currency; 6] = [
        Currency::Usd,
        Currency::Gbp,
        Currency::Eur,
        Currency::Cny,
        Currency::Jpy,
        Currency::Hkd,
    ];

    /// ISO 4217.
    pub fn code(self) -> &'static str {
        match self {
            Currency::Usd => "USD",
            Currency::Gbp => "GBP",
            Currency::Eur => "EUR",
            Currency::Cny => "CNY",
            Currency::Jpy => "JPY",
            Currency::Hkd => "HKD",
        }
    }

    /// `RMB`, as people write, is `CNY`.
    pub fn from_code(code: &str) -> Option<Currency> {
        let named = Self::ALL.into_iter().find(|it| it.code() == code);
        named.or((code == "RMB").then_some(Currency::Cny))
    }
}

/// Longer signs first: `HK$` is not `$`.
const SIGNS: [(&str, Currency); 15] = [
    ("USD", Currency::Usd),
    ("US$", Currency::Usd),
    ("GBP", Currency::Gbp),
    ("EUR", Currency::Eur),
    ("CNY", Currency::Cny),
    ("RMB", Currency::Cny),
    ("JPY", Currency::Jpy),
    ("HKD", Currency::Hkd),
    ("HK$", Currency::Hkd),
    ("$", Currency::Usd),
    ("£", Currency::Gbp),
    ("€", Currency::Eur),
    ("¥", Currency::Cny),
    ("￥", Currency::Cny),
    (SUFFIX_ONLY, Currency::Cny),
];
/// `万元5` is no five yuan.
const SUFFIX_ONLY: &str = "元";

/// An amount in whole units and hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    pub negative: bool,
    pub units: u64,
    /// 0–99.
    pub hundredths: u8,
    pub currency: Currency,
}

impl Money {
    /// To hundredths, halves away from zero.
    fn rounded(number: &Decimal, currency: Currency) -> Money {
        let digit = |place: usize| match number.fraction.as_bytes().get(place) {
            Some(digit) => u64::from(digit - b'0'),
            None => 0,
        };
        let up = u64::from(digit(2) >= 5);
        let hundredths = number.whole * 100 + digit(0) * 10 + digit(1) + up;
        Money {
            negative: number.negative && hundredths > 0,
            units: hundredths / 100,
            hundredths: u8::try_from(hundredths % 100).expect("below 100"),
            currency,
        }
    }

    fn words(&self, language: Language) -> String {
        match language {
            Language::En => en::money(self),
            Language::Zh => zh::money(self),
        }
    }
}

/// A value's words; one without a currency is a number.
pub(super) fn read(language: Language, text: &str) -> Result<String, &'static str> {
    // Payment interfaces write `gbp` as well.
    let text = text.to_uppercase();
    let Some((amount, currency)) = SIGNS.iter().find_map(|&(sign, currency)| {
        let amount = text.strip_suffix(sign).or_else(|| text.strip_prefix(sign));
        let negative = || text.strip_prefix('-')?.strip_prefix(sign);
        match amount {
            Some(amount) => Some((amount.trim().to_string(), currency)),
            None => Some((format!("-{}", negative()?.trim()), currency)),
        }
    }) else {
        let number = Decimal::parse(&text)
            .ok_or("it is neither a number nor an amount in USD, GBP, EUR, CNY, JPY or HKD")?;
        return Ok(plain_amount(number).words(language));
    };
    let number = Decimal::parse(&amount).ok_or("what stands beside the currency is no number")?;
    Ok(Money::rounded(&number, currency).words(language))
}

/// Rounded as money is; `12.50` keeps its places, and `12.0` is twelve.
fn plain_amount(number: Decimal) -> Decimal {
    if number.fraction.len() > 2 {
        let rounded = Money::rounded(&number, Currency::Usd);
        return plain_amount(Decimal {
            negative: rounded.negative,
            whole: rounded.units,
            fraction: format!("{:02}", rounded.hundredths),
        });
    }
    let is_whole = number.fraction.bytes().all(|digit| digit == b'0');
    let fraction = if is_whole {
        String::new()
    } else {
        number.fraction
    };
    Decimal { fraction, ..number }
}

/// A text's amounts become words; the rest stays as it is.
pub fn amounts_in_words(language: Language, text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let (mut rest, mut before) = (text, None);
    while let Some(next) = rest.chars().next() {
        if let Some((amount, after)) = amount_at(language, before, rest) {
            words.push_str(&amount);
            before = rest[..rest.len() - after.len()].chars().next_back();
            rest = after;
        } else {
            words.push(next);
            before = Some(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    words
}

/// The words of the amount that `text` begins with, and what follows it.
fn amount_at(language: Language, before: Option<char>, text: &str) -> Option<(String, &str)> {
    if before
        .is_some_and(|c| c.is_ascii_alphanumeric() || ".,".contains(c) && starts_with_digit(text))
    {
        return None;
    }
    // `£5-£10` is a range.
    let may_be_minus = before.is_none_or(|c| c.is_whitespace() || "([（".contains(c));
    let minus = text.strip_prefix(['-', '−']).filter(|_| may_be_minus);
    let unsigned = minus.unwrap_or(text);
    let (number, currency, rest) =
        sign_then_number(unsigned).or_else(|| number_then_sign(unsigned))?;
    let number = Decimal {
        negative: minus.is_some(),
        ..Decimal::parse(number)?
    };
    let (scale, rest) = scale(language, rest);
    // `$20k` and `GBP20x` are left to the synthesizer.
    if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let words = if scale.is_empty() && number.fraction.len() <= 2 {
        Money::rounded(&number, currency).words(language)
    } else {
        match language {
            Language::En => en::scaled(&number, scale, currency),
            Language::Zh => zh::scaled(&number, scale, currency),
        }
    };
    Some((words, rest))
}

fn sign_then_number(text: &str) -> Option<(&str, Currency, &str)> {
    let mut prefixes = SIGNS.iter().filter(|(sign, _)| *sign != SUFFIX_ONLY);
    let (currency, rest) =
        prefixes.find_map(|&(sign, currency)| Some((currency, text.strip_prefix(sign)?)))?;
    let (number, rest) = number_at(rest.strip_prefix(' ').unwrap_or(rest))?;
    Some((number, currency, rest))
}

fn number_then_sign(text: &str) -> Option<(&str, Currency, &str)> {
    let (number, rest) = number_at(text)?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let (sign, currency, rest) = SIGNS
        .iter()
        .find_map(|&(sign, currency)| Some((sign, currency, rest.strip_prefix(sign)?)))?;
    // `press 1 $20`: the sign is the next number's.
    let is_own = sign == SUFFIX_ONLY || !starts_with_digit(rest);
    is_own.then_some((number, currency, rest))
}

/// Digits with points and commas between them.
fn number_at(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !".,".contains(c))
        .unwrap_or(text.len());
    let number = text[..end].trim_end_matches(['.', ',']);
    starts_with_digit(number).then(|| (number, &text[number.len()..]))
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// `million` in `$1.5 million`, `万` in `￥20万`; empty where there is none.
fn scale(language: Language, text: &str) -> (&'static str, &str) {
    let (scales, text): (&[&str], _) = match language {
        Language::En => (&["thousand", "million", "billion", "trillion"], text),
        Language::Zh => (&["万亿", "亿", "万", "千", "百"], text),
    };
    let after = text.strip_prefix(' ').unwrap_or(text);
    scales
        .iter()
        .find_map(|scale| Some((*scale, after.strip_prefix(scale)?)))
        .unwrap_or(("", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(language: Language, cases: &[(&str, &str)]) {
        for (text, words) in cases {
            assert_eq!(amounts_in_words(language, text), *words, "{text}");
        }
    }

    #[test]
    fn amounts_in_an_english_text_have_their_currency() {
        check(
            Language::En,
            &[
                ("It costs £20.", "It costs twenty pounds."),
                ("£1 or £2.50?", "one pound or two pounds and fifty pence?"),
                (
                    "20 €, 20€ and €20",
                    "twenty euros, twenty euros and twenty euros",
                ),
                ("¥20 / ￥20.05", "twenty yuan / twenty yuan and five fen"),
                ("$1,204.00", "one thousand two hundred and four dollars"),
                ("US$5 or HK$5", "five dollars or five Hong Kong dollars"),
                (
                    "GBP 3, 3 USD, JPY 500",
                    "three pounds, three dollars, five hundred yen",
                ),
                ("-£5", "minus five pounds"),
                ("£5-£10", "five pounds-ten pounds"),
                ("$1.5 million", "one point five million dollars"),
                ("€0.289 a unit", "zero point two eight nine euros a unit"),
                ("€12,50", "twelve euros and fifty cents"),
                ("Press 1, $20 is due", "Press 1, twenty dollars is due"),
                ("Press 1 $20", "Press 1 twenty dollars"),
            ],
        );
    }

    #[test]
    fn amounts_in_a_mandarin_text_have_their_currency() {
        check(
            Language::Zh,
            &[
                ("请支付￥20。", "请支付二十元。"),
                ("¥20.50", "二十元五角"),
                ("£20", "二十英镑"),
                ("共$20.50，", "共二十美元五十美分，"),
                ("20€", "二十欧元"),
                ("$20万", "二十万美元"),
                ("2元5件", "两元5件"),
            ],
        );
    }

    #[test]
    fn what_is_no_amount_stays_as_it_is() {
        for text in [
            "$20k",
            "a $ sign",
            "$HOME",
            "12.3.4€",
            "PRODUSD 5",
            "",
            "$",
            "1.2,3 €",
        ] {
            assert_eq!(amounts_in_words(Language::En, text), text);
        }
    }
}
