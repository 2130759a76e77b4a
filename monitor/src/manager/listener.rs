//! Taking connections in: a thread each, and not more than the machine can bear.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use logic::pace::LOOK_UP;
use rustls::{ServerConfig, ServerConnection};
use socklab::cli;
use socklab::errors::cause;
use socklab::output;

use super::connection::Conversation;
use super::service::Manager;
use super::tell::Notice;
use crate::guard::lock;
use crate::transport::Transport;

/// The most connections at once: so many agents, and those not let in yet.
const MOST: usize = 2048;
/// The most that are not let in yet. One more, and the oldest of them has to
/// go: an agent is through in a moment, and only who dawdles is still there.
const MOST_WAITING: usize = 256;

/// A thread needs little stack here, and there are many.
const STACK: usize = 256 * 1024;

/// The connections that are open, by their number.
#[derive(Default)]
struct Open {
    all: usize,
    /// Those not let in yet, oldest first.
    waiting: BTreeMap<u64, TcpStream>,
}

/// Takes connections in until Ctrl-C. `tls` is what to greet them with, if they
/// are to speak TLS.
pub fn accept(
    name: &str,
    listener: &TcpListener,
    manager: &Arc<Manager>,
    tls: Option<&Arc<ServerConfig>>,
) {
    let open = Arc::new(Mutex::new(Open::default()));
    let mut number = 0;
    while !cli::stopping() {
        let (stream, address) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(why) => match why.kind() {
                ErrorKind::WouldBlock => {
                    sys::wait_for_client(listener, LOOK_UP);
                    continue;
                }
                ErrorKind::Interrupted | ErrorKind::ConnectionAborted => continue,
                _ => {
                    output::complain(name, &format!("cannot accept: {}; retrying", cause(&why)));
                    thread::sleep(LOOK_UP);
                    continue;
                }
            },
        };
        number += 1;
        if let Err(reason) = take(stream, address, number, manager, tls, &open) {
            manager.tell(Notice::Refused { address, reason });
        }
    }
}

fn take(
    stream: TcpStream,
    address: SocketAddr,
    number: u64,
    manager: &Arc<Manager>,
    tls: Option<&Arc<ServerConfig>>,
    open: &Arc<Mutex<Open>>,
) -> Result<(), String> {
    let failed = |why: std::io::Error| cause(&why);
    let handle = stream.try_clone().map_err(failed)?;
    let tls = match tls {
        None => None,
        Some(config) => {
            let tls = ServerConnection::new(Arc::clone(config)).map_err(|why| why.to_string())?;
            Some(tls.into())
        }
    };
    let transport = Transport::new(stream, tls).map_err(failed)?;
    let conversation = Conversation::new(transport, Arc::clone(manager), address);

    {
        let mut open = lock(open);
        if open.all >= MOST {
            return Err(format!("{MOST} connections are open"));
        }
        if open.waiting.len() >= MOST_WAITING
            && let Some((_, oldest)) = open.waiting.pop_first()
        {
            // Its thread notices, and ends.
            let _ = oldest.shutdown(Shutdown::Both);
        }
        open.all += 1;
        open.waiting.insert(number, handle);
    }
    let shared = Arc::clone(open);
    let thread = thread::Builder::new().stack_size(STACK);
    let spawned = thread.spawn(move || {
        let leave = |all: usize| {
            let mut open = lock(&shared);
            open.waiting.remove(&number);
            open.all -= all;
        };
        conversation.run(number, || leave(0));
        leave(1);
    });
    spawned.map(drop).map_err(|why| {
        let mut open = lock(open);
        open.waiting.remove(&number);
        open.all -= 1;
        format!("no thread for it: {}", cause(&why))
    })
}
