//! A whisper of `tiny`'s shape with made-up weights: it costs what a real one does, and hears the same
//! word in everything.

#[path = "../../tests/common/whisper_model.rs"]
#[allow(dead_code, reason = "a benchmark uses a part of it")]
mod whisper_model;

use std::path::Path;
use whisper_model::{Script, TINY, write_model};

/// Writes the model into `folder`; the config that hears by it.
pub fn config(folder: &Path, word: &str) -> String {
    let file = folder.join("ggml-tiny-made-q8_0.bin");
    let word = format!(" {word}");
    let script = Script {
        words: &[&word],
        says: &[&[(1.0, &word)], &[(1.0, "")]],
        is_silent: false,
    };
    write_model(&file, &TINY, &script).expect("there is room for the model");
    let file = file.display();
    format!("speech: {{ recognizers: [whisper], whisper: {{ model: {file} }} }}")
}
