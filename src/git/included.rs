//! Settings that hold in some places only (`includeIf` of `git-config(1)`): gix reads them for the repository and the branch
//! one stands on, and git for each worktree.

use crate::git::Repo;
use crate::git::worktrees::{Head, Worktree, bytes_of_path};
use crate::session::{BStr, BString, ByteSlice};
use gix::glob::{wildmatch, wildmatch::Mode};
use std::path::Path;

/// A condition, and the file that it is in.
type Condition = (BString, Option<std::path::PathBuf>);

impl Repo {
    /// Whether there are settings that hold on some branches only.
    pub fn settings_go_by_branch(&self) -> bool {
        self.conditions().iter().any(|(condition, _)| condition.starts_with(b"onbranch:"))
    }

    /// Whether git reads other settings in a worktree than are read here.
    pub fn settings_differ_in(&self, worktree: &Worktree) -> bool {
        let branch = worktree.branch();
        self.settings_differ_at(&worktree.git_dir, branch.as_deref())
    }

    /// Whether git reads other settings where one stands than are read here.
    pub fn settings_differ_here(&self) -> bool {
        let branch = || match self.worktree_at_git_dir(self.inner.git_dir())?.head {
            Head::Branch(branch) => Some(branch),
            _ => None,
        };
        !self.conditions().is_empty() && self.settings_differ_at(self.inner.git_dir(), branch().as_deref())
    }

    fn settings_differ_at(&self, git_dir: &Path, branch: Option<&str>) -> bool {
        let here = self.inner.head_name().ok().flatten().map(|name| name.as_bstr().to_string());
        self.conditions().iter().any(|(condition, file)| {
            let place = |git_dir: &Path, pattern: &[u8], mode: Mode| {
                is_of_git_dir(pattern.into(), file.as_deref(), git_dir, mode)
            };
            let (pattern, mode) = match condition.split_once_str(":") {
                Some((b"gitdir", pattern)) => (pattern, Mode::empty()),
                Some((b"gitdir/i", pattern)) => (pattern, Mode::IGNORE_CASE),
                Some((b"onbranch", pattern)) => {
                    return is_of_branch(pattern, here.as_deref()) != is_of_branch(pattern, branch);
                }
                _ => return false,
            };
            // One that cannot be told is git's to tell.
            place(&self.common_dir, pattern, mode).is_none_or(|here| place(git_dir, pattern, mode) != Some(here))
        })
    }

    fn conditions(&self) -> Vec<Condition> {
        let snapshot = self.inner.config_snapshot();
        let sections = snapshot.plumbing().sections_by_name("includeIf").into_iter().flatten();
        let condition = |section: gix::config::file::SectionRef<'_>| {
            Some((section.header().subsection_name()?.to_owned(), section.meta().path.clone()))
        };
        sections.filter_map(condition).collect()
    }
}

fn is_of_branch(pattern: &[u8], branch: Option<&str>) -> bool {
    let Some(short) = branch.and_then(|branch| branch.strip_prefix("refs/heads/")) else { return false };
    wildmatch(with_all_below(pattern.into()).as_bstr(), short.into(), Mode::NO_MATCH_SLASH_LITERAL)
}

/// None where the pattern says a place that only git knows.
fn is_of_git_dir(pattern: BString, file: Option<&Path>, git_dir: &Path, mode: Mode) -> Option<bool> {
    let in_folder = |folder: &Path, rest: &[u8]| [&bytes_of_path(folder)[..], b"/", rest].concat().into();
    let pattern: BString = match pattern.strip_prefix(b"~/") {
        Some(rest) => in_folder(&std::env::home_dir()?, rest),
        None if pattern.starts_with(b"~") || pattern.starts_with(b"%(") => return None,
        None => match pattern.strip_prefix(b"./") {
            Some(rest) => in_folder(&file?.parent()?.canonicalize().ok()?, rest),
            None if pattern.starts_with(b"/") => pattern,
            None => [b"**/", pattern.as_slice()].concat().into(),
        },
    };
    let (pattern, mode) = (with_all_below(pattern), mode | Mode::NO_MATCH_SLASH_LITERAL);
    let is_at = |place: &Path| wildmatch(pattern.as_bstr(), BStr::new(&*bytes_of_path(place)), mode);
    Some(is_at(git_dir) || git_dir.canonicalize().is_ok_and(|place| is_at(&place)))
}

fn with_all_below(mut pattern: BString) -> BString {
    if pattern.ends_with(b"/") {
        pattern.extend_from_slice(b"**");
    }
    pattern
}

#[cfg(test)]
mod tests {
    use crate::git::Repo;
    use crate::host::process::Command;
    use std::path::Path;

    fn git(place: &Path, args: &[&str]) -> Command {
        let config = ["-c", "user.name=A", "-c", "user.email=a@x"];
        Command::new("git").current_dir(place).args(config).args(args.iter().copied())
    }

    #[test]
    #[cfg(unix)]
    fn they_differ_where_git_says_so() {
        let root = tempfile::tempdir().expect("can be made");
        let root = root.path().canonicalize().expect("is there");
        let (main, tree) = (root.join("main"), root.join("tree"));
        git(&root, &["init", "-q", "-b", "main", "main"]).run_ok().expect("can be made");
        git(&main, &["commit", "-q", "--allow-empty", "-m", "x"]).run_ok().expect("can be committed");
        git(&main, &["worktree", "add", "-q", "-b", "on/tree", "../tree"]).run_ok().expect("can be made");
        std::fs::write(root.join("more"), "[x]\n\ty = 1\n").expect("can be written");
        let all = |rest: &str| format!("gitdir:{}{rest}", root.display());
        let conditions = [
            all("/"),
            all("/main/"),
            all("/main/.git"),
            all("/main/.git/"),
            all("/*/.git"),
            all("/main/.git/worktrees/"),
            all("/tree/"),
            all("/MAIN/"),
            all("/MAIN/").replace("gitdir:", "gitdir/i:"),
            "gitdir:main/".into(),
            "gitdir:worktrees/".into(),
            "gitdir:**/worktrees/*".into(),
            "gitdir:./worktrees/".into(),
            "gitdir:~/".into(),
            "onbranch:main".into(),
            "onbranch:on/".into(),
            "onbranch:*".into(),
            "onbranch:**".into(),
            "hasconfig:remote.*.url:https://x/**".into(),
        ];
        for condition in conditions {
            let key = format!("includeIf.{condition}.path");
            let value = root.join("more").display().to_string();
            git(&main, &["config", &key, &value]).run_ok().expect("can be set");
            let holds = |place: &Path| git(place, &["config", "x.y"]).run().expect("can be run").is_success();
            let repo = Repo::discover(&main).expect("is one");
            let worktrees = repo.worktrees().expect("can be listed");
            let tree = worktrees.iter().find(|worktree| worktree.path == tree).expect("is listed");
            assert_eq!(repo.settings_differ_in(tree), holds(&main) != holds(&tree.path), "{condition}");
            assert!(!repo.settings_differ_here(), "{condition}");
            let repo = Repo::discover(&tree.path).expect("is one");
            // gix has a way to name the main directory from here that some patterns match.
            let is_read_right = repo.setting("x.y").is_some() == holds(&tree.path);
            assert!(is_read_right || repo.settings_differ_here(), "{condition}");
            git(&main, &["config", "--unset", &key]).run_ok().expect("can be unset");
        }
    }
}
