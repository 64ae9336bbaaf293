//! The whisper models that can be fetched by name: converted for whisper.cpp, published by its authors.

use std::path::{Path, PathBuf};

/// Where they are published: a fixed revision, so that a name always means the same bytes.
pub const HUB: &str =
    "https://huggingface.co/ggerganov/whisper.cpp/resolve/5359861c739e955e79d9a303bcbc70fb988958b1";

/// What is recommended to begin with.
pub const RECOMMENDED: &str = "base-q8_0";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownModel {
    pub name: &'static str,
    pub bytes: u64,
    /// As the hub publishes it for this revision.
    pub sha256: &'static str,
    pub note: &'static str,
}

/// Best liked first: which is taken where several are there. Of 8-bit weights, since they are the
/// quickest on a processor; English-only ones last, since they leave the other callers to the keys.
pub const MODELS: [KnownModel; 9] = [
    KnownModel {
        name: "base-q8_0",
        bytes: 81_768_585,
        sha256: "c577b9a86e7e048a0b7eada054f4dd79a56bbfa911fbdacf900ac5b567cbb7d9",
        note: "to begin with",
    },
    KnownModel {
        name: "base",
        bytes: 147_951_465,
        sha256: "60ed5bc3dd14eea856493d334349b405782ddcaf0028d4b5df4088345fba2efe",
        note: "16-bit weights: slower, hardly better",
    },
    KnownModel {
        name: "tiny-q8_0",
        bytes: 43_537_433,
        sha256: "c2085835d3f50733e2ff6e4b41ae8a2b8d8110461e18821b09a15c40c42d1cca",
        note: "twice as quick as base, more mistakes",
    },
    KnownModel {
        name: "tiny",
        bytes: 77_691_713,
        sha256: "be07e048e1e599ad46341c8d2a135645097a538221678b7acdd1b1919c6e1b21",
        note: "16-bit weights: slower, hardly better",
    },
    KnownModel {
        name: "small-q8_0",
        bytes: 264_464_607,
        sha256: "49c8fb02b65e6049d5fa6c04f81f53b867b5ec9540406812c643f177317f779f",
        note: "fewer mistakes; for fast processors and few calls",
    },
    KnownModel {
        name: "small",
        bytes: 487_601_967,
        sha256: "1be3a9b2063867b937e64e2ec7483364a79917e157fa98c5d94b5c1fffea987b",
        note: "16-bit weights: slower, hardly better",
    },
    KnownModel {
        name: "base.en-q8_0",
        bytes: 81_781_811,
        sha256: "a4d4a0768075e13cfd7e19df3ae2dbc4a68d37d36a7dad45e8410c9a34f8c87e",
        note: "English only",
    },
    KnownModel {
        name: "tiny.en-q8_0",
        bytes: 43_550_795,
        sha256: "5bc2b3860aa151a4c6e7bb095e1fcce7cf12c7b020ca08dcec0c6d018bb7dd94",
        note: "English only",
    },
    KnownModel {
        name: "small.en-q8_0",
        bytes: 264_477_561,
        sha256: "67a179f608ea6114bd3fdb9060e762b588a3fb3bd00c4387971be4d177958067",
        note: "English only; for fast processors and few calls",
    },
];

impl KnownModel {
    pub fn named(name: &str) -> Option<&'static KnownModel> {
        MODELS.iter().find(|model| model.name == name)
    }

    pub fn of_file(file: &Path) -> Option<&'static KnownModel> {
        let file = file.file_name()?.to_str()?;
        MODELS.iter().find(|model| file_name(model.name) == file)
    }
}

/// A model's file, as whisper.cpp names it.
pub fn file_name(name: &str) -> String {
    format!("ggml-{name}.bin")
}

/// The best liked model in a folder; of those that are not known, the first by name.
pub fn best_in(folder: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.flatten();
    let models = files.map(|file| file.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("ggml-") && name.ends_with(".bin"))
    });
    models.min_by_key(|path| {
        let known = KnownModel::of_file(path);
        let rank = known.and_then(|known| MODELS.iter().position(|model| model == known));
        (rank.unwrap_or(MODELS.len()), path.clone())
    })
}

/// The command that fetches a model into `folder`: the one whose file this is, else what is
/// recommended.
pub fn command_for(file: Option<&Path>, folder: &Path) -> String {
    let name = file.and_then(KnownModel::of_file);
    let name = name.map_or(RECOMMENDED, |model| model.name);
    match folder == Path::new("models") {
        true => format!("zeroline models get {name}"),
        false => format!("zeroline models get {name} --folder {}", folder.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_has_a_name_and_a_checksum_of_its_own() {
        for (at, model) in MODELS.iter().enumerate() {
            let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            assert!(model.sha256.len() == 64 && model.sha256.chars().all(hexadecimal));
            let twins =
                |other: &KnownModel| other.name == model.name || other.sha256 == model.sha256;
            assert!(!MODELS[..at].iter().any(twins), "{}", model.name);
        }
        assert!(KnownModel::named(RECOMMENDED).is_some());
    }

    #[test]
    fn the_best_liked_model_of_a_folder_is_found() {
        let folder = tempfile::tempdir().expect("the machine has room for a folder");
        let put = |name: &str| std::fs::write(folder.path().join(name), b"").expect("it is ours");
        let best = || {
            let file = best_in(folder.path())?;
            Some(file.file_name()?.to_str()?.to_owned())
        };
        for name in ["notes.txt", "ggml-base-q8_0.bin.part"] {
            put(name);
        }
        assert_eq!(best(), None);
        for name in [
            "ggml-own.bin",
            "ggml-base.en-q8_0.bin",
            "ggml-tiny-q8_0.bin",
            "ggml-base-q8_0.bin",
        ] {
            put(name);
            assert_eq!(best().as_deref(), Some(name));
        }
        assert_eq!(best_in(&folder.path().join("none")), None);
    }

    #[test]
    fn what_is_broken_is_fetched_again_by_its_own_name() {
        let known = Path::new("/srv/models/ggml-small-q8_0.bin");
        assert_eq!(
            command_for(Some(known), Path::new("/srv/models")),
            "zeroline models get small-q8_0 --folder /srv/models"
        );
        assert_eq!(
            command_for(None, Path::new("models")),
            "zeroline models get base-q8_0"
        );
    }
}
