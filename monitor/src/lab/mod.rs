//! Services to watch, on loopback, each of which can be broken on demand.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`services`] | which there are, and on which ports |
//! | [`faults`] | what can be wrong with each |
//! | [`commands`] | how that is typed |
//! | [`threads`] | threads that serve a port until told to stop |
//! | [`http`], [`https`], [`dns`], [`ntp`], [`tcp`], [`echo`] | what each answers |
//! | [`ca_file`] | where a client finds the authority of [`https`] |
//! | [`zone`] | the names that the DNS server knows |
//!
//! ```no_run
//! use monitor::lab::{Lab, services::Service};
//!
//! let lab = Lab::start([127, 0, 0, 1].into(), 0)?;
//! println!("{}", lab.address(Service::Dns));
//! lab.obey("dns wrong-question".parse()?)?;
//! # Ok::<(), String>(())
//! ```
//!
//! A lab takes a thread for each port and protocol, and one for each of at
//! most 64 connections to a service. All of them end when it is dropped.

pub mod ca_file;
pub mod commands;
pub mod dns;
pub mod echo;
pub mod faults;
pub mod http;
pub mod https;
pub mod ntp;
pub mod services;
pub mod tcp;
pub mod threads;
pub mod zone;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use socklab::errors::cause;

use commands::Command;
use faults::{Behaviour, Switch};
use services::Service;
use threads::Worker;

/// One service: where it is, how it behaves, and its threads, if it is open.
struct Instance {
    address: SocketAddr,
    switch: Arc<Switch>,
    workers: Mutex<Vec<Worker>>,
}

impl Instance {
    fn workers(&self) -> MutexGuard<'_, Vec<Worker>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the ports; returns when they are closed.
    fn stop(&self) {
        let mut workers = self.workers();
        // All are told before one is waited for.
        workers.iter().for_each(Worker::tell);
        workers.clear();
    }
}

/// The services, running. They stop when this is dropped.
pub struct Lab {
    instances: Vec<Instance>,
    certificates: Arc<https::Certificates>,
    zone: Arc<zone::Zone>,
    began: SystemTime,
}

impl Lab {
    /// Opens every service, each on its well-known port above `port_base`; 0
    /// takes ports that are free.
    ///
    /// # Errors
    /// One line for a person: which port could not be opened, why, and the mend.
    pub fn start(bind: IpAddr, port_base: u16) -> Result<Lab, String> {
        let certificates = Arc::new(https::Certificates::new()?);
        let mut sockets = Vec::new();
        for service in Service::ALL {
            let port = match port_base {
                0 => 0,
                base => base.checked_add(service.well_known_port()).ok_or_else(|| {
                    format!("the port base {base} is too high: {service} would have a port above 65535; the highest is 65092")
                })?,
            };
            sockets.push(Sockets::open(service, SocketAddr::new(bind, port))?);
        }
        let http_port = sockets[Service::Http.place()].address.port();
        let mut lab = Lab {
            instances: Vec::new(),
            certificates,
            zone: Arc::new(zone::Zone::lab(http_port)),
            began: SystemTime::now(),
        };
        for (service, sockets) in Service::ALL.into_iter().zip(sockets) {
            let address = sockets.address;
            let switch = Arc::new(Switch::default());
            let workers = Mutex::new(lab.serve(service, sockets, &switch)?);
            lab.instances.push(Instance { address, switch, workers });
        }
        Ok(lab)
    }

    pub fn address(&self, service: Service) -> SocketAddr {
        self.instances[service.place()].address
    }

    /// The certificate of the lab's authority, for a client's `ca_file`.
    pub fn authority_pem(&self) -> &str {
        &self.certificates.authority_pem
    }

    pub fn is_open(&self, service: Service) -> bool {
        !self.instances[service.place()].workers().is_empty()
    }

    pub fn behaviour(&self, service: Service) -> Behaviour {
        self.instances[service.place()].switch.get()
    }

    /// Does what a command says. To stop a service that is stopped, or to
    /// start one that is open, is nothing to do.
    ///
    /// # Errors
    /// One line for a person: a port could not be opened again.
    pub fn obey(&self, command: Command) -> Result<(), String> {
        match command {
            Command::Stop(service) => self.stop(service),
            Command::Start(service) => return self.open(service),
            Command::Slow(service, by) => self.change(service, |behaviour| behaviour.slow = by),
            Command::Break(service, fault) => {
                self.change(service, |behaviour| behaviour.fault = Some(fault));
            }
            Command::Heal(Some(service)) => return self.heal(service),
            Command::Heal(None) => {
                return Service::ALL.into_iter().try_for_each(|service| self.heal(service));
            }
        }
        Ok(())
    }

    /// Closes a service's ports; returns when they are closed.
    pub fn stop(&self, service: Service) {
        self.instances[service.place()].stop();
    }

    /// Opens a service's ports again, the same ones.
    ///
    /// # Errors
    /// One line for a person: somebody else has the port now.
    pub fn open(&self, service: Service) -> Result<(), String> {
        let instance = &self.instances[service.place()];
        let mut workers = instance.workers();
        if workers.is_empty() {
            *workers =
                self.serve(service, Sockets::open(service, instance.address)?, &instance.switch)?;
        }
        Ok(())
    }

    fn heal(&self, service: Service) -> Result<(), String> {
        self.change(service, |behaviour| *behaviour = Behaviour::default());
        self.open(service)
    }

    fn change(&self, service: Service, change: impl FnOnce(&mut Behaviour)) {
        self.instances[service.place()].switch.change(change);
    }

    fn serve(
        &self,
        service: Service,
        sockets: Sockets,
        switch: &Arc<Switch>,
    ) -> Result<Vec<Worker>, String> {
        let Sockets { address, udp, tcp } = sockets;
        let mut workers = Vec::new();
        if let Some(socket) = udp {
            let (zone, began) = (Arc::clone(&self.zone), self.began);
            let behaviour = Arc::clone(switch);
            let fault = move || behaviour.get().fault;
            let answer = move |message: &[u8], client: SocketAddr| match service {
                Service::Dns => dns::answer(&zone, message, dns::Over::Udp, fault()),
                Service::Ntp => ntp::answer(message, SystemTime::now(), began, fault()),
                Service::Echo => echo::answer(message, client, address.port(), fault()),
                _ => None,
            };
            workers.push(threads::udp(socket, Arc::clone(switch), answer)?);
        }
        if let Some(listener) = tcp {
            let (zone, certificates) = (Arc::clone(&self.zone), Arc::clone(&self.certificates));
            let serve = move |connection: &threads::Connection| {
                // A connection that breaks is its client's business.
                let _: io::Result<()> = match service {
                    Service::Http => http::serve(connection, connection.stream),
                    Service::Https => certificates.serve(connection),
                    Service::Dns => dns::serve(&zone, connection),
                    Service::Echo => echo::serve(connection),
                    _ => tcp::serve(connection),
                };
            };
            workers.push(threads::tcp(listener, Arc::clone(switch), serve)?);
        }
        Ok(workers)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for instance in &self.instances {
            instance.workers().iter().for_each(Worker::tell);
        }
    }
}

/// A service's sockets, bound and not yet served.
struct Sockets {
    address: SocketAddr,
    udp: Option<UdpSocket>,
    tcp: Option<TcpListener>,
}

impl Sockets {
    fn open(service: Service, address: SocketAddr) -> Result<Sockets, String> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match Sockets::bind(service, address) {
                // With port 0, what is free for UDP need not be free for TCP.
                Err(why)
                    if why.kind() == ErrorKind::AddrInUse
                        && address.port() == 0
                        && attempts < 100 => {}
                result => return result.map_err(|why| cannot_open(service, address, &why)),
            }
        }
    }

    fn bind(service: Service, address: SocketAddr) -> io::Result<Sockets> {
        let mut sockets = Sockets { address, udp: None, tcp: None };
        if service.over_udp() {
            let socket = UdpSocket::bind(address)?;
            sockets.address = socket.local_addr()?;
            sockets.udp = Some(socket);
        }
        if service.over_tcp() {
            let listener = TcpListener::bind(sockets.address)?;
            sockets.address = listener.local_addr()?;
            sockets.tcp = Some(listener);
        }
        Ok(sockets)
    }
}

fn cannot_open(service: Service, address: SocketAddr, why: &io::Error) -> String {
    let mend = match why.kind() {
        ErrorKind::AddrInUse => format!(
            "another program has the port (see: ss -lntup 'sport = :{}'); \
             pick other ports with --port-base 20000, or any with --port-base 0",
            address.port()
        ),
        ErrorKind::AddrNotAvailable => {
            "no interface of this machine has that address (see: ip addr)".to_string()
        }
        ErrorKind::PermissionDenied => {
            "ports below 1024 are for root; pick higher ones with --port-base 10000".to_string()
        }
        _ => "see --help for --bind and --port-base".to_string(),
    };
    format!("cannot open {service} on {address}: {}; {mend}", cause(why))
}
