//! Modules import downwards only (see the crate's documentation).

use std::collections::BTreeMap;
use std::path::Path;

/// From the ground up. Modules of one floor may import each other.
const FLOORS: &[&[&str]] = &[
    &["key", "language", "diagnostic", "yaml", "events"],
    &["audio", "rtp", "sip"],
    &["sdp", "speech", "dialplan", "dialogue", "config"],
    &["call", "handoff"],
    &["store", "journal", "engines", "locator"],
    &["console"],
    &["server", "caller"],
    &["cli"],
];

fn floor(module: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&module))
        .unwrap_or_else(|| panic!("src/{module} has no floor: give it one in this test"))
}

/// The top-level modules that a text imports by `crate::…`, groups of `use crate::{…}` included.
fn imports(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    code.match_indices("crate::")
        .flat_map(|(at, _)| {
            let rest = &code[at + "crate::".len()..];
            match rest.strip_prefix('{') {
                Some(group) => top_level_names(group),
                None => vec![leading_name(rest)],
            }
        })
        .collect()
}

fn leading_name(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn top_level_names(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = vec![leading_name(group)];
    for (at, symbol) in group.char_indices() {
        match symbol {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(leading_name(&group[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn modules_import_downwards_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut upwards: BTreeMap<String, String> = BTreeMap::new();
    for file in files {
        let inside = file.strip_prefix(&src).unwrap();
        let first = inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap();
        let module = first.trim_end_matches(".rs");
        if module == "main" || module == "lib" {
            continue;
        }
        for import in imports(&std::fs::read_to_string(&file).unwrap()) {
            if floor(&import) > floor(module) {
                upwards.insert(inside.display().to_string(), import);
            }
        }
    }
    assert!(upwards.is_empty(), "imports that run upwards: {upwards:#?}");
}

#[test]
fn imports_are_found_in_groups_too() {
    let text = "use crate::{audio::{a, b}, sip};\nlet x = crate::rtp::y;\n// crate::store";
    assert_eq!(imports(text), ["audio", "sip", "rtp"]);
}
