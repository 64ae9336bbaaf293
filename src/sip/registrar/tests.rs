use super::*;
use crate::sip::challenge::Challenge;
use crate::sip::digest::{Credentials, DigestClient};
use crate::sip::message::Message;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;

const URI: &str = "sip:zeroline.local";
const HOUR: Duration = Duration::from_secs(3600);

/// A registrar, the time, and a telephone of Anna's.
struct Desk {
    registrar: Registrar,
    now: Instant,
    flow: Flow,
    via: &'static str,
    call_id: &'static str,
    cseq: u32,
}

fn flow(protocol: Protocol, remote: &str) -> Flow {
    Flow {
        protocol,
        local: "192.0.2.1:5060".parse().expect("an address"),
        remote: remote.parse().expect("an address"),
    }
}

fn desk() -> Desk {
    let now = Instant::now();
    let account = |(name, password, hash): (&str, &str, _)| Account {
        name: name.into(),
        password: password.into(),
        hash,
    };
    let accounts = [
        ("anna", "secret", Hash::Sha256),
        ("ben", "other", Hash::Md5),
    ];
    Desk {
        registrar: Registrar::new(now, "zeroline", accounts.map(account), [3; 32]),
        now,
        flow: flow(Protocol::Udp, "192.0.2.9:5070"),
        via: "192.0.2.9:5070",
        call_id: "c1",
        cseq: 0,
    }
}

impl Desk {
    /// A REGISTER of Anna's with these lines.
    fn request(&mut self, lines: &str) -> Request {
        self.cseq += 1;
        let text = format!(
            "REGISTER {URI} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
             From: <sip:anna@zeroline.local>;tag=1\r\nTo: <sip:anna@zeroline.local>\r\n\
             Call-ID: {}\r\nCSeq: {} REGISTER\r\n{lines}\r\n",
            self.via, self.call_id, self.cseq
        );
        match Message::parse(text.as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn sign(&mut self, request: &mut Request, name: &str, password: &str) {
        let refusal = self
            .registrar
            .authenticate(self.now, self.flow.remote.ip(), request);
        let headers = refusal.expect_err("it is not signed").headers;
        let challenge = Challenge::parse(headers[0].1.as_bytes()).expect("it is one");
        let credentials = Credentials {
            username: name.into(),
            password: password.into(),
        };
        let mut client = DigestClient::new(challenge, credentials, &mut SmallRng::seed_from_u64(1));
        let line = client.authorize("REGISTER", URI, b"");
        request.headers.push(Header::Authorization, line);
    }

    /// The status, and what comes with it.
    fn register(&mut self, lines: &str) -> (u16, Vec<String>) {
        let mut request = self.request(lines);
        self.sign(&mut request, "anna", "secret");
        self.ask(&request)
    }

    fn ask(&mut self, request: &Request) -> (u16, Vec<String>) {
        let values = |lines: Lines| lines.into_iter().map(|(_, value)| value).collect();
        match self.registrar.register(self.now, self.flow, request) {
            Ok(lines) => (200, values(lines)),
            Err(refusal) => (refusal.status, values(refusal.headers)),
        }
    }

    fn rung(&self) -> Option<String> {
        let binding = self.registrar.binding("anna")?;
        Some(binding.contact.to_string())
    }

    fn changes(&mut self) -> Vec<(String, Option<Instant>)> {
        std::iter::from_fn(|| self.registrar.poll_change()).collect()
    }
}

#[test]
fn who_proves_to_be_anna_is_called_by_the_way_that_the_register_came() {
    let mut desk = desk();
    let contact = "Contact: <sip:anna@10.0.0.7:5070>;expires=120\r\n";
    let unsigned = desk.request(contact);
    assert_eq!(desk.ask(&unsigned).0, 401);
    assert_eq!(desk.rung(), None);
    let answer = desk.register(contact);
    let bound = "<sip:anna@10.0.0.7:5070>;q=1;expires=120";
    assert_eq!(answer, (200, vec![bound.to_owned()]));
    let binding = desk.registrar.binding("anna").expect("she is there");
    assert_eq!(binding.flow, desk.flow);
    assert!(desk.registrar.knows(desk.flow));
    let until = desk.now + Duration::from_secs(120);
    assert_eq!(desk.changes(), [("anna".to_owned(), Some(until))]);
    assert_eq!(desk.register("").1, [bound], "it tells what there is");
}

#[test]
fn nobody_else_registers_as_anna() {
    let mut desk = desk();
    for (name, password, expected) in [
        ("anna", "guess", (401, true)),
        ("nobody", "secret", (401, true)),
        ("ben", "other", (401, true)),
    ] {
        let mut request = desk.request("Contact: <sip:x@192.0.2.9>\r\n");
        desk.sign(&mut request, name, password);
        let refusal = desk.registrar.register(desk.now, desk.flow, &request);
        let refusal = refusal.expect_err(name);
        assert_eq!((refusal.status, refusal.is_guess), expected, "{name}");
    }
    assert_eq!(desk.rung(), None);
    assert_eq!(desk.changes(), []);
}

#[test]
fn who_proves_to_be_ben_is_not_anna() {
    let mut desk = desk();
    let lines = "Contact: <sip:x@192.0.2.9>\r\n";
    let mut request = desk.request(lines);
    request.headers.set(Header::To, "<sip:ben@zeroline.local>");
    desk.sign(&mut request, "ben", "other");
    request.headers.set(Header::To, "<sip:anna@zeroline.local>");
    assert_eq!(desk.ask(&request), (403, vec![]));
    let mut bens = desk.request(lines);
    bens.headers.set(Header::To, "<sip:ben@zeroline.local>");
    desk.sign(&mut bens, "ben", "other");
    assert_eq!(desk.ask(&bens).0, 200);
    assert_eq!(desk.rung(), None);
    assert!(desk.registrar.binding("ben").is_some());
}

#[test]
fn a_binding_ends_with_its_time_its_connection_or_its_phones_wish() {
    let mut desk = desk();
    let contact = "Contact: <sip:a@192.0.2.9>\r\n";
    desk.register(&format!("{contact}Expires: 60\r\n"));
    let end = desk.now + Duration::from_secs(60);
    assert_eq!(desk.registrar.next_timeout(), Some(end));
    desk.changes();
    desk.registrar
        .handle_timeout(end - Duration::from_millis(1));
    assert_eq!(desk.changes(), []);
    desk.registrar.handle_timeout(end);
    assert_eq!(desk.changes(), [("anna".to_owned(), None)]);

    desk.register(contact);
    let other = flow(Protocol::Udp, "192.0.2.9:5071");
    desk.registrar.flow_lost(other);
    assert!(desk.rung().is_some());
    desk.registrar.flow_lost(desk.flow);
    assert_eq!(desk.rung(), None);

    for removed in [
        "Contact: *\r\nExpires: 0\r\n",
        "Contact: <sip:a@192.0.2.9>;expires=0\r\n",
    ] {
        desk.register(contact);
        desk.changes();
        assert_eq!(desk.register(removed), (200, vec![]));
        assert_eq!(desk.changes(), [("anna".to_owned(), None)]);
    }
}

#[test]
fn times_are_kept_within_limits() {
    for (lines, expected) in [
        ("Contact: <sip:a@192.0.2.9>;expires=29\r\n", (423, "30")),
        ("Contact: <sip:a@192.0.2.9>\r\nExpires: 7\r\n", (423, "30")),
        (
            "Contact: <sip:a@192.0.2.9>\r\n",
            (200, "<sip:a@192.0.2.9>;q=1;expires=300"),
        ),
        (
            "Contact: <sip:a@192.0.2.9>;expires=99999;q=0.5\r\n",
            (200, "<sip:a@192.0.2.9>;q=0.5;expires=300"),
        ),
    ] {
        let (status, told) = desk().register(lines);
        assert_eq!((status, told[0].as_str()), expected, "{lines}");
    }
    let behind_nat = |protocol| {
        let mut desk = desk();
        desk.via = "10.0.0.7:5060";
        desk.flow = flow(protocol, "192.0.2.9:40000");
        desk.register("Contact: <sip:a@10.0.0.7>\r\n").1.remove(0)
    };
    assert_eq!(behind_nat(Protocol::Udp), "<sip:a@10.0.0.7>;q=1;expires=60");
    assert_eq!(
        behind_nat(Protocol::Tcp),
        "<sip:a@10.0.0.7>;q=1;expires=300"
    );
}

#[test]
fn what_is_older_than_what_was_done_is_not_done() {
    let mut desk = desk();
    desk.cseq = 10;
    let contact = "Contact: <sip:a@192.0.2.9>\r\n";
    assert_eq!(desk.register(contact).0, 200);
    for lines in [
        contact,
        "Contact: <sip:b@192.0.2.9>, <sip:a@192.0.2.9>\r\n",
        "Contact: *\r\nExpires: 0\r\n",
    ] {
        desk.cseq = 10;
        assert_eq!(desk.register(lines).0, 500, "{lines}");
    }
    assert_eq!(desk.register("").1.len(), 1, "nothing was done by half");
    // A telephone that starts anew counts anew.
    (desk.call_id, desk.cseq) = ("c2", 0);
    assert_eq!(desk.register(contact).0, 200);
}

#[test]
fn of_several_telephones_the_preferred_one_rings_of_equals_the_one_that_came_last() {
    let mut desk = desk();
    desk.register("Contact: <sip:first@192.0.2.9>\r\n");
    desk.register("Contact: <sip:second@192.0.2.9>\r\n");
    assert_eq!(desk.rung().as_deref(), Some("sip:second@192.0.2.9"));
    desk.register("Contact: <sip:first@192.0.2.9>\r\n");
    assert_eq!(
        desk.rung().as_deref(),
        Some("sip:second@192.0.2.9"),
        "only registered again"
    );
    desk.register("Contact: <sip:second@192.0.2.9>;q=0.9\r\n");
    assert_eq!(desk.rung().as_deref(), Some("sip:first@192.0.2.9"));
}

#[test]
fn one_more_telephone_than_there_is_room_for_takes_the_oldest_ones_place() {
    let mut desk = desk();
    for n in 0..=MAX_BINDINGS {
        desk.register(&format!("Contact: <sip:a@192.0.2.{n}>\r\n"));
    }
    let (_, bound) = desk.register("");
    assert_eq!(bound.len(), MAX_BINDINGS);
    assert!(
        bound.iter().all(|line| !line.contains("@192.0.2.0>")),
        "{bound:?}"
    );
    let many = "Contact: <sip:a@h>, <sip:b@h>, <sip:c@h>, <sip:d@h>, <sip:e@h>, <sip:f@h>\r\n";
    assert_eq!(desk.register(many).0, 400);
}

#[test]
fn what_cannot_be_done_is_refused() {
    for (lines, status) in [
        ("Contact: *\r\n", 400),
        ("Contact: *, <sip:a@h>\r\nExpires: 0\r\n", 400),
        ("Contact: <tel:+44123>\r\n", 400),
        ("Contact: <sips:a@h>\r\n", 400),
        ("Contact: <sip:a@h?Subject=x>\r\n", 400),
        ("Require: path\r\nContact: <sip:a@h>\r\n", 420),
    ] {
        let mut desk = desk();
        assert_eq!(desk.register(lines).0, status, "{lines}");
        assert_eq!(desk.rung(), None, "{lines}");
    }
}

#[test]
fn passwords_do_not_show() {
    let mut desk = desk();
    desk.register("Contact: <sip:a@192.0.2.9>\r\n");
    let shown = format!("{:?}", desk.registrar);
    assert!(
        shown.contains("192.0.2.9") && !shown.contains("secret"),
        "{shown}"
    );
}

/// Anna's telephones use SHA-256, Ben's MD5: who is neither seems to be one of them, and always the same.
#[test]
fn the_challenge_does_not_tell_who_is_an_agent() {
    let mut desk = desk();
    let mut hash_of = |name: &str| {
        let mut request = desk.request("");
        let to = format!("<sip:{name}@zeroline.local>");
        request.headers.set(Header::To, to);
        let (status, values) = desk.ask(&request);
        assert_eq!(status, 401);
        let challenge = &values[0];
        let challenge = Challenge::parse(challenge.as_bytes()).expect("it is one");
        challenge.algorithm.hash
    };
    let strangers = |hash_of: &mut dyn FnMut(&str) -> Hash| -> Vec<Hash> {
        (0..40)
            .map(|number| hash_of(&format!("n{number}")))
            .collect()
    };
    let first = strangers(&mut hash_of);
    assert_eq!(first, strangers(&mut hash_of));
    for hash in [Hash::Md5, Hash::Sha256] {
        assert!(first.contains(&hash), "{hash:?}");
    }
    assert_eq!((hash_of("anna"), hash_of("ben")), (Hash::Sha256, Hash::Md5));
}

proptest! {
    /// Whatever is asked and however time passes: never more telephones than are allowed, none beyond
    /// its time, and who is told to be there can be rung.
    #[test]
    fn bindings_are_bounded_and_end(
        steps in proptest::collection::vec((0..8u32, 0..90u32, 0..40u64, any::<bool>()), 0..40)
    ) {
        let mut desk = desk();
        let mut told = None;
        for (contact, expires, pass, restart) in steps {
            desk.now += Duration::from_secs(pass);
            desk.registrar.handle_timeout(desk.now);
            if restart {
                (desk.call_id, desk.cseq) = (["c2", "c1"][usize::from(desk.call_id == "c2")], 0);
            }
            desk.register(&format!("Contact: <sip:{contact}@192.0.2.9>;expires={expires}\r\n"));
            for (_, until) in desk.changes() {
                told = until;
            }
            let bindings = &desk.registrar.users["anna"].bindings;
            prop_assert!(bindings.len() <= MAX_BINDINGS);
            prop_assert!(bindings.iter().all(|binding| desk.now < binding.until));
            prop_assert_eq!(bindings.iter().map(|binding| binding.until).max(), told);
            prop_assert_eq!(desk.registrar.binding("anna").is_some(), told.is_some());
        }
        desk.registrar.handle_timeout(desk.now + HOUR);
        prop_assert_eq!(desk.registrar.next_timeout(), None);
    }

    #[test]
    fn no_register_panics(lines in "((Contact|Expires|Authorization|Require): [<>;=@:,*a-z0-9\" -]{0,40}\r\n){0,4}") {
        let mut desk = desk();
        let text = format!(
            "REGISTER {URI} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
             From: <sip:anna@h>;tag=1\r\nTo: <sip:anna@h>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n{lines}\r\n"
        );
        if let Ok(Message::Request(mut request)) = Message::parse(text.as_bytes()) {
            desk.ask(&request);
            request.headers.remove(Header::Authorization);
            desk.sign(&mut request, "anna", "secret");
            desk.ask(&request);
        }
    }
}
