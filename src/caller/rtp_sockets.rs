//! A call's pair of ports: RTP on an even one, RTCP on the next (RFC 3550, 11).

use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::UdpSocket;

const MAX_TRIES: usize = 100;

pub(super) struct RtpSockets {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    pub port: u16,
}

impl RtpSockets {
    pub async fn bind(address: IpAddr) -> io::Result<Self> {
        for _ in 0..MAX_TRIES {
            let rtp = UdpSocket::bind(SocketAddr::new(address, 0)).await?;
            let port = rtp.local_addr()?.port();
            if port % 2 != 0 {
                continue;
            }
            if let Ok(rtcp) = UdpSocket::bind(SocketAddr::new(address, port + 1)).await {
                return Ok(Self { rtp, rtcp, port });
            }
        }
        let message = "no even port with a free one after it was found for RTP";
        Err(io::Error::new(io::ErrorKind::AddrInUse, message))
    }
}
