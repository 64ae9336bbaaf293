//! RTP and RTCP port pairs (RFC 3550, 11: an even port and the next odd one).

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// Room for the peer's packets among a stranger's, and while the thread is busy elsewhere; the kernel
/// takes it only when it is needed.
const RECEIVE_BUFFER: usize = 128 * 1024;

/// Hands out port pairs in turn, so that a port rests as long as possible before its next use and
/// a late packet of the last call does not fall into the next one.
pub struct PortRange {
    first: u16,
    pairs: u32,
    next: AtomicU32,
}

pub struct PortPair {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    pub rtp_port: u16,
}

impl PortRange {
    /// `first..=last`; odd edges are cut off.
    pub fn new(first: u16, last: u16) -> PortRange {
        let first = first + first % 2;
        let pairs = u32::from(last).saturating_sub(u32::from(first)).div_ceil(2);
        PortRange {
            first,
            pairs,
            next: AtomicU32::new(0),
        }
    }

    /// The next free pair on `address`. Each pair of the range is tried once at most.
    pub fn open(&self, address: IpAddr) -> io::Result<PortPair> {
        for _ in 0..self.pairs {
            let index = self.next.fetch_add(1, Ordering::Relaxed) % self.pairs;
            let rtp_port = self.first + 2 * index as u16;
            match bind_pair(address, rtp_port) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => continue,
                result => return result,
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("all {} RTP port pairs are in use", self.pairs),
        ))
    }
}

fn bind_pair(address: IpAddr, rtp_port: u16) -> io::Result<PortPair> {
    let rtp = bind(SocketAddr::new(address, rtp_port))?;
    let rtcp = bind(SocketAddr::new(address, rtp_port + 1))?;
    Ok(PortPair {
        rtp,
        rtcp,
        rtp_port,
    })
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn pairs_are_even_and_odd_and_none_is_given_twice() {
        // Below what the kernel hands out.
        let range = PortRange::new(19_101, 19_106);
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let first = range.open(address).unwrap();
        let second = range.open(address).unwrap();
        assert_eq!((first.rtp_port, second.rtp_port), (19_102, 19_104));
        assert_eq!(first.rtcp.local_addr().unwrap().port(), 19_103);
        let error = range.open(address).err().unwrap();
        assert_eq!(error.to_string(), "all 2 RTP port pairs are in use");
        drop(first);
        assert_eq!(range.open(address).unwrap().rtp_port, 19_102);
    }
}
