//! The facts of a record: `session.toml`, as `gitformat-session(5)` fixes it.
//!
//! Keys of a newer program survive: what this version does not know is carried in `rest` and written back.

use crate::error::{Error, Result};
use crate::session::ObjectId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The version of `session.toml` that this program reads and writes.
pub const VERSION: i64 = 1;

/// What was said of a session through a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Being worked on.
    #[default]
    Open,
    /// Said to be stuck.
    Blocked,
    /// Said to be ready to merge.
    Ready,
    /// Ended, or integrated: the base has its work.
    Merged,
    /// Ended: its branch is an ordinary one from then on.
    Kept,
    /// Ended: its work was put aside.
    Abandoned,
}

impl State {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Blocked => "blocked",
            State::Ready => "ready",
            State::Merged => "merged",
            State::Kept => "kept",
            State::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How urgent: higher merges first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Priority(pub i64);

impl Priority {
    /// `critical`, `normal`, `low`, or a number.
    ///
    /// # Errors
    /// Usage, for any other text.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "critical" => Ok(Priority(100)),
            "normal" => Ok(Priority(0)),
            "low" => Ok(Priority(-100)),
            number => number.parse().map(Priority).map_err(|_| {
                Error::usage(format!("'{number}' is no priority."))
                    .hint("Give `critical`, `normal`, `low` or a whole number; higher merges first.")
            }),
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            100 => f.write_str("critical"),
            0 => f.write_str("normal"),
            -100 => f.write_str("low"),
            number => write!(f, "{number}"),
        }
    }
}

impl Serialize for Priority {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0 {
            100 | 0 | -100 => serializer.collect_str(self),
            number => serializer.serialize_i64(number),
        }
    }
}

impl<'de> Deserialize<'de> for Priority {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Number(i64),
            Word(String),
        }
        match Raw::deserialize(deserializer)? {
            Raw::Number(number) => Ok(Priority(number)),
            Raw::Word(word) => Priority::parse(&word).map_err(serde::de::Error::custom),
        }
    }
}

/// Where a session forked from and goes back to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Base {
    /// The full ref of the branch, `refs/heads/main`, also where it exists on the remote only.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The remote that has it, where the local branch did not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// The id of the session whose branch this is (a stack). It wins over `ref`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The base's commit that the session started from.
    pub fork: String,
    /// Keys of newer versions.
    #[serde(flatten)]
    pub rest: toml::Table,
}

impl Base {
    /// The fork as an id.
    pub fn fork(&self) -> Option<ObjectId> {
        ObjectId::from_hex(self.fork.as_bytes()).ok()
    }

    /// The id of the parent session, if it is stacked.
    pub fn parent(&self) -> Option<ObjectId> {
        self.parent.as_ref().and_then(|id| ObjectId::from_hex(id.as_bytes()).ok())
    }

    /// The branch's short name: `main`.
    pub fn short(&self) -> &str {
        self.reference.strip_prefix("refs/heads/").unwrap_or(&self.reference)
    }
}

/// The last sync that moved the branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LastSync {
    /// When, in RFC 3339.
    pub time: String,
    /// The base tip it was moved onto.
    pub onto: String,
    /// Keys of newer versions.
    #[serde(flatten)]
    pub rest: toml::Table,
}

/// The facts of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// [`VERSION`].
    pub version: i64,
    /// The id of the first record commit; absent in that one, which says it itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When the session began, in RFC 3339; absent in the first record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The full ref of its branch.
    pub branch: String,
    /// What was said of it.
    #[serde(default)]
    pub state: State,
    /// Why it is blocked, where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// The part of the project it is about, in free words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focus: Option<String>,
    /// Who works on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// How urgent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Ids of the sessions that must merge before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// Pathspecs it owns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<String>,
    /// Pathspecs it may only read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_only: Vec<String>,
    /// Its directory is a checkout that was there before: `finish` leaves it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub here: bool,
    /// Of an ended one: the commit that the base had its work at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_at: Option<String>,
    /// Of one that goes on: where its branch stood then. A squash leaves the base without its commits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_tip: Option<String>,
    /// Where it came from and goes back to.
    pub base: Base,
    /// The last sync.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync: Option<LastSync>,
    /// Keys of newer versions, and facts of other hosts.
    #[serde(flatten)]
    pub rest: toml::Table,
}

impl Record {
    /// A new session's facts.
    pub fn new(branch: String, base: Base) -> Self {
        Record {
            version: VERSION,
            id: None,
            created: None,
            branch,
            state: State::Open,
            reason: None,
            goal: None,
            focus: None,
            owner: None,
            priority: None,
            depends_on: Vec::new(),
            own: Vec::new(),
            read_only: Vec::new(),
            here: false,
            merged_at: None,
            merged_tip: None,
            base,
            last_sync: None,
            rest: toml::Table::new(),
        }
    }

    /// Reads `session.toml`.
    ///
    /// # Errors
    /// Refused, if it is of a newer version or cannot be understood.
    pub fn parse(text: &str) -> Result<Record> {
        let record: Record = match toml::from_str(text) {
            Ok(record) => record,
            Err(error) => {
                check_version(text)?;
                return Err(Error::refused("A record's session.toml cannot be understood.").because(error).hint(
                    "`git show <session's ref>:session.toml` shows it; every earlier state is in its timeline.",
                ));
            }
        };
        if record.version > VERSION {
            return Err(newer(record.version));
        }
        Ok(record)
    }

    /// Writes `session.toml`.
    ///
    /// # Errors
    /// A bug, if a value has no form in TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::bug("A record could not be written as TOML.").because(error))
    }

    /// The branch's short name: `auth`.
    pub fn branch_short(&self) -> &str {
        self.branch.strip_prefix("refs/heads/").unwrap_or(&self.branch)
    }
}

/// A newer version may have changed what keys mean, so that it is named before any other complaint.
fn check_version(text: &str) -> Result<()> {
    let version = text.parse::<toml::Table>().ok().and_then(|table| table.get("version")?.as_integer());
    match version {
        Some(version) if version > VERSION => Err(newer(version)),
        _ => Ok(()),
    }
}

fn newer(version: i64) -> Error {
    Error::refused(format!("The record is of version {version}; this program reads up to version {VERSION}."))
        .hint("Install a newer git-session.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_survive() {
        let text = "version = 1\nbranch = \"refs/heads/a\"\nfuture = [1, 2]\n\n[base]\nref = \"refs/heads/main\"\nfork = \"11\"\nmore = true\n\n[host.h1]\nfiles = 3\n";
        let record = Record::parse(text).expect("reads");
        let again = record.to_toml().expect("writes");
        let table: toml::Table = again.parse().expect("is TOML");
        assert_eq!(table["future"], toml::Value::Array(vec![1.into(), 2.into()]));
        assert_eq!(table["base"]["more"], toml::Value::Boolean(true));
        assert_eq!(table["host"]["h1"]["files"], toml::Value::Integer(3));
        assert_eq!(Record::parse(&again).expect("reads"), record);
    }

    #[test]
    fn a_newer_version_is_refused_even_if_its_keys_make_no_sense() {
        let error = Record::parse("version = 2\nbranch = 7\n").expect_err("is newer");
        assert!(error.message().contains("version 2"), "{error}");
    }

    #[test]
    fn priorities_are_words_or_numbers() {
        assert_eq!(Priority::parse("critical").expect("valid"), Priority(100));
        assert_eq!(Priority::parse("7").expect("valid"), Priority(7));
        assert!(Priority::parse("urgent").is_err());
    }
}
