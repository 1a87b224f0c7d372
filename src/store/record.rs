//! Records: reading the facts, writing the next commit of a timeline.

use crate::error::{Error, Result};
use crate::git::config::Identity;
use crate::git::{Edit, Repo};
use crate::session::{Event, EventKind, Name, ObjectId, OperationId, Record, Timestamp};
use crate::store::{done, own, retry};

/// A record as it was read, with the ref value it was read at.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The name it was found under.
    pub name: Name,
    /// The record commit.
    pub head: ObjectId,
    /// The facts.
    pub record: Record,
    /// When the record commit was made.
    pub time: Timestamp,
}

impl Loaded {
    /// The session's id: its first record commit.
    pub fn id(&self) -> ObjectId {
        self.record.id.as_ref().and_then(|id| ObjectId::from_hex(id.as_bytes()).ok()).unwrap_or(self.head)
    }
}

/// Reads the record that a commit is.
///
/// # Errors
/// Refused, if it is none, or of a newer version.
pub fn read_at(repo: &Repo, name: Name, head: ObjectId) -> Result<Loaded> {
    let (text, time) = repo.facts_of(head)?;
    let record = Record::parse(&String::from_utf8_lossy(&text))?;
    Ok(Loaded { name, head, record, time })
}

/// Reads the record of a live session; none if there is no such session.
///
/// # Errors
/// Refused, if it cannot be understood.
pub fn find(repo: &Repo, name: &Name) -> Result<Option<Loaded>> {
    match repo.ref_id(&name.reference())? {
        Some(head) => read_at(repo, name.clone(), head).map(Some),
        None => Ok(None),
    }
}

/// What one verb writes with: who, and under which operation.
#[derive(Debug, Clone)]
pub struct Writer {
    /// The committer.
    pub identity: Identity,
    /// The operation.
    pub operation: OperationId,
}

impl Writer {
    /// A writer of a new operation.
    ///
    /// # Errors
    /// Refused without an identity.
    pub fn new(repo: &Repo) -> Result<Writer> {
        let identity = repo.identity()?;
        let operation = OperationId::from_bytes(crate::host::random::bits()?);
        Ok(Writer { identity, operation })
    }

    /// An event of this operation, now.
    pub fn event(&self, name: &Name, kind: EventKind, what: impl Into<String>) -> Event {
        Event {
            id: None,
            name: name.to_string(),
            kind,
            what: what.into(),
            body: String::new(),
            operation: Some(self.operation.clone()),
            branch_tip: None,
            trailers: Vec::new(),
            time: Timestamp(self.identity.seconds()),
            by: self.identity.shown(),
        }
    }

    /// Writes the first record of a session, with documents; no ref yet.
    ///
    /// # Errors
    /// Refused, if objects cannot be written.
    pub fn first(
        &self,
        repo: &Repo,
        record: &Record,
        event: &Event,
        documents: &[(String, Vec<u8>)],
    ) -> Result<ObjectId> {
        self.write(repo, None, None, record, event, documents)
    }

    /// Writes the record after `before`; no ref yet. Documents stay as they are.
    ///
    /// # Errors
    /// Refused, if objects cannot be written.
    pub fn next(&self, repo: &Repo, before: &Loaded, record: &Record, event: &Event) -> Result<ObjectId> {
        let mut record = record.clone();
        if record.id.is_none() {
            record.id = Some(before.id().to_string());
        }
        if record.created.is_none() {
            record.created = Some(repo.commit(before.id())?.time.rfc3339());
        }
        let tree = repo.commit(before.head)?.tree;
        self.write(repo, Some(tree), Some(before.head), &record, event, &[])
    }

    fn write(
        &self,
        repo: &Repo,
        tree: Option<ObjectId>,
        parent: Option<ObjectId>,
        record: &Record,
        event: &Event,
        documents: &[(String, Vec<u8>)],
    ) -> Result<ObjectId> {
        let mut changes = vec![("session.toml", Some(repo.write_blob(record.to_toml()?.as_bytes())?))];
        for (path, bytes) in documents {
            changes.push((path, Some(repo.write_blob(bytes)?)));
        }
        let tree = repo.edit_tree(tree, changes)?;
        let draft = repo.draft_by_us(&self.identity, event.message());
        repo.write_commit(&draft, tree, parent.as_slice())
    }

    /// Appends one event to the timeline of a session, changing facts on the way; run again when the race is lost.
    /// If the session has ended meanwhile the event goes to where it lies now. `change` returns none where there is
    /// nothing to say: then nothing is written.
    ///
    /// # Errors
    /// Refused, if there is no such session; what `change` says.
    pub fn append(
        &self,
        repo: &Repo,
        name: &Name,
        id: ObjectId,
        mut change: impl FnMut(&Loaded, &mut Record) -> Result<Option<Event>>,
    ) -> Result<Option<ObjectId>> {
        retry(|| {
            let live = find(repo, name)?.filter(|loaded| loaded.id() == id);
            let (reference, before) = match live {
                Some(loaded) => (name.reference(), loaded),
                None => (done::reference(id), done::find(repo, id)?.ok_or_else(|| gone(name))?),
            };
            let mut record = before.record.clone();
            let Some(event) = change(&before, &mut record)? else { return Ok(None) };
            own::ensure(repo)?;
            let next = self.next(repo, &before, &record, &event)?;
            repo.transact(&[Edit::update(reference, before.head, next)], &event.subject())?;
            Ok(Some(next))
        })
    }
}

fn gone(name: &Name) -> Error {
    Error::refused(format!("The session '{name}' is gone.")).hint("`git session list --ended` shows what has ended.")
}
