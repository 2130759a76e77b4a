//! Addresses on a command line: `HOST`, `HOST:PORT`, `[V6]:PORT`, and what they resolve to.

use std::collections::HashSet;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use crate::errors::cause;

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
            Some(server) => Err(format!(
                "{server} cannot be reached: no server has port 0; see the server's first line"
            )),
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
