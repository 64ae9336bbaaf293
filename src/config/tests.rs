mod voices;

use super::*;
use secret::Password;
use trunk::{TrunkKeys, TrunkWay};
use webhooks::Subject;

fn checked(text: &str) -> (Option<Config>, Vec<Diagnostic>) {
    Config::check(&Source::new("/etc/zeroline/zeroline.yaml", text))
}

#[test]
fn an_empty_file_is_the_default_and_takes_only_loopback() {
    let (config, found) = checked("# nothing yet\n");
    assert_eq!(found, []);
    let config = config.expect("nothing is wrong");
    assert_eq!(config.listen.len(), 2);
    let here = "127.0.0.1".parse().expect("an address");
    let mapped = "::ffff:127.0.0.1".parse().expect("an address");
    let there = "192.0.2.9".parse().expect("an address");
    assert_eq!(config.admit(here), Admission::Allowed { trunk: None });
    assert_eq!(config.admit(mapped), Admission::Allowed { trunk: None });
    assert_eq!(config.admit(there), Admission::NotAllowed);
    assert!(config.may_ring(BUILT_IN_AGENT));
    assert!(!config.may_ring("sip:agent@pbx.example.com"));
}

const FULL: &str = r#"
listen: ["udp:0.0.0.0:5060", "tcp:[::]:5060", "127.0.0.1:5070"]
advertise: { 10.0.0.0/8: 10.0.0.5, 0.0.0.0/0: 203.0.113.7 }
media: { ports: 30000-30999, threads: 2 }
calls: { max: 50 }
dialplans:
  default: dialplans/parcel.yaml
  numbers: { "+4420*": bank.yaml, "9": /srv/gov.yaml }
prompts: sounds
data: /var/lib/zeroline
allow: [192.0.2.0/24, 127.0.0.1]
block: 192.0.2.66
rate: { requests_per_second: 100, calls_per_second: 5 }
trunks:
  acme:
    registrar: "sip:sip.acme.example"
    user: u1
    password_env: ACME_PASSWORD
    from: "sip:+4420@sip.acme.example"
    way: refer
    keys: info
    match: [198.51.100.0/24]
agents:
  anna: { password_env: ANNA, digest: sha-256, skills: [refunds, cards], languages: [zh, en], wrap_up: 30s }
  ben: { password_file: ben.password }
transfers: { allow: ["sip:*@pbx.example.com"] }
speech:
  recognizers: { en: [whisper, remote], zh: off }
  models: /var/lib/models
  whisper: { model: models/own.bin }
  remote: { url: "https://speech.example.com/v1/", key_env: SPEECH_KEY, timeout: 800ms }
  voices: { en: [espeak-ng, flite], zh: { engines: remote, rate: 0.9, volume: -3, voice: nova } }
  remote_voice: { url: "https://voice.example.com/v1", key_file: voice.key, voice: echo }
webhooks:
  crm: { url: "https://crm.example.com/calls", secret_env: CRM_SECRET, events: [transfer, message], timeout: 5s }
human: "sip:desk@pbx.example.com"
console: 127.0.0.1:9000
console_token_env: CONSOLE_TOKEN
metrics: 127.0.0.1:9100
log: { format: json, level: debug }
drain: 2m
session: { expires: 20m, min: 2m }
"#;

#[test]
fn every_field_is_read() {
    let (config, found) = checked(FULL);
    assert_eq!(found, []);
    let config = config.expect("nothing is wrong");
    assert_eq!(config.listen.len(), 4);
    let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
    assert_eq!(config.advertised(ip("10.1.1.1")), Some(ip("10.0.0.5")));
    assert_eq!(config.advertised(ip("8.8.8.8")), Some(ip("203.0.113.7")));
    assert_eq!(
        config.media,
        Media {
            ports: 30000..=30999,
            threads: Some(2)
        }
    );
    let file = |user| {
        config
            .dialplans
            .file_for(user)
            .map(|f| f.display().to_string())
    };
    assert_eq!(file("+44201").as_deref(), Some("/etc/zeroline/bank.yaml"));
    assert_eq!(file("9").as_deref(), Some("/srv/gov.yaml"));
    assert_eq!(
        file("10").as_deref(),
        Some("/etc/zeroline/dialplans/parcel.yaml")
    );
    assert_eq!(config.dialplans.files().len(), 3);
    assert_eq!(config.prompts, Path::new("/etc/zeroline/sounds"));
    assert_eq!(config.data, Path::new("/var/lib/zeroline"));
    assert_eq!(config.admit(ip("192.0.2.66")), Admission::Blocked);
    assert_eq!(
        config.admit(ip("192.0.2.7")),
        Admission::Allowed { trunk: None }
    );
    assert_eq!(
        config.admit(ip("198.51.100.9")),
        Admission::Allowed {
            trunk: Some("acme")
        }
    );
    let (name, trunk) = config
        .trunk_of("sip:1@SIP.acme.example:5060")
        .expect("it is its host");
    assert_eq!(
        (name, trunk.way, trunk.keys),
        ("acme", TrunkWay::Refer, TrunkKeys::Info)
    );
    assert_eq!(
        trunk.password,
        Some(Password::Environment("ACME_PASSWORD".into()))
    );
    assert!(config.may_ring("sip:7@pbx.example.com"));
    assert_eq!(config.session.expires, Duration::from_secs(1200));
    let crm = webhooks::Webhook {
        url: "https://crm.example.com/calls".to_owned(),
        secret: Password::Environment("CRM_SECRET".into()),
        events: vec![Subject::Transfer, Subject::Message],
        timeout: Duration::from_secs(5),
    };
    assert_eq!(config.webhooks, BTreeMap::from([("crm".to_owned(), crm)]));
}

#[test]
fn who_can_reach_a_console_without_a_token_is_told_of() {
    let agents = "agents: { anna: { password_env: ANNA } }\n";
    let open = "console: 0.0.0.0:8060\n";
    for (text, is_told) in [
        (format!("{agents}{open}"), true),
        (format!("{agents}{open}console_token_env: TOKEN\n"), false),
        (open.to_owned(), true),
        (format!("{open}console_token_env: TOKEN\n"), false),
        (agents.to_owned(), false),
    ] {
        let (_, found) = checked(&text);
        let told: Vec<_> = found.iter().map(|d| (d.rule, d.text.as_str())).collect();
        let expected = is_told.then_some(("console-exposed", "0.0.0.0:8060"));
        assert_eq!(told, Vec::from_iter(expected), "{text}");
    }
}

#[test]
fn metrics_and_the_console_cannot_have_one_address() {
    for (text, is_told) in [
        ("console: 127.0.0.1:9000\nmetrics: 127.0.0.1:9000\n", true),
        ("metrics: 127.0.0.1:8060\n", true),
        ("metrics: 0.0.0.0:8060\n", true),
        ("metrics: 127.0.0.1:8061\n", false),
        ("metrics: 127.0.0.2:8060\n", false),
        ("console: 127.0.0.1:0\nmetrics: 127.0.0.1:0\n", false),
    ] {
        let (config, found) = checked(text);
        let told: Vec<_> = found.iter().map(|d| d.rule).collect();
        let expected = is_told.then_some("config-conflict");
        assert_eq!(told, Vec::from_iter(expected), "{text}");
        assert_eq!(config.is_none(), is_told);
    }
}

#[test]
fn each_mistake_has_its_rule_and_place() {
    let table = [
        (
            "\"udp:0.0.0.0:5060\"",
            "\"udp:here\"",
            "bad-value",
            "\"udp:here\"",
        ),
        ("listen:", "listn:", "unknown-field", "listn"),
        ("10.0.0.5", "ten", "bad-value", "ten"),
        ("10.0.0.0/8", "10.0.0.0/99", "bad-value", "10.0.0.0/99"),
        ("30000-30999", "30999-30000", "bad-value", "30999-30000"),
        ("threads: 2", "threads: 0", "out-of-range", "0"),
        ("max: 50", "max: many", "wrong-type", "many"),
        ("192.0.2.66", "192.0.2", "bad-value", "192.0.2"),
        ("calls_per_second: 5", "calls: 5", "unknown-field", "calls"),
        ("\"sip:sip.acme.example\"", "acme", "bad-target", "acme"),
        (
            "password_env: ACME_PASSWORD",
            "expires: 1h",
            "missing-field",
            "registrar: \"sip:sip.acme.example\"",
        ),
        ("way: refer", "way: blind", "bad-value", "blind"),
        ("ben: {", "Ben: {", "bad-name", "Ben"),
        ("ben: {", "agent: {", "reserved-name", "agent"),
        (
            "{ password_file: ben.password }",
            "{ wrap_up: 5s }",
            "missing-field",
            "{ wrap_up: 5s }",
        ),
        ("digest: sha-256", "digest: sha256", "bad-value", "sha256"),
        ("[refunds, cards]", "[refunds, 2]", "bad-name", "2"),
        ("[zh, en]", "[zh, fr]", "unknown-language", "fr"),
        ("wrap_up: 30s", "wrap_up: 2h", "out-of-range", "2h"),
        (
            "way: refer",
            "password_file: p",
            "config-conflict",
            "ACME_PASSWORD",
        ),
        ("\"sip:*@pbx.example.com\"", "\"*\"", "bad-target", "\"*\""),
        (
            "allow: [\"sip:*",
            "alow: [\"sip:*",
            "missing-field",
            "{ alow: [\"sip:*@pbx.example.com\"] }",
        ),
        ("zh: off", "fr: off", "unknown-language", "fr"),
        ("[whisper, remote]", "[wisper]", "bad-value", "wisper"),
        (
            "[whisper, remote]",
            "[builtin, builtin]",
            "config-conflict",
            "builtin",
        ),
        ("timeout: 800ms", "timeout: 2s", "out-of-range", "2s"),
        ("[espeak-ng, flite]", "[espeak]", "bad-value", "espeak"),
        ("rate: 0.9", "rate: 9", "out-of-range", "9"),
        ("volume: -3", "volume: loud", "out-of-range", "loud"),
        ("voice: nova", "vioce: nova", "unknown-field", "vioce"),
        ("zh: { engines", "fr: { engines", "unknown-language", "fr"),
        (
            "https://voice",
            "http://voice",
            "http-not-secure",
            "\"http://voice.example.com/v1\"",
        ),
        (
            "https://speech",
            "http://speech",
            "http-not-secure",
            "\"http://speech.example.com/v1/\"",
        ),
        ("{ model: models/own.bin }", "{ }", "missing-field", "{ }"),
        (
            "https://crm",
            "http://crm",
            "http-not-secure",
            "\"http://crm.example.com/calls\"",
        ),
        (
            "secret_env: CRM_SECRET, ",
            "",
            "missing-field",
            "{ url: \"https://crm.example.com/calls\", events: [transfer, message], timeout: 5s }",
        ),
        (
            "[transfer, message]",
            "[transfers]",
            "bad-value",
            "transfers",
        ),
        ("timeout: 5s", "timeout: 5m", "out-of-range", "5m"),
        ("127.0.0.1:9100", "9100", "bad-value", "9100"),
        ("level: debug", "level: loud", "bad-value", "loud"),
        (
            "allow: [\"sip:*@pbx.example.com\"]",
            "allow: [], health: 1s",
            "out-of-range",
            "1s",
        ),
        (
            "allow: [\"sip:*@pbx.example.com\"]",
            "allow: [], health: never",
            "wrong-type",
            "never",
        ),
        ("drain: 2m", "drain: 2", "wrong-type", "2"),
        (
            "expires: 20m",
            "expires: 90s",
            "config-conflict",
            "{ expires: 90s, min: 2m }",
        ),
        (
            "allow: [192.0.2.0/24",
            "allow: [0.0.0.0/0",
            "listen-exposed",
            "[0.0.0.0/0, 127.0.0.1]",
        ),
    ];
    for (what, by, rule, place) in table {
        assert!(FULL.contains(what), "the table is wrong: {what}");
        let (_, found) = checked(&FULL.replacen(what, by, 1));
        let hit = found.iter().find(|d| d.rule == rule && d.text == place);
        assert!(hit.is_some(), "{what} → {by}: {found:#?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = FULL
        .replace("max: 50", "max: x")
        .replace("drain: 2m", "drain: x")
        .replace("data:", "date:");
    let (config, found) = checked(&text);
    assert!(config.is_none());
    let rules: Vec<_> = found.iter().map(|d| d.rule).collect();
    assert_eq!(rules, ["wrong-type", "unknown-field", "wrong-type"]);
}

#[test]
fn flags_are_enough_without_a_file_and_win_over_one() {
    let overrides = Overrides {
        listen: Listen::parse("udp:127.0.0.1:5099").expect("an address"),
        dialplan: Some("hotline.yaml".into()),
        prompts: Some("p".into()),
        data: None,
    };
    let config = Config::load(None, overrides).expect("nothing is wrong");
    assert_eq!(config.listen.len(), 1);
    assert_eq!(
        config.dialplans.file_for("anybody"),
        Some(Path::new("hotline.yaml"))
    );
    assert_eq!(config.prompts, Path::new("p"));
    assert_eq!(config.data, Path::new("data"));
}

#[test]
fn files_that_cannot_be_read_are_diagnostics() {
    let folder = tempfile::tempdir().expect("the machine has room for a folder");
    let file = folder.path().join("zeroline.yaml");
    let rule = |file: &Path| {
        let found = Config::load(Some(file), Overrides::default()).expect_err("it is refused");
        found[0].rule
    };
    assert_eq!(rule(&file), "file-unreadable");
    std::fs::write(&file, b"a: \xff").expect("the folder is ours");
    assert_eq!(rule(&file), "file-unreadable");
    std::fs::write(&file, b"\xef\xbb\xbfa: 1\n\xe6\xac\xa2: \xff").expect("the folder is ours");
    let found = read_source(&file).expect_err("it is no text");
    assert_eq!((found[0].span.line, found[0].span.column), (2, 4));
    std::fs::write(&file, vec![b'x'; crate::yaml::MAX_BYTES + 1]).expect("the folder is ours");
    assert_eq!(rule(&file), "too-large");
}

#[test]
fn passwords_are_not_shown() {
    let text = FULL.replace("password_env: ACME_PASSWORD", "password: hunter2");
    let (config, found) = checked(&text);
    let rules: Vec<_> = found.iter().map(|d| (d.rule, d.text.as_str())).collect();
    assert_eq!(rules, [("password-in-config", "password")]);
    let shown = format!("{:?}", config.expect("nothing is wrong"));
    assert!(!shown.contains("hunter2"));
}

#[test]
fn recordings_are_found_by_language_and_name() {
    let folder = tempfile::tempdir().expect("the machine has room for a folder");
    let deep = folder.path().join("en/bank");
    std::fs::create_dir_all(&deep).expect("the folder is ours");
    for name in ["main.wav", "bank/cards.ogg", "notes.txt"] {
        std::fs::write(folder.path().join("en").join(name), b"").expect("the folder is ours");
    }
    let config = Config {
        prompts: folder.path().into(),
        ..Config::default()
    };
    std::fs::write(deep.join("cards.wav"), b"").expect("the folder is ours");
    let found: Vec<_> = config.view(&[]).recordings.into_iter().collect();
    assert_eq!(
        found,
        [
            (
                (Language::En, "bank/cards".to_owned()),
                deep.join("cards.wav")
            ),
            (
                (Language::En, "main".to_owned()),
                folder.path().join("en/main.wav")
            )
        ]
    );
}

/// The shipped file says what the defaults are: with it and without it a server is the same.
#[test]
fn the_shipped_file_shows_the_defaults() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/zeroline.yaml");
    let source = read_source(file.as_ref()).expect("it is shipped");
    let (config, found) = Config::check(&source);
    assert_eq!(found, []);
    let mut config = config.expect("nothing is wrong");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(
        config.dialplans.default,
        Some(root.join("dialplans/parcel.yaml"))
    );
    config.dialplans = Dialplans::default();
    config.prompts = "prompts".into();
    config.data = "data".into();
    config.speech.models = "models".into();
    config.transfers.dedup();
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
}
