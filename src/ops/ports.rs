//! Blocks of ports, one for each session: no two share one, and none is in use when it is given.

use crate::error::{Error, Result};
use crate::git::{Edit, Repo};
use crate::session::ObjectId;
pub use crate::store::ports::SIZE;
use crate::store::{ports, retry};

/// What `session.ports` is where it is not set.
const DEFAULT: (u16, u16) = (20_000, 29_999);

/// How many blocks are tried before one goes without.
const TRIES: u16 = 100;

/// Where the blocks lie, as the setting has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    first: u16,
    blocks: u16,
}

/// `session.ports`; none where it says that sessions get none.
///
/// # Errors
/// Refused, if it is no range of ports that holds a block.
pub fn range(repo: &Repo) -> Result<Option<Range>> {
    match repo.setting("session.ports") {
        None => Ok(parse("")),
        Some(text) if ["off", "false", "no", "none"].contains(&text.as_str()) => Ok(None),
        Some(text) => parse(&text).map(Some).ok_or_else(|| {
            Error::refused(format!("The setting `session.ports` is '{text}', which is no range of ports."))
                .hint("`git config session.ports 20000-29999`, or `off`.")
        }),
    }
}

fn parse(text: &str) -> Option<Range> {
    let (first, last) = match text {
        "" => DEFAULT,
        text => {
            let (first, last) = text.split_once('-')?;
            (first.trim().parse().ok()?, last.trim().parse().ok()?)
        }
    };
    let count = u32::from(u16::checked_sub(last, first)?) + 1;
    let blocks = u16::try_from(count / u32::from(SIZE)).ok()?;
    (first > 0 && blocks > 0).then_some(Range { first, blocks })
}

/// A block that nobody has, and whose ports nobody listens on. None where there is none to be had.
///
/// Which one depends on the id, so that sessions made at once, and other repositories on this machine, seldom meet.
///
/// # Errors
/// Refused, if refs cannot be read or written.
pub fn choose(repo: &Repo, range: Range, id: ObjectId, from: u16) -> Result<Option<(u16, Edit)>> {
    let mut start = [0; 8];
    start.copy_from_slice(&id.as_bytes()[..8]);
    let start = u64::from_be_bytes(start) % u64::from(range.blocks);
    for step in from..from.saturating_add(TRIES.min(range.blocks)) {
        let block = (start + u64::from(step)) % u64::from(range.blocks);
        let Ok(block) = u16::try_from(block) else { continue };
        let first = range.first + block * SIZE;
        if !ports::is_taken(repo, first)? && crate::host::ports::are_free(first, SIZE) {
            return Ok(Some((first, ports::claim(repo, id, first)?)));
        }
    }
    Ok(None)
}

/// The first port of a session's block.
///
/// # Errors
/// Refused, if refs cannot be read.
pub fn of(repo: &Repo, id: ObjectId) -> Result<Option<u16>> {
    Ok(ports::of(repo, id)?.first().map(|(first, _)| *first))
}

/// Gives a block to a session that has none. None where there is none to be had.
///
/// # Errors
/// Refused, if refs cannot be written.
pub fn ensure(repo: &Repo, id: ObjectId) -> Result<Option<u16>> {
    if let Some(first) = of(repo, id)? {
        return Ok(Some(first));
    }
    let Some(range) = range(repo)? else { return Ok(None) };
    retry(|| {
        let Some((first, edit)) = choose(repo, range, id, 0)? else { return Ok(None) };
        repo.transact(&[edit], "session: ports")?;
        Ok(Some(first))
    })
}

/// Text of an `.env` file with its `PORT` set to another one. None where it has none that is a number.
pub fn rewritten(text: &[u8], port: u16) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() + 4);
    let mut is_changed = false;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match digits(line) {
            Some((start, end)) if line[start..end] != *port.to_string().as_bytes() => {
                out.extend_from_slice(&line[..start]);
                out.extend_from_slice(port.to_string().as_bytes());
                out.extend_from_slice(&line[end..]);
                is_changed = true;
            }
            _ => out.extend_from_slice(line),
        }
    }
    is_changed.then_some(out)
}

/// Where the number of a line `PORT=3000` stands.
fn digits(line: &[u8]) -> Option<(usize, usize)> {
    let blanks = |at: usize| at + line[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let mut at = blanks(0);
    if line[at..].starts_with(b"export ") {
        at = blanks(at + b"export ".len());
    }
    at += line[at..].strip_prefix(b"PORT").map(|_| 4)?;
    at = blanks(at);
    at += line[at..].strip_prefix(b"=").map(|_| 1)?;
    at = blanks(at);
    let quote = line.get(at).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    at += usize::from(quote.is_some());
    let end = at + line[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_over = match (quote, line.get(end).copied()) {
        (Some(quote), next) => next == Some(quote),
        (None, next) => next.is_none_or(|byte| byte.is_ascii_whitespace() || byte == b'#'),
    };
    (end > at && is_over).then_some((at, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_blocks() {
        assert_eq!(parse(""), Some(Range { first: 20_000, blocks: 1_000 }));
        assert_eq!(parse("3000-3009"), Some(Range { first: 3_000, blocks: 1 }));
        for wrong in ["3000", "3000-3008", "9-1", "0-100", "a-b", "65000-70000"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(parse("1-65535").map(|range| range.blocks), Some(6_553));
    }

    #[test]
    fn only_a_port_that_is_a_number_is_rewritten() {
        let text = b"# PORT=1\nA=1\nPORT=3000 # web\nexport PORT = \"80\"\nDB_PORT=5\nPORT=${X}\nPORT=12ab\nPORT='7'";
        let now = String::from_utf8(rewritten(text, 20_010).expect("changed")).expect("text");
        assert_eq!(
            now,
            "# PORT=1\nA=1\nPORT=20010 # web\nexport PORT = \"20010\"\nDB_PORT=5\nPORT=${X}\nPORT=12ab\nPORT='20010'"
        );
        assert_eq!(rewritten(b"A=1\nPORT=20010\n", 20_010), None);
    }
}
