//! A level-triggered epoll over UDP sockets, and a way to wake its thread.

use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::fd::{AsFd, OwnedFd};
use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// Level-triggered: what one turn leaves unread, the next one reads, with no second `recv` to find
/// the socket empty.
pub struct Epoll {
    fd: OwnedFd,
    waker: Waker,
}

/// Wakes the thread that waits, from any other.
#[derive(Clone)]
pub struct Waker(Arc<OwnedFd>);

/// The most sockets that one turn handles; the rest are ready in the next.
const EVENTS_PER_TURN: usize = 1024;
/// The waker's own token.
const WAKER: u64 = u64::MAX;

impl Epoll {
    pub fn new() -> io::Result<Epoll> {
        let fd = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let waker = Waker(Arc::new(eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
        )?));
        let token = epoll::EventData::new_u64(WAKER);
        epoll::add(&fd, &waker.0, token, epoll::EventFlags::IN)?;
        Ok(Epoll { fd, waker })
    }

    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    pub fn add(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let token = epoll::EventData::new_u64(token);
        Ok(epoll::add(&self.fd, socket, token, epoll::EventFlags::IN)?)
    }

    /// Puts the tokens of the sockets that can be read now into `ready`; with `block`, waits until
    /// there is one or the waker was used.
    pub fn ready(&self, block: bool, ready: &mut Vec<u64>) {
        ready.clear();
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let timeout = (!block).then_some(&at_once);
        let mut space = [const { MaybeUninit::uninit() }; EVENTS_PER_TURN];
        // An interrupted wait is an empty turn.
        if let Ok((events, _)) = epoll::wait(&self.fd, &mut space[..], timeout) {
            ready.extend(events.iter().map(|event| event.data.u64()));
        }
        if let Some(at) = ready.iter().position(|&token| token == WAKER) {
            ready.swap_remove(at);
            self.waker.reset();
        }
    }
}

impl Waker {
    pub fn wake(&self) {
        // It fails only when the counter is full, and then the thread is being woken already.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }

    fn reset(&self) {
        let _ = rustix::io::read(&*self.0, &mut [0; 8]);
    }
}
