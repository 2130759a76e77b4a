//! Whom an agent may contact: what `--allow` says, and nothing else.
//!
//! A configuration is a list of addresses to be contacted, sent by somebody
//! else. An agent within a network that its manager should not be able to look
//! into is started with `--allow`; it then refuses every other task.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::check::resolve::ascii;

/// One `--allow`: a network, an address, or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// The addresses whose first `bits` bits are those of `network`: RFC 4632, RFC 4291.
    Network { network: IpAddr, bits: u8 },
    /// A name, in lower case. What it resolves to is not asked: who allows a
    /// name trusts whoever may change it.
    Name(String),
    /// `*.lab.test`: every name that ends so; here `.lab.test`.
    Below(String),
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Allowed, String> {
        let spellings = "it is written 10.0.0.0/8, 192.0.2.7, fd00::/8, www.lab.test or *.lab.test";
        if let Some((network, bits)) = text.split_once('/') {
            let network: IpAddr =
                network.parse().map_err(|_| format!("{network:?} is no address; {spellings}"))?;
            let most = width(network);
            let wrong = || format!("{bits:?} is no prefix length from 0 to {most}; {spellings}");
            let bits: u8 = bits.parse().map_err(|_| wrong())?;
            if bits > most {
                return Err(wrong());
            }
            return match (network.to_canonical(), bits) {
                // ::ffff:10.0.0.0/104 is 10.0.0.0/8, written for an IPv6 socket.
                (IpAddr::V4(inner), 96..) if network.is_ipv6() => {
                    Ok(Allowed::Network { network: IpAddr::V4(inner), bits: bits - 96 })
                }
                (IpAddr::V4(_), _) if network.is_ipv6() => Err(format!(
                    "{text:?} is no network: an IPv4 network within IPv6 has a prefix length of 96 to 128"
                )),
                _ => Ok(Allowed::Network { network, bits }),
            };
        }
        if let Ok(network) = text.parse::<IpAddr>() {
            let network = network.to_canonical();
            return Ok(Allowed::Network { network, bits: width(network) });
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let name = ascii(name)?;
        let letter = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || !name.chars().all(letter) {
            return Err(format!("{text:?} is neither a network nor a name; {spellings}"));
        }
        let name = normal(&name);
        Ok(if below { Allowed::Below(format!(".{name}")) } else { Allowed::Name(name) })
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Allowed::Network { network, bits } if *bits == width(*network) => network.fmt(f),
            Allowed::Network { network, bits } => write!(f, "{network}/{bits}"),
            Allowed::Name(name) => f.write_str(name),
            Allowed::Below(ending) => write!(f, "*{ending}"),
        }
    }
}

impl Allowed {
    fn covers(&self, host: &str) -> bool {
        match self {
            Allowed::Network { network, bits } => {
                // A zone (fe80::1%eth0) says through which interface, and not who.
                let address = host.split_once('%').map_or(host, |(address, _)| address);
                address.parse().is_ok_and(|address| within(address, *network, *bits))
            }
            Allowed::Name(name) => normal(host) == *name,
            Allowed::Below(ending) => normal(host).ends_with(ending),
        }
    }
}

/// Whether a host, an address or a name, may be contacted: if one of the list
/// covers it, or if there is no list.
///
/// # Errors
/// One line: it is not covered.
pub fn permit(allowed: &[Allowed], host: &str) -> Result<(), String> {
    if allowed.is_empty() || allowed.iter().any(|allowed| allowed.covers(host)) {
        return Ok(());
    }
    let list: Vec<String> = allowed.iter().map(Allowed::to_string).collect();
    Err(format!("this agent may not contact {host}, only {}", list.join(", ")))
}

/// Names are the same in any case, and with or without the dot at their end.
fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    // ::ffff:10.0.0.1 reaches the same host as 10.0.0.1.
    match (address.to_canonical(), network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let differing = address.to_bits() ^ network.to_bits();
            differing.leading_zeros() >= u32::from(bits)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let differing = address.to_bits() ^ network.to_bits();
            differing.leading_zeros() >= u32::from(bits)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(texts: &[&str]) -> Vec<Allowed> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_is_not_on_the_list_is_refused_and_the_list_shown() {
        let allowed =
            list(&["10.0.0.0/8", "192.0.2.7", "fd00::/8", "www.lab.test", "*.school.test"]);
        for host in [
            "10.255.0.1",
            "192.0.2.7",
            "fd00::1",
            "WWW.lab.test.",
            "a.b.school.test",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(permit(&allowed, host), Ok(()), "{host}");
        }
        for host in [
            "11.0.0.1",
            "192.0.2.8",
            "fe80::1",
            "lab.test",
            "evilwww.lab.test",
            "school.test",
            "evilschool.test",
            // Other spellings of 10.0.0.1, which some resolvers take.
            "10.1",
            "0xa000001",
        ] {
            assert!(
                permit(&allowed, host).unwrap_err().contains("10.0.0.0/8, 192.0.2.7"),
                "{host}"
            );
        }
        assert_eq!(permit(&[], "anything"), Ok(()));
    }

    #[test]
    fn a_list_is_shown_as_it_is_typed_and_nonsense_refused() {
        for text in ["10.0.0.0/8", "192.0.2.7", "fd00::/8", "www.lab.test", "*.lab.test"] {
            assert_eq!(text.parse::<Allowed>().unwrap().to_string(), text);
        }
        for text in ["", "*", "*.", "10.0.0.0/33", "10.0.0.0/-1", "x/8", "a b", "fd00::/129"] {
            assert!(text.parse::<Allowed>().is_err(), "{text:?}");
        }
        assert_eq!(permit(&list(&["0.0.0.0/0"]), "8.8.8.8"), Ok(()));
        assert!(permit(&list(&["0.0.0.0/0"]), "::1").is_err());
    }

    #[test]
    fn a_network_of_ipv4_may_be_written_within_ipv6() {
        for (allowed, fine, not) in [
            ("::ffff:192.0.2.0/120", "192.0.2.7", "192.0.3.7"),
            ("::ffff:192.0.2.0/120", "::ffff:192.0.2.7", "::ffff:192.0.3.7"),
            ("::ffff:c000:207", "192.0.2.7", "192.0.2.8"),
            ("::ffff:0:0/96", "8.8.8.8", "2001:db8::1"),
            // Of IPv6 all, and of IPv4 nothing: it is not what was written.
            ("::/0", "2001:db8::1", "8.8.8.8"),
            ("fe80::/10", "fe80::1%eth0", "fec0::1%eth0"),
        ] {
            let allowed = list(&[allowed]);
            assert_eq!(permit(&allowed, fine), Ok(()), "{allowed:?}");
            assert!(permit(&allowed, not).is_err(), "{allowed:?}");
        }
        let shown = "::ffff:192.0.2.0/120".parse::<Allowed>().unwrap().to_string();
        assert_eq!(shown, "192.0.2.0/24");
        let why = "::ffff:0:0/90".parse::<Allowed>().unwrap_err();
        assert!(why.contains("96 to 128"), "{why}");
    }

    proptest! {
        #[test]
        fn a_network_holds_the_addresses_that_masking_says(
            address: u32,
            network: u32,
            bits in 0u8..=32,
        ) {
            // Worked in another way: both masked, and compared.
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            let allowed = [Allowed::Network { network: IpAddr::V4(network.into()), bits }];
            let host = std::net::Ipv4Addr::from(address).to_string();
            let expected = address & mask == network & mask;
            prop_assert_eq!(permit(&allowed, &host).is_ok(), expected);
        }
    }
}
