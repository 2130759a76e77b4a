//! Peers that do not keep to any protocol.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

use crate::dice::Dice;

/// How often a peer looks whether the round is over.
const LOOK_UP: Duration = Duration::from_millis(20);

/// Sends datagrams that mean nothing, the largest and the empty one among them;
/// gives how many.
pub fn datagrams(dice: &mut Dice, to: SocketAddr) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let count = dice.up_to(6);
    for _ in 0..count {
        let datagram = match dice.up_to(4) {
            0 => Vec::new(),
            1 => vec![0xff; 65507],
            2 => b"Ping 18446744073709551616 x".to_vec(),
            3 => b"1 1e308".to_vec(),
            _ => dice.bytes(600),
        };
        socket.send_to(&datagram, to).unwrap();
    }
    count
}

/// Connections that say something and leave in one way or another.
pub fn connections(dice: &mut Dice, to: SocketAddr) {
    for _ in 0..dice.up_to(3) {
        let Ok(stream) = TcpStream::connect(to) else { return };
        // The server may have turned it away already.
        let _ = (&stream).write_all(&dice.bytes(3000));
        if dice.one_in(2) {
            // Closing resets the connection then, tcp(7).
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// A peer in a thread of its own, which ends with the value.
struct Peer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    fn start(serve: impl FnOnce(&AtomicBool) + Send + 'static) -> Peer {
        let stop = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&stop);
        Peer { stop, thread: Some(thread::spawn(move || serve(&shared))) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers each datagram rightly, wrongly, twice, late, from elsewhere or not at all.
pub struct UdpServer {
    pub address: SocketAddr,
    _peer: Peer,
}

impl UdpServer {
    pub fn start(seed: u64) -> UdpServer {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(LOOK_UP)).unwrap();
        let address = socket.local_addr().unwrap();
        let peer = Peer::start(move |stop| {
            let (mut dice, mut buffer) = (Dice::new(seed), [0; 65536]);
            while !stop.load(Ordering::SeqCst) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    answer(&mut dice, &socket, &buffer[..length], from);
                }
            }
        });
        UdpServer { address, _peer: peer }
    }
}

fn answer(dice: &mut Dice, socket: &UdpSocket, request: &[u8], from: SocketAddr) {
    // What the ping's client, the heartbeat's and the echo's take for a reply.
    let text = String::from_utf8_lossy(request).into_owned();
    let beat = format!("{} 0.001", text.split(' ').next().unwrap_or_default());
    let right =
        [text.to_ascii_uppercase(), beat, text][dice.up_to(2) as usize].clone().into_bytes();
    // Whoever asked may be gone.
    let send = |bytes: &[u8]| drop(socket.send_to(bytes, from));
    match dice.up_to(8) {
        0 => {}
        1 => send(&dice.bytes(200)),
        2 => send(&right[..dice.up_to(right.len() as u64) as usize]),
        3 => (0..2).for_each(|_| send(&right)),
        4 => send(&[right.as_slice(), b"!"].concat()),
        5 => {
            let elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();
            let _ = elsewhere.send_to(&right, from);
        }
        6 => {
            thread::sleep(Duration::from_millis(dice.up_to(90)));
            send(&right);
        }
        7 => send(&vec![b'9'; 65507]),
        _ => send(&right),
    }
}

/// Takes connections in, and gives each of them something else to suffer from.
pub struct TcpServer {
    pub address: SocketAddr,
    _peer: Peer,
}

impl TcpServer {
    pub fn start(seed: u64) -> TcpServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let peer = Peer::start(move |stop| {
            let mut dice = Dice::new(seed);
            while !stop.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((stream, _)) => drop(suffer(&mut dice, &stream)),
                    Err(_) => thread::sleep(Duration::from_millis(2)),
                }
            }
        });
        TcpServer { address, _peer: peer }
    }
}

fn suffer(dice: &mut Dice, stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(LOOK_UP))?;
    stream.set_write_timeout(Some(LOOK_UP))?;
    let mut stream = stream;
    for _ in 0..dice.up_to(4) {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        let right = match dice.one_in(2) {
            true => buffer[..length].to_ascii_uppercase(),
            false => buffer[..length].to_vec(),
        };
        match dice.up_to(6) {
            0 => {}
            1 => stream.write_all(&dice.bytes(5000))?,
            2 => stream.write_all(&right[..dice.up_to(length as u64) as usize])?,
            3 => stream.write_all(&[right.as_slice(), b"!"].concat())?,
            4 => {
                for byte in right {
                    stream.write_all(&[byte])?;
                    thread::sleep(Duration::from_millis(dice.up_to(4)));
                }
            }
            5 => stream.write_all(b"LOST")?,
            _ => stream.write_all(&right)?,
        }
    }
    if dice.one_in(3) {
        SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
    }
    Ok(())
}
