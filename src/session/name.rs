//! The name of a session: the one newtype and its one parser.
//!
//! What `git check-ref-format --branch` allows, and a little less: see "Names" in `gitformat-session(5)`.

use crate::error::{Error, Result};
use std::fmt;

/// The longest name, in bytes: file systems end at 255, and refs get `.lock` behind them.
pub const MAX_LEN: usize = 200;

/// Where all records live.
pub const NAMESPACE: &str = "refs/sessions/";

/// The valid name of a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Parses a name as a person typed it.
    ///
    /// # Errors
    /// Usage, with a name that would do, if git or this program would not take it.
    pub fn parse(text: &str) -> Result<Name> {
        match check(text) {
            Ok(()) => Ok(Name(text.to_owned())),
            Err(why) => {
                let shown = shorten(text);
                let error = Error::usage(format!("'{shown}' is not a name for a session: {why}."));
                Err(match propose(text) {
                    Some(name) => error.hint(format!("`{name}` would do.")),
                    None => error,
                })
            }
        }
    }

    /// The name whose record this ref is: `refs/sessions/<name>`. Machinery (`@...`) is none.
    pub fn of_ref(reference: &str) -> Option<Name> {
        let name = reference.strip_prefix(NAMESPACE)?;
        check(name).is_ok().then(|| Name(name.to_owned()))
    }

    /// The ref of its record.
    pub fn reference(&self) -> String {
        format!("{NAMESPACE}{}", self.0)
    }

    /// The ref that claims it for an operation.
    pub fn pending(&self) -> String {
        format!("{NAMESPACE}@pending/{}", self.0)
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first `-` or `/`; absent where there is none.
    pub fn kind(&self) -> Option<&str> {
        self.0.find(['-', '/']).map(|end| &self.0[..end]).filter(|kind| !kind.is_empty())
    }

    /// Whether both cannot be refs at once: one is a folder of the other.
    pub fn clashes_with(&self, other: &Name) -> bool {
        let inside = |inner: &str, outer: &str| {
            inner.len() > outer.len() && inner.starts_with(outer) && inner.as_bytes()[outer.len()] == b'/'
        };
        inside(&self.0, &other.0) || inside(&other.0, &self.0)
    }

    /// Lower case letters, digits and dashes: for directories of tools, tmux and databases.
    pub fn slug(&self) -> String {
        slug(&self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A text as a shell takes it for one word.
pub fn shell_word(text: &str) -> String {
    // An empty word would be none.
    if text.is_empty() {
        return "''".to_owned();
    }
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | '@' | ':' | ',');
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// How a name stands in a command that is to be typed: a shell would run what `$(...)` or `;` is in it.
pub trait Word {
    /// As a shell takes it for one word; a usual name as it is.
    fn word(&self) -> String;
}

impl<T: AsRef<str> + ?Sized> Word for T {
    fn word(&self) -> String {
        shell_word(self.as_ref())
    }
}

/// Why `text` cannot be a name.
fn check(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > MAX_LEN {
        return Err("it is longer than 200 bytes");
    }
    if text.starts_with('@') {
        return Err("names that begin with '@' are kept for the program's own refs");
    }
    if text.starts_with('-') {
        return Err("it would read as an option");
    }
    if text == "HEAD" {
        return Err("git means something else by it");
    }
    if text.starts_with("sessions/") || text == "sessions" {
        return Err("git would confuse its branch with a record under refs/sessions/");
    }
    if text.chars().any(|c| c.is_control()) {
        return Err("it has a control character");
    }
    if text.contains(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        return Err("it has a character that shows text in another order");
    }
    if text.contains([' ', '~', '^', ':', '?', '*', '[', '\\']) {
        return Err("git allows no blank and none of ~ ^ : ? * [ \\ in a branch");
    }
    if text.contains("..") || text.contains("@{") || text.contains("//") {
        return Err("git allows no '..', '@{' or '//' in a branch");
    }
    if text.starts_with('/') || text.ends_with('/') || text.ends_with('.') {
        return Err("git allows no branch that begins with '/' or ends with '/' or '.'");
    }
    for component in text.split('/') {
        if component.starts_with('.') || component.ends_with(".lock") {
            return Err("no part of a branch may begin with '.' or end with '.lock'");
        }
        if component.ends_with('.') {
            return Err("no part may end with '.', which Windows cannot store");
        }
        if is_windows_device(component) || component.contains(['<', '>', '"', '|']) {
            return Err("a part of it cannot be a file on Windows");
        }
        if component.starts_with('-') {
            return Err("a part of it would read as an option");
        }
    }
    Ok(())
}

/// Names that Windows keeps for devices, with any extension.
fn is_windows_device(component: &str) -> bool {
    let stem = component.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit() && n != "0")
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

/// A valid name that is like `text`, if one can be made.
pub fn propose(text: &str) -> Option<Name> {
    let mut parts: Vec<String> = Vec::new();
    for part in text.split('/') {
        let part = slug(part.trim_matches(['.', '@']).trim_end_matches(".lock"));
        if !part.is_empty() {
            parts.push(if is_windows_device(&part) { format!("{part}-session") } else { part });
        }
    }
    if parts.first().is_some_and(|first| first == "sessions") {
        parts.remove(0);
    }
    let mut name = parts.join("/");
    if name.len() > 60 {
        let mut end = 60;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        name = name.trim_end_matches(['-', '/', '.']).to_owned();
    }
    if name == "head" {
        name = "head-session".into();
    }
    check(&name).is_ok().then_some(Name(name))
}

/// A free name like `name`, by number: `auth-2`, `auth-3`, ...
pub fn next_free(name: &Name, is_taken: impl Fn(&Name) -> bool) -> Option<Name> {
    (2..1_000)
        .map(|n| format!("{name}-{n}"))
        .filter(|candidate| check(candidate).is_ok())
        .map(Name)
        .find(|candidate| !is_taken(candidate))
}

fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() {
            slug.extend(c.to_lowercase());
        } else if matches!(c, '_' | '.') && !slug.is_empty() && !slug.ends_with(['-', '.']) {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with(['-', '.']) {
            slug.push('-');
        }
    }
    slug.trim_end_matches(['-', '.', '_']).to_owned()
}

fn shorten(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if clean.chars().count() <= 60 { clean } else { clean.chars().take(57).chain("...".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        let long = "x".repeat(300);
        for text in [
            "",
            "../x",
            "-rf",
            "a..b",
            "HEAD",
            "@locks",
            "@",
            &long,
            "a b",
            "a\nb",
            "\u{1b}[31m",
            "a//b",
            "/a",
            "a/",
            "a.lock",
            ".a",
            "a/.b",
            "a.",
            "sessions/x",
            "nul",
            "a/COM1.txt",
            "a:b",
            "a\\b",
            "a@{1}",
            "a/-b",
            "x~1",
        ] {
            assert!(Name::parse(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn friendly_names_are_taken() {
        for text in ["auth", "user/auth", "feature-x", "ünïcode", "日本", "a.b", "v1.2", "x_y", "a@b", "🚀"] {
            assert!(Name::parse(text).is_ok(), "{text:?} was refused");
        }
    }

    #[test]
    fn proposals_are_valid() {
        let proposed = |text: &str| propose(text).map(|name| name.to_string());
        assert_eq!(proposed("User Auth").as_deref(), Some("user-auth"));
        assert_eq!(proposed("../x").as_deref(), Some("x"));
        assert_eq!(proposed("-rf").as_deref(), Some("rf"));
        assert_eq!(proposed("a..b").as_deref(), Some("a.b"));
        assert_eq!(proposed("@locks").as_deref(), Some("locks"));
        assert_eq!(proposed("con").as_deref(), Some("con-session"));
        assert_eq!(proposed("..."), None);
    }

    #[test]
    fn kinds_and_clashes() {
        let name = |text: &str| Name::parse(text).expect("valid");
        assert_eq!(name("bugfix-12").kind(), Some("bugfix"));
        assert_eq!(name("docs/tour").kind(), Some("docs"));
        assert_eq!(name("auth").kind(), None);
        assert!(name("a").clashes_with(&name("a/b")));
        assert!(!name("a").clashes_with(&name("ab/c")));
    }
}
