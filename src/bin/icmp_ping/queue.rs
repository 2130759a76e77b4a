//! The ICMP errors that the kernel keeps for a datagram socket; a raw one receives them as messages.

use std::time::Instant;

use socklab::cli::LOOK_UP;
use socklab::icmp_socket::{IcmpSocket, Kind};
use socklab::report::Reporter;
use socklab::sys;
use socklab::wire::icmp::{Body, Message};

use crate::replies::Sent;
use crate::tell;

/// What was taken from the queue before.
#[derive(Debug, Default)]
pub struct ErrorQueue {
    /// When a failure without an error in the queue was last excused.
    excused: Option<Instant>,
}

impl ErrorQueue {
    /// After a call on the socket failed: takes the errors that came in, and
    /// tells them. True if they are the reason, so that the call is to be made
    /// again: what it was to send has not been sent.
    pub fn take(
        &mut self,
        icmp: &IcmpSocket,
        buffer: &mut [u8],
        sent: &mut Sent,
        reporter: &Reporter,
    ) -> bool {
        if icmp.kind == Kind::Raw {
            return false;
        }
        let mut any = false;
        while let Ok(Some(error)) = sys::next_error(&icmp.socket, buffer) {
            // What arose on this machine itself, the call has told.
            if let Some(problem) = error.problem
                && let Ok(request) = Message::parse(icmp.version, &buffer[..error.length])
                && let Body::EchoRequest(echo) = request.body
            {
                any = true;
                let finding = sent.failed(echo.sequence, echo.payload, problem);
                tell::error(reporter, &finding, error.from);
            }
        }
        // The kernel first puts an error into the queue, and then lets a call
        // fail: between the two it may have been taken, and the failure is left.
        // So one is excused; when the next call fails too, it is its own fault.
        if !any {
            any = self.excused.is_none_or(|when| when.elapsed() > LOOK_UP);
            self.excused = any.then(Instant::now);
        }
        any
    }
}
