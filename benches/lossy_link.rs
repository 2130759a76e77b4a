//! What lossy_link costs when it does no damage, beside socat on the same wire.
//!
//! ```text
//! cargo bench --bench lossy_link
//! ```
//!
//! You see how much a second passes each of the two, over UDP and over TCP, and
//! how long a datagram takes there and back, beside one that goes the direct
//! way; at the end the figures that have a bound. It takes half a minute, and
//! needs `socat`. Server and client are in this program; each figure is the
//! median of rounds in which all take turns.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(600);
/// Datagrams under way at a time, and their length in bytes.
const WINDOW: usize = 16;
const BYTES: usize = 1000;
/// What ours must reach of socat's throughput, and the most that it may add.
const BOUND: f64 = 0.8;
const MOST_US: f64 = 50.0;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let (udp, tcp) = echo_and_sink().map_err(|why| format!("no servers: {why}"))?;
    let (mut rtts, mut datagrams, mut streams) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut turns = ["direct", "ours", "socat"];
        if !round.is_multiple_of(2) {
            turns.reverse();
        }
        let (mut rtt, mut datagram, mut stream) = ([0.0; 3], [0.0; 3], [0.0; 3]);
        for way in turns {
            let place = ["direct", "ours", "socat"].iter().position(|name| *name == way);
            let place = place.unwrap_or(0);
            let wire = Wire::start(way, "udp", udp)?;
            rtt[place] = echoes(wire.address, 1).map_err(|why| format!("{way}: {why}"))?.1;
            datagram[place] =
                echoes(wire.address, WINDOW).map_err(|why| format!("{way}: {why}"))?.0;
            let wire = Wire::start(way, "tcp", tcp)?;
            stream[place] = bytes(wire.address).map_err(|why| format!("{way}: {why}"))?;
        }
        rtts.push(rtt);
        datagrams.push(datagram);
        streams.push(stream);
    }
    println!("lossy_link -q without damage, beside socat; medians of {ROUNDS} rounds\n");
    println!("  way       there and back   datagrams/s   TCP, MB/s");
    for (place, way) in ["direct", "ours", "socat"].iter().enumerate() {
        let of = |figures: &[[f64; 3]]| median(figures.iter().map(|round| round[place]));
        let (rtt, datagrams, mb) = (of(&rtts), of(&datagrams), of(&streams) / 1e6);
        println!("  {way:<8} {rtt:>12.1} µs {datagrams:>13.0} {mb:>11.0}");
    }
    println!();
    let to_socat = |figures: &[[f64; 3]]| median(figures.iter().map(|[_, us, socat]| us / socat));
    let added = median(rtts.iter().map(|[direct, us, _]| (us - direct) / 2.0));
    for (what, figure, is_met, bound) in [
        (
            "datagrams a second, ours to socat's",
            to_socat(&datagrams),
            to_socat(&datagrams) >= BOUND,
            ">= 0.80",
        ),
        (
            "TCP bytes a second, ours to socat's",
            to_socat(&streams),
            to_socat(&streams) >= BOUND,
            ">= 0.80",
        ),
        ("delay added to one way, µs", added, added <= MOST_US, "<= 50"),
    ] {
        let word = if is_met { "ok" } else { "MISSED" };
        println!("  {what:<38} {figure:>6.2}  required {bound}  {word}");
    }
    Ok(())
}

/// The servers: one echoes datagrams, the other reads streams to their end.
fn echo_and_sink() -> std::io::Result<(SocketAddr, SocketAddr)> {
    let echo = UdpSocket::bind("127.0.0.1:0")?;
    let sink = TcpListener::bind("127.0.0.1:0")?;
    let addresses = (echo.local_addr()?, sink.local_addr()?);
    thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok((length, from)) = echo.recv_from(&mut buffer) {
            let _ = echo.send_to(&buffer[..length], from);
        }
    });
    thread::spawn(move || {
        for stream in sink.incoming().flatten() {
            thread::spawn(move || {
                let (mut stream, mut buffer) = (stream, vec![0; 1 << 18]);
                while stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
                // The end of the answer says that all was read.
            });
        }
    });
    Ok(addresses)
}

/// The way to a server: direct, or through one of the two programs, ended on drop.
struct Wire {
    address: SocketAddr,
    program: Option<Child>,
}

impl Wire {
    fn start(way: &str, transport: &str, server: SocketAddr) -> Result<Wire, String> {
        let command = |program: &str, args: &[&str]| {
            let mut command = Command::new(program);
            command.args(args).stdout(Stdio::piped()).stderr(Stdio::null());
            command.spawn().map_err(|why| format!("cannot start {program}: {why}"))
        };
        if way == "direct" {
            return Ok(Wire { address: server, program: None });
        }
        if way == "ours" {
            let (to, transport) = (server.to_string(), format!("--{transport}"));
            let args = ["--to", &to, &transport, "-q", "--listen", "127.0.0.1:0"];
            let mut program = command(env!("CARGO_BIN_EXE_lossy_link"), &args)?;
            let mut first = String::new();
            if let Some(stdout) = program.stdout.as_mut() {
                let _ = BufReader::new(stdout).read_line(&mut first);
            }
            let address = first.split([' ', ',']).find_map(|word| word.parse().ok());
            let address = address.ok_or_else(|| format!("lossy_link said {first:?}"))?;
            return Ok(Wire { address, program: Some(program) });
        }
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let address = free.map_err(|why| format!("no port: {why}"))?;
        let kind = transport.to_uppercase();
        let listen = format!("{kind}-LISTEN:{},bind=127.0.0.1,reuseaddr,fork", address.port());
        // Its buffer is 8 KiB otherwise, an eighth of ours.
        let program = command("socat", &["-b", "65536", &listen, &format!("{kind}:{server}")])?;
        // It says nothing when it listens, and a connection would be a client.
        thread::sleep(Duration::from_millis(200));
        Ok(Wire { address, program: Some(program) })
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(program) = &mut self.program {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

/// Keeps so many datagrams under way: how many come back a second, and the
/// median time there and back in microseconds, if it is one at a time.
fn echoes(server: SocketAddr, window: usize) -> std::io::Result<(f64, f64)> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    let (payload, mut buffer) = ([b'x'; BYTES], [0; 65_536]);
    // The first opens the way.
    socket.send(&payload)?;
    socket.recv(&mut buffer)?;
    let (began, mut back, mut rtts) = (Instant::now(), 0, Vec::new());
    for _ in 1..window {
        socket.send(&payload)?;
    }
    while began.elapsed() < ROUND {
        let sent = Instant::now();
        socket.send(&payload)?;
        // One that was lost in a full buffer is made up for by the next.
        if socket.recv(&mut buffer).is_ok() {
            back += 1;
            rtts.push(sent.elapsed().as_nanos() as f64 / 1e3);
        }
    }
    Ok((f64::from(back) / began.elapsed().as_secs_f64(), median(rtts.into_iter())))
}

/// Bytes a second that a stream carries, from the first to the end of the answer.
fn bytes(server: SocketAddr) -> std::io::Result<f64> {
    let mut stream = TcpStream::connect(server)?;
    let (piece, began, mut sent) = (vec![0; 1 << 18], Instant::now(), 0);
    while began.elapsed() < ROUND {
        stream.write_all(&piece)?;
        sent += piece.len();
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(sent as f64 / began.elapsed().as_secs_f64())
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
