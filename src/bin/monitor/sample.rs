//! What is watched without a file: services of the lab, started within the
//! monitor, so that it has something to show without a network.

use std::time::Duration;

use monitor::config::typed;
use monitor::lab::Lab;
use monitor::lab::ca_file::CaFile;
use monitor::lab::services::Service as Post;
use monitor::service::{Service, Settings};

/// The lab, and what is watched of it. It runs until this is dropped.
pub struct Sample {
    pub services: Vec<Service>,
    _lab: Lab,
    _ca_file: CaFile,
}

impl Sample {
    /// Starts the lab on ports that are free.
    ///
    /// # Errors
    /// One line for a person.
    pub fn start() -> Result<Sample, String> {
        let lab = Lab::start([127, 0, 0, 1].into(), 0)?;
        let ca_file = CaFile::write(&lab, None)?;
        let at = |post| lab.address(post);
        let ca = ca_file.path.display();
        let lines = [
            ("lab web", format!("http http://{}/", at(Post::Http))),
            ("lab web, secure", format!("https https://{}/ ca_file=\"{ca}\"", at(Post::Https))),
            ("lab names", format!("dns {} www.lab.test A", at(Post::Dns))),
            ("lab clock", format!("ntp {}", at(Post::Ntp))),
            ("lab banner", format!("tcp {}", at(Post::Tcp))),
            ("lab echo", format!("echo {}", at(Post::Echo))),
            ("lab silence", format!("udp {}", at(Post::Silent))),
        ];
        let settings = Settings {
            interval: Some(Duration::from_secs(5)),
            timeout: Some(Duration::from_secs(1)),
            ..Settings::default()
        };
        let services = lines.into_iter().map(|(name, line)| {
            let service = typed::parse(&line)?.service(&settings)?;
            Ok(Service { name: name.to_string(), ..service })
        });
        let services = services.collect::<Result<_, String>>()?;
        Ok(Sample { services, _lab: lab, _ca_file: ca_file })
    }
}
