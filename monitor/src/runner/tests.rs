use super::*;
use crate::config::typed;
use socklab::output::Painter;
use std::time::Duration;

/// Where services come from in these tests: from nowhere.
fn no_sources() -> Sources {
    Sources {
        file: Box::new(|| Ok(Vec::new())),
        file_name: String::new(),
        typed: Box::new(|_| Err(String::new())),
        exit_words: Vec::new(),
    }
}

/// A runner, and all that it shows.
fn shown() -> (Runner, Receiver<String>) {
    let (lines, shown) = mpsc::channel();
    let printer =
        Printer::start("monitor", Some(Box::new(move |text| drop(lines.send(text))))).unwrap();
    let teller = Teller::new(false, false, false, Painter::plain());
    // Two threads: one may still be on its way back from a check whose result is known.
    (Runner::new("monitor", 2, teller, printer, Names::default(), no_sources()), shown)
}

#[test]
fn a_check_that_was_asked_for_is_said_to_begin_before_its_result_is_shown() {
    let (mut runner, shown) = shown();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let typed = format!("tcp 127.0.0.1 {port} 1h name=web");
    let service = typed::parse(&typed).unwrap().service(&Default::default()).unwrap();
    runner.add_all(vec![service]);
    let outbox = runner.outbox();
    let person = std::thread::spawn(move || {
        let mut text = String::new();
        let mut show_until = |end: &str| {
            while let Ok(line) = shown.recv_timeout(Duration::from_secs(60)) {
                text += &line;
                if text.contains(end) {
                    break;
                }
            }
            std::mem::take(&mut text)
        };
        show_until("web");
        // The prompt's thread is slow: it does not even look at the reply.
        let (reply, _replied) = mpsc::channel();
        outbox.send(Request::Do(Command::Check("web".to_string()), None, reply)).unwrap();
        let text = show_until("up ");
        outbox.send(Request::Stop).unwrap();
        text
    });
    runner.run();
    let text = person.join().unwrap();
    assert!(text.starts_with("checking web\n") && text.contains("up "), "{text:?}");
}
