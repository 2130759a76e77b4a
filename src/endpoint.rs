//! Addresses on a command line: `HOST`, `HOST:PORT`, `[V6]:PORT`, and what they resolve to.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::str::FromStr;
use std::thread;

use crate::output;
use logic::pace::LOOK_UP;
use sys::PortUser;

/// A host and perhaps a port, as typed; a name is not yet looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name, an IPv4 address, or an IPv6 address without its brackets, with
    /// its scope if it has one (`fe80::1%eth0`, RFC 4007 section 11).
    pub host: String,
    pub port: Option<u16>,
}

/// Which addresses of a name will do: `-4`, `-6`, or either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Any,
    V4,
    V6,
}

/// The two flags by which a client chooses; at most one of them.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct FamilyArgs {
    /// Use IPv4
    #[arg(short = '4', conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use IPv6
    #[arg(short = '6')]
    ipv6: bool,
}

impl FamilyArgs {
    pub fn wanted(self) -> Family {
        match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        }
    }
}

impl Family {
    fn admits(self, address: &SocketAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Endpoint, String> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, port) =
                rest.split_once(']').ok_or("the bracket is not closed: [V6]:PORT")?;
            match port.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if port.is_empty() => (host, None),
                None => return Err("after the bracket comes :PORT, as in [::1]:12000".to_string()),
            }
        } else {
            match text.split_once(':') {
                // Two colons without brackets can only be an IPv6 address.
                Some((_, rest)) if rest.contains(':') => (text, None),
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        if port.is_none() && !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_digit()) {
            // The resolver would take 12000 for the address 0.0.46.224.
            return match host.parse() {
                Ok(port) => Ok(Endpoint::on_loopback(port)),
                Err(_) => Err(format!(
                    "a number alone is a port on 127.0.0.1, from 0 to 65535, and {host} is none"
                )),
            };
        }
        if host.is_empty() || host.contains(char::is_whitespace) || host.contains('\0') {
            return Err("an address is written HOST, HOST:PORT or [V6]:PORT".to_string());
        }
        let port = match port {
            None => None,
            Some(port) => match port.parse() {
                Ok(number) => Some(number),
                Err(_) => {
                    return Err(format!("{port:?} is no port, which is a number from 0 to 65535"));
                }
            },
        };
        Ok(Endpoint { host: host.to_string(), port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.port {
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
            None => write!(f, "{}", self.host),
        }
    }
}

impl Endpoint {
    /// A port of this machine's own: 127.0.0.1 and `port`.
    pub fn on_loopback(port: u16) -> Endpoint {
        Endpoint { host: "127.0.0.1".to_string(), port: Some(port) }
    }

    /// Looks the host up, and takes the first address of the wanted family.
    ///
    /// # Errors
    /// As those of [`addresses`](Endpoint::addresses).
    pub fn resolve(&self, default_port: u16, family: Family) -> Result<SocketAddr, String> {
        let first = self.addresses(default_port, family)?.into_iter().next();
        first.ok_or_else(|| format!("{self} has no address; give the address itself"))
    }

    /// Looks the host up as a client does: the addresses at which its server
    /// may be, to be asked in this order until one answers. `localhost` is
    /// often `::1` first, where a server that listens on 127.0.0.1 is not.
    ///
    /// # Errors
    /// As those of [`addresses`](Endpoint::addresses); and there is no port 0.
    pub fn servers(&self, default_port: u16, family: Family) -> Result<Vec<SocketAddr>, String> {
        let addresses = self.addresses(default_port, family)?;
        match addresses.iter().find(|address| address.port() == 0) {
            Some(server) => {
                Err(format!("{server} cannot be reached: no server has port 0; see its first line"))
            }
            None => Ok(addresses),
        }
    }

    /// Looks the host up: its addresses of the wanted family, each once, in the
    /// order of the resolver, and at least one. A name may take it many seconds.
    ///
    /// # Errors
    /// One line for a person: the name is unknown, or has no such address.
    pub fn addresses(&self, default_port: u16, family: Family) -> Result<Vec<SocketAddr>, String> {
        let port = self.port.unwrap_or(default_port);
        let host = self.host.as_str();
        if !host.is_ascii() {
            return Err(format!(
                "{host} has letters that the DNS does not: give its form in ASCII, xn--..., \
                 or the address itself"
            ));
        }
        let mut addresses: Vec<SocketAddr> = (host, port)
            .to_socket_addrs()
            .map_err(|why| {
                format!(
                    "cannot resolve {host}: {}; check the spelling and the network, \
                     or give the address itself",
                    cause(&why)
                )
            })?
            .map(canonical)
            .collect();
        let any = addresses.first().map(SocketAddr::ip);
        addresses.retain(|address| family.admits(address));
        let mut before = HashSet::new();
        addresses.retain(|&address| before.insert(address));
        if !addresses.is_empty() {
            return Ok(addresses);
        }
        Err(match (family, any) {
            (Family::V4, Some(other)) => {
                format!("{host} has no IPv4 address, which -4 asks for, only {other}; leave out -4")
            }
            (_, Some(other)) => {
                format!("{host} has no IPv6 address, which -6 asks for, only {other}; leave out -6")
            }
            (_, None) => format!("{host} has no address; give the address itself"),
        })
    }
}

/// `::ffff:192.0.2.1` is an IPv4 address written as one of IPv6 (RFC 4291,
/// section 2.5.5.2). A socket of IPv6 reaches it too, but hears of no ICMP error.
fn canonical(mut address: SocketAddr) -> SocketAddr {
    // A scope belongs to a link-local address, which this never changes.
    if address.ip().to_canonical() != address.ip() {
        address.set_ip(address.ip().to_canonical());
    }
    address
}

/// What a refusal proves, be it an ICMP port unreachable or a TCP reset. More it
/// does not: a firewall that rejects a packet sends the very same, in the name
/// of the host behind it.
pub const REFUSED: &str = "no program listens there, or a firewall answers for it";

/// Explains why a server could not bind, and what would help.
///
/// `kind` is `'u'` for UDP and `'t'` for TCP, as `ss` names them.
pub fn cannot_listen(address: SocketAddr, kind: char, why: &io::Error) -> String {
    let (ip, port) = (bracketed(address.ip()), address.port());
    let mend = match why.kind() {
        io::ErrorKind::AddrInUse => {
            let user = if kind == 't' { sys::user_of_tcp_port(port) } else { None };
            let other = format!("pick another port with --bind {ip}:0");
            match user {
                Some(PortUser::TimeWait) => format!(
                    "a connection that is over still holds the port (TIME-WAIT, see: \
                     ss -tan 'sport = :{port}'); wait a minute, or {other}"
                ),
                Some(PortUser::Connection) => format!(
                    "it is the near end of an open connection (see: \
                     ss -tanp 'sport = :{port}'); {other}"
                ),
                Some(PortUser::Server) | None => format!(
                    "another server is running there (see: ss -{kind}lnp 'sport = :{port}'), \
                     or {other}"
                ),
            }
        }
        io::ErrorKind::AddrNotAvailable => {
            "no interface of this machine has that address (see: ip addr), \
             or listen on every interface with --bind 0.0.0.0"
                .to_string()
        }
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 are for root; pick one above, as in --bind {ip}:12000")
        }
        _ => "see --help for --bind".to_string(),
    };
    format!("cannot listen on {address}: {}; {mend}", cause(why))
}

/// An address as it stands before `:PORT`.
fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    }
}

/// Whether a datagram's sender is the server on this address itself: an answer
/// would come back to it, and be answered in turn, for ever. The sender of a
/// datagram is easily forged.
pub fn is_own(server: SocketAddr, sender: SocketAddr) -> bool {
    let (own, ip) = (server.ip().to_canonical(), sender.ip().to_canonical());
    sender.port() == server.port()
        // A server on every address has each that a socket can be bound to.
        && (ip == own || own.is_unspecified() && UdpSocket::bind((ip, 0)).is_ok())
}

/// A server's read came back without a datagram. If that is no matter of
/// course, says so, and waits a moment: what fails at once would fail again.
pub fn no_datagram(program: &str, why: &io::Error) {
    match why.kind() {
        // The timeout, Ctrl-C, or (on Windows) a client that is gone.
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {}
        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionReset => {}
        _ => {
            output::complain(program, &format!("cannot receive: {}; retrying", cause(why)));
            thread::sleep(LOOK_UP);
        }
    }
}

/// Any free port of this machine, from which to send to `server`.
pub fn any_port(server: SocketAddr) -> SocketAddr {
    match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    }
}

/// Our address towards a peer, with port 0, as the routing table has it.
/// Connecting a UDP socket asks the table, and sends nothing.
pub fn address_towards(peer: SocketAddr) -> Option<SocketAddr> {
    let socket = UdpSocket::bind(any_port(peer)).ok()?;
    let mut somewhere = peer;
    // A port is not part of the question, but no socket can be connected to 0.
    somewhere.set_port(9);
    socket.connect(somewhere).ok()?;
    let mut own = socket.local_addr().ok()?;
    own.set_port(0);
    Some(own)
}

/// Opens a UDP socket whose only peer is `server`: on Linux only such a
/// socket is told of an ICMP port unreachable, and the kernel keeps other
/// senders' datagrams from it.
///
/// # Errors
/// One line for a person, with the call that failed.
pub fn connect_udp(server: SocketAddr) -> Result<UdpSocket, String> {
    let socket = UdpSocket::bind(any_port(server)).map_err(|why| no_socket(&why))?;
    socket.connect(server).map_err(|why| cannot_reach(server, &why))?;
    not_itself(socket)
}

/// The address and port of a socket of ours.
///
/// # Errors
/// One line for a person.
pub fn own_address(socket: &UdpSocket) -> Result<SocketAddr, String> {
    socket.local_addr().map_err(|why| format!("the socket has no address: {}", cause(&why)))
}

/// Why there is no UDP socket to be had.
pub fn no_socket(why: &io::Error) -> String {
    format!("cannot open a UDP socket: {}", cause(why))
}

/// Why a UDP socket cannot be connected, and what would help.
pub fn cannot_reach(server: SocketAddr, why: &io::Error) -> String {
    let mend = match why.kind() {
        io::ErrorKind::PermissionDenied => "a broadcast address? Give that of one host".into(),
        _ => format!("is the network up (see: ip route get {})?", server.ip()),
    };
    format!("cannot reach {server}: {}; {mend}", cause(why))
}

/// The connected UDP socket, or another one in its place if it is its own
/// peer. Where nobody listens on the port of a server on this machine, the
/// kernel may give that very port to the client, once in many times; and then
/// it would hear its own requests, and take them for the replies.
///
/// # Errors
/// One line for a person, with the call that failed.
pub fn not_itself(socket: UdpSocket) -> Result<UdpSocket, String> {
    let (Ok(own), Ok(peer)) = (socket.local_addr(), socket.peer_addr()) else {
        return Ok(socket);
    };
    if (own.ip(), own.port()) != (peer.ip(), peer.port()) {
        return Ok(socket);
    }
    // The first socket keeps the port for so long, so this one gets another.
    let other = UdpSocket::bind(any_port(peer)).map_err(|why| no_socket(&why))?;
    other.connect(peer).map_err(|why| cannot_reach(peer, &why))?;
    Ok(other)
}

/// The operating system's words for an error, without the number that Rust
/// puts behind them and the prefix that it puts before a resolver's.
pub fn cause(why: &io::Error) -> String {
    let text = why.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    let text = text.split(" (os error").next().unwrap_or(text);
    let mut letters = text.chars();
    match letters.next() {
        // "Address already in use" stands in the middle of our sentence.
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => why.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn endpoint(host: &str, port: Option<u16>) -> Endpoint {
        Endpoint { host: host.to_string(), port }
    }

    #[test]
    fn every_spelling_is_read_and_shown_again() {
        for (text, host, port) in [
            ("127.0.0.1", "127.0.0.1", None),
            ("127.0.0.1:12000", "127.0.0.1", Some(12000)),
            ("www.example.com:80", "www.example.com", Some(80)),
            ("[::1]:12000", "::1", Some(12000)),
            ("::1", "::1", None),
            ("fe80::1%eth0", "fe80::1%eth0", None),
            ("[fe80::1%eth0]:7", "fe80::1%eth0", Some(7)),
        ] {
            let read: Endpoint = text.parse().unwrap();
            assert_eq!(read, endpoint(host, port), "{text}");
            assert_eq!(read.to_string(), text);
        }
        assert_eq!("[::1]".parse(), Ok(endpoint("::1", None)));
    }

    #[test]
    fn wrong_spellings_are_refused() {
        for text in ["", ":12000", "host:", "host:99999", "host:http", "[::1", "[::1]12000", "a b"]
        {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_alone_is_a_port_and_no_address() {
        assert_eq!("12000".parse(), Ok(endpoint("127.0.0.1", Some(12000))));
        assert!("65536".parse::<Endpoint>().unwrap_err().contains("port on 127.0.0.1"));
    }

    #[test]
    fn each_address_of_a_name_is_given_once() {
        let addresses = endpoint("localhost", Some(7)).addresses(1, Family::Any).unwrap();
        let distinct: HashSet<_> = addresses.iter().collect();
        assert_eq!(addresses.len(), distinct.len());
        assert!(endpoint("m\u{fc}nchen.example", None).addresses(1, Family::Any).is_err());
    }

    #[test]
    fn a_server_knows_its_own_address_as_a_sender() {
        let server = |text: &str| text.parse::<SocketAddr>().unwrap();
        let sender = server("127.0.0.1:7");
        assert!(is_own(server("127.0.0.1:7"), sender) && is_own(server("0.0.0.0:7"), sender));
        assert!(is_own(server("[::]:7"), server("[::ffff:127.0.0.1]:7")));
        assert!(!is_own(server("127.0.0.1:8"), sender) && !is_own(server("0.0.0.0:8"), sender));
        assert!(!is_own(server("0.0.0.0:7"), server("192.0.2.1:7")));
    }

    #[test]
    fn a_socket_that_would_hear_itself_is_replaced() {
        let (a, b) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let own = a.local_addr().unwrap();
        a.connect(own).unwrap();
        let a = not_itself(a).unwrap();
        assert_eq!(a.peer_addr().unwrap(), own);
        assert_ne!(a.local_addr().unwrap(), own);
        // Any other is left as it is.
        let before = b.local_addr().unwrap();
        b.connect(own).unwrap();
        assert_eq!(not_itself(b).unwrap().local_addr().unwrap(), before);
    }

    #[test]
    fn an_address_of_the_wrong_family_is_refused() {
        let why = endpoint("127.0.0.1", None).resolve(1, Family::V6).unwrap_err();
        assert!(why.contains("no IPv6 address"), "{why}");
        let why = endpoint("::1", None).resolve(1, Family::V4).unwrap_err();
        assert!(why.contains("no IPv4 address"), "{why}");
    }

    #[test]
    fn the_default_port_is_taken_where_none_is_given() {
        let default = endpoint("127.0.0.1", None).resolve(12000, Family::Any);
        assert_eq!(default, Ok(SocketAddr::from(([127, 0, 0, 1], 12000))));
        let given = endpoint("127.0.0.1", Some(9)).resolve(12000, Family::V4);
        assert_eq!(given, Ok(SocketAddr::from(([127, 0, 0, 1], 9))));
    }

    proptest! {
        #[test]
        fn nothing_typed_makes_the_parser_panic(text in "\\PC*") {
            let _ = text.parse::<Endpoint>();
        }
    }
}
