//! What a config names outside of itself, as this machine has it.

use super::Config;
use super::secret::Password;
use crate::config::speech::Service;
use crate::config::webhooks::signing_key;
use crate::diagnostic::rules::{self, Rule};
use crate::diagnostic::{Diagnostic, Report, Source};
use crate::yaml::{self, Node};
use std::fs::File;
use std::path::Path;

pub(super) fn check(config: &Config, source: &Source) -> Vec<Diagnostic> {
    // What is wrong with the text itself has been told.
    let Some(tree) = yaml::parse(&mut Report::new(source)) else {
        return Vec::new();
    };
    let mut report = Report::new(source);
    dialplans(config, &tree, &mut report);
    data(config, &tree, &mut report);
    prompts(config, &tree, &mut report);
    passwords(config, &tree, &mut report);
    speech(config, &tree, &mut report);
    webhooks(config, &tree, &mut report);
    report.into_diagnostics()
}

fn dialplans(config: &Config, tree: &Node, report: &mut Report) {
    let default = config.dialplans.default.iter();
    let numbers = config.dialplans.numbers.iter();
    let default = default.map(|file| (vec!["dialplans", "default"], file));
    let numbers = numbers.map(|(user, file)| (vec!["dialplans", "numbers", user], file));
    for (path, file) in default.chain(numbers) {
        let reason = match File::open(file) {
            Ok(_) if file.is_dir() => "it is a folder".to_owned(),
            Ok(_) => continue,
            Err(error) => error.to_string(),
        };
        report.add(
            &rules::FILE_UNREADABLE,
            tree.place(&path),
            format!("The dialplan {} cannot be read: {reason}.", file.display()),
            "Check the path, which is taken from the config's own folder, and its permissions.",
        );
    }
}

fn data(config: &Config, tree: &Node, report: &mut Report) {
    if config.data.exists() {
        is_folder("data", &config.data, tree, &rules::NO_FOLDER, report);
    }
}

fn prompts(config: &Config, tree: &Node, report: &mut Report) {
    let rule = match config.prompts.exists() {
        true => &rules::NO_FOLDER,
        // The default need not be there.
        false if tree.get("prompts").is_none() => return,
        false => &rules::MISSING_FOLDER,
    };
    is_folder("prompts", &config.prompts, tree, rule, report);
}

fn is_folder(field: &str, folder: &Path, tree: &Node, rule: &Rule, report: &mut Report) {
    if folder.is_dir() {
        return;
    }
    report.add(
        rule,
        tree.place(&[field]),
        format!("`{field}` is {}, which is no folder.", folder.display()),
        "Name a folder; its path is taken from the config's own.",
    );
}

fn passwords(config: &Config, tree: &Node, report: &mut Report) {
    for (name, trunk) in &config.trunks {
        let what = format!("The password of the trunk `{name}`");
        let until = "until then the trunk refuses calls and registrations that need it";
        let place = ["trunks", name, "password"];
        secret(
            trunk.password.as_ref(),
            (&what, until),
            place.as_slice(),
            tree,
            report,
        );
    }
    for (name, agent) in &config.agents {
        let what = format!("The password of the agent `{name}`");
        let until = format!("until then nobody can register as `{name}`, and they are not rung");
        let place = ["agents", name, "password"];
        secret(
            agent.password.as_ref(),
            (&what, &until),
            place.as_slice(),
            tree,
            report,
        );
    }
    let until = "until then nobody may ask about agents, send them away or hear messages";
    let token = config.console_token.as_ref();
    secret(
        token,
        ("The console's token", until),
        &["console_token"],
        tree,
        report,
    );
}

/// `place`: of the setting as it is called where the secret is written in the config. `told`: what it
/// is, and what happens without it.
fn secret(
    secret: Option<&Password>,
    (what, until): (&str, &str),
    place: &[&str],
    tree: &Node,
    report: &mut Report,
) {
    let reason = match secret.map(Password::reveal) {
        Some(Err(reason)) => reason,
        Some(Ok(secret)) if secret.expose().is_empty() => "it is empty".to_owned(),
        _ => return,
    };
    let (setting, parents) = place.split_last().expect("a setting has a name");
    let field = match secret {
        Some(Password::File(_)) => format!("{setting}_file"),
        Some(Password::Environment(_)) => format!("{setting}_env"),
        _ => (*setting).to_owned(),
    };
    report.add(
        &rules::PASSWORD_UNKNOWN,
        tree.place(&[parents, &[&field]].concat()),
        format!("{what} is not known: {reason}."),
        format!("Set it where the server starts, or correct the name: {until}."),
    );
}

fn speech(config: &Config, tree: &Node, report: &mut Report) {
    if let Some(model) = &config.speech.whisper_model
        && !model.is_file()
    {
        report.add(
            &rules::FILE_UNREADABLE,
            tree.place(&["speech", "whisper", "model"]),
            format!("The model {} is no file.", model.display()),
            "`zeroline models list` tells which there are, `zeroline models get NAME` fetches one.",
        );
    }
    if let Some(remote) = &config.speech.remote {
        service_key(remote, &["speech", "remote"], tree, report);
    }
    if let Some(voice) = &config.speech.remote_voice {
        service_key(&voice.service, &["speech", "remote_voice"], tree, report);
    }
}

fn service_key(service: &Service, path: &[&str], tree: &Node, report: &mut Report) {
    let what = format!("The key of {}", service.url);
    let until = "until then the service refuses what is sent to it";
    let place = [path, &["key"]].concat();
    secret(service.key.as_ref(), (&what, until), &place, tree, report);
}

fn webhooks(config: &Config, tree: &Node, report: &mut Report) {
    for (name, webhook) in &config.webhooks {
        let key = webhook.secret.reveal();
        let Err(reason) = key.and_then(|secret| signing_key(&secret)) else {
            continue;
        };
        let field = match webhook.secret {
            Password::File(_) => "secret_file",
            Password::Environment(_) => "secret_env",
            Password::Written(_) => "url",
        };
        report.add(
            &rules::PASSWORD_UNKNOWN,
            tree.place(&["webhooks", name, field]),
            format!("The secret of the webhook `{name}` cannot be used: {reason}."),
            "Set it where the server starts, or correct the name: until then its letters wait.",
        );
    }
}
