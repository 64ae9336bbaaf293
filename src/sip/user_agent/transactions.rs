//! The tables of transactions: found by branch, bounded, each with what the user agent keeps of its
//! request until it is answered.

use crate::sip::client_transaction::ClientTransaction;
use crate::sip::flow::Flow;
use crate::sip::message::Request;
use crate::sip::method::Method;
use crate::sip::server_transaction::ServerTransaction;
use crate::sip::slab::{Key, Slab};
use crate::sip::token::Token;
use crate::sip::user_agent::event::{LegId, RegistrationId};
use bytes::Bytes;
use rustc_hash::{FxHashMap, FxSeededState};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// A server transaction and its request.
pub(super) struct Server {
    pub machine: ServerTransaction,
    /// Where responses go.
    pub flow: Flow,
    /// Until the final response.
    pub request: Option<Arc<Request>>,
    /// The To tag of responses, where the request has none.
    pub local_tag: Token,
    /// The leg that an INVITE belongs to.
    pub leg: Option<LegId>,
    /// The time of this transaction's entry in the timer queue.
    pub armed: Option<Instant>,
    id: Box<str>,
    merge_id: Option<Box<str>>,
}

/// The server transactions. Peers choose the branches, so the hash is seeded.
pub(super) struct Servers {
    pub slab: Slab<Server>,
    by_id: HashMap<Box<str>, Key, FxSeededState>,
    by_merge_id: HashMap<Box<str>, Key, FxSeededState>,
}

impl Servers {
    pub fn new(limit: usize, seed: usize) -> Self {
        Self {
            slab: Slab::new(limit),
            by_id: HashMap::with_hasher(FxSeededState::with_seed(seed)),
            by_merge_id: HashMap::with_hasher(FxSeededState::with_seed(seed)),
        }
    }

    pub fn find(&self, id: &str) -> Option<Key> {
        self.by_id.get(id).copied()
    }

    pub fn find_merged(&self, merge_id: &str) -> Option<Key> {
        self.by_merge_id.get(merge_id).copied()
    }

    /// `None` when the table is full.
    pub fn insert(
        &mut self,
        id: Box<str>,
        machine: ServerTransaction,
        flow: Flow,
        request: Arc<Request>,
        local_tag: Token,
    ) -> Option<Key> {
        let merge_id = machine.is_invite().then(|| merge_id(&request)).flatten();
        let key = self.slab.insert(Server {
            machine,
            flow,
            request: Some(request),
            local_tag,
            leg: None,
            armed: None,
            id: id.clone(),
            merge_id: merge_id.clone(),
        })?;
        self.by_id.insert(id, key);
        if let Some(merge_id) = merge_id {
            self.by_merge_id.entry(merge_id).or_insert(key);
        }
        Some(key)
    }

    pub fn remove(&mut self, key: Key) {
        let Some(server) = self.slab.remove(key) else {
            return;
        };
        self.by_id.remove(&server.id);
        if let Some(merge_id) = server.merge_id
            && self.by_merge_id.get(&merge_id) == Some(&key)
        {
            self.by_merge_id.remove(&merge_id);
        }
    }
}

/// What a request's transaction is found by (RFC 3261, 17.2.3); ACK and CANCEL find their INVITE's.
/// `None` without a readable Via, From, Call-ID or CSeq.
pub(super) fn server_id(request: &Request) -> Option<Box<str>> {
    let headers = &request.headers;
    let via = headers.top_via()?;
    let method = match request.method {
        Method::Ack | Method::Cancel => "INVITE",
        ref method => method.as_str(),
    };
    if let Some(branch) = via.rfc3261_branch() {
        let port = via.port.unwrap_or(0);
        return Some(format!("{branch} {}:{port} {method}", via.host).into());
    }
    let from = headers.from()?;
    let cseq = headers.cseq()?.number;
    let (tag, call_id) = (from.tag().unwrap_or_default(), headers.call_id()?);
    Some(format!("{} {tag} {call_id} {cseq} {via} {method}", request.uri).into())
}

/// What a request that came by two ways has in common (RFC 3261, 8.2.2.2); `None` within a dialog.
pub(super) fn merge_id(request: &Request) -> Option<Box<str>> {
    let headers = &request.headers;
    if headers.to()?.tag().is_some() {
        return None;
    }
    let from = headers.from()?;
    let cseq = headers.cseq()?;
    Some(format!("{} {} {cseq}", from.tag()?, headers.call_id()?).into())
}

/// Whose request it is that a client transaction carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Invite(LegId),
    Reinvite(LegId),
    /// A session refresh by UPDATE.
    Refresh(LegId),
    Bye(LegId),
    Refer(LegId),
    /// INFO, PRACK: within a leg, but nobody waits for the response.
    Quiet(LegId),
    Register(RegistrationId),
    /// Outside of any dialog.
    Options,
    /// An INVITE whose server said nothing, so that another has been tried since.
    Abandoned {
        cancelled: bool,
    },
    /// CANCEL, and the BYE of a fork: of no leg.
    Nobody,
}

impl Purpose {
    pub fn leg(self) -> Option<LegId> {
        match self {
            Purpose::Invite(leg)
            | Purpose::Reinvite(leg)
            | Purpose::Refresh(leg)
            | Purpose::Bye(leg)
            | Purpose::Refer(leg)
            | Purpose::Quiet(leg) => Some(leg),
            Purpose::Register(_)
            | Purpose::Options
            | Purpose::Abandoned { .. }
            | Purpose::Nobody => None,
        }
    }
}

/// A client transaction and its request.
pub(super) struct Client {
    pub machine: ClientTransaction,
    pub flow: Flow,
    pub branch: Token,
    pub method: Method,
    pub purpose: Purpose,
    /// Until the final response: a challenge has it sent again, an INVITE's ACK and CANCEL copy it.
    pub request: Option<Box<Request>>,
    /// How often the request was sent anew with credentials.
    pub attempts: u8,
    /// The ACK of an INVITE's final response and the To tag that it answers.
    pub ack: Option<(Box<str>, Bytes)>,
    pub ack_flow: Flow,
    pub armed: Option<Instant>,
}

/// The client transactions, by branch and whether it is a CANCEL's (which shares its INVITE's).
pub(super) struct Clients {
    pub slab: Slab<Client>,
    by_branch: FxHashMap<(Token, bool), Key>,
    /// Those without a final response, by flow: who is to be told when a connection fails.
    waiting: BTreeSet<(Flow, Key)>,
}

impl Clients {
    pub fn new(limit: usize) -> Self {
        Self {
            slab: Slab::new(limit),
            by_branch: FxHashMap::default(),
            waiting: BTreeSet::new(),
        }
    }

    pub fn find(&self, branch: Token, cancel: bool) -> Option<Key> {
        self.by_branch.get(&(branch, cancel)).copied()
    }

    /// `None` when the table is full.
    pub fn insert(&mut self, client: Client) -> Option<Key> {
        let id = (client.branch, client.method == Method::Cancel);
        let flow = client.flow;
        let key = self.slab.insert(client)?;
        self.by_branch.insert(id, key);
        self.waiting.insert((flow, key));
        Some(key)
    }

    /// Its final response came, or never will.
    pub fn waits_no_more(&mut self, key: Key) {
        if let Some(client) = self.slab.get(key) {
            self.waiting.remove(&(client.flow, key));
        }
    }

    /// Its final response is awaited by another flow.
    pub fn wait_on(&mut self, key: Key, flow: Flow) {
        if let Some(client) = self.slab.get_mut(key)
            && self.waiting.remove(&(client.flow, key))
        {
            client.flow = flow;
            self.waiting.insert((flow, key));
        }
    }

    pub fn waiting_on(&self, flow: Flow) -> Vec<Key> {
        let of_flow = |entry: &&(Flow, Key)| entry.0 == flow;
        let from = (flow, Key::FIRST);
        self.waiting
            .range(from..)
            .take_while(of_flow)
            .map(|(_, key)| *key)
            .collect()
    }

    pub fn remove(&mut self, key: Key) {
        self.waits_no_more(key);
        if let Some(client) = self.slab.remove(key) {
            let id = (client.branch, client.method == Method::Cancel);
            self.by_branch.remove(&id);
        }
    }
}
