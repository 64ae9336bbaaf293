//! UDP sockets that take and give many datagrams with one system call, each with the kernel's time
//! of its arrival: the caller must cost less than the server that it measures.

use std::mem::{size_of, zeroed};
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

const BATCH: usize = 64;
const LENGTH: usize = 2048;
const CONTROL: usize = 64;

/// Space for what one system call takes.
pub struct Batch {
    bytes: Vec<[u8; LENGTH]>,
    control: Vec<[u64; CONTROL / 8]>,
    sources: Vec<libc::sockaddr_in>,
}

pub struct Datagram<'a> {
    pub source_port: u16,
    /// Nanoseconds since 1970.
    pub arrived: u64,
    pub bytes: &'a [u8],
}

impl Default for Batch {
    fn default() -> Batch {
        Batch {
            bytes: vec![[0; LENGTH]; BATCH],
            control: vec![[0; CONTROL / 8]; BATCH],
            // SAFETY: an address of zeros is a valid value.
            sources: vec![unsafe { zeroed() }; BATCH],
        }
    }
}

/// A socket on a free port, with a wide buffer and times of arrival.
pub fn open() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    socket.set_nonblocking(true).expect("the kernel allows it");
    for (name, value) in [
        (libc::SO_RCVBUF, 4 << 20),
        // Beyond the usual limit, where we may.
        (libc::SO_RCVBUFFORCE, 4 << 20),
        (libc::SO_TIMESTAMPNS, 1),
    ] {
        let value: libc::c_int = value;
        // SAFETY: the pointer is to an int that lives, and the length is its own.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                name,
                ptr::from_ref(&value).cast(),
                size_of::<libc::c_int>() as u32,
            );
        }
    }
    socket
}

/// Nanoseconds since 1970, on the clock of the times of arrival.
pub fn now() -> u64 {
    let now = std::time::UNIX_EPOCH.elapsed().expect("it is after 1970");
    now.as_nanos() as u64
}

impl Batch {
    /// Hands over all that waits in the socket.
    pub fn receive(&mut self, socket: &UdpSocket, mut handle: impl FnMut(Datagram)) {
        loop {
            let count = self.receive_some(socket, &mut handle);
            if count < BATCH {
                return;
            }
        }
    }

    fn receive_some(&mut self, socket: &UdpSocket, handle: &mut impl FnMut(Datagram)) -> usize {
        // SAFETY: headers of zeros are valid, and are filled below.
        let mut vectors: [libc::iovec; BATCH] = unsafe { zeroed() };
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        for index in 0..BATCH {
            vectors[index].iov_base = self.bytes[index].as_mut_ptr().cast();
            vectors[index].iov_len = LENGTH;
            let header = &mut headers[index].msg_hdr;
            header.msg_name = ptr::from_mut(&mut self.sources[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
            header.msg_iov = &mut vectors[index];
            header.msg_iovlen = 1;
            header.msg_control = self.control[index].as_mut_ptr().cast();
            header.msg_controllen = CONTROL;
        }
        // SAFETY: every pointer in the headers is to memory of the given length that lives.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).unwrap_or(0);
        for (index, header) in headers.iter().enumerate().take(count) {
            handle(Datagram {
                source_port: u16::from_be(self.sources[index].sin_port),
                arrived: arrival(&header.msg_hdr),
                bytes: &self.bytes[index][..header.msg_len as usize],
            });
        }
        count
    }
}

fn arrival(header: &libc::msghdr) -> u64 {
    // SAFETY: the kernel filled the control messages of this header.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header);
        if message.is_null() || (*message).cmsg_type != libc::SCM_TIMESTAMPNS {
            return now();
        }
        let time: libc::timespec = ptr::read_unaligned(libc::CMSG_DATA(message).cast());
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

/// Sends each of the packets, at most 64, to its port on `to`'s address.
pub fn send(socket: &UdpSocket, to: SocketAddrV4, packets: &[(u16, &[u8])]) {
    for packets in packets.chunks(BATCH) {
        // SAFETY: headers of zeros are valid, and are filled below.
        let mut addresses: [libc::sockaddr_in; BATCH] = unsafe { zeroed() };
        let mut vectors: [libc::iovec; BATCH] = unsafe { zeroed() };
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        for (index, (port, bytes)) in packets.iter().enumerate() {
            let address = &mut addresses[index];
            address.sin_family = libc::AF_INET as u16;
            address.sin_port = port.to_be();
            address.sin_addr.s_addr = u32::from_ne_bytes(to.ip().octets());
            vectors[index].iov_base = bytes.as_ptr().cast_mut().cast();
            vectors[index].iov_len = bytes.len();
            let header = &mut headers[index].msg_hdr;
            header.msg_name = ptr::from_mut(address).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
            header.msg_iov = &mut vectors[index];
            header.msg_iovlen = 1;
        }
        // SAFETY: every pointer in the headers is to memory of the given length that lives.
        // What does not go out shows as loss.
        unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                packets.len() as u32,
                libc::MSG_DONTWAIT as _,
            );
        }
    }
}
