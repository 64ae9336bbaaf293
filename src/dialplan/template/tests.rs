use super::*;
use crate::diagnostic::Source;
use crate::dialplan::load::load;
use serde_json::json;

const FRAME: &str = r#"
dialplan: t
languages: [en, zh]
greeting: { en: This is an automatic service., zh: 这是自动语音服务。 }
human: { key: "0", handoff: people }
start: main
handoffs:
  people: { ring: ["sip:people@pbx.example.com"], else: callback }
slots:
  number: { type: digits, length: 4 }
  card: { type: digits, length: 16, sensitive: true }
vocabulary:
  states: { MOVING: { en: on its way, zh: 运输途中 } }
nodes:
  main: { say: { en: "SAY", zh: "SAY" }, to: lookup }
  lookup:
    http: { get: "URL", save: parcel }
    to: decide
    failed: human
  decide:
    branch: [ { when: "WHEN", to: human } ]
    else: human
"#;

struct Texts<'a> {
    say: &'a str,
    url: &'a str,
    when: &'a str,
}

const PLAIN: Texts = Texts {
    say: "Hello.",
    url: "https://x.example.com/",
    when: "true",
};

fn compile(texts: &Texts) -> Result<Templates, Vec<String>> {
    let text = FRAME
        .replace("SAY", texts.say)
        .replace("URL", texts.url)
        .replace("WHEN", texts.when);
    let dialplan = load(&Source::new("t.yaml", text)).expect("the frame is right");
    Templates::compile(&dialplan).map_err(|errors| {
        let mut messages: Vec<String> = errors.into_iter().map(|error| error.message).collect();
        messages.dedup();
        messages
    })
}

fn values(json: serde_json::Value) -> Values {
    let members = json.as_object().expect("values are an object");
    let values = members.iter();
    values
        .map(|(name, value)| (name.clone(), from_json(value)))
        .collect()
}

fn speak(language: Language, say: &str, json: serde_json::Value) -> Result<String, String> {
    let templates = compile(&Texts { say, ..PLAIN }).expect("the template is right");
    templates.speak(language, say, &values(json))
}

#[test]
fn values_are_said_in_the_callers_language() {
    let say = "{{ parcel.state | say_as(states) }} {{ parcel.price | say_as(money) }}";
    let values = || json!({"parcel": {"state": "MOVING", "price": "2 GBP"}});
    assert_eq!(
        speak(Language::En, say, values()).as_deref(),
        Ok("on its way two pounds")
    );
    assert_eq!(
        speak(Language::Zh, say, values()).as_deref(),
        Ok("运输途中 两英镑")
    );
    let say = "{{ number | say_as('digits') }}";
    assert_eq!(
        speak(Language::En, say, json!({"number": "1204"})).as_deref(),
        Ok("one two zero four")
    );
}

#[test]
fn an_amount_is_said_however_the_lookup_answers_it() {
    let say = "{{ parcel.price | say_as(money) }}";
    for (price, words) in [
        (
            json!(1234.5),
            "one thousand two hundred and thirty-four point five",
        ),
        (json!(12), "twelve"),
        (json!("12.50"), "twelve point five zero"),
        (json!("12.505 GBP"), "twelve pounds and fifty-one pence"),
        (
            json!({"amount": 12.5, "currency": "gbp"}),
            "twelve pounds and fifty pence",
        ),
        (json!({"amount": "3", "currency": "EUR"}), "three euros"),
    ] {
        let said = speak(Language::En, say, json!({"parcel": {"price": price}}));
        assert_eq!(said.as_deref(), Ok(words), "{price}");
    }
    let broken = speak(
        Language::En,
        say,
        json!({"parcel": {"price": {"amount": 3}}}),
    );
    assert!(broken.expect_err("no currency").contains("undefined"));
}

#[test]
fn a_date_is_said_where_it_can_be_only_one() {
    let say = "{{ parcel.due | say_as(date) }}";
    let said = |due| speak(Language::En, say, json!({"parcel": {"due": due}}));
    let fifth = "the fifth of January, twenty twenty-six";
    for due in [json!("2026-1-5"), json!(1_767_571_200)] {
        assert_eq!(said(due).as_deref(), Ok(fifth));
    }
    let either = said(json!("01/12/2026")).expect_err("January or December");
    assert!(either.contains("day and the month"), "{either}");
}

#[test]
fn text_is_not_escaped_in_speech() {
    let said = speak(
        Language::En,
        "{{ parcel.who }}",
        json!({"parcel": {"who": "M&S <\"x\">"}}),
    );
    assert_eq!(said.as_deref(), Ok("M&S <\"x\">"));
}

#[test]
fn what_has_no_words_is_an_error() {
    let error = |say, json| speak(Language::En, say, json).expect_err("no words");
    let empty = || json!({"parcel": {}});
    assert!(error("{{ parcel.state }}", empty()).contains("undefined"));
    assert!(error("{{ parcel }}", empty()).contains("no words"));
    assert!(error("{{ number }}", json!({})).contains("undefined"));
    assert!(
        error(
            "{{ parcel.x | say_as(states) }}",
            json!({"parcel": {"x": "LOST"}})
        )
        .contains("`states` has no words for `LOST` in en")
    );
    let number = error(
        "{{ parcel.x | say_as(date) }}",
        json!({"parcel": {"x": "4111"}}),
    );
    assert!(!number.contains("4111"), "{number}");
}

#[test]
fn rendering_is_bounded() {
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
    assert!(speak(Language::En, endless, json!({})).is_err());
    let long = "{{ 'x' * 20000 }}";
    assert!(speak(Language::En, long, json!({})).is_err());
}

fn refused(texts: &Texts) -> String {
    compile(texts).expect_err("it is refused").join("; ")
}

#[test]
fn templates_that_cannot_work_are_refused_when_they_are_loaded() {
    let say = |say| refused(&Texts { say, ..PLAIN });
    assert!(say("{{ number").contains("syntax"));
    assert!(say("{{ numbr }}").contains("nothing fills `numbr`"));
    assert!(say("{{ card }}").contains("`card` is sensitive"));
    assert!(say("{{ card[12:] }}").contains("`card` is sensitive"));
    assert!(say("{% if (card ~ '')[12:] == '1' %}x{% endif %}").contains("`card` is sensitive"));
    assert!(
        compile(&Texts {
            say: "Your card {{ number ~ 'card' }}",
            ..PLAIN
        })
        .is_ok()
    );
    assert!(say("{{ number | nonsense }}").contains("no filter `nonsense`"));
    assert!(
        compile(&Texts {
            say: "{{ number | upper | say_as('digits') }}",
            ..PLAIN
        })
        .is_ok()
    );
    let nested = format!("{{{{ {}1{} }}}}", "(".repeat(200), ")".repeat(200));
    assert!(say(&nested).contains("brackets"));

    let when = |when| refused(&Texts { when, ..PLAIN });
    assert!(when("number ==").contains("syntax"));
    assert!(when("unknown == 1").contains("nothing fills `unknown`"));
    assert!(when("number is nonsense").contains("no test `nonsense`"));
    assert!(when("number is not nonsense").contains("no test `nonsense`"));
    assert!(
        compile(&Texts {
            when: "number is not defined",
            ..PLAIN
        })
        .is_ok()
    );

    let url = |url| refused(&Texts { url, ..PLAIN });
    assert!(url("https://{{ number }}.example.com/").contains("server's name"));
    assert!(url("https://x.example.com{{ number }}").contains("server's name"));
}

#[test]
fn values_in_a_url_are_one_segment() {
    let url = "https://x.example.com/p/{{ number }}?c={{ card }}";
    let templates = compile(&Texts { url, ..PLAIN }).expect("the template is right");
    let values = values(json!({"number": "../a b?&#/é", "card": "4111"}));
    assert_eq!(
        templates.url(url, &values).as_deref(),
        Ok("https://x.example.com/p/..%2Fa%20b%3F%26%23%2F%C3%A9?c=4111")
    );
}

#[test]
fn conditions() {
    let holds = |when, json| {
        let templates = compile(&Texts { when, ..PLAIN }).expect("the condition is right");
        templates.holds(when, &values(json))
    };
    let parcel = || json!({"parcel": {"state": "MOVING", "days": 3}, "number": "0012"});
    assert_eq!(
        holds("parcel.state == 'MOVING' and parcel.days < 4", parcel()),
        Ok(true)
    );
    assert_eq!(holds("parcel.days > 3", parcel()), Ok(false));
    assert_eq!(holds("number == '0012'", parcel()), Ok(true));
    assert_eq!(holds("card is defined", parcel()), Ok(false));
    assert_eq!(holds("number is defined", json!({})), Ok(false));
    assert!(holds("parcel.missing == 'x'", parcel()).is_err());
    assert_eq!(holds("parcel.missing is defined", parcel()), Ok(false));
    assert_eq!(holds("parcel.missing", parcel()), Ok(false));
    assert_eq!(
        holds("parcel.state and parcel.missing", parcel()),
        Ok(false)
    );
    assert_eq!(holds("not parcel.missing", parcel()), Ok(true));
    assert!(holds("parcel.missing.more == 1", parcel()).is_err());
    assert!(holds("parcel.state > parcel.days + 'x'", parcel()).is_err());
}

#[test]
fn a_body_keeps_its_shape_and_its_strings_are_strings() {
    let text = FRAME
        .replace("SAY", PLAIN.say)
        .replace("WHEN", PLAIN.when)
        .replace(
            "get: \"URL\"",
            "post: https://x.example.com/, body: { a: [\"{{ card }}\"] }",
        );
    let dialplan = load(&Source::new("t.yaml", text)).expect("the frame is right");
    let templates = Templates::compile(&dialplan).expect("the templates are right");
    let body = json!({"a": ["{{ card }}", 7, null], "b": {"c": true}});
    let rendered = templates.json(&body, &values(json!({"card": "\"; drop"})));
    assert_eq!(
        rendered,
        Ok(json!({"a": ["\"; drop", 7, null], "b": {"c": true}}))
    );
}
