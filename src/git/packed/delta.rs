//! Deltas: `gitformat-pack(5)`.

use super::size;

/// A delta, its instructions still to be read.
pub(in crate::git) struct Delta<'a> {
    /// How many bytes its base has.
    pub(in crate::git) before: usize,
    /// How many bytes it makes.
    pub(in crate::git) after: usize,
    rest: &'a [u8],
}

/// One instruction.
pub(in crate::git) enum Step<'a> {
    /// These bytes of the base, from one place to another.
    Copy(usize, usize),
    /// These bytes.
    Add(&'a [u8]),
}

impl<'a> Delta<'a> {
    /// Of its bytes; none if they are cut off.
    pub(in crate::git) fn parse(bytes: &'a [u8]) -> Option<Delta<'a>> {
        let mut rest = bytes;
        let mut number = || {
            let (mut number, mut shift) = (0_u64, 0_u32);
            loop {
                let (&byte, tail) = rest.split_first()?;
                rest = tail;
                number |= u64::from(byte & 0x7f).checked_shl(shift)?;
                shift += 7;
                if byte & 0x80 == 0 {
                    return Some(number);
                }
            }
        };
        let (before, after) = (size(number()?)?, size(number()?)?);
        Some(Delta { before, after, rest })
    }

    fn step(&mut self, instruction: u8) -> Option<Step<'a>> {
        if instruction & 0x80 == 0 {
            let length = usize::from(instruction);
            let (bytes, tail) = self.rest.split_at_checked(length).filter(|_| length > 0)?;
            self.rest = tail;
            return Some(Step::Add(bytes));
        }
        let mut take = |from: u8, count: u8| {
            (0..count).filter(|n| instruction >> (from + n) & 1 == 1).try_fold(0_usize, |number, n| {
                let (&byte, tail) = self.rest.split_first()?;
                self.rest = tail;
                Some(number | usize::from(byte) << (8 * n))
            })
        };
        let (from, length) = (take(0, 4)?, take(4, 3)?);
        let length = if length == 0 { 0x10000 } else { length };
        let end = from.checked_add(length).filter(|end| *end <= self.before)?;
        Some(Step::Copy(from, end))
    }
}

/// None among them: it is damaged.
impl<'a> Iterator for Delta<'a> {
    type Item = Option<Step<'a>>;

    fn next(&mut self) -> Option<Option<Step<'a>>> {
        let (&instruction, tail) = self.rest.split_first()?;
        self.rest = tail;
        Some(self.step(instruction))
    }
}

/// What a delta makes of bytes; none if it is not one of them.
pub(super) fn applied(base: &[u8], delta: &[u8]) -> Option<Vec<u8>> {
    let delta = Delta::parse(delta).filter(|delta| delta.before == base.len())?;
    let after = delta.after;
    let mut made = Vec::with_capacity(after);
    for step in delta {
        let part = match step? {
            Step::Copy(from, end) => &base[from..end],
            Step::Add(bytes) => bytes,
        };
        if made.len() + part.len() > after {
            return None;
        }
        made.extend_from_slice(part);
    }
    (made.len() == after).then_some(made)
}

#[cfg(test)]
mod tests {
    use super::applied;

    #[test]
    fn a_delta_that_does_not_fit_makes_nothing() {
        assert_eq!(applied(b"abcdef", &[6, 5, 0x91, 1, 3, 2, b'x', b'y']), Some(b"bcdxy".to_vec()));
        assert_eq!(applied(b"abcdef", &[6, 6, 0x91, 1, 3, 2, b'x', b'y']), None, "too short");
        assert_eq!(applied(b"abcdef", &[6, 4, 0x91, 1, 3, 2, b'x', b'y']), None, "too long");
        assert_eq!(applied(b"abcde", &[6, 5, 0x91, 1, 3, 2, b'x', b'y']), None, "another base");
        assert_eq!(applied(b"abcdef", &[6, 5, 0x91, 4, 3, 2, b'x', b'y']), None, "past the end");
        assert_eq!(applied(b"abcdef", &[6, 5, 0x91, 1]), None, "cut off");
        assert_eq!(applied(b"abcdef", &[6, 0, 0]), None, "no instruction");
        assert_eq!(applied(b"", &[0x80]), None);
        assert_eq!(applied(b"", &[]), None);
    }
}
