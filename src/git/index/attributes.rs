//! Whether attributes make git write other bytes than those of the blobs.

use crate::error::{Context, Result};
use crate::git::Repo;
use crate::session::{BStr, BString, ObjectId};
use gix::index::entry::Mode;
use std::collections::HashMap;
use std::path::PathBuf;

/// Attribute words that change bytes on their way out in a manner that a copy would not repeat.
const CONVERTING: [&[u8]; 5] = [b"filter", b"ident", b"working-tree-encoding", b"eol=crlf", b"crlf"];

/// The `.gitattributes` of a tree: path and blob.
pub(super) type Files = Vec<(BString, ObjectId)>;

/// What was found out, by the attributes that hold: worktrees that move together have the same ones, and mostly the same
/// paths.
#[derive(Debug, Default)]
pub(in crate::git) struct Attributes {
    verdicts: HashMap<Files, Verdict>,
    forms: HashMap<Files, HashMap<BString, Form>>,
}

impl Repo {
    /// Settings that make git write other bytes than the blob's, or not all files.
    pub(in crate::git) fn conversion_is_configured(&self) -> Result<bool> {
        let on = |key: &str| self.switch(key).map(|value| value.unwrap_or(false));
        // Without a value it is on; `input` is neither on nor off.
        let autocrlf = !matches!(self.switch("core.autocrlf"), Ok(None | Some(false)));
        let eol = self.setting("core.eol").is_some_and(|value| value != "lf" && value != "native");
        let modes = self.switch("core.fileMode")? == Some(false) || self.switch("core.symlinks")? == Some(false);
        Ok(autocrlf
            || eol
            || self.attributes_are_elsewhere()
            || self.settings_go_by_branch()
            || modes
            || cfg!(windows)
            || on("core.sparseCheckout")?
            || on("core.ignoreCase")?
            || on("extensions.worktreeConfig")?)
    }

    /// What attributes in these files, and in those beside the repository, do to bytes.
    pub(super) fn verdict_of(&self, attributes: &Files) -> Result<Verdict> {
        if let Some(known) = self.attributes.lock().ok().and_then(|known| known.verdicts.get(attributes).copied()) {
            return Ok(known);
        }
        let verdict = self.find_verdict(attributes)?;
        if let Ok(mut known) = self.attributes.lock() {
            known.verdicts.insert(attributes.clone(), verdict);
        }
        Ok(verdict)
    }

    fn find_verdict(&self, attributes: &Files) -> Result<Verdict> {
        let mut texts = Vec::new();
        for (_, id) in attributes {
            texts.push(self.blob(*id)?);
        }
        texts.extend(std::fs::read(self.common_dir().join("info/attributes")).ok());
        let global = match self.path_setting_quick("core.attributesFile") {
            // git looks for it where it runs.
            Some(path) if !path.is_absolute() && !path.as_os_str().is_empty() => return Ok(Verdict::Unknown),
            Some(path) => Some(path),
            None => std::env::var_os("XDG_CONFIG_HOME")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
                .or_else(|| std::env::home_dir().map(|home| home.join(".config")))
                .map(|path| path.join("git/attributes")),
        };
        texts.extend(global.and_then(|path| std::fs::read(path).ok()));
        texts.extend(std::fs::read("/etc/gitattributes").ok());
        Ok(texts.iter().map(|text| Verdict::of(text)).max().unwrap_or(Verdict::Always))
    }

    /// Whether a filter driver is set up.
    fn has_filter(&self, driver: &str) -> bool {
        ["smudge", "clean", "process"].iter().any(|key| self.setting(&format!("filter.{driver}.{key}")).is_some())
    }

    /// Whether git writes other bytes than the blob's at one of these paths.
    pub(super) fn converts_any<'a>(
        &self,
        attributes: &Files,
        paths: impl Iterator<Item = (&'a BStr, Mode)>,
    ) -> Result<bool> {
        Ok(self.forms_of(attributes, paths)?.iter().any(|form| *form != Form::Blob))
    }

    /// For each path, what git makes of a blob by these attributes.
    pub(super) fn forms_of<'a>(
        &self,
        attributes: &Files,
        paths: impl Iterator<Item = (&'a BStr, Mode)>,
    ) -> Result<Vec<Form>> {
        let paths: Vec<(&BStr, Mode)> = paths.collect();
        let known: Vec<Option<Form>> = {
            let known = self.attributes.lock().ok();
            let known = known.as_ref().and_then(|known| known.forms.get(attributes));
            paths.iter().map(|(path, _)| known?.get(*path).copied()).collect()
        };
        let unknown = || paths.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(path, _)| *path);
        let found = if unknown().next().is_some() { self.find_forms(attributes, unknown())? } else { Vec::new() };
        if let Ok(mut known) = self.attributes.lock() {
            let known = known.forms.entry(attributes.clone()).or_default();
            known.extend(unknown().map(|(path, _)| path.to_owned()).zip(found.iter().copied()));
        }
        let mut found = found.into_iter();
        Ok(known.into_iter().filter_map(|known| known.or_else(|| found.next())).collect())
    }

    /// As `convert_attrs` of git's `convert.c` tells it, where no setting says anything.
    fn find_forms<'a>(&self, attributes: &Files, paths: impl Iterator<Item = (&'a BStr, Mode)>) -> Result<Vec<Form>> {
        let failed = || "The attributes could not be read.";
        let source = gix::worktree::stack::state::attributes::Source::IdMapping;
        let mut index = gix::index::State::new(self.hash_kind());
        for (path, id) in attributes {
            let (stat, flags) = (gix::index::entry::Stat::default(), gix::index::entry::Flags::empty());
            index.dangerously_push_entry(stat, *id, flags, Mode::FILE, path.as_ref());
        }
        index.sort_entries();
        let mut stack = self.inner.attributes_only(&index, source).or_refuse(failed)?;
        let names = ["filter", "ident", "working-tree-encoding", "text", "eol", "crlf"];
        let mut matches = stack.selected_attribute_matches(names);
        let mut forms = Vec::new();
        let mut drivers = HashMap::new();
        for (path, mode) in paths {
            let platform = stack.at_entry(path, Some(mode)).or_refuse(failed)?;
            platform.matching_attributes(&mut matches);
            let (mut is_binary, mut is_crlf, mut is_plain_text, mut is_other) = (false, false, true, false);
            for found in matches.iter_selected() {
                use gix::attrs::StateRef;
                match (found.assignment.name.as_str(), found.assignment.state) {
                    (_, StateRef::Unspecified) => {}
                    ("text", StateRef::Unset) => is_binary = true,
                    ("text", state) => is_plain_text &= state == StateRef::Set,
                    ("eol", state) => is_crlf = matches!(state, StateRef::Value(end) if end.as_bstr() == "crlf"),
                    // The old name of `text`.
                    ("crlf", StateRef::Unset) => is_plain_text = false,
                    (_, StateRef::Unset) => {}
                    ("filter", StateRef::Value(driver)) => {
                        // A driver that nobody has set up does nothing.
                        let driver = driver.as_bstr().to_string();
                        is_other |= *drivers.entry(driver).or_insert_with_key(|driver| self.has_filter(driver));
                    }
                    _ => is_other = true,
                }
            }
            forms.push(match (is_other, is_crlf && !is_binary) {
                (false, false) => Form::Blob,
                (false, true) if is_plain_text => Form::Crlf,
                _ => Form::Other,
            });
        }
        Ok(forms)
    }
}

/// What git makes of a blob where it writes the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing, as long as no line of it ends in CR LF.
    Blob,
    /// All lines of it end in CR LF then.
    Crlf,
    /// Something else, or only git can tell.
    Other,
}

/// What a file of attributes has to say, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// They are left as they are.
    Always,
    /// They are, where there is no CR LF among them.
    UnlessCrlf,
    /// It depends on the path.
    PerPath,
    /// Only git can tell.
    Unknown,
}

impl Verdict {
    /// Of the text of one file.
    fn of(text: &[u8]) -> Verdict {
        // git ignores longer lines, and has its own way with these.
        const LONGEST: usize = 2048;
        let is_odd = text.starts_with(b"\xef\xbb\xbf") || text.contains(&0);
        let lines = || text.split(|byte| *byte == b'\n');
        if is_odd || lines().any(|line| line.len() >= LONGEST) {
            return Verdict::Unknown;
        }
        let of_line = |line: &[u8]| {
            let is_text = |word: &[u8]| [&b"text"[..], b"eol"].iter().any(|start| word.starts_with(start));
            let is_converting = |word: &[u8]| CONVERTING.iter().any(|bad| word.starts_with(bad));
            // A pattern in quotes may have blanks in it, and need none behind it.
            if line.trim_ascii_start().starts_with(b"\"") {
                let is_any = (0..line.len()).any(|at| is_text(&line[at..]) || is_converting(&line[at..]));
                return if is_any { Verdict::Unknown } else { Verdict::Always };
            }
            let words = || line.split(|byte| byte.is_ascii_whitespace()).skip(1);
            match (words().any(is_converting), words().any(is_text)) {
                (true, _) => Verdict::PerPath,
                (false, true) => Verdict::UnlessCrlf,
                (false, false) => Verdict::Always,
            }
        };
        lines().filter(|line| !line.starts_with(b"#")).map(of_line).max().unwrap_or(Verdict::Always)
    }
}

/// Whether a path is that of a file of attributes.
pub(super) fn is_attributes(path: &[u8]) -> bool {
    path.rsplit(|byte| *byte == b'/').next() == Some(b".gitattributes")
}

/// Those that an index has.
pub(super) fn files(index: &gix::index::File) -> Files {
    let entries = index.entries().iter().map(|entry| (entry.path(index), entry.id));
    entries.filter(|(path, _)| is_attributes(path)).map(|(path, id)| (path.to_owned(), id)).collect()
}
