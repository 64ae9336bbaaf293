//! Syllables: recognizers of Mandarin err between characters that sound alike.

use pinyin::ToPinyin;

/// Words whose characters are not read as they mostly are.
const WORDS: [(&str, &[&str]); 40] = [
    ("银行", &["yin", "hang"]),
    ("行业", &["hang", "ye"]),
    ("行号", &["hang", "hao"]),
    ("分行", &["fen", "hang"]),
    ("支行", &["zhi", "hang"]),
    ("总行", &["zong", "hang"]),
    ("开户行", &["kai", "hu", "hang"]),
    ("重庆", &["chong", "qing"]),
    ("重新", &["chong", "xin"]),
    ("重复", &["chong", "fu"]),
    ("重播", &["chong", "bo"]),
    ("重说", &["chong", "shuo"]),
    ("重启", &["chong", "qi"]),
    ("重置", &["chong", "zhi"]),
    ("重发", &["chong", "fa"]),
    ("重来", &["chong", "lai"]),
    ("重听", &["chong", "ting"]),
    ("长沙", &["chang", "sha"]),
    ("长春", &["chang", "chun"]),
    ("长途", &["chang", "tu"]),
    ("时长", &["shi", "chang"]),
    ("多长", &["duo", "chang"]),
    ("厦门", &["xia", "men"]),
    ("还款", &["huan", "kuan"]),
    ("还钱", &["huan", "qian"]),
    ("归还", &["gui", "huan"]),
    ("还贷", &["huan", "dai"]),
    ("音乐", &["yin", "yue"]),
    ("乐队", &["yue", "dui"]),
    ("睡觉", &["shui", "jiao"]),
    ("调整", &["tiao", "zheng"]),
    ("调节", &["tiao", "jie"]),
    ("空调", &["kong", "tiao"]),
    ("系统", &["xi", "tong"]),
    ("参加", &["can", "jia"]),
    ("会计", &["kuai", "ji"]),
    ("快乐", &["kuai", "le"]),
    ("便宜", &["pian", "yi"]),
    ("朝阳区", &["chao", "yang", "qu"]),
    ("石家庄", &["shi", "jia", "zhuang"]),
];

pub fn is_han(symbol: char) -> bool {
    matches!(symbol, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '〇')
}

/// The toneless syllable of each character, `""` where it has none.
pub fn syllables(characters: &[char]) -> Vec<&'static str> {
    let mut syllables = Vec::with_capacity(characters.len());
    while let Some(rest) = characters
        .get(syllables.len()..)
        .filter(|it| !it.is_empty())
    {
        let word = WORDS.iter().find(|(word, _)| begins_with(rest, word));
        match word {
            Some((_, sounds)) => syllables.extend_from_slice(sounds),
            None => syllables.push(rest[0].to_pinyin().map_or("", |sound| sound.plain())),
        }
    }
    syllables
}

fn begins_with(characters: &[char], word: &str) -> bool {
    let length = word.chars().count();
    characters.len() >= length && word.chars().eq(characters[..length].iter().copied())
}

/// How unlike two syllables sound, from 0 (the same) to 1.
pub(super) fn distance(one: &str, other: &str) -> f32 {
    if one.is_empty() || other.is_empty() {
        return 1.0;
    }
    if one == other {
        return 0.0;
    }
    if broad(one) == broad(other) {
        return 0.2;
    }
    // 对 and 退 differ by a breath.
    if voiced(&broad(one)) == voiced(&broad(other)) {
        return 0.45;
    }
    1.0
}

/// What many speakers do not keep apart is made one: n and l, zh and z, ing and in, hu and f.
fn broad(syllable: &str) -> String {
    let mut sound = syllable.replace("zh", "z").replace("ch", "c");
    sound = sound.replace("sh", "s").replace("hu", "fu");
    if let Some(rest) = sound.strip_prefix('n') {
        sound = format!("l{rest}");
    }
    for (ending, short) in [("ing", "in"), ("eng", "en"), ("ang", "an")] {
        if let Some(start) = sound.strip_suffix(ending) {
            sound = format!("{start}{short}");
        }
    }
    sound
}

fn voiced(syllable: &str) -> String {
    const PAIRS: [(char, char); 5] = [('p', 'b'), ('t', 'd'), ('k', 'g'), ('q', 'j'), ('c', 'z')];
    let mut letters = syllable.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let pair = PAIRS.iter().find(|pair| pair.0 == first);
    format!("{}{}", pair.map_or(first, |pair| pair.1), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sounds(text: &str) -> Vec<&'static str> {
        syllables(&text.chars().collect::<Vec<char>>())
    }

    #[test]
    fn characters_of_many_readings_are_read_as_in_their_word() {
        assert_eq!(sounds("我要去银行"), ["wo", "yao", "qu", "yin", "hang"]);
        assert_eq!(
            sounds("重庆人很重"),
            ["chong", "qing", "ren", "hen", "zhong"]
        );
        assert_eq!(sounds("还款"), sounds("环款"));
        assert_eq!(sounds("行").len(), 1);
    }

    #[test]
    fn the_usual_confusions_are_nearer_than_others() {
        assert_eq!(distance("tui", "tui"), 0.0);
        let near = [
            ("nan", "lan"),
            ("zhang", "zang"),
            ("xing", "xin"),
            ("hua", "fua"),
        ];
        for (one, other) in near {
            assert!(distance(one, other) < 0.3, "{one} {other}");
        }
        assert!(distance("tui", "dui") < 1.0);
        assert_eq!(distance("tui", "cha"), 1.0);
        assert_eq!(distance("", ""), 1.0);
    }

    #[test]
    fn every_word_has_a_syllable_a_character() {
        for (word, sounds) in WORDS {
            assert_eq!(word.chars().count(), sounds.len(), "{word}");
        }
    }
}
