//! What can happen to a session, and how a record says it: the vocabulary of `gitformat-session(5)`.

use crate::session::{ObjectId, Timestamp};
use std::fmt;

/// 128 random bits in hexadecimal: brackets everything one command did, and makes each record unique.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(String);

impl OperationId {
    /// From 16 random bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        OperationId(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// From its text; none if that is not 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| OperationId(text.to_owned()))
    }

    /// All 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The word behind `Session-Event:`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// `create` made it.
    Created,
    /// `adopt` made it of what was there.
    Adopted,
    /// `set` changed a fact.
    Set,
    /// It was said to be ready to merge.
    Ready,
    /// It was said to be stuck.
    Blocked,
    /// Its name changed.
    Renamed,
    /// Its worktree went elsewhere.
    Moved,
    /// Its own commits were replayed onto a newer base.
    Synced,
    /// It ended, its work in the base.
    Merged,
    /// The base has its work, and it lives on.
    Integrated,
    /// It ended, its branch stays.
    Kept,
    /// It ended, its work put aside.
    Abandoned,
    /// Files were copied into its worktree.
    Prepared,
    /// An interrupted operation was taken back or completed.
    Recovered,
    /// It came back after its end.
    Restored,
    /// What an operation had changed of its facts was changed back.
    Undone,
    /// A word of a newer version, kept as it is.
    Other(String),
}

impl EventKind {
    /// All words this version writes.
    pub const ALL: [EventKind; 16] = [
        EventKind::Created,
        EventKind::Adopted,
        EventKind::Set,
        EventKind::Ready,
        EventKind::Blocked,
        EventKind::Renamed,
        EventKind::Moved,
        EventKind::Synced,
        EventKind::Merged,
        EventKind::Integrated,
        EventKind::Kept,
        EventKind::Abandoned,
        EventKind::Prepared,
        EventKind::Recovered,
        EventKind::Restored,
        EventKind::Undone,
    ];

    /// The word.
    pub fn as_str(&self) -> &str {
        match self {
            EventKind::Created => "created",
            EventKind::Adopted => "adopted",
            EventKind::Set => "set",
            EventKind::Ready => "ready",
            EventKind::Blocked => "blocked",
            EventKind::Renamed => "renamed",
            EventKind::Moved => "moved",
            EventKind::Synced => "synced",
            EventKind::Merged => "merged",
            EventKind::Integrated => "integrated",
            EventKind::Kept => "kept",
            EventKind::Abandoned => "abandoned",
            EventKind::Prepared => "prepared",
            EventKind::Recovered => "recovered",
            EventKind::Restored => "restored",
            EventKind::Undone => "undone",
            EventKind::Other(word) => word,
        }
    }

    /// The kind of a word.
    pub fn parse(word: &str) -> Self {
        EventKind::ALL.into_iter().find(|kind| kind.as_str() == word).unwrap_or_else(|| EventKind::Other(word.into()))
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One record commit's message, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The record commit; absent before it is written.
    pub id: Option<ObjectId>,
    /// The session's name at that time.
    pub name: String,
    /// What sort of event.
    pub kind: EventKind,
    /// The rest of the subject: what happened.
    pub what: String,
    /// Further text, without trailers.
    pub body: String,
    /// The operation it belongs to.
    pub operation: Option<OperationId>,
    /// Where its branch stood right after it.
    pub branch_tip: Option<ObjectId>,
    /// Further `Session-*` trailers, in order.
    pub trailers: Vec<(String, String)>,
    /// When.
    pub time: Timestamp,
    /// Who, as `Name <email>`.
    pub by: String,
}

impl Event {
    /// The subject: `[<name>] <verb>: <what>`.
    pub fn subject(&self) -> String {
        format!("[{}] {}: {}", self.name, self.kind, one_line(&self.what))
    }

    /// The whole commit message.
    pub fn message(&self) -> String {
        let mut message = self.subject();
        message.push_str("\n\n");
        let body = self.body.trim();
        if !body.is_empty() {
            message.push_str(body);
            message.push_str("\n\n");
        }
        if let Some(operation) = &self.operation {
            message.push_str(&format!("Session-Operation: {operation}\n"));
        }
        message.push_str(&format!("Session-Event: {}\n", self.kind));
        for (key, value) in &self.trailers {
            message.push_str(&format!("{key}: {}\n", one_line(value)));
        }
        if let Some(tip) = self.branch_tip {
            message.push_str(&format!("Session-Branch-Tip: {tip}\n"));
        }
        message
    }

    /// Takes a message apart. What is no event of ours still gives one, of the kind `other`.
    pub fn parse(id: ObjectId, message: &str, time: Timestamp, by: String) -> Event {
        let mut event = Event {
            id: Some(id),
            name: String::new(),
            kind: EventKind::Other("unknown".into()),
            what: String::new(),
            body: String::new(),
            operation: None,
            branch_tip: None,
            trailers: Vec::new(),
            time,
            by,
        };
        let (subject, rest) = message.split_once('\n').unwrap_or((message, ""));
        let tail = match subject.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            Some((name, tail)) => {
                event.name = name.to_owned();
                tail
            }
            None => subject,
        };
        match tail.split_once(": ") {
            Some((word, what)) => {
                event.kind = EventKind::parse(word);
                event.what = what.to_owned();
            }
            None => event.what = tail.to_owned(),
        }
        let rest = rest.trim_matches('\n');
        let (body, trailers) = match rest.rsplit_once("\n\n") {
            Some((body, trailers)) => (body, trailers),
            None => ("", rest),
        };
        event.body = body.to_owned();
        for line in trailers.lines() {
            let Some((key, value)) = line.split_once(": ") else { continue };
            match key {
                "Session-Operation" => event.operation = OperationId::parse(value),
                "Session-Event" => event.kind = EventKind::parse(value),
                "Session-Branch-Tip" => event.branch_tip = ObjectId::from_hex(value.as_bytes()).ok(),
                _ => event.trailers.push((key.to_owned(), value.to_owned())),
            }
        }
        event
    }

    /// The value of a trailer.
    pub fn trailer(&self, key: &str) -> Option<&str> {
        self.trailers.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// Without line breaks and control characters: subjects and trailers are one line, and terminals obey escapes.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event {
            id: None,
            name: "auth".into(),
            kind: EventKind::Created,
            what: "from main at 1234567".into(),
            body: "Log in with a key.".into(),
            operation: OperationId::parse("0123456789abcdef0123456789abcdef"),
            branch_tip: ObjectId::from_hex(b"1111111111111111111111111111111111111111").ok(),
            trailers: vec![("Session-From".into(), "refs/heads/main".into())],
            time: Timestamp(1),
            by: "A <a@b>".into(),
        }
    }

    #[test]
    fn a_message_reads_back_as_it_was_written() {
        let written = event();
        let id = ObjectId::null(gix::hash::Kind::Sha1);
        let read = Event::parse(id, &written.message(), written.time, written.by.clone());
        assert_eq!(Event { id: None, ..read }, written);
    }

    #[test]
    fn a_foreign_message_is_no_error() {
        let id = ObjectId::null(gix::hash::Kind::Sha1);
        let read = Event::parse(id, "Initial commit", Timestamp(0), String::new());
        assert_eq!(read.what, "Initial commit");
        assert_eq!(read.kind, EventKind::Other("unknown".into()));
    }

    #[test]
    fn a_hostile_goal_stays_in_its_line() {
        let event = Event { what: "x\n\nSession-Event: merged\u{1b}[2J".into(), ..event() };
        assert_eq!(event.subject(), "[auth] created: x Session-Event: merged[2J");
    }
}
