//! The JSON Schema of dialplans, for editors' completion. The loader stays the judge: it knows
//! more than a schema can say.

use crate::dialplan::load::handoffs::ORDERS;
use crate::language::Language;
use crate::speech::telephone_number::Country;
use crate::speech::verbaliser::money::Currency;
use serde_json::{Map, Value, json};

/// JSON Schema, draft 2020-12.
pub fn dialplan() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Zeroline dialplan",
        "type": "object",
        "additionalProperties": false,
        "required": ["dialplan", "greeting", "human", "start", "nodes", "handoffs"],
        "properties": {
            "dialplan": { "$ref": "#/$defs/name", "description": "The dialplan's name, in records and reports." },
            "languages": { "type": "array", "items": language(), "uniqueItems": true, "description": "The first is the default." },
            "timezone": { "type": "string", "description": "Of the handoffs' hours: Europe/London." },
            "holidays": named(holidays("Dates that handoffs share.")),
            "record": { "enum": [true, false], "description": "The greeting must say so." },
            "greeting": { "$ref": "#/$defs/prompt" },
            "human": closed(&["handoff"], json!({
                "key": { "enum": ["0", "9", 0, 9] },
                "hear": { "$ref": "#/$defs/hear" },
                "handoff": { "type": "string" },
            })),
            "elder": closed(&[], json!({
                "key": { "enum": ["4", "5", "6", "7", "8", "9", 4, 5, 6, 7, 8, 9] },
                "numbers": { "type": ["string", "array"], "items": { "type": "string" }, "examples": ["+4420*"] },
                "hear": { "$ref": "#/$defs/hear" },
            })),
            "distress": closed(&[], json!({
                "no_match": { "type": "integer", "minimum": 2, "maximum": 20 },
                "same_sentence": { "type": "integer", "minimum": 2, "maximum": 20 },
                "keys": { "type": "integer", "minimum": 6, "maximum": 50 },
                "loudness": { "type": "string", "pattern": "^[0-9.]+ ?dB$", "examples": ["9dB"] },
                "hear": { "$ref": "#/$defs/hear" },
                "then": { "enum": ["offer", "transfer"] },
            })),
            "start": { "type": "string", "description": "The first node." },
            "timing": closed(&[], json!({
                "no_input_timeout": { "$ref": "#/$defs/duration" },
                "inter_digit_timeout": { "$ref": "#/$defs/duration" },
            })),
            "limits": closed(&[], json!({
                "depth": { "type": "integer", "minimum": 1, "maximum": 6 },
                "options": { "type": "integer", "minimum": 1, "maximum": 9 },
                "prompt": { "$ref": "#/$defs/duration" },
            })),
            "nodes": named(json!({ "oneOf": nodes() })),
            "slots": named(slot()),
            "vocabulary": named(json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/texts" } })),
            "handoffs": named(handoff()),
            "blocked": { "$ref": "#/$defs/hear", "description": "Phrases that lookups must not put into the bot's mouth." },
        },
        "$defs": defs(),
    })
}

fn defs() -> Value {
    json!({
        "name": { "type": "string", "pattern": "^[a-z][a-z0-9_]{0,47}$" },
        "duration": { "type": "string", "pattern": "^[0-9.]+ ?(ms|s|m|min|h)$", "examples": ["500ms", "3s", "2m"] },
        "target": { "type": "string", "description": "A node, or human, back, repeat, callback, message, hangup." },
        "hear": { "type": ["string", "array"], "items": { "type": "string" } },
        "texts": by_language(&[]),
        "prompt": by_language(&["audio"]),
    })
}

fn by_language(more: &[&str]) -> Value {
    let names = Language::ALL.map(Language::tag);
    let names = names.iter().chain(more);
    let fields: Map<String, Value> = names
        .map(|name| (name.to_string(), json!({ "type": "string" })))
        .collect();
    json!({ "oneOf": [{ "type": "string" }, closed(&[], Value::Object(fields))] })
}

fn language() -> Value {
    json!({ "enum": Language::ALL.map(Language::tag) })
}

fn closed(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

fn named(value: Value) -> Value {
    json!({ "type": "object", "propertyNames": { "$ref": "#/$defs/name" }, "additionalProperties": value })
}

fn nodes() -> Vec<Value> {
    let target = || json!({ "$ref": "#/$defs/target" });
    let prompt = || json!({ "$ref": "#/$defs/prompt" });
    let duration = || json!({ "$ref": "#/$defs/duration" });
    let texts = || json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } });
    let option = json!({ "oneOf": [target(), closed(&["to"], json!({ "hear": { "$ref": "#/$defs/hear" }, "to": target() }))] });
    let arm = closed(
        &["when", "to"],
        json!({ "when": { "type": "string" }, "to": target() }),
    );
    let http = closed(
        &[],
        json!({
            "get": { "type": "string" }, "post": { "type": "string" }, "headers": texts(), "body": {},
            "timeout": duration(), "save": { "$ref": "#/$defs/name" }, "filler": prompt(),
        }),
    );
    let kinds = [
        closed(
            &["menu", "options"],
            json!({
                "menu": prompt(), "reprompt": prompt(), "no_input_timeout": duration(),
                "options": { "type": "object", "propertyNames": { "pattern": "^[1-9]$" }, "additionalProperties": option },
            }),
        ),
        closed(
            &["ask", "prompt", "to"],
            json!({
                "ask": { "type": "string", "description": "A slot." }, "prompt": prompt(), "reprompt": prompt(), "confirm": { "type": "boolean" },
                "to": target(), "no_input_timeout": duration(), "inter_digit_timeout": duration(),
            }),
        ),
        closed(
            &["say"],
            json!({
                "say": prompt(), "answers": { "type": "boolean" }, "to": target(),
                "confirm_resolved": closed(&["yes", "no"], json!({ "yes": target(), "no": target() })),
            }),
        ),
        closed(
            &["knowledge", "entries", "confirm_resolved"],
            json!({
                "knowledge": prompt(), "reprompt": prompt(), "no_input_timeout": duration(),
                "entries": { "type": "array", "minItems": 1, "items": entry() },
                "confirm_resolved": closed(&["yes", "no"], json!({ "yes": target(), "no": target() })),
            }),
        ),
        closed(
            &["http", "to", "failed"],
            json!({ "http": http, "to": target(), "failed": target() }),
        ),
        closed(
            &["branch", "else"],
            json!({ "branch": { "type": "array", "items": arm }, "else": target() }),
        ),
        closed(&["set", "to"], json!({ "set": texts(), "to": target() })),
        closed(
            &["language", "to"],
            json!({
                "language": { "oneOf": [language(), { "type": "object", "additionalProperties": language() }] },
                "prompt": prompt(), "to": target(), "no_input_timeout": duration(),
            }),
        ),
        closed(
            &["transfer"],
            json!({ "transfer": { "type": "string", "description": "A handoff." } }),
        ),
        closed(
            &["hangup"],
            json!({ "hangup": { "oneOf": [{ "type": "null" }, prompt()] } }),
        ),
    ];
    let marked = kinds.map(|mut kind| {
        kind["properties"]["human_only"] =
            json!({ "type": "boolean", "description": "From here on only people end the call." });
        kind
    });
    marked.into()
}

/// Of a `knowledge` node.
fn entry() -> Value {
    closed(
        &["hear", "say", "source", "expires"],
        json!({
            "hear": { "$ref": "#/$defs/hear" }, "say": { "$ref": "#/$defs/prompt" },
            "key": { "type": "string", "pattern": "^[1-9]$" },
            "source": { "type": "string", "description": "Where the answer is from." },
            "expires": { "type": "string", "format": "date", "description": "The last day on which it is true." },
        }),
    )
}

fn slot() -> Value {
    let digits = json!({ "type": "integer", "minimum": 1, "maximum": 32 });
    let value = json!({ "type": "string" });
    let hear = json!({ "$ref": "#/$defs/hear" });
    let option =
        json!({ "oneOf": [value, closed(&["value"], json!({ "value": value, "hear": hear }))] });
    let number = json!({ "type": ["number", "string"] });
    let time = json!({ "type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$" });
    let needs = |kind: &str, fields: &[&str]| json!({ "if": { "properties": { "type": { "const": kind } } }, "then": { "required": fields } });
    let mut slot = closed(
        &["type"],
        json!({
            "type": { "enum": SLOT_TYPES },
            "length": { "oneOf": [digits, closed(&["min", "max"], json!({ "min": digits, "max": digits }))], "description": "Of digits, and of an id_number with luhn or mod97." },
            "checksum": { "enum": ["luhn", "mod97"], "description": "Of digits." },
            "terminator": { "type": "string", "description": "Of digits." },
            "digits": { "type": "string", "pattern": "^[0-9]+$", "description": "Of digits: those that may be keyed." },
            "min": number, "max": number,
            "currency": { "enum": Currency::ALL.map(Currency::code), "description": "Of money." },
            "when": { "enum": ["past", "future"], "description": "Of a date; today is both." },
            "from": time, "until": time,
            "options": { "type": "object", "propertyNames": { "pattern": "^[1-9]$" }, "additionalProperties": option, "description": "Of a choice." },
            "country": { "enum": Country::ALL.map(|country| country.code), "description": "Of a phone." },
            "check": { "enum": ["chinese_resident", "luhn", "mod97"], "description": "Of an id_number." },
            "sensitive": { "type": "boolean" },
            "share": { "const": "last4" },
            "label": { "$ref": "#/$defs/texts" },
        }),
    );
    slot["allOf"] = json!([
        needs("digits", &["length"]),
        needs("money", &["currency"]),
        needs("choice", &["options"]),
        needs("id_number", &["check"]),
    ]);
    slot
}

const SLOT_TYPES: [&str; 10] = [
    "digits",
    "number",
    "money",
    "date",
    "time",
    "yes_no",
    "choice",
    "phone",
    "id_number",
    "text",
];

/// A date, a range, either with hours, or a mapping of dates to hours; or several of them.
fn holidays(description: &str) -> Value {
    let day = json!({ "type": ["string", "object"], "additionalProperties": { "type": "string" }, "examples": ["2026-12-25", "12-25", "2026-12-24..2026-12-26", "12-26: 10:00-12:00"] });
    json!({ "oneOf": [day, { "type": "array", "items": day }], "description": description })
}

fn handoff() -> Value {
    let uri = json!({ "type": "string", "pattern": "^((sips?|tel):|agents$)", "description": "An address, or `agents`: everybody who registers here." });
    let limit = json!({ "type": "integer", "minimum": 1, "description": "So many calls at once." });
    let languages =
        json!({ "type": "array", "items": language(), "description": "What is spoken there." });
    let one = closed(
        &["to"],
        json!({ "to": uri, "limit": limit, "languages": languages }),
    );
    let target = json!({ "oneOf": [uri, one] });
    let skills = json!({ "type": "string" });
    let queue = closed(
        &[],
        json!({
            "priority": { "type": "integer", "minimum": 0, "maximum": 9, "description": "The highest is served first." },
            "most": { "type": "integer", "minimum": 1, "description": "So many wait; the next goes on by `else`." },
            "longest": { "$ref": "#/$defs/duration" },
            "music": { "type": "string", "description": "A recording." },
        }),
    );
    closed(
        &["ring", "else"],
        json!({
            "ring": { "oneOf": [target, { "type": "array", "minItems": 1, "items": target }] },
            "order": { "enum": ORDERS.map(|(name, _)| name) },
            "skills": { "oneOf": [skills, { "type": "array", "items": skills }], "description": "Of `agents`." },
            "rest": { "$ref": "#/$defs/duration", "description": "How long who did not answer is not rung again; it doubles with each failure in a row, up to 2 minutes." },
            "queue": { "oneOf": [{ "type": "boolean" }, queue] },
            "accept": { "type": "boolean", "description": "Who answers takes the call by a key." },
            "timeout": { "$ref": "#/$defs/duration" },
            "hours": { "type": "string", "examples": ["Mo-Fr 08:00-18:00, Sa 09:00-12:00"] },
            "holidays": holidays("Dates on which nobody is there, or at other hours; or names of the dialplan's lists."),
            "timezone": { "type": "string", "description": "Of the hours and holidays, where it is not the dialplan's." },
            "else": { "type": "string", "description": "callback, message, or another handoff." },
            "way": { "enum": ["bridged", "refer", "attended"] },
            "then_keys": { "type": "string", "pattern": "^[0-9*#A-Dw]+$" },
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::load::{NODE_KINDS, RESERVED_TARGETS, slot_types};
    use crate::speech::verbaliser::Reading;
    use std::collections::BTreeSet;

    /// Every kind of node that the loader reads is in the schema, and no other.
    #[test]
    fn the_schema_knows_the_loaders_nodes() {
        let schema = dialplan();
        let kinds = schema["properties"]["nodes"]["additionalProperties"]["oneOf"].as_array();
        let kinds: Vec<&str> = kinds
            .expect("nodes are one of several")
            .iter()
            .map(|kind| {
                kind["required"][0]
                    .as_str()
                    .expect("the first field is the kind")
            })
            .collect();
        assert_eq!(kinds, NODE_KINDS);
    }

    /// Each type of slot that the loader reads is in the schema and on the operators' page.
    #[test]
    fn the_schema_knows_the_loaders_slots() {
        assert_eq!(SLOT_TYPES.as_slice(), slot_types());
        let page = include_str!("../../dialplans/README.md");
        let rows = page
            .lines()
            .filter_map(|line| line.strip_prefix("| type `")?.split('`').next());
        assert_eq!(rows.collect::<Vec<_>>(), slot_types());
    }

    /// The fields of a table's cell.
    fn fields(cell: &str) -> BTreeSet<&str> {
        let words = cell.split('`').skip(1).step_by(2);
        words.collect()
    }

    /// The operators' page has every field, where it is needed or may be, and no other.
    #[test]
    fn the_reference_has_every_field() {
        let page = include_str!("../../dialplans/README.md");
        let schema = dialplan();
        let part = |name: &str| schema["properties"][name].clone();
        let entry = |name: &str| part(name)["additionalProperties"].clone();
        let kinds = entry("nodes")["oneOf"].as_array().cloned();
        let mut parts: Vec<(&str, Value)> = NODE_KINDS
            .into_iter()
            .zip(kinds.expect("nodes are one of several"))
            .collect();
        let lookup = parts
            .iter()
            .find(|part| part.0 == "http")
            .map(|part| &part.1);
        let http = lookup.expect("it is a kind")["properties"]["http"].clone();
        parts.extend([
            ("file", schema.clone()),
            ("human", part("human")),
            ("elder", part("elder")),
            ("distress", part("distress")),
            ("timing", part("timing")),
            ("limits", part("limits")),
            ("lookup", http),
            ("entry", super::entry()),
            ("slot", entry("slots")),
            ("handoff", entry("handoffs")),
        ]);
        for (name, schema) in parts {
            let start = format!("| {name} |");
            let row = page.lines().find(|line| line.starts_with(&start));
            let cells: Vec<&str> = row.expect("each has a row").split('|').collect();
            let required = schema["required"].as_array().expect("it is closed");
            let required: BTreeSet<&str> = required.iter().filter_map(Value::as_str).collect();
            let all = schema["properties"].as_object().expect("it is closed");
            let all: BTreeSet<&str> = all.keys().map(String::as_str).collect();
            assert_eq!(fields(cells[2]), required, "{name}");
            assert_eq!(fields(cells[3]), &all - &required, "{name}");
        }
        let kinds = page
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        assert_eq!(kinds.collect::<Vec<_>>(), Reading::ALL.map(Reading::name));
        for (target, _) in RESERVED_TARGETS {
            assert!(page.contains(&format!("`{target}`")), "{target}");
        }
    }

    /// The shipped dialplans use only fields that the schema has.
    #[test]
    fn the_schema_has_every_field_at_the_top() {
        let schema = dialplan();
        for name in ["parcel", "bank", "government"] {
            let file = format!("{}/dialplans/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(file).expect("it is shipped");
            for line in text
                .lines()
                .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
            {
                let field = line.split(':').next().unwrap_or_default();
                assert!(schema["properties"].get(field).is_some(), "{name}: {field}");
            }
        }
    }
}
