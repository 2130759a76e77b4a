//! The agent's way to its manager: connect, prove, send what is kept, take what comes, and come back.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rand::TryRng;
use rand::rngs::SysRng;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use socklab::clock;
use socklab::endpoint::{Endpoint, Family};
use socklab::errors::cause;

use super::backoff::Backoff;
use super::storage::Storage;
use crate::guard::lock;
use crate::proof::{Handshake, Role};
use crate::protocol::{
    Auth, Config, ConfigAck, Hello, LONGEST, Message, PING_EVERY, SILENCE, VERSION,
};
use crate::random;
use crate::talk::{Heard, Talk};
use crate::token::Token;
use crate::transport::Transport;

/// How long a connection and its handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a thread that waits for its manager looks what there is to send.
const LOOK_UP: Duration = Duration::from_millis(50);

/// At most this many results are taken from the spool at once.
const BATCH: usize = 20;

/// The port of a manager (DESIGN: default ports).
pub const PORT: u16 = 54321;

/// Whom to connect to, and as whom.
pub struct Link {
    pub manager: Endpoint,
    pub name: Option<String>,
    pub boot_id: String,
    pub token: Option<Token>,
    /// With the name that the manager's certificate must bear.
    pub tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    pub storage: Arc<Mutex<Storage>>,
}

/// A change of state, to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Connected {
        agent: u64,
        /// The manager's.
        address: SocketAddr,
        /// The near end of the connection.
        local: SocketAddr,
    },
    /// Told once for each time without a manager.
    Away { reason: String },
    /// The agent must end: trying again would not help.
    Hopeless { reason: String },
}

/// Why a connection ended.
enum End {
    /// It may be tried again.
    Lost(String),
    /// It may not.
    Hopeless(String),
}

impl From<io::Error> for End {
    fn from(why: io::Error) -> End {
        End::Lost(match why.kind() {
            ErrorKind::UnexpectedEof => "the manager closed the connection".to_string(),
            ErrorKind::TimedOut => "the manager takes nothing any more".to_string(),
            _ => cause(&why),
        })
    }
}

impl Link {
    /// Keeps up the connection until `stopping`. `configure` is given each
    /// configuration and says what it makes of it; `tell` hears of each change.
    pub fn run(
        &self,
        stopping: impl Fn() -> bool,
        mut configure: impl FnMut(&Config) -> ConfigAck,
        mut tell: impl FnMut(Change),
    ) {
        let mut backoff = Backoff::default();
        let mut away = false;
        while !stopping() {
            let mut connected = false;
            let end = self.converse(&stopping, &mut configure, |agent, address, local| {
                connected = true;
                tell(Change::Connected { agent, address, local });
            });
            if connected {
                backoff.succeeded();
                away = false;
            }
            match end {
                Ok(()) => return,
                Err(End::Hopeless(reason)) => return tell(Change::Hopeless { reason }),
                Err(End::Lost(reason)) if !away => {
                    away = true;
                    tell(Change::Away { reason });
                }
                Err(End::Lost(_)) => {}
            }
            let draw =
                SysRng.try_next_u32().map_or(1.0, |draw| f64::from(draw) / f64::from(u32::MAX));
            let until = Instant::now() + backoff.failed(draw);
            while !stopping() && Instant::now() < until {
                thread::sleep(LOOK_UP.min(until.saturating_duration_since(Instant::now())));
            }
        }
    }

    /// One connection, from its beginning to its end.
    fn converse(
        &self,
        stopping: &impl Fn() -> bool,
        configure: &mut impl FnMut(&Config) -> ConfigAck,
        connected: impl FnOnce(u64, SocketAddr, SocketAddr),
    ) -> Result<(), End> {
        let (stream, address) = self.connect()?;
        let local = stream.local_addr()?;
        let tls = match &self.tls {
            None => None,
            Some((config, name)) => {
                let tls = ClientConnection::new(Arc::clone(config), name.clone())
                    .map_err(|why| End::Hopeless(why.to_string()))?;
                Some(tls.into())
            }
        };
        let mut talk = Talk::new(Transport::new(stream, tls)?, LONGEST);
        let agent = self.greet(&mut talk)?;
        connected(agent, address, local);
        let end = self.serve(&mut talk, stopping, configure);
        talk.close();
        end
    }

    /// Connects to the first of the manager's addresses that lets us.
    fn connect(&self) -> Result<(TcpStream, SocketAddr), End> {
        let addresses = self.manager.servers(PORT, Family::Any).map_err(End::Lost)?;
        let mut end = End::Lost(format!("{} has no address", self.manager));
        for address in &addresses {
            match TcpStream::connect_timeout(address, PATIENCE / addresses.len() as u32) {
                // While no manager listens on this machine, TCP may by chance
                // meet itself, and keep the manager from its port.
                Ok(stream) if stream.local_addr().is_ok_and(|own| own == *address) => {
                    end = io::Error::from(ErrorKind::ConnectionRefused).into();
                }
                Ok(stream) => return Ok((stream, *address)),
                Err(why) => end = why.into(),
            }
        }
        Err(end)
    }

    /// From hello to welcome; gives the agent's identifier.
    fn greet(&self, talk: &mut Talk) -> Result<u64, End> {
        let deadline = Instant::now() + PATIENCE;
        let hello = {
            let storage = lock(&self.storage);
            Hello {
                version: VERSION,
                agent_id: storage.state.agent_id,
                claim: storage.state.claim.clone(),
                name: self.name.clone(),
                boot_id: self.boot_id.clone(),
                config_rev: storage.state.config.as_ref().map_or(0, |config| config.rev),
                nonce: random::nonce().map_err(End::Lost)?,
                time: clock::stamp(clock::now()),
            }
        };
        say(talk, &Message::Hello(hello.clone()))?;
        let mut proven = false;
        loop {
            match wait_for(talk, deadline)? {
                Message::Challenge(challenge) => {
                    let Some(token) = &self.token else {
                        let reason = "the manager asks for a token; give it with --token-file";
                        return Err(End::Hopeless(reason.to_string()));
                    };
                    let handshake = Handshake {
                        agent_nonce: &hello.nonce,
                        manager_nonce: &challenge.nonce,
                        agent_id: hello.agent_id,
                    };
                    // Whoever cannot prove the token is not our manager, and
                    // gets no proof of ours.
                    if !token.verify(Role::Manager, &handshake, &challenge.proof) {
                        let reason = "the manager does not know the token of --token-file";
                        return Err(End::Lost(reason.to_string()));
                    }
                    proven = true;
                    let proof = token.proof(Role::Agent, &handshake);
                    say(talk, &Message::Auth(Auth { proof }))?;
                }
                Message::Welcome(_) if self.token.is_some() && !proven => {
                    let reason = "the manager did not prove that it knows the token";
                    return Err(End::Lost(reason.to_string()));
                }
                Message::Welcome(welcome) => {
                    let mut storage = lock(&self.storage);
                    storage.identified(welcome.agent_id);
                    storage.confirmed(&self.boot_id, welcome.stored_seq);
                    return Ok(welcome.agent_id);
                }
                Message::Unknown => {}
                Message::Error { reason } => return Err(End::Lost(reason)),
                _ => return Err(End::Lost("the manager did not begin with welcome".to_string())),
            }
        }
    }

    /// Sends what is kept, and takes what comes.
    fn serve(
        &self,
        talk: &mut Talk,
        stopping: &impl Fn() -> bool,
        configure: &mut impl FnMut(&Config) -> ConfigAck,
    ) -> Result<(), End> {
        let mut heard = Instant::now();
        // Everything that no acknowledgement has covered is sent anew.
        let mut place = lock(&self.storage).spool().start();
        while !stopping() {
            place = self.send_from(place, talk)?;
            if talk.quiet_for() > PING_EVERY {
                say(talk, &Message::Ping { time: clock::stamp(clock::now()) })?;
            }
            let message = match talk.hear(LOOK_UP)? {
                Heard::Line(bytes) => Message::parse(&bytes).map_err(End::Lost)?,
                Heard::Nothing if heard.elapsed() > SILENCE => {
                    let silence = SILENCE.as_secs();
                    return Err(End::Lost(format!("nothing heard for {silence} s")));
                }
                Heard::Nothing => continue,
                Heard::End => return Err(End::Lost("the manager closed the connection".into())),
            };
            heard = Instant::now();
            match message {
                Message::Config(config) => {
                    let ack = configure(&config);
                    lock(&self.storage).configured(config);
                    say(talk, &Message::ConfigAck(ack))?;
                }
                Message::Ack(ack) => lock(&self.storage).confirmed(&ack.boot_id, ack.seq),
                Message::Ping { .. } => say(talk, &Message::Pong)?,
                Message::Error { reason } => return Err(End::Lost(reason)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Says what is in the spool from a place on, as far as there is room;
    /// gives the place of what comes next.
    fn send_from(&self, mut place: u64, talk: &mut Talk) -> Result<u64, End> {
        while talk.has_room() {
            let (messages, first): (Vec<Message>, u64) = {
                let storage = lock(&self.storage);
                let (items, first) = storage.spool().from(place);
                (items.take(BATCH).cloned().map(Message::from).collect(), first)
            };
            if messages.is_empty() {
                break;
            }
            place = first + messages.len() as u64;
            for message in messages {
                say(talk, &message)?;
            }
        }
        Ok(place)
    }
}

fn say(talk: &mut Talk, message: &Message) -> Result<(), End> {
    talk.say(message).map_err(End::Lost)
}

/// The next message, before the deadline.
fn wait_for(talk: &mut Talk, deadline: Instant) -> Result<Message, End> {
    while Instant::now() < deadline {
        match talk.hear(LOOK_UP)? {
            Heard::Line(line) => return Message::parse(&line).map_err(End::Lost),
            Heard::End => return Err(End::Lost("the manager closed the connection".into())),
            Heard::Nothing => {}
        }
    }
    let seconds = PATIENCE.as_secs();
    Err(End::Lost(format!("the manager does not let it in within {seconds} s")))
}
