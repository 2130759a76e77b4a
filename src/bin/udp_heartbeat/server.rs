//! The watched one: answers beats, some of them, and keeps an eye on its clients in turn.

use std::net::UdpSocket;
use std::time::Instant;

use logic::impair::{Fate, Treatment};
use logic::pace::LOOK_UP;
use logic::units::Rate;
use packets::heartbeat::{Beat, Reply};
use socklab::cli::{self, Exit};
use socklab::clock::{self, At};
use socklab::delay::Whose;
use socklab::ears::last_arrival;
use socklab::endpoint::Family;
use socklab::errors::cannot_listen;
use socklab::event::Reporter;
use socklab::output;
use socklab::ports;
use socklab::service::{Handled, Sent, Service};
use socklab::sockets::{is_own, no_datagram, own_address};

use crate::NAME;
use crate::args::ServerArgs;
use crate::clients::{Client, Ways};
use crate::server_told::{BeatEvent, Malformed, ServerStart};
use crate::way_up::WayUp;

/// A stamp further from this server's clock than this is none: it is written by
/// a program that counts from another beginning, or is a server's answer.
const FURTHEST: f64 = 365.0 * 86_400.0;

pub fn run(args: &ServerArgs) -> Result<Exit, String> {
    let plan = args.impair.plan(Rate::percent(30))?;
    let address = args.bind.resolve(ports::HEARTBEAT, Family::Any)?;
    // From here on the kernel keeps what comes to this port until it is read.
    let socket = UdpSocket::bind(address).map_err(|why| cannot_listen(address, 'u', &why))?;
    // A read ends without a datagram now and then, so that silence and Ctrl-C are seen.
    socket.set_read_timeout(Some(LOOK_UP)).map_err(|why| format!("cannot set a timeout: {why}"))?;
    let address = own_address(&socket)?;
    cli::stop_on_ctrl_c()?;
    output::for_ever(NAME, Some("clients are answered"));
    let reporter = Reporter::new(args.json, args.quiet);
    reporter.tell_always(&ServerStart::new(address, &plan, args));
    let mut service: Service<Client> = Service::new(plan, &socket)?;
    let (mut ways, mut malformed) = (Ways::default(), 0);
    let (mut next_look, mut buffer) = (Instant::now(), vec![0; 65_536]);

    while !cli::stopping() {
        service.settle(&reporter);
        next_look = Client::tell_the_silent(&mut service, args.silence, next_look, &reporter);
        // One socket for all clients: with each beat comes who sent it.
        let (length, client) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(why) => {
                no_datagram(NAME, &why);
                continue;
            }
        };
        let received = clock::now().as_microsecond() as f64 / 1e6 + args.clock_offset;
        let (at_ns, packet) = (last_arrival(&socket, args.json), &buffer[..length]);
        let beat = match parse(packet, received, is_own(address, client)) {
            Ok(beat) => beat,
            Err(why) => {
                malformed += 1;
                reporter.tell(&Malformed { at_ns, client, text: packet, why });
                continue;
            }
        };
        // Decide: the seed and the number of the request say what becomes of it.
        let turn = service.turn(client);
        turn.gone.iter().for_each(|gone| ways += gone.ways());
        let place = service.of(client).map(|known| known.beat(client, beat.seq, at_ns, &reporter));
        let answer = Reply { seq: beat.seq, diff: received - beat.sent };
        let handled = match turn.fate {
            // It has no --reject-rate.
            Fate::Dropped | Fate::Rejected { .. } => Handled::Dropped,
            Fate::Replied(treatment) => {
                let mut reply = answer.emit().into_bytes();
                treatment.spoil(&mut reply);
                // The delay line sends it when its time has come; without one, it leaves now.
                let delayed = service.delay(&reply, turn.whose, &treatment);
                delayed.unwrap_or_else(|| send(&socket, &reply, turn.whose, &treatment, &reporter))
            }
        };
        service.enter(turn.whose, &handled);
        reporter.tell(&BeatEvent::new(at_ns, turn.whose, &answer, &handled, place));
    }
    service.close(address, &reporter);
    reporter.tell_always(&WayUp::new(&service, ways, malformed));
    Ok(Exit::Ok)
}

/// Sends an answer, and again if it is to be doubled.
fn send(
    socket: &UdpSocket,
    reply: &[u8],
    whose: Whose,
    treatment: &Treatment,
    reporter: &Reporter,
) -> Handled {
    let at_ns = At::now();
    let send = |_: &u64| socket.send_to(reply, whose.client).is_ok();
    let copies = (0..treatment.copies()).filter(send).count() as u64;
    Sent::tell(whose, at_ns, reply.len(), copies, reporter)
}

/// The beat in a packet.
///
/// # Errors
/// Why it is none, in a few words.
fn parse(packet: &[u8], received: f64, from_ourselves: bool) -> Result<Beat, String> {
    if from_ourselves {
        return Err("the sender's address is this server's own".to_string());
    }
    let beat = Beat::parse(packet).ok_or("a beat is SEQ SECONDS")?;
    // Two servers that took each other's answers for beats would go on for ever.
    let years = (received - beat.sent).abs() / FURTHEST;
    if years > 1.0 {
        let far = if years < 1e6 { format!("{years:.1}") } else { format!("{years:.0e}") };
        return Err(format!("its stamp is {far} years from this server's clock"));
    }
    Ok(beat)
}
