//! A program that ran, and what is asked of it.

use snapbox::{Assert, IntoData, Redactions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A finished program. What it is asked returns it again, so that questions can be chained.
pub(crate) struct Run {
    what: String,
    root: PathBuf,
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

/// A program that is still running.
pub(crate) struct Running {
    what: String,
    root: PathBuf,
    child: Child,
}

impl Running {
    /// Starts it, with `input` or nothing on its standard input.
    pub(crate) fn start(mut command: Command, root: &Path, input: Option<&str>) -> Running {
        let what = format!("{command:?}");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{what}: {error}"));
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // A program that reads no input closes the pipe early.
            let _ = stdin.write_all(input.as_bytes());
        }
        Running { what, root: root.to_owned(), child }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, as `kill -9` does, and waits for its end.
    pub(crate) fn kill(mut self) -> Run {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.wait()
    }

    /// Kills it after a while, if it has not ended by then.
    pub(crate) fn kill_after(mut self, delay: Duration) -> Run {
        let begin = Instant::now();
        while let Some(left) = delay.checked_sub(begin.elapsed())
            && matches!(self.child.try_wait(), Ok(None))
        {
            std::thread::sleep(left.min(Duration::from_millis(20)));
        }
        self.kill()
    }

    /// Waits for its end.
    pub(crate) fn wait(self) -> Run {
        let output = self.child.wait_with_output().expect("its output");
        Run {
            what: self.what,
            root: self.root,
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Run {
    pub(super) fn of(command: Command, root: &Path) -> Run {
        Running::start(command, root, None).wait()
    }

    /// Fails unless it exited with this code.
    #[track_caller]
    pub(crate) fn code(&self, code: i32) -> &Run {
        assert_eq!(self.code, Some(code), "the exit code of {self}");
        self
    }

    /// Fails unless it exited with 0.
    #[track_caller]
    pub(crate) fn ok(&self) -> &Run {
        self.code(0)
    }

    /// Its exit code; none if a signal ended it.
    pub(crate) fn status(&self) -> Option<i32> {
        self.code
    }

    /// Fails unless its standard output, redacted, is this.
    #[track_caller]
    pub(crate) fn stdout(&self, expected: impl IntoData) -> &Run {
        self.assert().eq(self.text(), expected);
        self
    }

    /// Fails unless its standard error, redacted, is this.
    #[track_caller]
    pub(crate) fn stderr(&self, expected: impl IntoData) -> &Run {
        self.assert().eq(self.stderr.clone(), expected);
        self
    }

    /// Fails unless its standard output has this in it, as it is.
    #[track_caller]
    pub(crate) fn stdout_contains(&self, part: &str) -> &Run {
        assert!(self.text().contains(part), "standard output has no {part:?} in {self}");
        self
    }

    /// Fails if its standard output has this in it.
    #[track_caller]
    pub(crate) fn stdout_lacks(&self, part: &str) -> &Run {
        assert!(!self.text().contains(part), "standard output has {part:?} in {self}");
        self
    }

    /// Fails unless its standard error has this in it, as it is.
    #[track_caller]
    pub(crate) fn stderr_contains(&self, part: &str) -> &Run {
        assert!(self.stderr.contains(part), "standard error has no {part:?} in {self}");
        self
    }

    /// Its standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Its standard output as bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.stdout
    }

    /// Its standard error.
    pub(crate) fn stderr_text(&self) -> &str {
        &self.stderr
    }

    /// Its standard output as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}) from {self}"))
    }

    /// Its standard output as one JSON value that `man/schema/<answer>.schema.json` holds valid.
    #[track_caller]
    pub(crate) fn json_as(&self, answer: &str) -> serde_json::Value {
        let value = self.json();
        let errors = super::validate(answer, &value);
        assert!(errors.is_empty(), "not valid as '{answer}':\n{}\nin {self}", errors.join("\n"));
        value
    }

    /// Its standard output as one JSON value a line, each valid as `answer`.
    #[track_caller]
    pub(crate) fn json_lines_as(&self, answer: &str) -> Vec<serde_json::Value> {
        let mut values = Vec::new();
        for line in self.text().lines() {
            let value = serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}"));
            let errors = super::validate(answer, &value);
            assert!(errors.is_empty(), "not valid as '{answer}':\n{}\nin {line}", errors.join("\n"));
            values.push(value);
        }
        values
    }

    fn assert(&self) -> Assert {
        Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV).redact_with(redactions(&self.root))
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\nexit code {:?}\n-- stdout\n{}\n-- stderr\n{}", self.what, self.code, self.text(), self.stderr)
    }
}

/// What differs from run to run, in one place. snapbox tries them in the order of their names, all on the same text.
pub(crate) fn redactions(root: &Path) -> Redactions {
    let mut redactions = Redactions::new();
    let pattern = |text: &str| regex::Regex::new(text).expect("a valid pattern");
    redactions.insert("[ROOT]", root.to_owned()).expect("a valid placeholder");
    for (name, text) in [
        ("[AGE]", r"\b(?<redacted>[0-9]+ (second|minute|hour|day|week|month|year)s?)\b"),
        ("[OID]", r"\b(?<redacted>[0-9a-f]{64}|[0-9a-f]{40})\b"),
        ("[OID]", r"\b(?<redacted>[0-9a-f]{7,12})\b"),
        ("[OPERATION]", r"\b(?<redacted>[0-9a-f]{32})\b"),
        (
            "[TIME]",
            r"(?<redacted>[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(Z| [+-][0-9]{4}|[+-][0-9]{2}:[0-9]{2}))",
        ),
    ] {
        redactions.insert(name, pattern(text)).expect("a valid placeholder");
    }
    redactions
}
