//! Starting other programs: the one place that does.

mod bounded;

pub use bounded::Ending;

use crate::error::{Error, Result};
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

/// A command to be run: program, arguments, directory, environment.
#[derive(Debug, Clone)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    directory: Option<PathBuf>,
    env: Vec<(OsString, Option<OsString>)>,
    input: Option<Vec<u8>>,
}

/// What a finished command left.
#[derive(Debug, Clone)]
pub struct Output {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, for people.
    pub stderr: String,
}

impl Output {
    /// Whether it exited with 0.
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }

    /// Standard output as text, without the line break at its end.
    pub fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.stdout).into_owned();
        while text.ends_with(['\n', '\r']) {
            text.pop();
        }
        text
    }
}

/// What every system's pipes take while nobody reads: so much is said without a thread.
const FITS_A_PIPE: usize = 4096;

impl Command {
    /// A command that runs `program`.
    pub fn new(program: impl Into<OsString>) -> Self {
        Command { program: program.into(), args: Vec::new(), directory: None, env: Vec::new(), input: None }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Runs it in `directory`.
    #[must_use]
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets a variable for it.
    #[must_use]
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), Some(value.into())));
        self
    }

    /// Takes a variable away from it.
    #[must_use]
    pub fn env_remove(mut self, key: impl Into<OsString>) -> Self {
        self.env.push((key.into(), None));
        self
    }

    /// Gives it bytes on standard input.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// How it would be typed, for messages.
    pub fn shown(&self) -> String {
        let mut shown = self.program.to_string_lossy().into_owned();
        for arg in &self.args {
            shown.push(' ');
            shown.push_str(&arg.to_string_lossy());
        }
        shown
    }

    #[expect(clippy::disallowed_types, reason = "this is the one place that starts processes")]
    fn std(&self) -> std::process::Command {
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.args);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        for (key, value) in &self.env {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        command
    }

    fn failed(&self, error: std::io::Error) -> Error {
        Error::refused(format!("`{}` could not be started.", self.program.to_string_lossy())).because(error)
    }

    /// Runs it to its end and returns what it left, whatever its exit code.
    ///
    /// # Errors
    /// Refused, if it cannot be started.
    pub fn run(&self) -> Result<Output> {
        let mut command = self.std();
        command
            .stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| self.failed(error))?;
        let mut stdin = child.stdin.take();
        if let Some(bytes) = self.input.as_ref().filter(|bytes| bytes.len() <= FITS_A_PIPE) {
            // A child that stops reading early says why by its exit code.
            let _ = stdin.take().map(|mut stdin| stdin.write_all(bytes));
        }
        let writer = self.input.clone().zip(stdin).map(|(bytes, mut stdin)| {
            std::thread::spawn(move || {
                // A child that stops reading early says why by its exit code.
                let _ = stdin.write_all(&bytes);
            })
        });
        let output = child.wait_with_output().map_err(|error| self.failed(error))?;
        if let Some(writer) = writer {
            let _ = writer.join();
        }
        Ok(Output {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
        })
    }

    /// Runs it to its end; anything but exit code 0 is an error with its last words.
    ///
    /// # Errors
    /// Refused, if it cannot be started or fails.
    pub fn run_ok(&self) -> Result<Output> {
        let output = self.run()?;
        if output.is_success() {
            return Ok(output);
        }
        Err(self.failure(&output))
    }

    /// The error that a failed run amounts to.
    pub fn failure(&self, output: &Output) -> Error {
        let error = Error::refused(format!("`{}` failed.", self.shown()));
        if output.stderr.is_empty() { error } else { error.because(output.stderr.clone()) }
    }

    /// Runs it with this terminal as its own: for editors, pagers and hooks.
    ///
    /// # Errors
    /// Refused, if it cannot be started.
    pub fn run_attached(&self, stdout_to_stderr: bool) -> Result<Option<i32>> {
        let mut command = self.std();
        if self.input.is_some() {
            command.stdin(Stdio::piped());
        }
        if stdout_to_stderr {
            command.stdout(std::io::stderr());
        }
        let mut child = command.spawn().map_err(|error| self.failed(error))?;
        if let (Some(bytes), Some(mut stdin)) = (&self.input, child.stdin.take()) {
            let _ = stdin.write_all(bytes);
        }
        let status = child.wait().map_err(|error| self.failed(error))?;
        Ok(status.code())
    }

    /// Runs it to its end, with all it prints going into a file and nothing on its standard input.
    ///
    /// # Errors
    /// Refused, if it cannot be started.
    pub fn run_into(&self, file: &std::fs::File) -> Result<Option<i32>> {
        let out = file.try_clone().map_err(|error| self.failed(error))?;
        let err = file.try_clone().map_err(|error| self.failed(error))?;
        let mut command = self.std();
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let status = command.status().map_err(|error| self.failed(error))?;
        Ok(status.code())
    }

    /// Starts it with pipes to its standard input and output, for a conversation.
    ///
    /// # Errors
    /// Refused, if it cannot be started.
    pub fn converse(&self) -> Result<Conversation> {
        let mut child = self
            .std()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| self.failed(error))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(std::io::BufReader::new);
        match (stdin, stdout) {
            (Some(stdin), Some(stdout)) => Ok(Conversation { child, stdin: Some(stdin), stdout }),
            _ => Err(Error::bug("A child process came without pipes.")),
        }
    }
}

/// A running child that is written to and read from in turns.
#[derive(Debug)]
pub struct Conversation {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: std::io::BufReader<ChildStdout>,
}

impl Conversation {
    /// Writes to it.
    ///
    /// # Errors
    /// What the pipe says: it has ended.
    pub fn say(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.stdin {
            Some(stdin) => {
                stdin.write_all(bytes)?;
                stdin.flush()
            }
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Its standard output.
    pub fn answer(&mut self) -> &mut impl std::io::BufRead {
        &mut self.stdout
    }

    /// Ends it: closes its input, waits, and returns whether it succeeded and its last words.
    pub fn end(mut self) -> (bool, String) {
        drop(self.stdin.take());
        let mut words = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let mut bytes = Vec::new();
            let _ = std::io::Read::read_to_end(&mut stderr, &mut bytes);
            words = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        }
        let ok = self.child.wait().is_ok_and(|status| status.success());
        (ok, words)
    }
}

/// Where a program of that name is on `PATH`.
pub fn find_on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|candidate| is_program(candidate))
}

fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    {
        path.is_file() || path.with_extension("exe").is_file()
    }
}
