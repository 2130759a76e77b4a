//! Echo requests, and the replies and errors that belong to them.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use packets::icmp::{Body, Echo, Message, Version};
use packets::icmp_error::Problem;
use packets::quoted::{Quoted, Transport};
use socklab::clock;
use socklab::error_queue::IcmpError;
use socklab::icmp_socket::{Heard, IcmpSocket};

use crate::check::lack;
use crate::check::reach::NoAnswer;
use crate::check::{Direction, OnPacket, Packet};
use crate::outcome::{Deadline, Outcome};

/// Between two pings.
pub const INTERVAL: Duration = Duration::from_millis(200);

/// One request, and what became of it.
pub struct Ping {
    /// No other packet has these bytes.
    nonce: [u8; 8],
    sent: Instant,
    pub rtt: Option<Duration>,
    /// No longer waited for.
    failed: bool,
}

/// The pings of one check.
pub struct Pings {
    icmp: IcmpSocket,
    target: SocketAddr,
    /// The address from which they go.
    pub own: Option<IpAddr>,
    pub pings: Vec<Ping>,
    /// The last ICMP error that answered one, and who sent it.
    pub error: Option<(Problem, Option<IpAddr>)>,
    pub ttl: Option<u8>,
}

impl Pings {
    /// Sends them all, and waits for what comes of them.
    ///
    /// # Errors
    /// The outcome: the pings could not even be sent.
    pub fn send(
        target: SocketAddr,
        count: u64,
        deadline: &Deadline,
        watch: OnPacket,
    ) -> Result<Pings, NoAnswer> {
        let own = lack::socket_to(target)?.local_addr().ok().map(|own| own.ip());
        let icmp = IcmpSocket::open(Version::of(target.ip()))
            .map_err(|why| NoAnswer::Lack(Outcome::unverified(why)))?;
        let mut pings = Pings { icmp, target, own, pings: Vec::new(), error: None, ttl: None };
        let mut packet = Vec::new();
        let mut buffer = vec![0; 65_536];
        let began = Instant::now();
        loop {
            let now = Instant::now();
            let sent = pings.pings.len() as u64;
            if sent == count && pings.pings.iter().all(|ping| ping.rtt.is_some() || ping.failed) {
                break;
            }
            let Some(left) = deadline.left() else {
                // If this program stood still, replies may have come meanwhile.
                while pings.hear(&mut buffer, Duration::ZERO, deadline, watch)? {}
                break;
            };
            let next = began + INTERVAL * sent as u32;
            if sent < count && now >= next {
                pings.send_one(&mut packet, watch)?;
                continue;
            }
            let end = now + left;
            let until = if sent < count { next.min(end) } else { end };
            pings.hear(&mut buffer, until.saturating_duration_since(now), deadline, watch)?;
        }
        Ok(pings)
    }

    fn send_one(&mut self, packet: &mut Vec<u8>, watch: OnPacket) -> Result<(), NoAnswer> {
        let nonce = lack::random().map_err(NoAnswer::Final)?.to_be_bytes();
        let version = self.icmp.version;
        let sequence = self.pings.len() as u16 + 1;
        Echo { identifier: self.icmp.identifier, sequence, payload: &nonce }.emit(
            version,
            version.echo_request(),
            packet,
        );
        watch(&Packet { direction: Direction::Sent, bytes: packet, peer: Some(self.target.ip()) });
        let sent = Instant::now();
        let socket = &self.icmp.socket;
        match self.icmp.errors.send_past_errors(socket, packet, self.target) {
            Ok(()) => {
                self.pings.push(Ping { nonce, sent, rtt: None, failed: false });
                Ok(())
            }
            Err(why) => Err(NoAnswer::Lack(lack::not_asked(&why))),
        }
    }

    /// Waits for a message, whatever it says. False if none came, or one after
    /// the deadline.
    fn hear(
        &mut self,
        buffer: &mut [u8],
        patience: Duration,
        deadline: &Deadline,
        watch: OnPacket,
    ) -> Result<bool, NoAnswer> {
        let version = self.icmp.version;
        let heard = self.icmp.listen(buffer, patience);
        let received = match heard.map_err(|why| NoAnswer::Lack(lack::not_asked(&why)))? {
            Heard::Message(received) => received,
            Heard::Error(error) => {
                self.queued(&error);
                return Ok(true);
            }
            Heard::Silence | Heard::Interrupted => return Ok(false),
        };
        let from = received.packet.from.map(|from| from.ip());
        let arrival = clock::arrival(received.packet.stamp);
        if arrival.since(deadline.began) > deadline.timeout {
            return Ok(false);
        }
        let Ok(message) = Message::parse(version, received.message) else { return Ok(true) };
        match message.body {
            Body::EchoReply(echo) if from == Some(self.target.ip()) => {
                let identifier = self.icmp.identifier;
                if let Some(ping) = find(&mut self.pings, identifier, &echo) {
                    watch(&Packet {
                        direction: Direction::Received,
                        bytes: received.message,
                        peer: Some(self.target.ip()),
                    });
                    ping.rtt.get_or_insert_with(|| arrival.since(ping.sent));
                    self.ttl = received.packet.ttl.or(self.ttl);
                }
            }
            // After a redirect the ping went on all the same.
            Body::Error(error) if !error.problem.is_redirect() => {
                let identifier = self.icmp.identifier;
                let quoted = Quoted::parse(version, error.quoted);
                if let Ok(Quoted {
                    transport: Transport::Echo { identifier: theirs, sequence, .. },
                    destination,
                    ..
                }) = quoted
                    && theirs == identifier
                    && destination == self.target.ip()
                {
                    watch(&Packet {
                        direction: Direction::Received,
                        bytes: received.message,
                        peer: from,
                    });
                    self.failed(sequence, error.problem, from);
                }
            }
            _ => {}
        }
        Ok(true)
    }

    /// An error that the kernel has kept for a datagram socket; a raw one
    /// receives them as messages.
    fn queued(&mut self, error: &IcmpError) {
        if let Ok(request) = Message::parse(self.icmp.version, &error.request)
            && let Body::EchoRequest(echo) = request.body
        {
            self.failed(echo.sequence, error.problem, error.from);
        }
    }

    fn failed(&mut self, sequence: u16, problem: Problem, from: Option<IpAddr>) {
        let place = usize::from(sequence).wrapping_sub(1);
        if let Some(ping) = self.pings.get_mut(place) {
            ping.failed = true;
            self.error = Some((problem, from));
        }
    }
}

/// The ping that a reply answers: by identifier, number and payload.
fn find<'a>(pings: &'a mut [Ping], identifier: u16, echo: &Echo) -> Option<&'a mut Ping> {
    let ping = pings.get_mut(usize::from(echo.sequence).checked_sub(1)?)?;
    (echo.identifier == identifier && echo.payload == ping.nonce).then_some(ping)
}
