//! What can go wrong, and what it means for the exit code.
//!
//! An [`Error`] is a kind, one sentence, the errors below it, and hints: the commands that help. It is printed in one
//! place only, `render::error`.

use std::fmt;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure it is. It decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request was understood and refused, or the attempt failed. Nothing was lost.
    Refused,
    /// The command line makes no sense, or a question stayed unanswered.
    Usage,
    /// Conflicts were found, or stopped on.
    Conflicts,
    /// Somebody else holds it, or won the race: try again.
    Contended,
    /// A broken promise of this program.
    Bug,
    /// Nobody reads the answer any more, which is no failure.
    ClosedPipe,
}

/// What a move met on its way, for whoever makes more of it than words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hurdle {
    /// An index is locked, or another command is at work.
    Busy,
    /// Something is not any more what it was when the plan was made.
    Changed,
    /// Uncommitted changes are in the way.
    Dirty,
    /// An untracked file is in the way.
    Untracked,
    /// Something is in the directory whose place a file is to take: the command that moves it aside.
    Full(String),
    /// A file has changes that git was told to overlook: its path.
    Overlooked(String),
    /// Something could not be written: the disk is full, or not ours to write on.
    Unwritable,
}

/// How the process ends. See "Exit status" in `git-session(1)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0
    Done,
    /// 1
    Refused,
    /// 2
    Usage,
    /// 3
    Conflicts,
    /// 4
    Contended,
    /// 70
    Bug,
}

impl Exit {
    /// The number the operating system is given.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::Conflicts => 3,
            Exit::Contended => 4,
            Exit::Bug => 70,
        }
    }

    /// The one that is reported where several apply: 70, 3, 4, 1, 0 in that order.
    #[must_use]
    pub fn worst(self, other: Exit) -> Exit {
        fn rank(exit: Exit) -> u8 {
            match exit {
                Exit::Bug => 5,
                Exit::Conflicts => 4,
                Exit::Contended => 3,
                Exit::Usage => 2,
                Exit::Refused => 1,
                Exit::Done => 0,
            }
        }
        if rank(other) > rank(self) { other } else { self }
    }
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Refused => Exit::Refused,
            Kind::Usage => Exit::Usage,
            Kind::Conflicts => Exit::Conflicts,
            Kind::Contended => Exit::Contended,
            Kind::Bug => Exit::Bug,
            Kind::ClosedPipe => Exit::Done,
        }
    }
}

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// A failure: its kind, one sentence that says what is wrong, what lies beneath it, and the remedies.
#[derive(Debug)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: Kind,
    message: String,
    source: Option<Source>,
    hints: Vec<String>,
    hurdle: Option<Hurdle>,
}

impl Error {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error {
            inner: Box::new(Inner { kind, message: message.into(), source: None, hints: Vec::new(), hurdle: None }),
        }
    }

    /// The request is refused, or failed.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// The command line makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Conflicts stand in the way.
    pub fn conflicts(message: impl Into<String>) -> Self {
        Self::new(Kind::Conflicts, message)
    }

    /// Somebody else holds it or won the race.
    pub fn contended(message: impl Into<String>) -> Self {
        Self::new(Kind::Contended, message)
    }

    /// A bug of this program.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Kind::Bug, message)
    }

    /// Nobody reads the answer any more.
    pub fn closed_pipe() -> Self {
        Self::new(Kind::ClosedPipe, "The pipe was closed.")
    }

    /// Adds a remedy: a sentence, with what is to be typed in backticks.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.inner.hints.push(hint.into());
        self
    }

    /// Adds what lies beneath.
    #[must_use]
    pub fn because(mut self, source: impl Into<Source>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// Says what was met.
    #[must_use]
    pub fn met(mut self, hurdle: Hurdle) -> Self {
        self.inner.hurdle = Some(hurdle);
        self
    }

    /// What was met, where that was said.
    pub fn hurdle(&self) -> Option<&Hurdle> {
        self.inner.hurdle.as_ref()
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.inner.kind
    }

    /// The one sentence.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// The remedies, best first.
    pub fn hints(&self) -> &[String] {
        &self.inner.hints
    }

    /// Whether somebody else won a race.
    pub fn is_contended(&self) -> bool {
        self.inner.kind == Kind::Contended
    }

    /// The sentence with all causes behind it, in one line.
    pub fn one_line(&self) -> String {
        let mut line = self.inner.message.trim_end_matches('.').to_owned();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let text = cause.to_string();
            if !line.contains(text.trim_end_matches('.')) {
                line.push_str(": ");
                line.push_str(text.trim_end_matches('.'));
            }
            source = cause.source();
        }
        line
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// Gives a foreign error the sentence it needs.
pub trait Context<T> {
    /// Wraps the error as *refused*, under the sentence `message` gives.
    ///
    /// # Errors
    /// The wrapped error, if there was one.
    fn or_refuse<S: Into<String>>(self, message: impl FnOnce() -> S) -> Result<T>;
}

impl<T, E: Into<Source>> Context<T> for std::result::Result<T, E> {
    fn or_refuse<S: Into<String>>(self, message: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| Error::refused(message()).because(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_exit_wins() {
        assert_eq!(Exit::Refused.worst(Exit::Contended), Exit::Contended);
        assert_eq!(Exit::Conflicts.worst(Exit::Contended), Exit::Conflicts);
        assert_eq!(Exit::Done.worst(Exit::Refused), Exit::Refused);
        assert_eq!(Exit::Bug.worst(Exit::Conflicts), Exit::Bug);
    }

    #[test]
    fn one_line_names_each_cause_once() {
        let error = Error::refused("Could not read it.").because(std::io::Error::other("disk on fire"));
        assert_eq!(error.one_line(), "Could not read it: disk on fire");
    }
}
