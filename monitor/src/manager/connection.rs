//! One agent's connection, from its first byte to its end: a thread's work.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use socklab::clock;
use socklab::endpoint::cause;

use super::live::Connection;
use super::results::Entry;
use super::service::{Admitted, Manager};
use crate::line::{Lines, Next};
use crate::proof::{self, Handshake, Role};
use crate::protocol::{Challenge, Hello, LONGEST, Message, PING_EVERY, SILENCE, VERSION};
use crate::transport::Transport;

/// Whoever has not been let in may take so long, and say so much.
const HANDSHAKE: Duration = Duration::from_secs(5);
const LONGEST_HELLO: usize = 4096;

/// How often a thread that waits for its agent looks what there is to send.
const LOOK_UP: Duration = Duration::from_millis(100);

/// An open connection of a peer, let in or not.
pub struct Conversation {
    lines: Lines<Transport>,
    manager: Arc<Manager>,
    address: SocketAddr,
    /// When something was last sent.
    sent: Instant,
}

/// Why a connection ends.
struct End(String);

impl From<io::Error> for End {
    fn from(why: io::Error) -> End {
        End(match why.kind() {
            ErrorKind::UnexpectedEof => "it ended in the middle of a line".to_string(),
            ErrorKind::InvalidData => why.to_string(),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => "it takes nothing any more".to_string(),
            _ => cause(&why),
        })
    }
}

impl Conversation {
    pub fn new(
        transport: Transport,
        manager: Arc<Manager>,
        address: SocketAddr,
    ) -> io::Result<Conversation> {
        transport.set_patience(LOOK_UP)?;
        let lines = Lines::new(transport, LONGEST_HELLO);
        Ok(Conversation { lines, manager, address, sent: Instant::now() })
    }

    /// Talks to the peer to the end. `admitted` is called when it is let in;
    /// `number` is the connection's own.
    pub fn run(mut self, number: u64, admitted: impl FnOnce()) {
        match self.handshake(number) {
            Ok((agent, outgoing)) => {
                admitted();
                let End(reason) = self.serve(agent, &outgoing).err().unwrap_or(End(String::new()));
                let reason = if reason.is_empty() { "it closed the connection" } else { &reason };
                self.manager.gone(agent, reason.to_string());
            }
            Err(End(reason)) => {
                let address = self.address;
                self.manager.tell(super::tell::Notice::Refused { address, reason });
            }
        }
        self.lines.stream_mut().close();
    }

    /// From hello to welcome.
    fn handshake(&mut self, number: u64) -> Result<(Admitted, Receiver<Message>), End> {
        let deadline = Instant::now() + HANDSHAKE;
        let Message::Hello(hello) = self.wait_for(deadline)? else {
            return Err(self.refuse("the first line must be hello"));
        };
        if hello.version != VERSION {
            let version = hello.version;
            return Err(self.refuse(&format!("version {version}: this manager speaks {VERSION}")));
        }
        if !proof::is_nonce(&hello.nonce) || !is_boot_id(&hello.boot_id) {
            return Err(self.refuse("boot_id and nonce are to be 16 and 32 bytes in hexadecimal"));
        }
        if self.manager.token.is_some() {
            self.authenticate(&hello, deadline)?;
        }
        let (sender, outgoing) = mpsc::channel();
        let connection = Connection { number, outgoing: sender };
        let admitted = self.manager.admit(&hello, self.address, connection);
        let (admitted, greeting) = admitted.map_err(|why| self.refuse(&why))?;
        self.lines.set_limit(LONGEST);
        self.manager.told_time(admitted.agent, &hello.time);
        for message in greeting {
            if let Err(end) = self.send(&message) {
                self.manager.gone(admitted, "it left while it was let in".to_string());
                return Err(end);
            }
        }
        Ok((admitted, outgoing))
    }

    /// Both sides prove that they know the token, the manager first.
    fn authenticate(&mut self, hello: &Hello, deadline: Instant) -> Result<(), End> {
        let Some(token) = self.manager.token.clone() else { return Ok(()) };
        let nonce = proof::nonce().map_err(End)?;
        let handshake = Handshake {
            agent_nonce: &hello.nonce,
            manager_nonce: &nonce,
            agent_id: hello.agent_id,
        };
        let proof = token.proof(Role::Manager, &handshake);
        self.send(&Message::Challenge(Challenge { nonce: nonce.clone(), proof }))?;
        let Message::Auth(auth) = self.wait_for(deadline)? else {
            return Err(self.refuse("auth must follow the challenge"));
        };
        if !token.verify(Role::Agent, &handshake, &auth.proof) {
            return Err(self.refuse("its proof of the token is wrong"));
        }
        Ok(())
    }

    /// What an agent says once it has been let in.
    fn serve(&mut self, agent: Admitted, outgoing: &Receiver<Message>) -> Result<(), End> {
        let mut heard = Instant::now();
        loop {
            for message in outgoing.try_iter() {
                self.send(&message)?;
                if let Message::Error { reason } = message {
                    return Err(End(reason));
                }
            }
            if self.sent.elapsed() > PING_EVERY {
                self.send(&Message::Ping { time: clock::stamp(clock::now()) })?;
            }
            match self.lines.read()? {
                Next::Line(line) => {
                    heard = Instant::now();
                    self.manager.heard(agent.agent);
                    let message = Message::parse(&line).map_err(|why| self.refuse(&why))?;
                    self.answer(agent, message)?;
                }
                Next::NotYet if heard.elapsed() > SILENCE => {
                    let silence = SILENCE.as_secs();
                    return Err(End(format!("nothing heard for {silence} s")));
                }
                Next::NotYet => {}
                Next::End => return Ok(()),
            }
        }
    }

    fn answer(&mut self, agent: Admitted, message: Message) -> Result<(), End> {
        let entry = match message {
            Message::Result(report) => Entry::Result(report),
            Message::Dropped(dropped) if dropped.first <= dropped.last => Entry::Dropped(dropped),
            Message::ConfigAck(ack) => {
                self.manager.answered(agent.agent, &ack);
                return Ok(());
            }
            Message::Ping { time } => {
                self.manager.told_time(agent.agent, &time);
                return self.send(&Message::Pong);
            }
            Message::Pong | Message::Unknown => return Ok(()),
            Message::Error { reason } => return Err(End(reason)),
            _ => return Err(self.refuse("an agent that was let in does not say that")),
        };
        match self.manager.store(agent, entry) {
            Ok(ack) => self.send(&Message::Ack(ack)),
            // Not acknowledged, it will come again with the next connection.
            Err(why) => {
                self.manager.tell(super::tell::Notice::NotStored { why: why.clone() });
                Err(self.refuse("the manager cannot store results now"))
            }
        }
    }

    /// The next message, before the deadline.
    fn wait_for(&mut self, deadline: Instant) -> Result<Message, End> {
        loop {
            match self.lines.read()? {
                Next::Line(line) => {
                    return Message::parse(&line).map_err(|why| self.refuse(&why));
                }
                Next::End => return Err(End("it said nothing".to_string())),
                Next::NotYet if Instant::now() >= deadline => {
                    let seconds = HANDSHAKE.as_secs();
                    return Err(self.refuse(&format!("not let in within {seconds} s")));
                }
                Next::NotYet => {}
            }
        }
    }

    fn send(&mut self, message: &Message) -> Result<(), End> {
        let line = message.line().map_err(End)?;
        self.lines.stream_mut().write_all(line.as_bytes())?;
        self.sent = Instant::now();
        Ok(())
    }

    /// Says why the connection ends, as far as the peer will hear it.
    fn refuse(&mut self, reason: &str) -> End {
        let _ = self.send(&Message::Error { reason: reason.to_string() });
        End(reason.to_string())
    }
}

/// 16 bytes in hexadecimal.
fn is_boot_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}
