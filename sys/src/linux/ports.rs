//! Linux: what keeps a port from being bound.

use std::fs;

use crate::PortUser;

/// Who uses a TCP port, as far as /proc/net/tcp and tcp6 tell (proc(5)).
pub fn user_of_tcp_port(port: u16) -> Option<PortUser> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let lines: String = tables.iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
    user_in(&lines, port)
}

/// The same, from the tables' text: each line has a number, the local address
/// and port in hexadecimal, the remote one, and the state.
fn user_in(lines: &str, port: u16) -> Option<PortUser> {
    let states = lines.lines().filter_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let (_, local) = columns.next()?.rsplit_once(':')?;
        let state = columns.nth(1)?;
        (u16::from_str_radix(local, 16) == Ok(port)).then_some(match state {
            "0A" => PortUser::Server,
            "06" => PortUser::TimeWait,
            _ => PortUser::Connection,
        })
    });
    // A server explains it best, whatever else is there beside it.
    states.min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_listening_server_is_told_from_a_connection_that_is_over() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        assert_eq!(user_of_tcp_port(server.port()), Some(PortUser::Server));
        let client = TcpStream::connect(server).unwrap();
        let own = client.local_addr().unwrap().port();
        assert_eq!(user_of_tcp_port(own), Some(PortUser::Connection));
        // Who closes first keeps the port for a while.
        let (mut accepted, _) = listener.accept().unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        accepted.read_to_end(&mut Vec::new()).unwrap();
        drop(accepted);
        let mut client = client;
        client.read_to_end(&mut Vec::new()).unwrap();
        drop(client);
        assert_eq!(user_of_tcp_port(own), Some(PortUser::TimeWait));
    }
}
