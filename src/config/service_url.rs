//! Addresses of services that callers' data goes to.

use crate::diagnostic::{Report, rules};
use crate::dialplan::check::lookups::is_secure;
use crate::yaml::read::{self, Fields};

/// The field `url`: by `https://`, or in this machine.
pub(super) fn service_url(
    fields: &mut Fields,
    example: &str,
    report: &mut Report,
) -> Option<String> {
    let node = fields.require("url", example, report)?;
    let url = read::word(node, "`url`", report)?;
    if !is_secure(url) {
        report.add(
            &rules::HTTP_NOT_SECURE,
            node.span,
            "The address does not begin with `https://`.",
            "Write \"https://…\"; plain `http://` is for 127.0.0.1, ::1 and localhost.",
        );
    }
    Some(url.to_owned())
}
