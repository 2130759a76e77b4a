//! Which figure of a check goes under which metric.

use jiff::Timestamp;
use serde_json::Value;

use crate::outcome::Outcome;

/// Where a figure of [`Outcome::detail`] goes.
pub struct Figure {
    pub detail: &'static str,
    /// What stands for it where there is no such figure.
    or: Option<&'static str>,
    /// The metric, and a label of its own if several figures share it.
    pub metric: &'static str,
    pub label: Option<(&'static str, &'static str)>,
    pub help: &'static str,
}

const fn figure(detail: &'static str, metric: &'static str, help: &'static str) -> Figure {
    Figure { detail, or: None, metric, label: None, help }
}

/// One of several phases of a request.
const fn phase(detail: &'static str, metric: &'static str, phase: &'static str) -> Figure {
    let help = "How long each phase of the request took";
    Figure { detail, or: None, metric, label: Some(("phase", phase)), help }
}

/// Every figure of every check that is on the page. Those of one metric stand together.
pub const FIGURES: &[Figure] = &[
    phase("name_seconds", "probe_http_duration_seconds", "resolve"),
    phase("connect_seconds", "probe_http_duration_seconds", "connect"),
    phase("tls_seconds", "probe_http_duration_seconds", "tls"),
    phase("first_byte_seconds", "probe_http_duration_seconds", "processing"),
    phase("transfer_seconds", "probe_http_duration_seconds", "transfer"),
    figure("status", "probe_http_status_code", "The status that the server answered with"),
    figure("redirects", "probe_http_redirects", "How many redirects were followed"),
    figure("body_bytes", "probe_http_content_length", "Bytes of the body that were read"),
    Figure {
        detail: "chain_expires",
        or: Some("certificate_expires"),
        metric: "probe_ssl_earliest_cert_expiry",
        label: None,
        help: "When the first certificate of the chain expires, in Unix time",
    },
    figure("answers", "probe_dns_answer_rrs", "Records in the answer section"),
    figure("authorities", "probe_dns_authority_rrs", "Records in the authority section"),
    figure("additionals", "probe_dns_additional_rrs", "Records in the additional section"),
    figure("serial", "probe_dns_serial", "The serial number of the zone, from an SOA record"),
    figure("offset_seconds", "probe_ntp_offset_seconds", "The server's clock minus this machine's"),
    figure(
        "offset_bound_seconds",
        "probe_ntp_offset_bound_seconds",
        "The offset is wrong by this at most, if the server's clock is right",
    ),
    figure("delay_seconds", "probe_ntp_delay_seconds", "The round trip, without the server's part"),
    figure("stratum", "probe_ntp_stratum", "How many servers away the reference clock is"),
    figure("loss_pct", "probe_icmp_loss_percent", "Pings that were not answered, in per cent"),
    Figure {
        detail: "rtt_avg_seconds",
        or: None,
        metric: "probe_icmp_duration_seconds",
        label: Some(("phase", "rtt")),
        help: "The average round-trip time of the pings",
    },
    figure("ttl", "probe_icmp_reply_hop_limit", "The TTL or hop limit with which the replies came"),
    figure("hops", "probe_trace_hops", "How many hops away the host is"),
];

impl Figure {
    /// The figure of an outcome of a check of this type, if there is one.
    pub fn of(&self, kind: &str, outcome: &Outcome) -> Option<f64> {
        // Others have phases too, under the same names.
        let fits = !self.metric.starts_with("probe_http") || kind.starts_with("http");
        let detail = |name: &str| number(outcome.detail.get(name)?);
        detail(self.detail).or_else(|| detail(self.or?)).filter(|_| fits)
    }
}

/// A figure as a number: `true` is 1, and a date is Unix time.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(yes) => Some(f64::from(*yes)),
        Value::String(text) => {
            text.parse::<Timestamp>().ok().map(|time| time.as_microsecond() as f64 / 1e6)
        }
        _ => None,
    }
}
