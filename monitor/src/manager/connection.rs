//! One agent's connection, from its first byte to its end: a thread's work.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socklab::clock;
use socklab::errors::cause;

use super::service::{Admitted, Due, Manager};
use super::tell::Notice;
use crate::proof::{Handshake, Role};
use crate::protocol::{
    Challenge, Config, Delivery, Hello, LONGEST, Message, PING_EVERY, SILENCE, VERSION,
};
use crate::random;
use crate::talk::{Heard, Talk};
use crate::transport::Transport;

/// Whoever has not been let in may take so long, TLS and all, and say so much.
const HANDSHAKE: Duration = Duration::from_secs(5);
const LONGEST_HELLO: usize = 4096;

/// How often a thread that waits for its agent looks what there is to send.
const LOOK_UP: Duration = Duration::from_millis(100);

/// An open connection of a peer, let in or not.
pub struct Conversation {
    talk: Talk,
    manager: Arc<Manager>,
    address: SocketAddr,
    given: Given,
}

/// Which configuration the agent was given on this connection.
#[derive(Default)]
struct Given {
    rev: Option<u64>,
    /// When it was, or was last looked at.
    at: Option<Instant>,
    /// The revision that it has confirmed.
    confirmed: Option<u64>,
    /// Configurations given, and not answered yet.
    unanswered: u64,
}

/// Why a connection ends.
struct End(String);

impl From<io::Error> for End {
    fn from(why: io::Error) -> End {
        End(match why.kind() {
            ErrorKind::UnexpectedEof => "it ended in the middle of a line".to_string(),
            ErrorKind::InvalidData => why.to_string(),
            ErrorKind::TimedOut => "it takes nothing any more".to_string(),
            _ => cause(&why),
        })
    }
}

impl Conversation {
    pub fn new(transport: Transport, manager: Arc<Manager>, address: SocketAddr) -> Conversation {
        let talk = Talk::new(transport, LONGEST_HELLO);
        Conversation { talk, manager, address, given: Given::default() }
    }

    /// Talks to the peer to the end. `admitted` is called when it is let in;
    /// `number` is the connection's own.
    pub fn run(mut self, number: u64, admitted: impl FnOnce()) {
        match self.handshake(number) {
            Ok(agent) => {
                admitted();
                let reason = match self.serve(agent) {
                    Ok(()) => "it closed the connection".to_string(),
                    Err(End(reason)) => reason,
                };
                self.manager.gone(agent, reason);
            }
            Err(End(reason)) => {
                let address = self.address;
                self.manager.tell(Notice::Refused { address, reason });
            }
        }
        self.talk.close();
    }

    /// From hello to welcome.
    fn handshake(&mut self, number: u64) -> Result<Admitted, End> {
        let deadline = Instant::now() + HANDSHAKE;
        let Message::Hello(hello) = self.wait_for(deadline)? else {
            return Err(self.refuse("the first line must be hello"));
        };
        if hello.version != VERSION {
            let version = hello.version;
            return Err(self.refuse(&format!("version {version}: this manager speaks {VERSION}")));
        }
        if self.manager.token.is_some() {
            self.authenticate(&hello, deadline)?;
        }
        let admitted = self.manager.admit(&hello, self.address, number);
        let (admitted, welcome) = admitted.map_err(|why| self.refuse(&why))?;
        self.talk.set_longest(LONGEST);
        self.manager.told_time(admitted.agent, &hello.time);
        self.say(&Message::Welcome(welcome))?;
        Ok(admitted)
    }

    /// Both sides prove that they know the token, the manager first.
    fn authenticate(&mut self, hello: &Hello, deadline: Instant) -> Result<(), End> {
        let Some(token) = self.manager.token.clone() else { return Ok(()) };
        let nonce = random::nonce().map_err(End)?;
        let handshake = Handshake {
            agent_nonce: &hello.nonce,
            manager_nonce: &nonce,
            agent_id: hello.agent_id,
        };
        let proof = token.proof(Role::Manager, &handshake);
        self.say(&Message::Challenge(Challenge { nonce: nonce.clone(), proof }))?;
        let Message::Auth(auth) = self.wait_for(deadline)? else {
            return Err(self.refuse("auth must follow the challenge"));
        };
        if !token.verify(Role::Agent, &handshake, &auth.proof) {
            return Err(self.refuse("its proof of the token is wrong"));
        }
        Ok(())
    }

    /// What an agent says once it has been let in.
    fn serve(&mut self, agent: Admitted) -> Result<(), End> {
        let mut heard = Instant::now();
        loop {
            match self.manager.due(agent, self.given.rev) {
                Due::Nothing => {}
                Due::Config(config) => self.give(config)?,
                Due::TakenOver => {
                    let reason = "another connection of the same identifier takes over";
                    return Err(self.refuse(reason));
                }
            }
            if self.talk.quiet_for() > PING_EVERY {
                self.say(&Message::Ping { time: clock::stamp(clock::now()) })?;
                self.compare();
            }
            match self.talk.hear(LOOK_UP)? {
                Heard::Line(line) => {
                    heard = Instant::now();
                    self.manager.heard(agent.agent);
                    let message = Message::parse(&line).map_err(|why| self.refuse(&why))?;
                    self.answer(agent, message)?;
                }
                Heard::Nothing if heard.elapsed() > SILENCE => {
                    let silence = SILENCE.as_secs();
                    return Err(End(format!("nothing heard for {silence} s")));
                }
                Heard::Nothing => {}
                Heard::End => return Ok(()),
            }
        }
    }

    fn give(&mut self, config: Config) -> Result<(), End> {
        self.given.rev = Some(config.rev);
        self.given.at = Some(Instant::now());
        self.given.unanswered += 1;
        self.say(&Message::Config(config))
    }

    /// Gives the configuration again if the agent should have confirmed it long ago.
    fn compare(&mut self) {
        let given = &mut self.given;
        let long_ago = given.at.is_some_and(|at| at.elapsed() > PING_EVERY);
        if long_ago && given.confirmed != given.rev {
            given.rev = None;
        }
    }

    fn answer(&mut self, agent: Admitted, message: Message) -> Result<(), End> {
        let delivery = match message {
            Message::Result(report) => Delivery::Result(report),
            Message::Dropped(dropped) => Delivery::Dropped(dropped),
            Message::ConfigAck(ack) => {
                if self.given.unanswered == 0 || Some(ack.rev) > self.given.rev {
                    let rev = ack.rev;
                    let reason = format!("a config_ack of revision {rev}, which was not given");
                    return Err(self.refuse(&reason));
                }
                self.given.unanswered -= 1;
                self.given.confirmed = Some(ack.rev);
                self.manager.answered(agent.agent, &ack);
                return Ok(());
            }
            Message::Ping { time } => {
                self.manager.told_time(agent.agent, &time);
                self.compare();
                return self.say(&Message::Pong);
            }
            Message::Pong | Message::Unknown => return Ok(()),
            Message::Error { reason } => return Err(End(reason)),
            _ => return Err(self.refuse("an agent that was let in does not say that")),
        };
        match self.manager.store(agent, delivery) {
            Ok(ack) => self.say(&Message::Ack(ack)),
            // Not acknowledged, it will come again with the next connection.
            Err(why) => {
                self.manager.tell(Notice::NotStored { why });
                Err(self.refuse("the manager cannot store results now"))
            }
        }
    }

    /// The next message, before the deadline.
    fn wait_for(&mut self, deadline: Instant) -> Result<Message, End> {
        while Instant::now() < deadline {
            match self.talk.hear(LOOK_UP)? {
                Heard::Line(line) => {
                    return Message::parse(&line).map_err(|why| self.refuse(&why));
                }
                Heard::End => return Err(End("it said nothing".to_string())),
                Heard::Nothing => {}
            }
        }
        Err(self.refuse(&format!("not let in within {} s", HANDSHAKE.as_secs())))
    }

    fn say(&mut self, message: &Message) -> Result<(), End> {
        self.talk.say(message).map_err(End)
    }

    /// Says why the connection ends, as far as the peer will hear it.
    fn refuse(&mut self, reason: &str) -> End {
        let _ = self.say(&Message::Error { reason: reason.to_string() });
        End(reason.to_string())
    }
}
