//! The secret that a manager and its agents share: read from a file, or drawn at random into one.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use socklab::errors::cause;

use crate::random;

/// What is known to manager and agents alone. It is never shown: not in
/// messages, and not by `{:?}`.
#[derive(Clone)]
pub struct Token {
    /// Keyed with the token, and nothing in it yet.
    mac: Hmac<Sha256>,
    thought_up: bool,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// The shortest token in bytes: 16 that were drawn at random cannot be guessed.
    pub const SHORTEST: usize = 16;

    /// Takes the content of a token file, without the white space around it.
    ///
    /// # Errors
    /// One line: the token is too short.
    pub fn new(text: &str) -> Result<Token, String> {
        let token = text.trim();
        if token.len() < Token::SHORTEST {
            return Err(format!(
                "a token of {} bytes is too short, it takes {}; \
                 make one with: monitor_manager --new-token FILE",
                token.len(),
                Token::SHORTEST
            ));
        }
        let mac = Hmac::new_from_slice(token.as_bytes()).map_err(|why| why.to_string())?;
        Ok(Token { mac, thought_up: looks_thought_up(token) })
    }

    /// Reads the token that stands in a file.
    ///
    /// # Errors
    /// One line: the file cannot be read, or the token is too short.
    pub fn read(path: &Path) -> Result<Token, String> {
        let shown = path.display();
        let text = fs::read_to_string(path)
            .map_err(|why| format!("cannot read the token from {shown}: {}", cause(&why)))?;
        Token::new(&text).map_err(|why| format!("{shown}: {why}"))
    }

    /// Draws a token of 32 random bytes, and writes it, in hexadecimal, into a
    /// new file that its owner alone may read.
    ///
    /// # Errors
    /// One line: the file is there already, or cannot be written.
    pub fn make(path: &Path) -> Result<(), String> {
        let token = random::hex(32)? + "\n";
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(path).and_then(|mut file| {
            file.write_all(token.as_bytes())?;
            file.sync_all()
        });
        let shown = path.display();
        written.map_err(|why| match why.kind() {
            io::ErrorKind::AlreadyExists => {
                format!("{shown} is there already; a new token takes a new file")
            }
            _ => format!("cannot write the token to {shown}: {}", cause(&why)),
        })
    }

    /// A warning, if a person seems to have thought the token up. Whoever can
    /// connect to the manager gets one proof from it, and can try words
    /// against that at home, millions a second.
    pub fn warning(&self) -> Option<&'static str> {
        self.thought_up.then_some(
            "the token looks thought up, and such a one can be guessed; \
             draw one with: monitor_manager --new-token FILE",
        )
    }

    /// The keyed hash, for the proofs.
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        self.mac.clone()
    }
}

/// Random hexadecimal or base64 changes between capitals, small letters and
/// digits at about every second character; words and dates hardly ever do.
fn looks_thought_up(token: &str) -> bool {
    let class = |byte: &u8| (byte.is_ascii_lowercase(), byte.is_ascii_uppercase());
    let bytes = token.as_bytes();
    let changes = bytes.windows(2).filter(|pair| class(&pair[0]) != class(&pair[1])).count();
    let hexadecimal = bytes.iter().all(u8::is_ascii_hexdigit);
    let (shortest, percent) = if hexadecimal { (32, 20) } else { (22, 40) };
    let known = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte));
    !known || bytes.len() < shortest || changes * 100 < (bytes.len() - 1) * percent
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn a_token_is_never_shown_and_never_short() {
        let token = Token::new("correct horse battery staple\n").unwrap();
        assert_eq!(format!("{token:?}"), "Token(..)");
        assert!(Token::new("  secret  ").unwrap_err().contains("6 bytes is too short"));
    }

    #[test]
    fn a_new_token_is_random_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        Token::make(&one).unwrap();
        Token::make(&other).unwrap();
        assert_ne!(fs::read(&one).unwrap(), fs::read(&other).unwrap());
        assert_eq!(fs::read_to_string(&one).unwrap().trim().len(), 64);
        assert_eq!(Token::read(&one).unwrap().warning(), None);
        assert!(Token::make(&one).unwrap_err().contains("is there already"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&one).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_token_that_somebody_thought_up_gets_a_warning_and_a_random_one_does_not() {
        for thought_up in [
            "correct horse battery staple",
            "CorrectHorseBatteryStaple2024",
            "passwordpassword",
            "0123456789abcdef0123456789abcdef",
            "1111111111111111111111111111111111",
            "lab-network-token-of-2026",
            "geheimes Wort, das keiner kennt",
        ] {
            assert!(Token::new(thought_up).unwrap().warning().is_some(), "{thought_up}");
        }
        let mut chance = ChaCha8Rng::seed_from_u64(5);
        let digits = b"0123456789abcdef";
        let base64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (alphabet, length) in [(&digits[..], 64), (&base64[..], 43)] {
            let mut warned = 0;
            for _ in 0..10_000 {
                let mut draw = || char::from(alphabet[chance.random_range(0..alphabet.len())]);
                let token: String = (0..length).map(|_| draw()).collect();
                warned += usize::from(looks_thought_up(&token));
            }
            assert!(warned <= 20, "{warned} of 10000 with {length} characters");
        }
    }
}
