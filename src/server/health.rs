//! The targets of handoffs are asked by OPTIONS whether they live; who does not answer is rung last.

use super::lookups::{Located, Lookups};
use super::signalling::Signalling;
use super::targets::{flows, next_hop};
use crate::config::Config;
use crate::config::transfers::Asked;
use crate::dialplan::model::Dialplan;
use crate::handoff::health::{self, Health, Output};
use crate::locator::Locator;
use crate::sip::flow::Flow;
use crate::sip::location::{Location, Server};
use crate::sip::user_agent::command::Options;
use crate::sip::user_agent::event::{Event, LegId, OptionsId};
use metrics::gauge;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

/// Servers of an address that are asked in turn, until one answers.
const SERVERS: usize = 4;

pub struct TargetHealth {
    health: Health,
    /// The targets by the address that is asked: a trunk's proxy, or the target's own.
    targets: BTreeMap<String, Vec<String>>,
    /// Whose servers' addresses are being looked up.
    lookups: Lookups<String>,
    asked: FxHashMap<OptionsId, Ask>,
    /// Calls of ours to these addresses that nobody has answered yet.
    ringing: FxHashMap<LegId, String>,
}

/// What has been sent to an address.
struct Ask {
    address: String,
    /// Its other servers.
    untried: VecDeque<Flow>,
}

impl TargetHealth {
    pub fn new<'d>(
        now: Instant,
        config: &Config,
        dialplans: impl Iterator<Item = &'d Dialplan>,
        locator: Locator,
        seed: u64,
    ) -> TargetHealth {
        let handoffs = dialplans.flat_map(|dialplan| &dialplan.handoffs);
        let mut targets: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut count = 0;
        for target in handoffs.flat_map(|handoff| handoff.addresses()) {
            let Some(address) = address_of(config, target) else {
                continue;
            };
            let same = targets.entry(address).or_default();
            if count < health::MOST && !same.iter().any(|it| it == target) {
                count += 1;
                same.push(target.to_owned());
                show(target, true);
            }
        }
        targets.retain(|_, targets| !targets.is_empty());
        let every = config.health.every;
        TargetHealth {
            health: Health::new(now, targets.keys().cloned(), every, seed),
            targets,
            lookups: Lookups::new(locator),
            asked: FxHashMap::default(),
            ringing: FxHashMap::default(),
        }
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.health.next_timeout()
    }

    /// The next address that was looked up.
    pub async fn located(&mut self) -> Located<String> {
        self.lookups.next().await
    }

    /// A call of ours goes there: what becomes of it tells more than OPTIONS.
    pub fn rings(&mut self, config: &Config, leg: LegId, target: &str) {
        if let Some(address) = address_of(config, target)
            && self.targets.contains_key(&address)
        {
            self.ringing.insert(leg, address);
        }
    }

    fn handle_call(&mut self, now: Instant, event: &Event) {
        match event {
            Event::Progress { leg, .. } | Event::Answered { leg, .. } => {
                if let Some(address) = self.ringing.remove(leg) {
                    self.health.lives(now, &address);
                }
            }
            Event::Failed { leg, failure } => {
                let Some(address) = self.ringing.remove(leg) else {
                    return;
                };
                match failure.status {
                    None | Some(408 | 503) => self.health.doubt(now, &address),
                    Some(_) => self.health.lives(now, &address),
                }
            }
            Event::Ended { leg, .. } => {
                self.ringing.remove(leg);
            }
            _ => {}
        }
    }
}

/// Where OPTIONS goes for that target; `None`: it is not asked. Whoever registers here is known anyway.
fn address_of(config: &Config, target: &str) -> Option<String> {
    let is_elsewhere = config.may_ring(target) && !config.is_own(target);
    let trunk = config.trunk_of(target).map(|(_, trunk)| trunk);
    let is_asked = match config.health.asked {
        Asked::Nobody => false,
        Asked::Trunks => trunk.is_some(),
        Asked::All => true,
    };
    // One that no trunk can reach is told when it is rung.
    next_hop(config, target)
        .ok()
        .filter(|_| is_asked && is_elsewhere)?;
    let proxy = trunk.and_then(|trunk| trunk.proxy.clone());
    Some(proxy.unwrap_or_else(|| target.to_owned()))
}

fn show(target: &str, is_up: bool) {
    gauge!("zeroline_target_up", "target" => target.to_owned()).set(if is_up { 1.0 } else { 0.0 });
}

impl Signalling {
    /// Asks who is to be asked, and has the distributor know who came or went.
    pub(super) fn see_to_health(&mut self, now: Instant) {
        self.health.health.handle_timeout(now);
        while let Some(output) = self.health.health.poll_output() {
            match output {
                Output::Ask { address } => self.look_up_and_ask(now, address),
                Output::Changed { address, is_up } => self.health_changed(now, &address, is_up),
            }
        }
    }

    fn health_changed(&mut self, now: Instant, address: &str, is_up: bool) {
        match is_up {
            true => tracing::info!(address, "it answers again"),
            false => tracing::warn!(
                address,
                "it does not answer OPTIONS: its targets are rung last until it does"
            ),
        }
        for target in self.health.targets.get(address).into_iter().flatten() {
            show(target, is_up);
            self.distributor.set_health(now, target, is_up);
        }
    }

    fn look_up_and_ask(&mut self, now: Instant, address: String) {
        let Ok(hop) = next_hop(&self.config, &address) else {
            return self.health.health.answered(now, &address, None);
        };
        match Location::of(&hop) {
            Ok(Location::Known(server)) => self.ask_servers(now, address, &[server]),
            _ if self.health.lookups.ask(address.clone(), hop) => {}
            // Too many look-ups: that says nothing about the address.
            _ => self.health.health.not_asked(now, &address),
        }
    }

    pub(super) fn ask_located(&mut self, located: Located<String>) {
        let now = Instant::now();
        let address = located.what_for;
        match located.servers {
            Ok(servers) => self.ask_servers(now, address, &servers),
            Err(error) => {
                tracing::debug!(address, %error, "it cannot be asked");
                self.health.health.answered(now, &address, None);
            }
        }
    }

    fn ask_servers(&mut self, now: Instant, address: String, servers: &[Server]) {
        let untried = match flows(servers, &self.transports) {
            Ok((first, others)) => std::iter::once(first).chain(others).take(SERVERS).collect(),
            Err(_) => VecDeque::new(),
        };
        self.ask_next(now, Ask { address, untried });
    }

    /// The next of its servers, or it has not answered.
    fn ask_next(&mut self, now: Instant, mut ask: Ask) {
        let Some(flow) = ask.untried.pop_front() else {
            return self.health.health.answered(now, &ask.address, None);
        };
        let trunk = self.config.trunk_of(&ask.address);
        let from = trunk.and_then(|(_, trunk)| trunk.from.clone());
        let from = from.unwrap_or_else(|| {
            let host = SocketAddr::new(self.advertised(&flow), flow.local.port());
            format!("sip:zeroline@{host}")
        });
        let options = Options {
            flow,
            target: ask.address.clone(),
            from: format!("<{from}>"),
            timeout: health::WAIT,
        };
        match self.agent.ask_options(now, options) {
            Ok(id) => {
                self.health.asked.insert(id, ask);
            }
            // We are full, which says nothing about the address.
            Err(_) => self.health.health.not_asked(now, &ask.address),
        }
    }

    pub(super) fn handle_health(&mut self, now: Instant, event: &Event) {
        let Event::OptionsAnswered { options, status } = event else {
            return self.health.handle_call(now, event);
        };
        let Some(ask) = self.health.asked.remove(options) else {
            return;
        };
        match status {
            None | Some(408 | 503) if !ask.untried.is_empty() => self.ask_next(now, ask),
            status => self.health.health.answered(now, &ask.address, *status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::transfers::HealthChecks;
    use crate::diagnostic::Source;
    use crate::dialplan::load::load;
    use crate::dialplan::targets::TargetPattern;
    use crate::handoff::distributor::{Answer, Request};
    use crate::handoff::targets::plan;
    use crate::language::Language;
    use crate::server::desk::Desk;
    use crate::server::targets::ConfigPolicy;
    use std::time::Duration;

    fn dialplan(ring: &str) -> Dialplan {
        let text = format!(
            "dialplan: t\ngreeting: This is an automatic service.\nhuman: {{ handoff: desk }}\n\
             start: a\nnodes: {{ a: {{ say: Hello., to: human }} }}\n\
             handoffs: {{ desk: {{ ring: [{ring}], else: message }} }}\n"
        );
        load(&Source::new("t.yaml", text)).expect("it is right")
    }

    fn config(text: &str) -> Config {
        let (config, found) = Config::check(&Source::new("/zeroline.yaml", text));
        config.unwrap_or_else(|| panic!("{found:?}"))
    }

    #[test]
    fn who_is_asked() {
        let trunks = "trunks: { acme: { proxy: \"sip:out.acme.example\" }, \
                      pbx: { registrar: \"sip:pbx.example.com\", user: us, password: x } }\n\
                      agents: { anna: { password: x } }\ntransfers: { allow: [\"*@*\", \"tel:+44*\"]";
        let acme = Some("sip:out.acme.example");
        let pbx = Some("sip:desk@pbx.example.com");
        let other = Some("sip:desk@other.example");
        for (health, target, expected) in [
            ("", "tel:+441632960000", acme),
            ("", "sip:desk@pbx.example.com", pbx),
            ("", "sip:desk@other.example", None),
            (", health: 60s", "sip:desk@other.example", other),
            (", health: 60s", "sip:anna@zeroline.local", None),
            (", health: 60s", "sip:agent@zeroline.local", None),
            (", health: 60s", "tel:+4930960000", None),
            (", health: off", "sip:desk@pbx.example.com", None),
        ] {
            let config = config(&format!(
                "{}{health} }}\n",
                trunks.replace("*@*", "sip:*@*")
            ));
            let told = address_of(&config, target);
            assert_eq!(told.as_deref(), expected, "{health} {target}");
        }
    }

    /// A desk whose phone is a target, and a second one of which nothing is known.
    struct Asking {
        desk: Desk,
        dialplan: Dialplan,
        phone: String,
    }

    impl Asking {
        async fn new() -> Asking {
            let mut desk = Desk::with(|config| {
                let all = TargetPattern::parse("sip:*@127.0.0.2").expect("it is a pattern");
                config.transfers.push(all);
                config.health = HealthChecks {
                    asked: Asked::All,
                    every: Duration::from_secs(1),
                };
            })
            .await;
            let phone = desk.phone.local_addr().expect("it is bound");
            let phone = format!("sip:desk@{phone}");
            let dialplan = dialplan(&format!("\"{phone}\", \"sip:agent@zeroline.local\""));
            let signalling = &mut desk.signalling;
            let locator = Locator::of_system(&signalling.transports.protocols());
            let (now, all) = (Instant::now(), std::iter::once(&dialplan));
            signalling.health = TargetHealth::new(now, &signalling.config, all, locator, 1);
            Asking {
                desk,
                dialplan,
                phone,
            }
        }

        /// Answers the next OPTIONS.
        async fn answer(&mut self, status: u16) {
            let options = self.desk.answer_like("OPTIONS ").await;
            assert!(options.starts_with(&format!("OPTIONS {} SIP/2.0\r\n", self.phone)));
            let same = ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "];
            let copied = |line: &&str| same.iter().any(|name| line.starts_with(name));
            let headers: Vec<&str> = options.lines().filter(copied).collect();
            let response = format!(
                "SIP/2.0 {status} Such\r\n{}\r\nContent-Length: 0\r\n\r\n",
                headers.join("\r\n")
            );
            self.desk
                .phone
                .send(response.as_bytes())
                .expect("it is sent");
        }

        /// Who would be rung now.
        fn rung(&mut self) -> String {
            let signalling = &mut self.desk.signalling;
            let policy = ConfigPolicy(signalling.config.clone());
            let first = self.dialplan.human.handoff;
            let at = jiff::Timestamp::UNIX_EPOCH;
            let plan = plan(&self.dialplan, first, Language::En, at, &policy);
            let (now, distributor) = (Instant::now(), &mut signalling.distributor);
            let (since, search) = (now, 1);
            let seek = Request::Seek {
                plan,
                since,
                search,
            };
            distributor.handle_input(now, 1, seek);
            let answer = distributor.poll_output();
            distributor.handle_input(now, 1, Request::Over);
            match answer {
                Some((1, 1, Answer::Ring { tries, .. })) => tries[0].target.clone(),
                other => panic!("{other:?}"),
            }
        }

        async fn until_rung(&mut self, target: &str) {
            let until = Instant::now() + crate::server::desk::LONG;
            while self.rung() != target {
                assert!(Instant::now() < until, "{target} is not rung first");
                self.desk.turn().await;
            }
        }
    }

    #[tokio::test]
    async fn who_cannot_be_rung_is_rung_last_until_it_answers() {
        let mut asking = Asking::new().await;
        let (phone, agent) = (asking.phone.clone(), "sip:agent@zeroline.local");
        asking.answer(404).await;
        asking.answer(503).await;
        assert_eq!(asking.rung(), phone, "one lost answer is no end");
        asking.answer(503).await;
        asking.until_rung(agent).await;
        asking.answer(200).await;
        asking.until_rung(&phone).await;
    }

    #[tokio::test]
    async fn silence_is_no_answer() {
        let mut asking = Asking::new().await;
        let agent = "sip:agent@zeroline.local";
        asking.until_rung(agent).await;
        // What it was sent while nobody listened is nothing that waits for an answer.
        while asking.desk.heard().is_some() {}
        asking.answer(486).await;
        let phone = asking.phone.clone();
        asking.until_rung(&phone).await;
    }
}
