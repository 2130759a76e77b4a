//! Proving a shared token without saying it: HMAC-SHA-256 (RFC 2104) over both sides' nonces.
//!
//! Each side draws a nonce for each connection, and so knows that a proof was
//! made for this one and not recorded from another. The two roles have
//! different words in front, so that a proof cannot be sent back to the one who
//! made it. The version is in it, so that nobody on the way can talk the two
//! into an older one; and the agent's identifier, so that who knows the token
//! says for whom it speaks.
//!
//! What is proven is the token, once, at the beginning. Whoever can change
//! packets on the way can still read, change and add lines behind it: that is
//! what TLS is for.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::protocol::VERSION;
use crate::random::{from_hex, to_hex};
use crate::token::Token;

/// Which side a proof is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Manager,
    Agent,
}

/// What both sides know of a connection when they prove themselves.
#[derive(Debug, Clone, Copy)]
pub struct Handshake<'a> {
    /// As they stand in `hello` and in `challenge`.
    pub agent_nonce: &'a str,
    pub manager_nonce: &'a str,
    /// As it stands in `hello`.
    pub agent_id: Option<u64>,
}

impl Token {
    /// The proof of a role, in hexadecimal.
    pub fn proof(&self, role: Role, handshake: &Handshake) -> String {
        to_hex(&self.said(role, handshake).finalize().into_bytes())
    }

    /// Whether a proof is right; takes equally long wherever it is wrong.
    pub fn verify(&self, role: Role, handshake: &Handshake, proof: &str) -> bool {
        from_hex(proof).is_some_and(|proof| self.said(role, handshake).verify_slice(&proof).is_ok())
    }

    fn said(&self, role: Role, handshake: &Handshake) -> Hmac<Sha256> {
        let role = match role {
            Role::Manager => "manager",
            Role::Agent => "agent",
        };
        // One line for each part. No part can hold a line end: a nonce that
        // is not hexadecimal is refused before.
        let said = format!(
            "socklab {VERSION}\n{role}\n{}\n{}\n{}\n",
            handshake.agent_nonce,
            handshake.manager_nonce,
            handshake.agent_id.map_or("new".to_string(), |id| id.to_string()),
        );
        let mut mac = self.mac();
        mac.update(said.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token::new("correct horse battery staple\n").unwrap()
    }

    const HANDSHAKE: Handshake =
        Handshake { agent_nonce: "aa", manager_nonce: "bb", agent_id: Some(3) };

    #[test]
    fn a_proof_agrees_with_pythons() {
        // python3 -c 'import hmac; print(hmac.new(b"correct horse battery staple",
        //   b"socklab 1\nagent\naa\nbb\n3\n", "sha256").hexdigest())'
        let proof = token().proof(Role::Agent, &HANDSHAKE);
        assert_eq!(proof, "354580a274e2c0220bd5fa944abda7584b630b2856119bf6c8d4b938bd4123ee");
        assert!(token().verify(Role::Agent, &HANDSHAKE, &proof));
    }

    #[test]
    fn a_proof_holds_for_its_token_role_nonces_and_identifier_alone() {
        let proof = token().proof(Role::Agent, &HANDSHAKE);
        let other = Token::new("correct horse battery stable").unwrap();
        assert!(!other.verify(Role::Agent, &HANDSHAKE, &proof));
        assert!(!token().verify(Role::Manager, &HANDSHAKE, &proof));
        for handshake in [
            Handshake { agent_nonce: "ab", ..HANDSHAKE },
            Handshake { manager_nonce: "ba", ..HANDSHAKE },
            Handshake { agent_id: Some(4), ..HANDSHAKE },
            Handshake { agent_id: None, ..HANDSHAKE },
        ] {
            assert!(!token().verify(Role::Agent, &handshake, &proof));
        }
        for wrong in ["", "zz", &proof[2..], &format!("{proof}00"), "\u{e9}\u{e9}"] {
            assert!(!token().verify(Role::Agent, &HANDSHAKE, wrong));
        }
    }
}
