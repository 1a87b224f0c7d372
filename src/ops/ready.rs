//! `ready` and `block`: what is said of a session. Each replaces the other; `set --state open` takes either back.

use crate::error::{Error, Result};
use crate::ops::Context;
use crate::session::Word as _;
use crate::session::{EventKind, Name, ObjectId, Record, State};
use crate::store::{Loaded, Writer};

/// What is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saying {
    /// It may merge.
    Ready,
    /// It cannot go on, and why.
    Blocked(String),
}

impl Saying {
    /// That it cannot go on.
    ///
    /// # Errors
    /// Usage without a reason: who is to help must know with what.
    pub fn blocked(reason: &str) -> Result<Saying> {
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(Error::usage("Why is it blocked?").hint("`git session block \"waits for the schema\"`"));
        }
        Ok(Saying::Blocked(reason.to_owned()))
    }

    /// The state that it amounts to.
    pub fn state(&self) -> State {
        match self {
            Saying::Ready => State::Ready,
            Saying::Blocked(_) => State::Blocked,
        }
    }

    /// Why, where there is a reason.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Saying::Ready => None,
            Saying::Blocked(reason) => Some(reason),
        }
    }

    fn is_said(&self, record: &Record) -> bool {
        record.state == self.state() && record.reason.as_deref() == self.reason()
    }
}

/// One session that it is said of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its name.
    pub name: Name,
    /// Its id.
    pub id: ObjectId,
    /// Its state before.
    pub was: State,
    /// Whether anything changes.
    pub changes: bool,
}

/// What is said of whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyPlan {
    /// What.
    pub saying: Saying,
    /// Of whom, by name.
    pub sessions: Vec<Said>,
}

/// Plans it. Reads only.
pub fn plan(sessions: &[&Loaded], saying: Saying) -> ReadyPlan {
    let of = |loaded: &&Loaded| Said {
        name: loaded.name.clone(),
        id: loaded.id(),
        was: loaded.record.state,
        changes: !saying.is_said(&loaded.record),
    };
    ReadyPlan { sessions: sessions.iter().map(of).collect(), saying }
}

/// Says it; who has it already is left alone. Returns the plan as it came about.
///
/// # Errors
/// Refused, if a session has ended meanwhile; contended. Those before it have it then.
pub fn execute(ctx: &Context, writer: &Writer, mut plan: ReadyPlan) -> Result<ReadyPlan> {
    let saying = plan.saying.clone();
    for said in plan.sessions.iter_mut().filter(|said| said.changes) {
        let written = writer.append(&ctx.repo, &said.name, said.id, |before, record| {
            let has_ended = matches!(before.record.state, State::Merged | State::Kept | State::Abandoned);
            if has_ended && before.record.state != said.was {
                return Err(Error::refused(format!(
                    "'{}' has ended meanwhile, as {}.",
                    said.name, before.record.state
                ))
                .hint(format!("`git session restore {}` brings it back.", said.name.word())));
            }
            if saying.is_said(&before.record) {
                return Ok(None);
            }
            record.state = saying.state();
            record.reason = saying.reason().map(str::to_owned);
            let (kind, what) = match &saying {
                Saying::Ready => (EventKind::Ready, "to merge"),
                Saying::Blocked(reason) => (EventKind::Blocked, reason.as_str()),
            };
            let mut event = writer.event(&before.name, kind, what);
            event.branch_tip = ctx.repo.ref_id(&record.branch)?;
            Ok(Some(event))
        })?;
        said.changes = written.is_some();
    }
    Ok(plan)
}
