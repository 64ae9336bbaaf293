//! The languages that callers are served in.

use serde::{Deserialize, Serialize};

/// A closed set: the engine's own sentences exist in each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    En,
    Zh,
}

impl Language {
    pub const ALL: [Language; 2] = [Language::En, Language::Zh];

    /// The BCP 47 tag that dialplans, prompt folders and records use.
    pub fn tag(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Zh => "zh",
        }
    }

    /// Chinese characters are Mandarin, everything else is English.
    pub fn of_text(text: &str) -> Language {
        match text.chars().any(|c| ('\u{3400}'..='\u{9fff}').contains(&c)) {
            true => Language::Zh,
            false => Language::En,
        }
    }

    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.tag())
    }
}

/// One value a language; a language may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByLanguage<T>([Option<T>; Language::ALL.len()]);

impl<T> Default for ByLanguage<T> {
    fn default() -> Self {
        ByLanguage(Language::ALL.map(|_| None))
    }
}

impl<T> ByLanguage<T> {
    pub fn get(&self, language: Language) -> Option<&T> {
        self.0[language as usize].as_ref()
    }

    pub fn get_mut(&mut self, language: Language) -> Option<&mut T> {
        self.0[language as usize].as_mut()
    }

    pub fn set(&mut self, language: Language, value: T) {
        self.0[language as usize] = Some(value);
    }

    pub fn iter(&self) -> impl Iterator<Item = (Language, &T)> {
        Language::ALL
            .into_iter()
            .filter_map(|language| Some((language, self.get(language)?)))
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}
