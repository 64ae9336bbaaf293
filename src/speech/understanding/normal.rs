//! One script, one width, one spelling: what the same words look like from every engine.

/// Lower case, half width, simplified characters, plain apostrophes.
pub fn text(text: &str) -> String {
    let narrow: String = text.chars().map(half_width).collect();
    fast2s::convert(&narrow).to_lowercase()
}

/// U+FF01–FF5E are the signs from `!` to `~`, wide.
fn half_width(symbol: char) -> char {
    match symbol {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(symbol as u32 - 0xfee0).expect("0x21 to 0x7e are signs")
        }
        '\u{3000}' => ' ',
        '\u{2018}' | '\u{2019}' | '\u{02bc}' => '\'',
        other => other,
    }
}

/// An English word in full: "don't" is "do not". The word may have become several.
pub(super) fn contractions(word: &str) -> Vec<&str> {
    const WHOLE: [(&str, &[&str]); 12] = [
        ("can't", &["can", "not"]),
        ("cannot", &["can", "not"]),
        ("cant", &["can", "not"]),
        ("won't", &["will", "not"]),
        ("dont", &["do", "not"]),
        ("didnt", &["did", "not"]),
        ("wheres", &["where", "is"]),
        ("whats", &["what", "is"]),
        ("thats", &["that", "is"]),
        ("im", &["i", "am"]),
        ("wanna", &["want", "to"]),
        ("gonna", &["going", "to"]),
    ];
    const ENDINGS: [(&str, &str); 6] = [
        ("n't", "not"),
        ("'re", "are"),
        ("'ve", "have"),
        ("'ll", "will"),
        ("'d", "would"),
        ("'m", "am"),
    ];
    if let Some((_, words)) = WHOLE.iter().find(|whole| whole.0 == word) {
        return words.to_vec();
    }
    for (ending, full) in ENDINGS {
        if let Some(stem) = word.strip_suffix(ending).filter(|it| !it.is_empty()) {
            return vec![stem, full];
        }
    }
    match word.strip_suffix("'s") {
        Some(stem) if ASKING.contains(&stem) => vec![stem, "is"],
        Some(stem) if !stem.is_empty() => vec![stem],
        _ => vec![word],
    }
}

/// After these `'s` is "is"; after others it is an owner's.
const ASKING: [&str; 9] = [
    "where", "what", "who", "how", "that", "it", "there", "here", "he",
];

/// What is the same word in another form or another spelling: its stem. Stems are compared and
/// never shown.
pub(super) fn stem(word: &str) -> String {
    const IRREGULAR: [(&str, &str); 18] = [
        ("lost", "los"),
        ("lose", "los"),
        ("stolen", "steal"),
        ("stole", "steal"),
        ("sent", "send"),
        ("spoke", "speak"),
        ("spoken", "speak"),
        ("broken", "break"),
        ("broke", "break"),
        ("paid", "pay"),
        ("bought", "buy"),
        ("got", "get"),
        ("made", "mak"),
        ("told", "tel"),
        ("people", "person"),
        ("cheque", "check"),
        ("grey", "gray"),
        ("programme", "program"),
    ];
    if let Some((_, stem)) = IRREGULAR.iter().find(|irregular| irregular.0 == word) {
        return stem.to_string();
    }
    let mut stem = spelling(word);
    for (ending, instead, shortest) in [
        ("ies", "y", 5),
        ("sses", "ss", 6),
        ("xes", "x", 5),
        ("ches", "ch", 6),
        ("shes", "sh", 6),
        ("s", "", 4),
        ("ing", "", 6),
        ("ied", "y", 5),
        ("ed", "", 5),
    ] {
        let kept = stem.ends_with("ss") || stem.ends_with("us") || stem.ends_with("is");
        if stem.len() >= shortest && stem.ends_with(ending) && !(ending == "s" && kept) {
            stem.truncate(stem.len() - ending.len());
            stem.push_str(instead);
            break;
        }
    }
    if stem.len() > 3 && stem.ends_with('e') {
        stem.pop();
    }
    let mut single = String::with_capacity(stem.len());
    for letter in stem.chars() {
        if !single.ends_with(letter) || letter.is_ascii_digit() {
            single.push(letter);
        }
    }
    single
}

/// British spelling as the American one: colour, centre, licence, organise.
fn spelling(word: &str) -> String {
    let long = word.len() > 5;
    if let Some(start) = word.strip_suffix("tre") {
        return format!("{start}ter");
    }
    if let Some(start) = word.strip_suffix("our").filter(|_| word.len() > 4) {
        return format!("{start}or");
    }
    if long {
        for (british, american) in [
            ("isation", "ization"),
            ("ising", "izing"),
            ("ised", "ized"),
            ("ise", "ize"),
            ("ence", "ense"),
            ("oured", "ored"),
            ("ours", "ors"),
        ] {
            if let Some(start) = word.strip_suffix(british) {
                return format!("{start}{american}");
            }
        }
    }
    word.to_string()
}

/// Roughly how a word sounds, for words that an engine spelt another way.
pub(super) fn sound(stem: &str) -> String {
    let mut sound = stem.to_string();
    for (letters, instead) in [
        ("ght", "t"),
        ("ph", "f"),
        ("ck", "k"),
        ("qu", "kw"),
        ("ch", "j"),
        ("kn", "n"),
        ("wr", "r"),
        ("wh", "w"),
        ("ea", "i"),
        ("ee", "i"),
        ("ie", "i"),
        ("ey", "i"),
        ("ai", "a"),
        ("ay", "a"),
        ("oo", "u"),
        ("ou", "u"),
        ("x", "ks"),
        ("ce", "se"),
        ("ci", "si"),
        ("c", "k"),
        ("z", "s"),
        ("y", "i"),
    ] {
        sound = sound.replace(letters, instead);
    }
    sound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_widths_and_cases_are_one() {
        assert_eq!(text("退貨，ＡＢＣ１２"), "退货,abc12");
        assert_eq!(text("Where’s"), "where's");
        assert_eq!(text("轉接人工服務"), "转接人工服务");
    }

    #[test]
    fn forms_and_spellings_of_a_word_have_one_stem() {
        for [one, other] in [
            ["colour", "color"],
            ["centre", "center"],
            ["cancelled", "canceled"],
            ["cancelling", "cancel"],
            ["organise", "organize"],
            ["licence", "license"],
            ["deliveries", "delivery"],
            ["tracked", "track"],
            ["tracking", "tracks"],
            ["refunds", "refund"],
            ["boxes", "box"],
            ["change", "changing"],
            ["lose", "lost"],
            ["neighbour", "neighbors"],
            ["cheque", "check"],
        ] {
            assert_eq!(stem(one), stem(other), "{one} {other}");
        }
        for [one, other] in [["bus", "but"], ["address", "addressee"], ["this", "the"]] {
            assert_ne!(stem(one), stem(other), "{one} {other}");
        }
    }

    #[test]
    fn short_forms_are_written_out() {
        assert_eq!(contractions("don't"), ["do", "not"]);
        assert_eq!(contractions("where's"), ["where", "is"]);
        assert_eq!(contractions("agent's"), ["agent"]);
        assert_eq!(contractions("i'd"), ["i", "would"]);
        assert_eq!(contractions("'s"), ["'s"]);
    }
}
