//! Ports for programs that open theirs themselves, a moment later.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that the system gives to whoever asks for any (from 32768 on), so that nobody has it
/// meanwhile; no other in this process is near, for some open the next one too (baresip, for TLS).
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(12_000);
    loop {
        let port = NEXT.fetch_add(10, Ordering::Relaxed);
        let at = ("127.0.0.1", port);
        if UdpSocket::bind(at).is_ok() && TcpListener::bind(at).is_ok() {
            return port;
        }
    }
}
