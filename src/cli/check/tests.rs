use super::*;
use clap::Parser;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

fn args(line: &str) -> Result<Args, clap::Error> {
    Command::try_parse_from(line.split(' ')).map(|command| command.args)
}

/// The files' text by name, written into a folder; what `check` with these arguments finds.
fn found(files: &[(&str, &str)], line: &str) -> serde_json::Value {
    let folder = tempfile::tempdir().expect("the machine has room for a folder");
    for (name, text) in files {
        let file = folder.path().join(name);
        let parent = file.parent().expect("it is in the folder");
        std::fs::create_dir_all(parent).expect("the folder is ours");
        std::fs::write(file, text).expect("the folder is ours");
    }
    let line = line.replace("@", &format!("{}/", folder.path().display()));
    check_files(&args(&line).expect("the test's arguments are right")).json()
}

const PLAN: &str = "dialplan: x\ngreeting: This is automatic.\nhuman: { handoff: s }\nstart: a\n\
                    nodes: { a: { say: Hello., to: human } }\nhandoffs: { s: { ring: \"sip:a@b.example\", else: message } }\n";

#[test]
fn dialplans_are_judged_with_their_config() {
    let config = "transfers: { allow: [\"sip:*@b.example\"] }\n";
    let files = [("x.yaml", PLAN), ("zeroline.yaml", config)];
    let alone = found(&files, "check @x.yaml");
    assert_eq!(
        (&alone["errors"], &alone["warnings"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(alone["diagnostics"][0]["rule"], "target-not-allowed");
    let together = found(&files, "check @x.yaml --config @zeroline.yaml");
    assert_eq!(together["errors"], 0);
    assert_eq!(together["files"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_wrong_config_is_told_and_not_the_dialplans_fault() {
    let files = [("x.yaml", PLAN), ("zeroline.yaml", "drain: x\n")];
    let both = found(&files, "check @x.yaml --config @zeroline.yaml");
    assert_eq!(both["errors"], 1, "{both:#}");
    assert_eq!(both["diagnostics"][0]["rule"], "wrong-type");
    let as_file = found(&files, "check @zeroline.yaml");
    assert_eq!(rules_of(&as_file)[0].1, "wrong-type");
}

fn rules_of(found: &serde_json::Value) -> Vec<(&str, &str)> {
    let all = found["diagnostics"].as_array().expect("it is a list");
    all.iter()
        .map(|d| {
            let file = d["file"].as_str().unwrap_or_default();
            let name = file.rsplit('/').next().unwrap_or_default();
            (name, d["rule"].as_str().unwrap_or_default())
        })
        .collect()
}

#[test]
fn a_config_is_judged_with_all_that_it_names() {
    let config = "dialplans: { default: x.yaml, numbers: { \"1\": none.yaml, \"2\": . } }\n\
                  prompts: nowhere\ndata: x.yaml\ndrain: x\n\
                  trunks: { t: { user: u, password_env: ZEROLINE_NOT_SET } }\n\
                  agents: { anna: { password_env: ZEROLINE_NOT_SET } }\n";
    let broken = PLAN.replace("to: human", "to: nowhere");
    let files = [("x.yaml", broken.as_str()), ("zeroline.yaml", config)];
    let all = found(&files, "check @zeroline.yaml");
    let told = [
        ("zeroline.yaml", "file-unreadable"),
        ("zeroline.yaml", "file-unreadable"),
        ("zeroline.yaml", "missing-folder"),
        ("zeroline.yaml", "not-a-folder"),
        ("zeroline.yaml", "wrong-type"),
        ("zeroline.yaml", "password-unknown"),
        ("zeroline.yaml", "password-unknown"),
        ("x.yaml", "unknown-node"),
    ];
    assert_eq!(rules_of(&all), told, "{all:#}");
    assert_eq!((&all["errors"], &all["warnings"]), (&json!(5), &json!(3)));
    assert_eq!(found(&files, "check --config @zeroline.yaml")["errors"], 5);
}

#[test]
fn a_secret_that_is_not_there_is_told_with_what_happens_without_it() {
    let config = "console_token_env: ZEROLINE_NOT_SET\n\
                  trunks: { t: { user: u, password_env: ZEROLINE_NOT_SET } }\n\
                  agents: { anna: { password_file: none }, ben: { password_file: empty } }\n\
                  transfers: { allow: [\"sip:*@*\"] }\n";
    let files = [("x.yaml", PLAN), ("zeroline.yaml", config), ("empty", "")];
    let all = found(&files, "check @x.yaml --config @zeroline.yaml");
    let told = all["diagnostics"].as_array().expect("it is a list");
    let told: Vec<[&str; 3]> = told
        .iter()
        .map(|it| ["message", "fix", "text"].map(|field| it[field].as_str().unwrap_or_default()))
        .collect();
    let expected = [
        [
            "console's token",
            "nobody may ask about agents",
            "ZEROLINE_NOT_SET",
        ],
        ["trunk `t`", "the trunk refuses", "ZEROLINE_NOT_SET"],
        ["agent `anna`", "nobody can register as `anna`", "none"],
        [
            "agent `ben` is not known: it is empty",
            "register as `ben`",
            "empty",
        ],
    ];
    assert_eq!(told.len(), expected.len(), "{all:#}");
    for ([message, fix, text], [in_message, in_fix, at]) in told.into_iter().zip(expected) {
        assert!(message.contains(in_message), "{message}");
        assert!(fix.contains(in_fix), "{fix}");
        assert_eq!(text, at);
    }
    assert_eq!((&all["errors"], &all["warnings"]), (&json!(0), &json!(4)));
}

#[test]
fn a_config_names_a_dialplan_unless_one_is_given() {
    let files = [
        ("x.yaml", PLAN),
        ("zeroline.yaml", "transfers: { allow: [\"sip:*@*\"] }\n"),
    ];
    let alone = found(&files, "check @zeroline.yaml");
    assert_eq!(rules_of(&alone), [("zeroline.yaml", "no-dialplan")]);
    assert_eq!(
        found(&files, "check @x.yaml --config @zeroline.yaml")["errors"],
        0
    );
}

#[test]
fn recordings_that_dialplans_name_are_decoded() {
    let plan = PLAN.replace("say: Hello.", "say: { en: Hello., audio: hello }");
    let config = "transfers: { allow: [\"sip:*@*\"] }\nprompts: .\n";
    for sound in ["RIFF", "", "just a text"] {
        let files = [
            ("x.yaml", plan.as_str()),
            ("zeroline.yaml", config),
            ("en/hello.wav", sound),
            ("en/never_named.wav", "broken too"),
        ];
        let all = found(&files, "check @x.yaml --config @zeroline.yaml");
        assert_eq!(rules_of(&all), [("x.yaml", "broken-recording")], "{sound}");
    }
}

#[test]
fn a_text_that_nobody_takes_down_is_warned_of() {
    let plan = PLAN
        .replace("start: a", "start: q\nslots: { note: { type: text } }")
        .replace(
            "nodes: {",
            "nodes: { q: { ask: note, prompt: What is it?, to: a },",
        );
    let target = "transfers: { allow: [\"sip:*@*\"] }\n";
    let remote = "remote: { url: \"https://speech.example.com/v1\" }";
    for (speech, warned) in [
        ("speech: off", true),
        ("speech: { recognizers: builtin, models: . }", true),
        ("speech: { models: nowhere }", true),
        (
            "speech: { recognizers: { zh: remote, en: builtin }, REMOTE }",
            true,
        ),
        ("speech: { recognizers: [remote, builtin], REMOTE }", false),
        ("speech: { models: . }", cfg!(not(feature = "whisper"))),
    ] {
        let config = format!("{target}{}\n", speech.replace("REMOTE", remote));
        let files = [
            ("x.yaml", plan.as_str()),
            ("zeroline.yaml", &config),
            ("ggml-base-q8_0.bin", ""),
        ];
        let all = found(&files, "check @x.yaml --config @zeroline.yaml");
        let expected = if warned {
            vec![("x.yaml", "text-not-heard")]
        } else {
            vec![]
        };
        assert_eq!(rules_of(&all), expected, "{speech}: {all:#}");
        assert_eq!(all["errors"], 0);
    }
}

#[test]
fn what_is_neither_a_dialplan_nor_a_config_is_refused() {
    for text in ["", "# only a comment\n", "hello\n", "- a\n"] {
        let all = found(&[("x.yaml", text)], "check @x.yaml");
        assert_eq!(
            rules_of(&all),
            [("x.yaml", "neither-dialplan-nor-config")],
            "{text}"
        );
        let under = found(
            &[("x.yaml", text), ("y.yaml", PLAN)],
            "check @y.yaml --config @x.yaml",
        );
        assert_eq!(
            rules_of(&under),
            [("x.yaml", "neither-dialplan-nor-config")],
            "{text}"
        );
    }
}

#[test]
fn the_fields_of_the_json_form_are_stable() {
    let all = found(&[("x.yaml", "dialplan: x\nnodes: [a]\n")], "check @x.yaml");
    let first = all["diagnostics"][0].as_object().expect("there is one");
    let mut fields: Vec<&str> = first.keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "column", "end", "file", "fix", "line", "message", "rule", "severity", "start", "text",
            "why"
        ]
    );
}

#[test]
fn a_file_that_is_not_there_is_a_diagnostic_and_no_file_is_a_wrong_call() {
    let all = found(&[], "check @none.yaml");
    assert_eq!(all["diagnostics"][0]["rule"], "file-unreadable");
    assert!(args("check").is_err());
    assert!(args("check --rules").is_ok());
    assert!(args("check --schema x.yaml").is_err());
}
