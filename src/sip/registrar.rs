//! A registrar (RFC 3261, 10.3): who has proven to be whom, and where their telephones are.
//!
//! A telephone is called by the way that its REGISTER came, whatever its Contact names: so it is
//! reached behind a NAT, and no Contact makes this server call somebody else.

use crate::sip::authorization::Authorization;
use crate::sip::digest::Hash;
use crate::sip::digest_server::{DigestServer, Key, Unproven};
use crate::sip::flow::{Flow, Protocol};
use crate::sip::header::Header;
use crate::sip::message::Request;
use crate::sip::method::Method;
use crate::sip::name_addr::NameAddr;
use crate::sip::uri::Uri;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A shorter one is refused with 423.
const SHORTEST: Duration = Duration::from_secs(30);
/// A longer one is shortened to it, and it is given where none is asked for: within so long all are back
/// when the server has started anew.
const LONGEST: Duration = Duration::from_secs(300);
/// Behind a NAT a datagram's way is kept open by nothing but what comes from there.
const LONGEST_BEHIND_NAT: Duration = Duration::from_secs(60);
/// Of one user. One more takes the place of that which registered longest ago.
const MAX_BINDINGS: usize = 5;

/// What a response carries beside its status.
pub type Lines = Vec<(Header, String)>;

pub struct Registrar {
    digest: DigestServer,
    users: BTreeMap<String, User>,
    /// Counts the bindings made.
    made: u64,
    changed: BTreeSet<String>,
}

/// Who may register.
pub struct Account {
    pub name: String,
    pub password: String,
    /// What proofs are made with.
    pub hash: Hash,
}

struct User {
    password: String,
    hash: Hash,
    bindings: Vec<Binding>,
}

/// Where a telephone is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The Request-URI of calls there.
    pub contact: Uri,
    /// The way that calls there take.
    pub flow: Flow,
    until: Instant,
    /// In thousandths.
    preference: u32,
    /// The `+sip.instance` of its Contact (RFC 5626, 4.1): it has it for good.
    instance: Option<String>,
    call_id: String,
    cseq: u32,
    /// The greater, the later it came.
    order: u64,
}

/// A request that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub headers: Lines,
    /// It came with a name or a password that is wrong, from who has our challenge for that address.
    pub is_guess: bool,
}

/// What one Contact of a REGISTER asks for.
struct Wish {
    contact: NameAddr,
    /// Zero: to be removed.
    expires: Duration,
}

impl Registrar {
    /// `secret` must be one that nobody guesses.
    pub fn new(
        now: Instant,
        realm: impl Into<String>,
        accounts: impl IntoIterator<Item = Account>,
        secret: [u8; 32],
    ) -> Registrar {
        let user = |account: Account| User {
            password: account.password,
            hash: account.hash,
            bindings: Vec::new(),
        };
        let users = accounts.into_iter();
        Registrar {
            digest: DigestServer::new(now, realm, secret),
            users: users.map(|of| (of.name.clone(), user(of))).collect(),
            made: 0,
            changed: BTreeSet::new(),
        }
    }

    /// Who sent the request from `source`; else the challenge.
    pub fn authenticate(
        &mut self,
        now: Instant,
        source: IpAddr,
        request: &Request,
    ) -> Result<String, Refusal> {
        let users = &self.users;
        let key_of = |name: &str| users.get(name).map(User::key);
        let proven = self.digest.verify(now, source, request, key_of);
        proven.map_err(|unproven| {
            let claimed = claimed(request);
            let hash = users.get(&claimed).map(|user| user.hash);
            // Who is nobody has one as if they were somebody: strangers are not told who is.
            let hashes: Vec<Hash> = users.values().map(|user| user.hash).collect();
            let hash = hash.or_else(|| self.digest.pick(&claimed, &hashes).copied());
            let hash = hash.unwrap_or(Hash::Md5);
            let stale = unproven == Unproven::Stale;
            let challenge = self.digest.challenge(now, source, hash, stale);
            Refusal {
                is_guess: unproven == Unproven::Wrong,
                ..refuse_with(401, Header::WwwAuthenticate, challenge)
            }
        })
    }

    /// Does what a REGISTER asks, all of it or nothing. What the 200 says: the bindings that are there.
    pub fn register(
        &mut self,
        now: Instant,
        flow: Flow,
        request: &Request,
    ) -> Result<Lines, Refusal> {
        let required = request.headers.require();
        if !required.is_empty() {
            return Err(refuse_with(420, Header::Unsupported, required.join(", ")));
        }
        let name = self.authenticate(now, flow.remote.ip(), request)?;
        let of = request.headers.to().ok_or(refuse(400))?;
        if of.uri.user() != name {
            return Err(refuse(403));
        }
        self.handle_timeout(now);
        let wishes = wishes(request)?;
        let user = self.users.get_mut(&name).ok_or(refuse(404))?;
        let update = Update::of(now, flow, request).ok_or(refuse(400))?;
        if !update.is_in_order(&user.bindings, wishes.as_deref()) {
            return Err(refuse(500));
        }
        match wishes {
            None => user.bindings.clear(),
            Some(wishes) => {
                for wish in wishes {
                    self.made += 1;
                    update.make(&mut user.bindings, wish, self.made);
                }
            }
        }
        let lines = user.bindings.iter().map(|binding| binding.line(now));
        let lines = lines.collect();
        self.changed.insert(name);
        Ok(lines)
    }

    /// Where a user is called: at the telephone of the highest `q`, of equals at that which came last.
    pub fn binding(&self, user: &str) -> Option<&Binding> {
        let bindings = self.users.get(user)?.bindings.iter();
        bindings.max_by_key(|binding| (binding.preference, binding.order))
    }

    /// A user's telephone that registered once, as it is registered by this way.
    pub fn telephone(&self, user: &str, known: &Binding, flow: Flow) -> Option<&Binding> {
        let mut bindings = self.users.get(user)?.bindings.iter();
        bindings.find(|binding| binding.flow == flow && binding.is_telephone_of(known))
    }

    /// Whether somebody registered by this way.
    pub fn knows(&self, flow: Flow) -> bool {
        let mut users = self.users.values();
        users.any(|user| user.bindings.iter().any(|binding| binding.flow == flow))
    }

    /// Whether the request came by the way by which a telephone of theirs registered, who it says sent it.
    pub fn knows_sender(&self, flow: Flow, request: &Request) -> bool {
        let claimed = claimed(request);
        let lines = request.headers.lines(Header::Authorization);
        let mut proofs = lines.map(|line| Authorization::parse(line));
        let is_theirs = |user: &User| user.bindings.iter().any(|binding| binding.flow == flow);
        self.users.get(&claimed).is_some_and(is_theirs)
            && proofs.all(|proof| proof.is_ok_and(|proof| proof.username == claimed))
    }

    /// The connection is closed: nobody is reached by it any more.
    pub fn flow_lost(&mut self, flow: Flow) {
        self.retain(|binding| binding.flow != flow);
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let bindings = self.users.values().flat_map(|user| &user.bindings);
        bindings.map(|binding| binding.until).min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.retain(|binding| now < binding.until);
    }

    /// The next user whose bindings have changed, and how long the last of them lasts.
    pub fn poll_change(&mut self) -> Option<(String, Option<Instant>)> {
        let name = self.changed.pop_first()?;
        let bindings = self.users.get(&name).map(|user| user.bindings.iter());
        let until = bindings.into_iter().flatten().map(|binding| binding.until);
        let until = until.max();
        Some((name, until))
    }

    fn retain(&mut self, keep: impl Fn(&Binding) -> bool) {
        for (name, user) in &mut self.users {
            let before = user.bindings.len();
            user.bindings.retain(&keep);
            if user.bindings.len() < before {
                self.changed.insert(name.clone());
            }
        }
    }
}

impl User {
    fn key(&self) -> Key<'_> {
        Key {
            password: &self.password,
            hash: self.hash,
        }
    }
}

/// Who the request says that it is from: a REGISTER speaks of its To.
fn claimed(request: &Request) -> String {
    let from = match request.method {
        Method::Register => request.headers.to(),
        _ => request.headers.from(),
    };
    from.map(|from| from.uri.user()).unwrap_or_default()
}

/// What is the same for all Contacts of one REGISTER.
struct Update<'r> {
    now: Instant,
    flow: Flow,
    call_id: &'r str,
    cseq: u32,
    longest: Duration,
}

impl Update<'_> {
    fn of(now: Instant, flow: Flow, request: &Request) -> Option<Update<'_>> {
        let headers = &request.headers;
        let via = headers.top_via()?;
        let seen = Some(flow.remote.ip().to_canonical());
        let behind_nat = via.host.ip().map(|ip| ip.to_canonical()) != seen;
        Some(Update {
            now,
            flow,
            call_id: headers.call_id()?,
            cseq: headers.cseq()?.number,
            longest: match behind_nat && flow.protocol == Protocol::Udp {
                true => LONGEST_BEHIND_NAT,
                false => LONGEST,
            },
        })
    }

    /// Step 7: of one Call-ID only what is newer than what was done. `None`: all are to be removed.
    fn is_in_order(&self, bindings: &[Binding], wishes: Option<&[Wish]>) -> bool {
        let touched = |binding: &&Binding| {
            let is_meant = |wish: &Wish| wish.contact.uri.equivalent(&binding.contact);
            wishes.is_none_or(|wishes| wishes.iter().any(is_meant))
        };
        let mut touched = bindings.iter().filter(touched);
        touched.all(|binding| binding.call_id != self.call_id || binding.cseq < self.cseq)
    }

    fn make(&self, bindings: &mut Vec<Binding>, wish: Wish, order: u64) {
        let known = |binding: &Binding| binding.contact.equivalent(&wish.contact.uri);
        let known = bindings.iter().position(known);
        let known = known.map(|at| bindings.remove(at));
        if wish.expires.is_zero() {
            return;
        }
        if bindings.len() >= MAX_BINDINGS {
            let oldest = (0..bindings.len()).min_by_key(|at| bindings[*at].order);
            oldest.map(|at| bindings.remove(at));
        }
        bindings.push(Binding {
            preference: wish.contact.preference(),
            until: self.now + wish.expires.min(self.longest),
            flow: self.flow,
            instance: wish.contact.params.get("+sip.instance").map(str::to_owned),
            call_id: self.call_id.to_owned(),
            cseq: self.cseq,
            order: known.map_or(order, |known| known.order),
            contact: wish.contact.uri,
        });
    }
}

impl Binding {
    /// Whether both are the same telephone's. One without an instance keeps its Contact, or, where it
    /// names there how it is seen, its Call-ID (RFC 3261, 10.2).
    fn is_telephone_of(&self, other: &Binding) -> bool {
        match (&self.instance, &other.instance) {
            (Some(one), Some(other)) => one == other,
            _ => self.call_id == other.call_id || self.contact.equivalent(&other.contact),
        }
    }

    fn line(&self, now: Instant) -> (Header, String) {
        let seconds = self.until.saturating_duration_since(now).as_secs();
        let q = f64::from(self.preference) / 1000.0;
        let line = format!("<{}>;q={q};expires={seconds}", self.contact);
        (Header::Contact, line)
    }
}

/// Step 6: what the Contacts ask for; `None`: `*`, to remove all.
fn wishes(request: &Request) -> Result<Option<Vec<Wish>>, Refusal> {
    let headers = &request.headers;
    let all = headers.expires().map(u64::from).map(Duration::from_secs);
    let contacts: Vec<&[u8]> = headers.all(Header::Contact).collect();
    if contacts.contains(&&b"*"[..]) {
        let only = contacts.len() == 1 && all == Some(Duration::ZERO);
        return only.then_some(None).ok_or(refuse(400));
    }
    if contacts.len() > MAX_BINDINGS {
        return Err(refuse(400));
    }
    let wishes = contacts.into_iter().map(|contact| wish(contact, all));
    wishes.collect::<Result<_, _>>().map(Some)
}

fn wish(contact: &[u8], all: Option<Duration>) -> Result<Wish, Refusal> {
    let contact = NameAddr::parse(contact).map_err(|_| refuse(400))?;
    let uri = contact.uri.as_sip().ok_or(refuse(400))?;
    if uri.secure || uri.headers.is_some() {
        return Err(refuse(400));
    }
    // What cannot be read counts as an hour (RFC 3261, 10.2.1.1), which is shortened.
    let own = contact.params.get("expires");
    let own = own.map(|text| text.parse::<u32>().map_or(LONGEST, seconds));
    let expires = own.or(all).unwrap_or(LONGEST);
    if !expires.is_zero() && expires < SHORTEST {
        let shortest = SHORTEST.as_secs().to_string();
        return Err(refuse_with(423, Header::MinExpires, shortest));
    }
    Ok(Wish { contact, expires })
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

fn refuse(status: u16) -> Refusal {
    Refusal {
        status,
        headers: Vec::new(),
        is_guess: false,
    }
}

fn refuse_with(status: u16, header: Header, value: String) -> Refusal {
    Refusal {
        headers: vec![(header, value)],
        ..refuse(status)
    }
}

/// Passwords do not show.
impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bindings = self.users.iter().map(|(name, user)| (name, &user.bindings));
        f.debug_map().entries(bindings).finish()
    }
}

#[cfg(test)]
mod tests;
