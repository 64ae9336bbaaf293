//! The torture tests of RFC 4475 and RFC 5118: every message, none left out, each with the behaviour
//! that the RFC asks for; first at the parser, then at the user agent. They are read from the folder
//! `torture` in `$ZEROLINE_ASSETS`, whose MANIFEST.tsv says what is right.

mod parser;
mod user_agent;

use std::path::PathBuf;

/// What a parser alone can decide: these it must refuse by itself.
const PARSERS_STATUSES: [&str; 4] = ["400", "416", "505", "none"];

struct Case {
    name: String,
    pass_udp: Vec<String>,
    pass_tcp: Vec<String>,
    octets: Vec<u8>,
}

/// Every message; `None`, and a word why, where the folder is not known.
fn cases() -> Option<Vec<Case>> {
    let Some(assets) = std::env::var_os("ZEROLINE_ASSETS") else {
        println!("skipped: ZEROLINE_ASSETS is not set");
        return None;
    };
    let folder = PathBuf::from(assets).join("torture");
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.tsv")).expect("a manifest");
    let rows = manifest.lines().filter(|line| !line.starts_with('#'));
    let case = |row: &str| {
        let columns: Vec<&str> = row.split('\t').collect();
        let [name, rfc, _, _, pass_udp, _, pass_tcp, ..] = columns[..] else {
            panic!("a short row: {row}");
        };
        let file = folder.join(format!("rfc{rfc}")).join(format!("{name}.dat"));
        Case {
            name: name.to_owned(),
            pass_udp: pass_udp.split(',').map(str::to_owned).collect(),
            pass_tcp: pass_tcp.split(',').map(str::to_owned).collect(),
            octets: std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display())),
        }
    };
    Some(rows.map(case).collect())
}

fn named(name: &str) -> Option<Case> {
    cases()?.into_iter().find(|case| case.name == name)
}
