//! Amounts of money as they are said: "four pounds fifty", 三块五, 五毛, 20元.

use super::lexer::{Piece, beside, pieces};
use super::{Context, Spoken, number};
use crate::language::Language;
use crate::speech::verbaliser::Decimal;
use crate::speech::verbaliser::money::Currency;

/// `text` as `GBP 4.50`: the currency's code, a space, the amount with two places. Without a word
/// for a currency it is the one that `context` names.
pub(super) fn read(text: &str, language: Language, context: Context<'_>) -> Vec<Spoken> {
    let pieces = pieces(text);
    let reader = Reader {
        language,
        own: context.currency,
    };
    let found = (0..pieces.len()).find_map(|start| {
        let (taken, amount) = reader.at(&pieces[start..])?;
        Some((start, start + taken, amount))
    });
    let Some((start, end, amount)) = found else {
        return Vec::new();
    };
    let others = [&pieces[..start], &pieces[end..]].concat();
    let more = (0..others.len()).any(|at| number::at(&others[at..], language).is_some());
    let mut spoken = Spoken::new(amount.canonical(), beside(&others));
    spoken.ask = more || amount.unsure;
    vec![spoken]
}

struct Amount {
    negative: bool,
    hundredths: u128,
    currency: Option<Currency>,
    /// "four fifty": most likely 4.50.
    unsure: bool,
}

impl Amount {
    fn canonical(&self) -> String {
        let code = self
            .currency
            .map_or(String::new(), |it| format!("{} ", it.code()));
        let sign = if self.negative && self.hundredths > 0 {
            "-"
        } else {
            ""
        };
        let (units, rest) = (self.hundredths / 100, self.hundredths % 100);
        format!("{code}{sign}{units}.{rest:02}")
    }
}

/// A word for money: of which currency, and how many hundredths it is worth.
#[derive(Clone, Copy)]
struct Unit {
    /// `None`: of the one that is meant anyway.
    currency: Option<Currency>,
    hundredths: u128,
}

struct Reader {
    language: Language,
    own: Option<Currency>,
}

impl Reader {
    fn at(&self, pieces: &[Piece]) -> Option<(usize, Amount)> {
        if let Some((taken, unit)) = sign_or_code(pieces) {
            let (more, number) = number::at(&pieces[taken..], self.language)?;
            let amount = self.amount(&number, unit)?;
            return Some((taken + more, amount));
        }
        let (negative, sign) = match pieces.first()? {
            Piece::Sign('-' | '−') => (true, 1),
            _ => (false, 0),
        };
        if negative && let Some((taken, mut amount)) = self.at(&pieces[1..]) {
            amount.negative = true;
            return Some((taken + sign, amount));
        }
        let (taken, number) = self.number(pieces)?;
        let Some((length, unit)) = unit_at(&pieces[taken..]) else {
            return self.bare(pieces, taken, &number);
        };
        let mut amount = self.amount(&number, unit)?;
        let mut taken = taken + length;
        if unit.hundredths > 1 {
            taken += self.rest(&pieces[taken..], unit, &mut amount);
        }
        let of_it = |piece: &Piece| piece.han() == Some('钱');
        taken += usize::from(pieces.get(taken).is_some_and(of_it));
        Some((taken, amount))
    }

    /// "a pound" too.
    fn number(&self, pieces: &[Piece]) -> Option<(usize, Decimal)> {
        number::at(pieces, self.language).or_else(|| {
            let one = matches!(pieces.first()?.word(), "a" | "an");
            let unit = unit_at(pieces.get(1..)?).is_some();
            let decimal = Decimal {
                negative: false,
                whole: 1,
                fraction: String::new(),
            };
            (one && unit).then_some((1, decimal))
        })
    }

    fn amount(&self, number: &Decimal, unit: Unit) -> Option<Amount> {
        let places: String = number
            .fraction
            .chars()
            .chain("00".chars())
            .take(2)
            .collect();
        let exact = number.fraction.chars().skip(2).all(|digit| digit == '0');
        let hundredths = u128::from(number.whole) * 100 + places.parse::<u128>().ok()?;
        let worth = hundredths * unit.hundredths;
        (exact && worth.is_multiple_of(100)).then(|| Amount {
            negative: number.negative,
            hundredths: worth / 100,
            currency: unit.currency.or(self.own),
            unsure: false,
        })
    }

    /// No word for money: a number, or two of them, as "four fifty".
    fn bare(&self, pieces: &[Piece], taken: usize, number: &Decimal) -> Option<(usize, Amount)> {
        let mut amount = self.amount(
            number,
            Unit {
                currency: None,
                hundredths: 100,
            },
        )?;
        let second = number::at(&pieces[taken..], self.language);
        if let Some((more, second)) = second
            && number.fraction.is_empty()
            && second.fraction.is_empty()
            && (10..100).contains(&second.whole)
        {
            amount.hundredths += u128::from(second.whole);
            amount.unsure = true;
            return Some((taken + more, amount));
        }
        Some((taken, amount))
    }

    /// What follows whole units: "fifty", "and fifty pence", 五, 五毛, 零五分.
    fn rest(&self, pieces: &[Piece], unit: Unit, amount: &mut Amount) -> usize {
        let and = usize::from(pieces.first().is_some_and(|piece| piece.word() == "and"));
        let gap = usize::from(
            pieces
                .first()
                .is_some_and(|piece| piece.han() == Some('零')),
        );
        let before = and + gap;
        let half = pieces
            .first()
            .is_some_and(|piece| piece.han() == Some('半'));
        if half {
            amount.hundredths += unit.hundredths / 2;
            return 1;
        }
        let Some((length, number)) = number::at(&pieces[before..], self.language) else {
            return 0;
        };
        let whole = u128::from(number.whole);
        if !number.fraction.is_empty() || number.negative {
            return 0;
        }
        let taken = before + length;
        match unit_at(&pieces[taken..]) {
            Some((length, small)) if small.hundredths < unit.hundredths => {
                let worth = whole * small.hundredths;
                if worth >= unit.hundredths {
                    return 0;
                }
                amount.hundredths += worth;
                taken + length + self.rest_of_small(&pieces[taken + length..], small, amount)
            }
            Some(_) => 0,
            None => {
                let Some(worth) = self.unnamed(unit, whole, gap > 0) else {
                    return 0;
                };
                amount.hundredths += worth;
                taken
            }
        }
    }

    /// 五毛五: what follows 毛 are 分.
    fn rest_of_small(&self, pieces: &[Piece], unit: Unit, amount: &mut Amount) -> usize {
        if unit.hundredths > 1 {
            self.rest(pieces, unit, amount)
        } else {
            0
        }
    }

    /// The worth of a number that follows a unit without one of its own: "pounds fifty", 块五.
    fn unnamed(&self, unit: Unit, whole: u128, gap: bool) -> Option<u128> {
        match self.language {
            Language::En => (unit.hundredths == 100 && whole < 100).then_some(whole),
            Language::Zh if gap => (whole < 10).then_some(whole),
            Language::Zh if whole < 10 => Some(whole * unit.hundredths / 10),
            Language::Zh => (unit.hundredths == 100 && whole < 100).then_some(whole),
        }
    }
}

/// `$`, `GBP`, and "minus" never between them and the number.
fn sign_or_code(pieces: &[Piece]) -> Option<(usize, Unit)> {
    use Currency::{Cny, Eur, Gbp, Hkd, Usd};
    let (taken, currency) = match pieces {
        [Piece::Word(word), Piece::Sign('$'), ..] if word == "us" => (2, Usd),
        [Piece::Word(word), Piece::Sign('$'), ..] if word == "hk" => (2, Hkd),
        [Piece::Word(word), ..] => (1, Currency::from_code(&word.to_uppercase())?),
        [Piece::Sign('$'), ..] => (1, Usd),
        [Piece::Sign('£'), ..] => (1, Gbp),
        [Piece::Sign('€'), ..] => (1, Eur),
        [Piece::Sign('¥' | '￥'), ..] => (1, Cny),
        _ => return None,
    };
    let currency = Some(currency);
    Some((
        taken,
        Unit {
            currency,
            hundredths: 100,
        },
    ))
}

/// The word for money that the pieces begin with, the longest one.
fn unit_at(pieces: &[Piece]) -> Option<(usize, Unit)> {
    use Currency::{Cny, Eur, Gbp, Hkd, Jpy, Usd};
    let words: Vec<&str> = pieces.iter().take(3).map(Piece::word).collect();
    let unit = |currency, hundredths| Unit {
        currency,
        hundredths,
    };
    let english = match words[..] {
        ["hong", "kong", "dollar" | "dollars"] => (3, unit(Some(Hkd), 100)),
        ["us" | "american", "dollar" | "dollars", ..] => (2, unit(Some(Usd), 100)),
        ["dollar" | "dollars" | "buck" | "bucks", ..] => (1, unit(Some(Usd), 100)),
        ["pound" | "pounds" | "quid" | "sterling", ..] => (1, unit(Some(Gbp), 100)),
        ["penny" | "pence" | "p", ..] => (1, unit(Some(Gbp), 1)),
        ["euro" | "euros", ..] => (1, unit(Some(Eur), 100)),
        ["yuan" | "renminbi" | "kuai", ..] => (1, unit(Some(Cny), 100)),
        ["fen", ..] => (1, unit(Some(Cny), 1)),
        ["yen", ..] => (1, unit(Some(Jpy), 100)),
        ["sen", ..] => (1, unit(Some(Jpy), 1)),
        ["cent" | "cents", ..] => (1, unit(None, 1)),
        [word, ..] if !word.is_empty() => {
            let currency = Currency::from_code(&word.to_uppercase());
            return currency.map(|currency| (1, unit(Some(currency), 100)));
        }
        _ => {
            let (sign, currency) = match pieces.first()? {
                Piece::Sign('€') => (1, Eur),
                Piece::Sign('£') => (1, Gbp),
                Piece::Sign('$') => (1, Usd),
                _ => (0, Cny),
            };
            if sign > 0 {
                return Some((sign, unit(Some(currency), 100)));
            }
            let characters: String = pieces.iter().take(3).map_while(Piece::han).collect();
            let mandarin = MANDARIN.iter().find(|it| characters.starts_with(it.0))?;
            let length = mandarin.0.chars().count();
            return Some((length, unit(mandarin.1, mandarin.2)));
        }
    };
    Some(english)
}

/// Longer words first. 毛 and 分 are of whatever currency stands before them.
const MANDARIN: [(&str, Option<Currency>, u128); 22] = [
    ("人民币", Some(Currency::Cny), 100),
    ("块钱", Some(Currency::Cny), 100),
    ("元钱", Some(Currency::Cny), 100),
    ("毛钱", Some(Currency::Cny), 10),
    ("分钱", Some(Currency::Cny), 1),
    ("美元", Some(Currency::Usd), 100),
    ("美金", Some(Currency::Usd), 100),
    ("美分", Some(Currency::Usd), 1),
    ("英镑", Some(Currency::Gbp), 100),
    ("便士", Some(Currency::Gbp), 1),
    ("欧元", Some(Currency::Eur), 100),
    ("欧分", Some(Currency::Eur), 1),
    ("港元", Some(Currency::Hkd), 100),
    ("港币", Some(Currency::Hkd), 100),
    ("港仙", Some(Currency::Hkd), 1),
    ("日元", Some(Currency::Jpy), 100),
    ("钱", Some(Currency::Jpy), 1),
    ("元", Some(Currency::Cny), 100),
    ("块", Some(Currency::Cny), 100),
    ("毛", Some(Currency::Cny), 10),
    ("角", Some(Currency::Cny), 10),
    ("分", Some(Currency::Cny), 1),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::verbaliser::{self, Reading};
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn money(text: &str, language: Language, own: Option<Currency>) -> Option<(String, bool)> {
        let now = "2026-11-21T10:00:00Z[UTC]".parse().expect("a moment");
        let context = Context {
            currency: own,
            ..Context::new(&now)
        };
        let spoken = read(text, language, context).into_iter().next()?;
        Some((spoken.value, spoken.ask))
    }

    #[test]
    fn english_amounts() {
        for (text, value) in [
            ("four pounds fifty", "GBP 4.50"),
            ("four pounds and fifty pence", "GBP 4.50"),
            ("fifty p", "GBP 0.50"),
            ("£1,204.50", "GBP 1204.50"),
            ("twenty dollars please", "USD 20.00"),
            ("a pound", "GBP 1.00"),
            ("it was about ten euros", "EUR 10.00"),
            ("ten euros and twenty cents", "EUR 10.20"),
            ("fifty cents", "GBP 0.50"),
            ("GBP 3", "GBP 3.00"),
            ("HK$5", "HKD 5.00"),
            ("twenty", "GBP 20.00"),
            ("1.5 million dollars", "USD 1500000.00"),
        ] {
            let found = money(text, Language::En, Some(Currency::Gbp));
            assert_eq!(found, Some((value.to_string(), false)), "{text}");
        }
        let unsure = money("four fifty", Language::En, Some(Currency::Gbp));
        assert_eq!(unsure, Some(("GBP 4.50".to_string(), true)));
        assert_eq!(money("pounds", Language::En, None), None);
    }

    #[test]
    fn mandarin_amounts() {
        for (text, value) in [
            ("三块五", "CNY 3.50"),
            ("三块五毛", "CNY 3.50"),
            ("三块五毛五", "CNY 3.55"),
            ("三块零五分", "CNY 3.05"),
            ("三块零五", "CNY 3.05"),
            ("五毛", "CNY 0.50"),
            ("五毛钱", "CNY 0.50"),
            ("五分", "CNY 0.05"),
            ("20元", "CNY 20.00"),
            ("二十块钱", "CNY 20.00"),
            ("一百五十块", "CNY 150.00"),
            ("两百五", "CNY 250.00"),
            ("三元五角", "CNY 3.50"),
            ("十二英镑五十便士", "GBP 12.50"),
            ("两美元", "USD 2.00"),
            ("一万元", "CNY 10000.00"),
            ("三块半", "CNY 3.50"),
            ("￥20", "CNY 20.00"),
        ] {
            let found = money(text, Language::Zh, Some(Currency::Cny));
            assert_eq!(found, Some((value.to_string(), false)), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn what_the_verbaliser_says_is_the_same_amount(
            negative: bool, units in prop_oneof![0..1000_u64, 0..1_000_000_000_000_u64],
            hundredths in 0..100_u8, at in 0..Currency::ALL.len(),
        ) {
            let currency = Currency::ALL[at];
            let nothing = units == 0 && hundredths == 0;
            let sign = if negative && !nothing { "-" } else { "" };
            let value = format!("{} {sign}{units}.{hundredths:02}", currency.code());
            for language in Language::ALL {
                let words = verbaliser::read(language, &TimeZone::UTC, Reading::Money, &value);
                let words = words.expect("it is an amount");
                let found = money(&words, language, Some(currency));
                prop_assert_eq!(found, Some((value.clone(), false)), "{}", words);
            }
        }
    }
}
