#![no_main]

//! A client's and a server's ledger with nonsense between their lines: whatever
//! it says, it is drawn, in the terminal and as a page.

use ladder::ledger::read;
use ladder::text::{Page, draw};
use packets::paint::Painter;

const CLIENT: &[u8] = br#"{"event":"start","at_ns":1,"program":"udp_ping_client","server":"127.0.0.1:9","local":"127.0.0.1:8"}
{"event":"sent","at_ns":10,"seq":1,"bytes":34}
"#;
const SERVER: &[u8] = br#"{"event":"start","at_ns":1,"program":"udp_ping_server","listening":"127.0.0.1:9","local":"127.0.0.1:9"}
{"event":"request","at_ns":20,"client":"127.0.0.1:8","request":1,"text":"\"Ping 1\"","fate":"replied"}
"#;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let (mut ledgers, mut wrong) = (Vec::new(), Vec::new());
    read("client", &[CLIENT, first].concat(), &mut ledgers, &mut wrong);
    read("server", &[SERVER, second].concat(), &mut ledgers, &mut wrong);
    let mut run = ladder::run::run(ledgers, None);
    ladder::selection::select(&mut run, Default::default());
    draw(&run, Page { width: 80, painter: Painter::plain(), ascii: bytes.len() % 2 == 0 });
    ladder::html::draw(&run);
});
