//! Patterns as `gitignore(5)` has them, and what git itself ignores.

use crate::error::Result;
use crate::git::Repo;
use crate::session::{BStr, BString, ObjectId};
use std::collections::HashSet;
use std::path::Path;

/// A list of patterns; of those that match the last one counts.
#[derive(Debug, Default)]
pub struct Patterns {
    search: gix::ignore::Search,
    is_empty: bool,
    fold: bool,
}

impl Patterns {
    /// From lines, the later ones above the earlier ones.
    pub fn new<'a>(lines: impl IntoIterator<Item = &'a str>, fold: bool) -> Patterns {
        let mut text = String::new();
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        let parse = gix::ignore::search::Ignore { support_precious: false };
        let mut search = gix::ignore::Search::default();
        // It fails only for a root that is none, and there is none.
        let _ = search.add_patterns_buffer(text.as_bytes(), "patterns", None, parse);
        let is_empty = search.patterns.iter().all(|list| list.patterns.is_empty());
        Patterns { search, is_empty, fold }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// What they say of one path from the top, its parents left out: named, taken out again, or nothing.
    pub fn verdict(&self, path: &BStr, is_directory: bool) -> Option<bool> {
        self.rule(path, is_directory).map(|(is_named, _)| is_named)
    }

    /// The same, with the number of the line that says so, from 0.
    pub fn rule(&self, path: &BStr, is_directory: bool) -> Option<(bool, usize)> {
        let case = if self.fold { gix::glob::pattern::Case::Fold } else { gix::glob::pattern::Case::Sensitive };
        let found = self.search.pattern_matching_relative_path(path, Some(is_directory), case)?;
        Some((!found.pattern.is_negative(), found.sequence_number.saturating_sub(1)))
    }

    /// The line that names the path or the first of the directories above it that is named.
    pub fn naming(&self, path: &BStr, is_directory: bool) -> Option<usize> {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let named = |path: &[u8], is_directory| match self.rule(path.into(), is_directory) {
            Some((true, line)) => Some(line),
            _ => None,
        };
        slashes.into_iter().find_map(|at| named(&path[..at], true)).or_else(|| named(path, is_directory))
    }

    /// Whether they name a path or one of the directories above it. As git has it, what is below a directory that is
    /// named cannot be taken out again.
    pub fn names(&self, path: &BStr, is_directory: bool) -> bool {
        self.naming(path, is_directory).is_some()
    }
}

impl Repo {
    /// Which of these paths git ignores in the worktree at `top`. Tracked ones are not.
    ///
    /// # Errors
    /// Refused, if git cannot be run.
    pub fn ignored_of(&self, top: &Path, paths: &[BString]) -> Result<Vec<BString>> {
        Ok(self.ignored_so_far(top, paths)?.0)
    }

    /// The same, and whether git came to the end of the list: it stops at a path that it takes for improper.
    pub(super) fn ignored_so_far(&self, top: &Path, paths: &[BString]) -> Result<(Vec<BString>, bool)> {
        if paths.is_empty() {
            return Ok((Vec::new(), true));
        }
        let mut input = Vec::new();
        for path in paths {
            input.extend_from_slice(path);
            input.push(0);
        }
        let output = self.git_in(top).args(["check-ignore", "-z", "--stdin"]).input(input).run()?;
        let paths = output.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty());
        Ok((paths.map(BString::from).collect(), matches!(output.code, Some(0 | 1))))
    }

    /// Which of these paths beside a worktree's index are ignored; directories are said to be such. In process, for the
    /// many worktrees that have a handful of untracked files each. None where only git can tell.
    pub(super) fn ignored_beside(
        &self,
        top: &Path,
        index: &gix::index::State,
        paths: &[(BString, bool)],
    ) -> Option<HashSet<BString>> {
        if paths.is_empty() {
            return Some(HashSet::new());
        }
        let parse = gix::ignore::search::Ignore { support_precious: false };
        let personal = match self.path_setting("core.excludesFile").ok()? {
            Some(path) => Some(path.into()),
            None => crate::host::state::git_config_file("ignore"),
        };
        let mut buffer = Vec::new();
        let globals = gix::ignore::Search::from_git_dir(self.common_dir(), personal, &mut buffer, parse).ok()?;
        let source = gix::worktree::stack::state::ignore::Source::WorktreeThenIdMappingIfNotSkipped;
        let ignore =
            gix::worktree::stack::state::Ignore::new(gix::ignore::Search::default(), globals, None, source, parse);
        let state = gix::worktree::stack::State::IgnoreStack(ignore);
        let case = gix::glob::pattern::Case::Sensitive;
        let mappings = state.id_mappings_from_index(index, index.path_backing(), case);
        let mut stack = gix::worktree::Stack::new(top, state, case, buffer, mappings);
        let mut ignored = HashSet::new();
        for (path, is_directory) in paths {
            let mode = if *is_directory { gix::index::entry::Mode::DIR } else { gix::index::entry::Mode::FILE };
            let place = stack.at_entry(BStr::new(path), Some(mode), &self.inner.objects).ok()?;
            if place.is_excluded() {
                ignored.insert(path.clone());
            }
        }
        Some(ignored)
    }

    /// What the attributes of a commit say of each path: path, attribute, value. Nothing, where git is too old to say.
    ///
    /// # Errors
    /// Refused, if git cannot be run.
    pub fn attributes_at(
        &self,
        commit: ObjectId,
        attributes: &[&str],
        paths: &[BString],
    ) -> Result<Vec<(BString, String, String)>> {
        let input: Vec<u8> = paths.iter().flat_map(|path| path.iter().copied().chain([0])).collect();
        let command = self.git().args(["check-attr", "-z", "--stdin", &format!("--source={commit}")]);
        let output = command.args(attributes).input(input).run()?;
        let fields: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
        let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
        Ok(fields.chunks_exact(3).map(|three| (three[0].into(), text(three[1]), text(three[2]))).collect())
    }

    /// Those of the paths that pathspecs name. A pathspec that is none names nothing.
    pub fn matching_pathspecs(&self, pathspecs: &[String], paths: &[BString]) -> Vec<BString> {
        let parsed = pathspecs
            .iter()
            .filter_map(|text| gix::pathspec::parse(text.as_bytes(), gix::pathspec::Defaults::default()).ok());
        let Ok(mut search) = gix::pathspec::Search::from_specs(parsed, None, Path::new("")) else { return Vec::new() };
        let mut is_named = |path: &BString| {
            let found = search.pattern_matching_relative_path(path.as_ref(), Some(false), &mut |_, _, _, _| false);
            found.is_some_and(|found| !found.is_excluded())
        };
        paths.iter().filter(|path| is_named(path)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Patterns;

    #[test]
    fn the_last_one_counts_and_below_a_named_folder_all_is_named() {
        let patterns = Patterns::new([".env*", "!.env.example", "/data/", "**/keys/*.txt", "# none"], false);
        let names = |path: &str| patterns.names(path.into(), false);
        assert!(names(".env") && names("a/b/.env.local") && !names(".env.example"));
        assert!(names("data/x/y") && !names("a/data/x"));
        assert!(names("a/keys/b.txt") && !names("a/keys/c/b.txt"));
        assert!(Patterns::new(["# none", ""], false).is_empty());
        assert!(!Patterns::new(["../../x"], false).names("x".into(), false));
    }
}
