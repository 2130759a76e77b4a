//! What a reply, once it is ours, says of the server.

use crate::wire::dns::{Data, Name, Rcode, Record, Says};
use serde_json::Value as Json;

use super::{Dns, Reply};
use crate::outcome::Outcome;

/// The number of records in the line; the others are counted.
const SHOWN: usize = 3;
/// The number of records in the details.
const KEPT: usize = 16;
/// The longest that a record in the line may be, in characters.
const WIDTH: usize = 60;

impl Dns {
    pub(super) fn judge(&self, reply: &Reply) -> Outcome {
        let message = &reply.message;
        let Some(question) = self.question(message) else {
            return Outcome::unverified("the question cannot be written");
        };
        let says = message.says(&question);
        let (records, aliases) = match &says {
            Says::Answer { aliases, records } => (records.clone(), aliases.clone()),
            Says::NoSuchName { aliases, .. }
            | Says::NoData { aliases, .. }
            | Says::AliasLoop { aliases } => (Vec::new(), aliases.clone()),
            _ => (Vec::new(), Vec::new()),
        };
        let outcome = match self.objection(&says, &records, message.rcode) {
            Some(why) => Outcome::down(why),
            None if records.is_empty() => Outcome::up(format!("{says}, as expected")),
            None => Outcome::up(list(&records)),
        };
        let mut outcome = outcome
            .after(reply.took)
            .with("rcode", message.rcode.to_string())
            .with("transport", if reply.over_tcp { "tcp" } else { "udp" })
            .with("edns", message.edns.is_some())
            .with("authoritative", message.header.authoritative)
            .with("answers", message.answers.len())
            .with("authorities", message.authorities.len())
            .with("additionals", message.additionals.len())
            .with("records", texts(records.iter().map(|record| &record.data)))
            .with("aliases", texts(aliases.into_iter()));
        if let Some(ttl) = records.iter().map(|record| record.ttl).min() {
            outcome = outcome.with("ttl_seconds", ttl);
        }
        if let Some(Data::Soa(soa)) = records.first().map(|record| &record.data) {
            outcome = outcome.with("serial", soa.serial);
        }
        outcome
    }

    /// Why it is not what was wanted, if it is not.
    fn objection(&self, says: &Says, records: &[&Record], rcode: Rcode) -> Option<String> {
        let wanted = self.expect_rcode.unwrap_or(Rcode::NO_ERROR);
        if rcode != wanted {
            return Some(match self.expect_rcode {
                Some(_) => format!("{says}, where {wanted} was expected"),
                None => says.to_string(),
            });
        }
        if wanted != Rcode::NO_ERROR {
            return None;
        }
        let few = (records.len() as u64) < self.min_answers;
        match says {
            Says::Answer { .. } if few => {
                return Some(format!("{says}, where {} were expected", self.min_answers));
            }
            Says::Answer { .. } => {}
            Says::NoData { .. } if !few => {}
            _ => return Some(says.to_string()),
        }
        let has = |text: &&String| records.iter().any(|record| is(record, text));
        if let Some(missing) = self.expect.iter().find(|text| !has(text)) {
            return Some(format!("{missing:?} is not among the answers: {}", list(records)));
        }
        if !self.expect_any.is_empty() && !self.expect_any.iter().any(|text| has(&text)) {
            return Some(format!("none of those expected is among the answers: {}", list(records)));
        }
        None
    }
}

/// Whether a record is what a person wrote: its data as shown, or the name in
/// it, whose case and last dot do not matter; of TXT the text without quotes.
fn is(record: &Record, text: &str) -> bool {
    let name = |name: &Name| text.parse::<Name>().is_ok_and(|text| text == *name);
    let shown = record.data.to_string();
    let same = |a: &str, b: &str| {
        let words = |text: &str| -> Vec<String> {
            let word = |word: &str| word.trim_end_matches('.').to_ascii_lowercase();
            text.split_whitespace().map(word).collect()
        };
        words(a) == words(b)
    };
    match &record.data {
        Data::Txt(strings) => shown == text || strings.concat() == text.as_bytes(),
        Data::Caa { .. } => shown == text,
        Data::Aaaa(address) => text.parse() == Ok(*address),
        Data::Ns(it) | Data::Cname(it) | Data::Ptr(it) => name(it),
        Data::Mx { exchange: it, .. } | Data::Srv { target: it, .. } => {
            name(it) || same(&shown, text)
        }
        _ => same(&shown, text),
    }
}

fn list(records: &[&Record]) -> String {
    let short = |record: &&Record| {
        let text = record.data.to_string();
        match text.char_indices().nth(WIDTH) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text,
        }
    };
    let shown: Vec<String> = records.iter().take(SHOWN).map(short).collect();
    match records.len().saturating_sub(SHOWN) {
        0 if shown.is_empty() => "no record".to_string(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn texts<T: ToString>(list: impl Iterator<Item = T>) -> Json {
    list.take(KEPT).map(|item| Json::from(item.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_may_be_written_in_more_than_one_way() {
        let name: Name = "mail.lab.test".parse().unwrap();
        let record = |data| Record::new(&Name::root(), 60, data);
        let mx = record(Data::Mx { preference: 10, exchange: name.clone() });
        for text in ["10 mail.lab.test.", "10  MAIL.lab.test", "mail.lab.test"] {
            assert!(is(&mx, text), "{text}");
        }
        assert!(!is(&mx, "20 mail.lab.test.") && !is(&mx, "lab.test"));
        let txt = record(Data::Txt(vec![b"v=spf1 ".to_vec(), b"-all".to_vec()]));
        assert!(is(&txt, "v=spf1 -all") && is(&txt, "\"v=spf1 \" \"-all\""));
        assert!(!is(&txt, "V=spf1 -all"));
        let aaaa = record(Data::Aaaa("2001:db8::1".parse().unwrap()));
        assert!(is(&aaaa, "2001:0db8:0:0::1"));
    }
}
