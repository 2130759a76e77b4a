//! What the flags of damage ask for.

use std::net::{SocketAddr, TcpListener};

use logic::impair::{Impairment, Loss};
use socklab::impair_args::given_or_drawn;
use socklab::output::plural;
use socklab::reject::{RejectArgs, Rejecter};

use super::Args;

/// What happens to which message. The damage is what makes sense in a stream: a
/// byte too many, too few or spoilt is what TCP exists to prevent.
///
/// # Errors
/// One line for a person: the system drew no seed.
pub fn plan(args: &Args) -> Result<Impairment, String> {
    let loss = Loss::random(args.loss, None)?;
    let plan = Impairment::losing(loss, given_or_drawn(args.seed)?);
    let plan = Impairment { delay: args.delay, ..plan };
    Ok(plan.rejecting(args.reject.reject_rate, args.reject.with()))
}

/// What the first line says behind loss, delay and seed.
pub fn what_else(args: &Args) -> String {
    let trickle =
        args.trickle.map(|size| format!(", {} at a time", plural(size.get() as u64, "byte")));
    let one = args.one_at_a_time.then_some(", one client at a time");
    trickle.unwrap_or_default() + one.unwrap_or_default()
}

/// What sends ICMP errors to the clients of this listener, if the flags ask for it.
pub fn rejecter(
    args: &RejectArgs,
    listener: &TcpListener,
    address: SocketAddr,
) -> Result<Option<Rejecter>, String> {
    let rejecter = Rejecter::if_asked(args, address)?;
    if rejecter.is_some() && !sys::keep_syns(listener) {
        return Err("cannot reject over TCP: this system shows no SYN, and without its sequence \
                    number nobody believes an ICMP error; try udp_ping_server"
            .to_string());
    }
    Ok(rejecter)
}
