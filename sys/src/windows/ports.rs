//! What keeps a port from being bound.

use windows_sys::Win32::NetworkManagement::IpHelper::{
    GetTcp6Table, GetTcpTable, MIB_TCP_STATE_LISTEN, MIB_TCP_STATE_TIME_WAIT,
};

use crate::PortUser;

/// A row of MIB_TCPTABLE and one of MIB_TCP6TABLE, in numbers of 32 bits: how
/// many there are, and which is the local port. The first is the state.
const V4: (usize, usize) = (5, 2);
const V6: (usize, usize) = (13, 6);

/// Who uses a TCP port, as far as the system's tables tell.
pub fn user_of_tcp_port(port: u16) -> Option<PortUser> {
    let v4 = table(|table, size| {
        // SAFETY: `table` has room for as many bytes as `size` says.
        unsafe { GetTcpTable(table.cast(), size, 0) }
    });
    let v6 = table(|table, size| {
        // SAFETY: as above.
        unsafe { GetTcp6Table(table.cast(), size, 0) }
    });
    // A server explains it best, whatever else is there beside it.
    users(&v4, V4, port).chain(users(&v6, V6, port)).min()
}

/// A whole table: first the number of its rows.
fn table(get: impl Fn(*mut u32, &mut u32) -> u32) -> Vec<u32> {
    // It may grow between being measured and being read.
    let mut table = Vec::new();
    for _ in 0..5 {
        let mut size = size_of_val(table.as_slice()) as u32;
        if get(table.as_mut_ptr(), &mut size) == 0 {
            return table;
        }
        table = vec![0; size as usize / size_of::<u32>() * 5 / 4 + 100];
    }
    Vec::new()
}

fn users(
    table: &[u32],
    (columns, local_port): (usize, usize),
    port: u16,
) -> impl Iterator<Item = PortUser> {
    let (rows, cells) = table.split_first().map_or((0, table), |(rows, cells)| (*rows, cells));
    cells.chunks_exact(columns).take(rows as usize).filter_map(move |row| {
        // In network byte order, in the first two bytes.
        let own = u16::from_be(row[local_port] as u16);
        (own == port).then_some(match row[0] as i32 {
            MIB_TCP_STATE_LISTEN => PortUser::Server,
            MIB_TCP_STATE_TIME_WAIT => PortUser::TimeWait,
            _ => PortUser::Connection,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_server_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(user_of_tcp_port(port), Some(PortUser::Server));
    }
}
