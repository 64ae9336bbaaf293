//! Synthesized prompts on disk, so that a second start is fast. Only texts that stand in a dialplan
//! are kept: what a caller's data went into never touches the disk.

use crate::language::Language;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file is this, the samples' CRC-32, and the samples; numbers are little-endian.
const MAGIC: &[u8; 8] = b"ZLPROMP1";
const HEADER: usize = MAGIC.len() + size_of::<u32>();

/// Files that are kept; beyond them the oldest are deleted.
const MOST_FILES: usize = 10_000;

pub struct PromptCache {
    folder: PathBuf,
}

/// What a prompt's sound depends on.
pub struct CacheKey<'a> {
    /// The engine and its manner: `Registry::sound_of`.
    pub engine: &'a str,
    pub language: Language,
    pub rate: f32,
    pub text: &'a str,
}

impl PromptCache {
    /// The folder `prompts-cache` in the server's data folder; it is made if it is not there, and
    /// nothing else must be kept in it.
    pub fn open(data: &Path) -> std::io::Result<PromptCache> {
        let folder = data.join("prompts-cache");
        std::fs::create_dir_all(&folder)?;
        Ok(PromptCache { folder })
    }

    /// The samples that were kept; a file that is missing, damaged or of another kind is no file.
    pub fn read(&self, key: &CacheKey) -> Option<Vec<i16>> {
        let file = std::fs::read(self.path(key)).ok()?;
        let (header, samples) = file.split_at_checked(HEADER)?;
        let checksum = header.strip_prefix(MAGIC)?;
        if checksum != crc32fast::hash(samples).to_le_bytes() || samples.len() % 2 != 0 {
            return None;
        }
        let pairs = samples.chunks_exact(2);
        Some(
            pairs
                .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
                .collect(),
        )
    }

    /// Keeps samples. The file appears whole or not at all.
    pub fn write(&self, key: &CacheKey, samples: &[i16]) -> std::io::Result<()> {
        let samples: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(MAGIC)?;
        file.write_all(&crc32fast::hash(&samples).to_le_bytes())?;
        file.write_all(&samples)?;
        file.persist(self.path(key)).map_err(|error| error.error)?;
        Ok(())
    }

    /// Deletes the oldest files beyond [`MOST_FILES`], and what a write that never ended left.
    pub fn prune(&self) -> std::io::Result<()> {
        self.prune_to(MOST_FILES)
    }

    fn prune_to(&self, most: usize) -> std::io::Result<()> {
        let mut files: Vec<(SystemTime, PathBuf)> = std::fs::read_dir(&self.folder)?
            .filter_map(Result::ok)
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        files.sort();
        let surplus = files.len().saturating_sub(most);
        for (_, path) in files.drain(..surplus) {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }

    fn path(&self, key: &CacheKey) -> PathBuf {
        let mut hash = Sha256::new();
        for field in [
            key.engine,
            key.language.tag(),
            &key.rate.to_string(),
            key.text,
        ] {
            hash.update((field.len() as u64).to_le_bytes());
            hash.update(field);
        }
        let name: String = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.folder.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: CacheKey = CacheKey {
        engine: "flite/2.2/slt",
        language: Language::En,
        rate: 1.0,
        text: "Hello.",
    };

    #[test]
    fn what_is_kept_is_found_by_all_of_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let cache = PromptCache::open(&folder.path().join("new")).unwrap();
        assert_eq!(cache.read(&KEY), None);
        cache.write(&KEY, &[1, -2, 32_767]).unwrap();
        assert_eq!(cache.read(&KEY), Some(vec![1, -2, 32_767]));
        for other in [
            CacheKey {
                engine: "flite/2.3/slt",
                ..KEY
            },
            CacheKey {
                language: Language::Zh,
                ..KEY
            },
            CacheKey { rate: 0.8, ..KEY },
            CacheKey {
                text: "Hello",
                ..KEY
            },
        ] {
            assert_eq!(cache.read(&other), None);
        }
    }

    #[test]
    fn damage_anywhere_makes_it_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let cache = PromptCache::open(folder.path()).unwrap();
        cache.write(&KEY, &[1, 2, 3]).unwrap();
        let whole = std::fs::read(cache.path(&KEY)).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            std::fs::write(cache.path(&KEY), &damaged).unwrap();
            assert_eq!(cache.read(&KEY), None, "byte {at}");
            std::fs::write(cache.path(&KEY), &whole[..at]).unwrap();
            assert_eq!(cache.read(&KEY), None, "cut at {at}");
        }
    }

    #[test]
    fn the_oldest_files_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = PromptCache::open(folder.path()).unwrap();
        for (age, text) in ["new", "old", "older"].into_iter().enumerate() {
            let key = CacheKey { text, ..KEY };
            cache.write(&key, &[1]).unwrap();
            let file = std::fs::File::open(cache.path(&key)).unwrap();
            let then = SystemTime::now() - std::time::Duration::from_secs(60 * age as u64);
            file.set_modified(then).unwrap();
        }
        cache.prune_to(1).unwrap();
        assert!(cache.read(&CacheKey { text: "new", ..KEY }).is_some());
        assert_eq!(std::fs::read_dir(&cache.folder).unwrap().count(), 1);
    }
}
