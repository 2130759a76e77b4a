//! What a run was: who took part, which packets passed between them, and what happened to them.

/// Nanoseconds by the clock of the first ledger.
pub type Time = i64;

/// A run, ready to be drawn.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// From left to right.
    pub lifelines: Vec<Lifeline>,
    /// In the order in which they left.
    pub packets: Vec<Packet>,
    pub marks: Vec<Mark>,
    /// Every line that was read, for whoever wants to see it.
    pub events: Vec<Line>,
    /// What the picture cannot say for itself, a sentence each.
    pub notes: Vec<String>,
}

/// A line of a ledger.
#[derive(Debug, Clone)]
pub struct Line {
    pub program: String,
    pub json: String,
}

/// One who sends and receives: a vertical line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifeline {
    pub name: String,
    /// Its address, if it had one for the whole run.
    pub address: Option<String>,
    pub role: Role,
    /// Whether it wrote a ledger. Of one that wrote none, what the others say is
    /// all that is known.
    pub told: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Client,
    Link,
    Server,
}

/// A moment, and whether a ledger tells it or it was put in between two that are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub at: Time,
    pub known: bool,
}

impl Moment {
    pub fn known(at: Time) -> Moment {
        Moment { at, known: true }
    }

    pub fn guessed(at: Time) -> Moment {
        Moment { at, known: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Request,
    Reply,
    /// An ICMP error in the place of a reply.
    Error,
    /// The attempt to open a connection that did not come about.
    Syn,
    /// The end or reset of a connection in the place of a reply.
    End,
}

/// A packet, on one stretch of its way: an arrow, or a cross where it died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Which request it belongs to, and its replies; an index that packets share.
    pub exchange: usize,
    pub kind: Kind,
    /// Its number, as the programs count.
    pub label: String,
    /// The lifelines between which it went.
    pub from: usize,
    pub to: usize,
    pub left: Moment,
    /// When it came to `to`; of one that died, when that was.
    pub came: Moment,
    pub fate: Fate,
    /// More about its fate: which ICMP error, from whom.
    pub why: Option<String>,
    /// The lines that tell of it: indexes into [`Run::events`].
    pub events: Vec<usize>,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    Arrived,
    /// It arrived behind one with a higher number (RFC 4737, section 3.3).
    Reordered,
    Duplicate,
    /// It arrived after the timeout.
    Late,
    Corrupt,
    /// It arrived, and says that the request was lost on purpose.
    SaidLost,
    /// Dropped on purpose, by the one it came to.
    Dropped,
    /// It left, and did not arrive.
    Lost,
    /// An ICMP error or a reset came in its place.
    Refused,
    /// The system would not send it.
    NotSent,
    /// Nothing came back, and nobody tells whether it arrived.
    Unanswered,
    /// The ledger of the one it went to does not reach so far.
    Unknown,
}

/// Where on its way the packet ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Arrived,
    /// Dead at the one it was for.
    ThereDead,
    Midway,
    /// Before it left.
    Here,
}

impl Fate {
    pub const ALL: [Fate; 12] = [
        Fate::Arrived,
        Fate::Reordered,
        Fate::Duplicate,
        Fate::Late,
        Fate::Corrupt,
        Fate::SaidLost,
        Fate::Dropped,
        Fate::Lost,
        Fate::Refused,
        Fate::NotSent,
        Fate::Unanswered,
        Fate::Unknown,
    ];

    /// For the legend.
    pub fn words(self) -> &'static str {
        match self {
            Fate::Arrived => "arrived",
            Fate::Reordered => "overtaken by a later one",
            Fate::Duplicate => "duplicate",
            Fate::Late => "late: after the timeout",
            Fate::Corrupt => "corrupt: wrong bytes",
            Fate::SaidLost => "the word LOST, for a reply",
            Fate::Dropped => "dropped on purpose",
            Fate::Lost => "lost on the way",
            Fate::Refused => "refused: an error came back",
            Fate::NotSent => "not sent: the system refused",
            Fate::Unanswered => "no reply: lost there or back",
            Fate::Unknown => "its end is not told",
        }
    }

    /// For the arrow itself, beside its number.
    pub fn short(self) -> &'static str {
        match self {
            Fate::Arrived => "",
            Fate::Reordered => "overtaken",
            Fate::Duplicate => "duplicate",
            Fate::Late => "late",
            Fate::Corrupt => "corrupt",
            Fate::SaidLost => "LOST",
            Fate::Dropped => "dropped",
            Fate::Lost => "lost",
            Fate::Refused => "refused",
            Fate::NotSent => "not sent",
            Fate::Unanswered => "no reply",
            Fate::Unknown => "not told",
        }
    }

    pub fn ended(self) -> Ended {
        match self {
            Fate::Dropped | Fate::Refused => Ended::ThereDead,
            Fate::Lost | Fate::Unanswered => Ended::Midway,
            Fate::NotSent => Ended::Here,
            _ => Ended::Arrived,
        }
    }

    pub fn is_cross(self) -> bool {
        self.ended() != Ended::Arrived
    }
}

/// What happened beside the packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// A request's timeout, from its sending to its end.
    Timeout { exchange: usize, lifeline: usize, label: String, from: Time, to: Time },
    /// A connection's opening or end, a band from one lifeline to the other.
    Band {
        opening: bool,
        near: usize,
        far: usize,
        from: Time,
        to: Time,
        text: String,
        event: usize,
    },
    /// A word at a lifeline: taken for dead, alive again, a packet that answers nothing.
    Note { lifeline: usize, at: Time, text: String, event: usize },
}

impl Mark {
    pub fn times(&self) -> (Time, Time) {
        match self {
            Mark::Timeout { from, to, .. } | Mark::Band { from, to, .. } => (*from, *to),
            Mark::Note { at, .. } => (*at, *at),
        }
    }
}
