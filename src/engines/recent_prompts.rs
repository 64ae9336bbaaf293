//! Prompts made during calls, the recently used ones: bounded by how much sound they hold.

use crate::audio::prompt::Prompt;
use crate::language::Language;
use rustc_hash::FxHashMap;
use std::sync::Arc;

type ByText = [FxHashMap<Box<str>, Arc<Prompt>>; Language::ALL.len()];

/// Two generations: a prompt that is made or used is in the young one; when that holds half of
/// what is allowed, it becomes the old one, and the old one is forgotten. Every step takes the
/// same short time, whatever is in it.
#[derive(Default)]
pub struct RecentPrompts {
    young: ByText,
    old: ByText,
    young_samples: usize,
    most_samples: usize,
}

impl RecentPrompts {
    /// Never holds more than this many samples (and one prompt).
    pub fn new(most_samples: usize) -> RecentPrompts {
        RecentPrompts {
            most_samples,
            ..RecentPrompts::default()
        }
    }

    pub fn get(&mut self, language: Language, text: &str) -> Option<Arc<Prompt>> {
        if let Some(prompt) = self.young[language as usize].get(text) {
            return Some(prompt.clone());
        }
        let (text, prompt) = self.old[language as usize].remove_entry(text)?;
        self.insert(language, text, prompt.clone());
        Some(prompt)
    }

    pub fn insert(&mut self, language: Language, text: Box<str>, prompt: Arc<Prompt>) {
        let samples = prompt.samples().len();
        if self.young_samples + samples > self.most_samples / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_samples = 0;
        }
        self.young_samples += samples;
        let replaced = self.young[language as usize].insert(text, prompt);
        self.young_samples -= replaced.map_or(0, |prompt| prompt.samples().len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(samples: usize) -> Arc<Prompt> {
        Arc::new(Prompt::from_samples(vec![0; samples]))
    }

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let mut recent = RecentPrompts::new(1_000);
        recent.insert(Language::En, "used".into(), prompt(100));
        for n in 0..50 {
            recent.insert(Language::En, format!("once {n}").into(), prompt(100));
            assert!(recent.get(Language::En, "used").is_some(), "{n}");
        }
        assert!(recent.get(Language::En, "once 1").is_none());
        assert!(recent.get(Language::En, "once 49").is_some());
        assert!(recent.get(Language::Zh, "used").is_none());
    }

    #[test]
    fn it_holds_no_more_than_it_may() {
        let mut recent = RecentPrompts::new(1_000);
        for n in 0..1_000 {
            recent.insert(Language::Zh, format!("{}", n % 37).into(), prompt(n % 400));
            let held: usize = [&recent.young, &recent.old]
                .into_iter()
                .flatten()
                .flat_map(FxHashMap::values)
                .map(|prompt| prompt.samples().len())
                .sum();
            assert!(held <= 1_000, "{held} after {n}");
        }
    }
}
