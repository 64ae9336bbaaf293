//! Lookups: requests to the operator's own systems.

use super::nodes::variable;
use super::{Context, HTTP_TIMEOUT};
use crate::diagnostic::{Report, rules};
use crate::dialplan::model::{Http, HttpMethod, NodeKind};
use crate::yaml::{self, Style, Value, read};
use read::Fields;
use std::collections::BTreeMap;
use std::time::Duration;

impl Context {
    pub(super) fn http(
        &self,
        value: &yaml::Node,
        fields: &mut Fields,
        report: &mut Report,
    ) -> Option<NodeKind> {
        let to = self.required_target(fields, "to", report);
        let failed = self.required_target(fields, "failed", report);
        let mut http = Fields::of(value, "`http`", report)?;
        let (get, post) = (http.take("get"), http.take("post"));
        let (method, url) = match (get, post) {
            (Some(url), None) => (HttpMethod::Get, url),
            (None, Some(url)) => (HttpMethod::Post, url),
            (None, None) | (Some(_), Some(_)) => {
                let message = "A lookup has one address: `get` or `post`.";
                let fix = "Write `get: \"https://…\"`, or `post: \"https://…\"`.";
                report.add(&rules::MISSING_FIELD, value.span, message, fix);
                return None;
            }
        };
        let url = read::word(url, "the address", report).map(str::to_owned);
        let headers = headers(&mut http, report);
        let body = http.take("body");
        if let (Some(body), HttpMethod::Get) = (body, method) {
            let message = "A GET has no body.";
            report.add(
                &rules::BAD_VALUE,
                body.span,
                message,
                "Write `post` for `get`.",
            );
        }
        let timeout = match http.take("timeout") {
            Some(node) => {
                let range = Duration::from_millis(500)..=Duration::from_secs(30);
                read::duration(node, "`timeout`", range, report)
            }
            None => Some(HTTP_TIMEOUT),
        };
        let save = match http.take("save") {
            Some(node) => variable(node, report).map(Some),
            None => Some(None),
        };
        let filler = self.optional_prompt(&mut http, "filler", report);
        http.finish(report);
        Some(NodeKind::Http(Http {
            method,
            url: url?,
            headers,
            body: body.map(json),
            timeout: timeout?,
            save: save?,
            filler: filler?,
            to: to?,
            failed: failed?,
        }))
    }
}

fn headers(http: &mut Fields, report: &mut Report) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    let Some(node) = http.take("headers") else {
        return headers;
    };
    let (entries, _) = read::mapping(node, "`headers`", report).unwrap_or_default();
    for entry in entries {
        let name = &entry.key.text;
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            let message = format!("`{name}` is no name of a header.");
            let fix = "Write a name like `Authorization`.";
            report.add(&rules::BAD_VALUE, entry.key.span, message, fix);
        }
        if let Some(value) = read::word(&entry.value, "a header", report) {
            headers.insert(name.clone(), value.to_owned());
        }
    }
    headers
}

/// A body for JSON: bare numbers, `true`, `false` and `null` are what they look like (an interface
/// may want them so); everything else is text, and a template.
fn json(node: &yaml::Node) -> serde_json::Value {
    match &node.value {
        Value::Scalar { text, style } => match style {
            Style::Empty => serde_json::Value::Null,
            Style::Plain => match serde_json::from_str(text) {
                Ok(value @ (serde_json::Value::Bool(_) | serde_json::Value::Null)) => value,
                Ok(value @ serde_json::Value::Number(_)) => value,
                _ => serde_json::Value::String(text.clone()),
            },
            Style::Quoted | Style::Block => serde_json::Value::String(text.clone()),
        },
        Value::Sequence(items) => items.iter().map(json).collect(),
        Value::Mapping { entries, .. } => {
            let fields = entries
                .iter()
                .map(|entry| (entry.key.text.clone(), json(&entry.value)));
            serde_json::Value::Object(fields.collect())
        }
    }
}
