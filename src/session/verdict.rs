//! What a test command gave on a tree, and the line of a note that says it: see NOTES in `gitformat-session(5)`.

use crate::session::Timestamp;

/// How the line begins.
const KEY: &str = "Session-Tested: ";

/// What one command gave on one tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Its exit code; 0 is good.
    pub exit: i32,
    /// The command, as one would type it.
    pub command: String,
    /// How long it took, in milliseconds.
    pub duration: u64,
    /// When it ended.
    pub time: Timestamp,
    /// The session in whose worktree it ran, by the name of that time; or what else it ran for.
    pub session: String,
}

impl Verdict {
    /// Whether the command was content.
    pub fn is_passed(&self) -> bool {
        self.exit == 0
    }

    /// The word.
    pub fn as_str(&self) -> &'static str {
        if self.is_passed() { "passed" } else { "failed" }
    }

    /// The line of a note, without its line break.
    pub fn line(&self) -> String {
        format!(
            "{KEY}{}, exit code {}, {} ms, {}, {}: {}",
            self.as_str(),
            self.exit,
            self.duration,
            self.time.rfc3339(),
            self.session,
            escaped(&self.command)
        )
    }

    /// Reads a line; none of what is no verdict.
    pub fn parse(line: &str) -> Option<Verdict> {
        let mut fields = line.strip_prefix(KEY)?.splitn(5, ", ");
        let word = fields.next()?;
        let exit: i32 = fields.next()?.strip_prefix("exit code ")?.parse().ok()?;
        let duration = fields.next()?.strip_suffix(" ms")?.parse().ok()?;
        let time = Timestamp::parse(fields.next()?)?;
        let (session, command) = fields.next()?.split_once(": ")?;
        let verdict = Verdict { exit, command: plain(command), duration, time, session: session.to_owned() };
        (verdict.as_str() == word).then_some(verdict)
    }
}

/// The newest verdict on each command that a note has, in the order in which they stand there.
pub fn of_note(text: &str) -> Vec<Verdict> {
    let mut found: Vec<Verdict> = Vec::new();
    for verdict in text.lines().filter_map(Verdict::parse) {
        match found.iter_mut().find(|other| other.command == verdict.command) {
            Some(other) if other.time <= verdict.time => *other = verdict,
            Some(_) => {}
            None => found.push(verdict),
        }
    }
    found
}

/// A note with one more verdict in it, in place of earlier ones on the same command. Other lines stay as they are.
pub fn noted(note: &str, verdict: &Verdict) -> String {
    let is_older = |line: &&str| Verdict::parse(line).is_some_and(|other| other.command == verdict.command);
    let mut text: String = note.lines().filter(|line| !is_older(line)).map(|line| format!("{line}\n")).collect();
    text.push_str(&verdict.line());
    text.push('\n');
    text
}

/// In one line, without anything that a terminal would obey.
fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                line.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => line.push(c),
        }
    }
    line
}

fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let code = after.strip_prefix("u{").and_then(|tail| tail.split_once('}'));
        let escape = code.and_then(|(hex, tail)| Some((char::from_u32(u32::from_str_radix(hex, 16).ok()?)?, tail)));
        rest = match (after.chars().next(), escape) {
            (Some('u'), Some((c, tail))) => {
                text.push(c);
                tail
            }
            (Some('n'), _) => {
                text.push('\n');
                &after[1..]
            }
            (Some('\\'), _) => {
                text.push('\\');
                &after[1..]
            }
            _ => {
                text.push('\\');
                after
            }
        };
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(command: &str, time: i64) -> Verdict {
        Verdict { exit: 0, command: command.into(), duration: 12, time: Timestamp(time), session: "a,b".into() }
    }

    #[test]
    fn a_line_reads_back_as_it_was_written_whatever_the_command() {
        for command in ["cargo test", "a, b: c, d", "x\ny\\n\\\\", "\u{1b}[2J\r", "\\u{41}", "", " spaced ", "été"] {
            let line = verdict(command, 5).line();
            assert!(!line.contains(['\n', '\r', '\u{1b}']), "{line:?}");
            assert_eq!(Verdict::parse(&line), Some(verdict(command, 5)), "{line:?}");
        }
        let failed = Verdict { exit: -1, ..verdict("x", 1) };
        assert_eq!(Verdict::parse(&failed.line()), Some(failed));
    }

    #[test]
    fn what_is_no_verdict_is_none() {
        for line in ["", "Session-Tested: ", "Session-Tested: passed, exit code 1, 1 ms, 1970-01-01T00:00:00Z, a: b"] {
            assert_eq!(Verdict::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn the_newest_verdict_on_a_command_counts_and_other_lines_stay() {
        let note = "mine\n\nSession-Merged-By: x\n";
        let note = noted(&noted(note, &verdict("a", 1)), &verdict("b", 2));
        let again = noted(&note, &verdict("a", 3));
        assert!(again.starts_with("mine\n\nSession-Merged-By: x\n"), "{again}");
        assert_eq!(of_note(&again), [verdict("b", 2), verdict("a", 3)]);
        // Notes that were merged line by line have several.
        let merged = format!("{}\n{}\n{}\n", verdict("a", 3).line(), verdict("a", 9).line(), verdict("a", 5).line());
        assert_eq!(of_note(&merged), [verdict("a", 9)]);
    }
}
