//! Time: who is woken when.

use super::{Owner, UserAgent};
use crate::sip::slab::Key;
use crate::sip::{client_transaction, server_transaction};
use std::time::Instant;

impl UserAgent {
    /// When `handle_timeout` is to be called; it may find nothing to do then.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next_timeout()
    }

    /// Fires whatever is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, owner)) = self.timers.pop_due(now) {
            let armed = match owner {
                Owner::Server(key) => self.servers.slab.get_mut(key).map(|s| &mut s.armed),
                Owner::Client(key) => self.clients.slab.get_mut(key).map(|c| &mut c.armed),
                Owner::Leg(key) => self.legs.get_mut(key).map(|leg| &mut leg.armed),
                Owner::Registration(key) => self.registrations.get_mut(key).map(|r| &mut r.armed),
            };
            let Some(armed) = armed.filter(|armed| **armed == Some(at)) else {
                continue;
            };
            *armed = None;
            match owner {
                Owner::Server(key) => self.fire_server(now, key),
                Owner::Client(key) => self.fire_client(now, key),
                Owner::Leg(key) => self.fire_leg(now, key),
                Owner::Registration(key) => self.fire_registration(now, key),
            }
            self.arm(owner);
        }
        self.settle();
    }

    /// To be called when an owner's times have changed.
    pub(super) fn arm(&mut self, owner: Owner) {
        let times = match owner {
            Owner::Server(key) => self
                .servers
                .slab
                .get_mut(key)
                .map(|server| (server.machine.next_timeout(), &mut server.armed)),
            Owner::Client(key) => self
                .clients
                .slab
                .get_mut(key)
                .map(|client| (client.machine.next_timeout(), &mut client.armed)),
            Owner::Leg(key) => self
                .legs
                .get_mut(key)
                .map(|leg| (leg.next_timeout(), &mut leg.armed)),
            Owner::Registration(key) => self
                .registrations
                .get_mut(key)
                .map(|binding| (binding.next_timeout(), &mut binding.armed)),
        };
        let Some((Some(next), armed)) = times else {
            return;
        };
        if armed.is_none_or(|armed| next < armed) {
            *armed = Some(next);
            self.timers.arm(next, owner);
        }
    }

    /// Keeps the timer queue free of the dead.
    pub(super) fn settle(&mut self) {
        let living = self.servers.slab.len()
            + self.clients.slab.len()
            + self.legs.len()
            + self.registrations.len();
        let (servers, clients) = (&self.servers.slab, &self.clients.slab);
        let (legs, registrations) = (&self.legs, &self.registrations);
        self.timers.settle(living, |at, owner| {
            let armed = match owner {
                Owner::Server(key) => servers.get(key).and_then(|server| server.armed),
                Owner::Client(key) => clients.get(key).and_then(|client| client.armed),
                Owner::Leg(key) => legs.get(key).and_then(|leg| leg.armed),
                Owner::Registration(key) => registrations.get(key).and_then(|r| r.armed),
            };
            armed == Some(at)
        });
    }

    fn fire_server(&mut self, now: Instant, key: Key) {
        use server_transaction::Output;
        while let Some(server) = self.servers.slab.get_mut(key)
            && let Some(output) = server.machine.handle_timeout(now)
        {
            match output {
                Output::SendTrying => {
                    if let Some(response) = self.response(key, 100) {
                        self.respond(now, key, response);
                    }
                }
                Output::Transmit(bytes) => {
                    let flow = server.flow;
                    self.transmit(flow, bytes);
                }
                Output::AckTimedOut | Output::Terminated => self.servers.remove(key),
            }
        }
    }

    fn fire_client(&mut self, now: Instant, key: Key) {
        use client_transaction::Output;
        while let Some(client) = self.clients.slab.get_mut(key)
            && let Some(output) = client.machine.handle_timeout(now)
        {
            match output {
                Output::Transmit(bytes) => {
                    let flow = client.flow;
                    self.transmit(flow, bytes);
                }
                Output::TimedOut => self.request_failed(now, key),
                Output::Terminated => self.clients.remove(key),
            }
        }
    }
}
