//! Mandarin: 两 before measures and large units, 零 for gaps, 万 and 亿, 幺 in digit strings.

use super::Decimal;
use super::money::{Currency, Money};
use jiff::civil::{Date, Time};

const DIGITS: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];

/// A comma is a short pause.
pub fn digits(groups: &[String]) -> String {
    let groups: Vec<String> = groups
        .iter()
        .map(|group| each(group).replace('一', "幺"))
        .collect();
    groups.join("，")
}

pub fn number(number: &Decimal) -> String {
    let mut words = cardinal(number.whole);
    if number.negative {
        words.insert(0, '负');
    }
    if !number.fraction.is_empty() {
        words.push('点');
        words.push_str(&each(&number.fraction));
    }
    words
}

/// 三十元五角, 十二英镑五十便士
pub fn money(money: &Money) -> String {
    let amount = match money.currency {
        Currency::Cny => yuan(money),
        currency => {
            let (unit, hundredth) = units_of(currency);
            let units = format!("{}{unit}", counted(money.units));
            let small = format!("{}{hundredth}", counted(u64::from(money.hundredths)));
            match (money.units, money.hundredths) {
                (_, 0) => units,
                (0, _) => small,
                _ => format!("{units}{small}"),
            }
        }
    };
    if money.negative {
        format!("负{amount}")
    } else {
        amount
    }
}

/// 一点五亿美元; `scale` may be empty.
pub fn scaled(amount: &Decimal, scale: &str, currency: Currency) -> String {
    let (unit, _) = units_of(currency);
    format!("{}{scale}{unit}", number(amount))
}

/// A unit and a hundredth; yuan are told in 角 and 分, see `yuan`.
fn units_of(currency: Currency) -> (&'static str, &'static str) {
    match currency {
        Currency::Usd => ("美元", "美分"),
        Currency::Gbp => ("英镑", "便士"),
        Currency::Eur => ("欧元", "欧分"),
        Currency::Hkd => ("港元", "港仙"),
        Currency::Jpy => ("日元", "钱"),
        Currency::Cny => ("元", "分"),
    }
}

/// 二零二六年十一月二十一日
pub fn date(date: Date) -> String {
    let year = each(&date.year().unsigned_abs().to_string());
    let month = cardinal(u64::from(date.month().unsigned_abs()));
    let day = cardinal(u64::from(date.day().unsigned_abs()));
    format!("{year}年{month}月{day}日")
}

/// 下午两点半, 上午九点零五分
pub fn time(time: Time) -> String {
    let (hour, minute) = (time.hour().unsigned_abs(), time.minute().unsigned_abs());
    let part_of_day = match hour {
        0..=5 => "凌晨",
        6..=8 => "早上",
        9..=11 => "上午",
        12 => "中午",
        13..=17 => "下午",
        _ => "晚上",
    };
    let hour = match hour {
        0 => "零".to_string(),
        13.. => counted(u64::from(hour - 12)),
        hour => counted(u64::from(hour)),
    };
    let minute = match minute {
        0 => String::new(),
        30 => "半".to_string(),
        1..=9 => format!("零{}分", cardinal(u64::from(minute))),
        _ => format!("{}分", cardinal(u64::from(minute))),
    };
    format!("{part_of_day}{hour}点{minute}")
}

/// 元, 角 and 分: 三元零五分.
fn yuan(money: &Money) -> String {
    let (jiao, fen) = (money.hundredths / 10, money.hundredths % 10);
    let mut words = String::new();
    if money.units > 0 || money.hundredths == 0 {
        words.push_str(&counted(money.units));
        words.push('元');
    }
    if jiao > 0 {
        words.push_str(&counted(u64::from(jiao)));
        words.push('角');
    } else if fen > 0 && money.units > 0 {
        words.push('零');
    }
    if fen > 0 {
        words.push_str(&counted(u64::from(fen)));
        words.push('分');
    }
    words
}

/// A count before a measure word: 两 instead of 二 when it stands alone.
fn counted(number: u64) -> String {
    if number == 2 {
        "两".to_string()
    } else {
        cardinal(number)
    }
}

/// 一万零二十, 十五, 两千零五
fn cardinal(number: u64) -> String {
    const SCALES: [(u64, &str); 3] = [
        (1_0000_0000_0000, "万亿"),
        (1_0000_0000, "亿"),
        (1_0000, "万"),
    ];
    if number == 0 {
        return DIGITS[0].to_string();
    }
    let mut words = String::new();
    let mut rest = number;
    // A gap between what was said and what comes next is a single 零.
    let mut gap = false;
    for (scale, name) in SCALES {
        let section = rest / scale;
        rest %= scale;
        if section == 0 {
            gap |= !words.is_empty();
            continue;
        }
        if !words.is_empty() && (gap || section < 1000) {
            words.push_str(DIGITS[0]);
        }
        gap = false;
        // 两万, 两亿; but 十二万, 二十万.
        if section == 2 {
            words.push('两');
        } else {
            words.push_str(&section_words(section));
        }
        words.push_str(name);
    }
    if rest > 0 {
        if !words.is_empty() && (gap || rest < 1000) {
            words.push_str(DIGITS[0]);
        }
        words.push_str(&section_words(rest));
    }
    // 十五, not 一十五, where nothing stands before it.
    match words.strip_prefix("一十") {
        Some(rest) => format!("十{rest}"),
        None => words,
    }
}

/// 1–9999.
fn section_words(section: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1000, "千"), (100, "百"), (10, "十"), (1, "")];
    let mut words = String::new();
    let mut gap = false;
    let mut rest = section;
    for (unit, name) in UNITS {
        let digit = rest / unit;
        rest %= unit;
        if digit == 0 {
            gap |= !words.is_empty();
            continue;
        }
        if gap {
            words.push_str(DIGITS[0]);
            gap = false;
        }
        match (digit, unit) {
            (2, 1000) => words.push('两'),
            // 两百 at the beginning, 二百 after 千: both are said; the latter within a number.
            (2, 100) if words.is_empty() => words.push('两'),
            _ => words.push_str(word(digit)),
        }
        words.push_str(name);
    }
    words
}

fn each(digits: &str) -> String {
    digits
        .chars()
        .filter_map(|symbol| symbol.to_digit(10))
        .map(|digit| word(u64::from(digit)))
        .collect()
}

fn word(digit: u64) -> &'static str {
    let index = usize::try_from(digit).unwrap_or_default();
    DIGITS.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::Reading;
    use crate::language::Language;
    use jiff::tz::TimeZone;

    fn read(language: Language, reading: Reading, text: &str) -> Option<String> {
        super::super::read(language, &TimeZone::UTC, reading, text).ok()
    }

    fn check(reading: Reading, cases: &[(&str, &str)]) {
        for (text, words) in cases {
            let spoken = read(Language::Zh, reading, text);
            assert_eq!(spoken.as_deref(), Some(*words), "{text}");
        }
    }

    #[test]
    fn numbers() {
        check(
            Reading::Number,
            &[
                ("0", "零"),
                ("2", "二"),
                ("10", "十"),
                ("12", "十二"),
                ("15", "十五"),
                ("20", "二十"),
                ("22", "二十二"),
                ("100", "一百"),
                ("105", "一百零五"),
                ("110", "一百一十"),
                ("115", "一百一十五"),
                ("200", "两百"),
                ("222", "两百二十二"),
                ("1000", "一千"),
                ("1005", "一千零五"),
                ("1050", "一千零五十"),
                ("2000", "两千"),
                ("2222", "两千二百二十二"),
                ("10000", "一万"),
                ("10020", "一万零二十"),
                ("12000", "一万两千"),
                ("20000", "两万"),
                ("20002", "两万零二"),
                ("100000", "十万"),
                ("120000", "十二万"),
                ("150350", "十五万零三百五十"),
                ("1000000", "一百万"),
                ("10000001", "一千万零一"),
                ("100000000", "一亿"),
                ("200000000", "两亿"),
                ("100010000", "一亿零一万"),
                ("100000005", "一亿零五"),
                ("1023456789", "十亿两千三百四十五万六千七百八十九"),
                ("1000000000000", "一万亿"),
                ("-3", "负三"),
                ("3.14", "三点一四"),
                ("0.05", "零点零五"),
            ],
        );
    }

    #[test]
    fn digit_strings() {
        check(
            Reading::Digits,
            &[("1204", "幺二零四"), ("10086", "幺零零，八六")],
        );
        check(
            Reading::Phone,
            &[("138 1234 5678", "幺三八，幺二三四，五六七八")],
        );
    }

    #[test]
    fn money() {
        check(
            Reading::Money,
            &[
                ("2 CNY", "两元"),
                ("12.50 CNY", "十二元五角"),
                ("¥3.05", "三元零五分"),
                ("0.22元", "两角两分"),
                ("200 CNY", "两百元"),
                ("0 CNY", "零元"),
                ("-20 CNY", "负二十元"),
                ("12.50 GBP", "十二英镑五十便士"),
                ("$2", "两美元"),
                ("EUR 0.50", "五十欧分"),
            ],
        );
    }

    #[test]
    fn dates_and_times() {
        check(
            Reading::Date,
            &[
                ("2026-11-21", "二零二六年十一月二十一日"),
                ("2009-02-10", "二零零九年二月十日"),
            ],
        );
        check(
            Reading::Time,
            &[
                ("00:00", "凌晨零点"),
                ("02:00", "凌晨两点"),
                ("07:30", "早上七点半"),
                ("09:05", "上午九点零五分"),
                ("12:00", "中午十二点"),
                ("14:30", "下午两点半"),
                ("18:15", "晚上六点十五分"),
                ("22:00", "晚上十点"),
            ],
        );
    }
}
