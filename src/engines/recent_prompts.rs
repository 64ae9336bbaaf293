//! Prompts made during calls, the recently used ones: bounded by how much sound they hold.

use crate::audio::prompt::Prompt;
use crate::language::Language;
use rustc_hash::FxHashMap;
use std::sync::Arc;

type ByText = [FxHashMap<Box<str>, Arc<Prompt>>; Language::ALL.len()];

/// Two generations: a prompt that is made is in the young one; when that holds half of what is
/// allowed, it becomes the old one, and the old one is forgotten. Looking changes nothing, so what is
/// heard often is made again once in a while, and nobody who looks waits for another or has to free
/// what is forgotten.
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

    pub fn get(&self, language: Language, text: &str) -> Option<Arc<Prompt>> {
        let generations = [&self.young, &self.old].into_iter();
        let mut found = generations.filter_map(|it| it[language as usize].get(text));
        found.next().cloned()
    }

    /// Gives back what is forgotten for it, which takes a while to free.
    #[must_use = "it is to be freed when nobody waits for the lock"]
    pub fn insert(
        &mut self,
        language: Language,
        text: Box<str>,
        prompt: Arc<Prompt>,
    ) -> Option<ByText> {
        let samples = prompt.samples().len();
        let is_full = self.young_samples + samples > self.most_samples / 2;
        let forgotten = is_full.then(|| {
            self.young_samples = 0;
            let young = std::mem::take(&mut self.young);
            std::mem::replace(&mut self.old, young)
        });
        self.young_samples += samples;
        let replaced = self.young[language as usize].insert(text, prompt);
        self.young_samples -= replaced.map_or(0, |prompt| prompt.samples().len());
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(samples: usize) -> Arc<Prompt> {
        Arc::new(Prompt::from_samples(vec![0; samples]))
    }

    #[test]
    fn the_last_made_are_there_and_the_rest_is_forgotten() {
        let mut recent = RecentPrompts::new(1_000);
        let mut forgotten = 0;
        for n in 0..50 {
            let made = recent.insert(Language::En, format!("{n}").into(), prompt(100));
            forgotten += made.map_or(0, |it| it[Language::En as usize].len());
            assert!(recent.get(Language::En, &format!("{n}")).is_some());
        }
        // Half of what is allowed, at the least.
        assert!((45..50).all(|n| recent.get(Language::En, &format!("{n}")).is_some()));
        assert_eq!(forgotten, 40);
        assert!(recent.get(Language::En, "39").is_none());
        assert!(recent.get(Language::Zh, "49").is_none());
    }

    #[test]
    fn it_holds_no_more_than_it_may() {
        let mut recent = RecentPrompts::new(1_000);
        for n in 0..1_000 {
            let _ = recent.insert(Language::Zh, format!("{}", n % 37).into(), prompt(n % 400));
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
