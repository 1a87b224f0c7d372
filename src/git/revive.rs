//! A worktree whose directory is gone, and whose entry git still has, comes back: index, `HEAD`, reflogs, sparse
//! patterns and an operation under way are in the entry and stay as they are. The files come as the index has them.

use crate::error::{Context, Error, Result};
use crate::git::Repo;
use crate::git::worktrees::{Worktree, bytes_of_path};
use crate::session::Word as _;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

impl Repo {
    /// Makes the directory again. The files are written to `scratch`, beside its place, and come into place together.
    ///
    /// # Errors
    /// Refused, if the files cannot be had or the place is taken: nothing has changed then, and `scratch` is gone.
    pub fn revive(&self, worktree: &Worktree, scratch: &Path) -> Result<()> {
        let failed = || format!("The worktree '{}' could not be made again.", worktree.path.display());
        std::fs::create_dir_all(scratch).or_refuse(failed).map_err(|error| {
            let folder = worktree.path.parent().unwrap_or(&worktree.path).display().to_string();
            error.hint(format!("'{folder}' must be a folder that may be written to; then run it again."))
        })?;
        let revived = self.write_files(worktree, scratch).and_then(|()| {
            let mut link = b"gitdir: ".to_vec();
            link.extend(bytes_of_path(&link_target(worktree)));
            link.push(b'\n');
            std::fs::write(scratch.join(".git"), link).or_refuse(failed)?;
            // An empty directory may stand there.
            match std::fs::remove_dir(&worktree.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).or_refuse(failed)?,
                _ => {}
            }
            std::fs::rename(scratch, &worktree.path).or_refuse(failed)
        });
        revived.inspect_err(|_| drop(crate::host::copy::remove_tree(scratch)))
    }

    fn write_files(&self, worktree: &Worktree, scratch: &Path) -> Result<()> {
        let git = || {
            let command = self.git_of(&worktree.git_dir).without_hooks().env("GIT_WORK_TREE", scratch);
            command.current_dir(scratch).args(["-c", "core.fsmonitor=false"])
        };
        if !worktree.git_dir.join("index").exists() {
            // What was staged is lost with it; what was committed is not.
            return git().args(["read-tree", "-m", "-u", "HEAD"]).run_ok().map(drop);
        }
        git().args(["checkout-index", "--all", "--force", "--quiet", "--index"]).run_ok()?;
        let unmerged = git().args(["ls-files", "-z", "--unmerged"]).run_ok()?.stdout;
        let mut paths: BTreeMap<&[u8], Vec<u8>> = BTreeMap::new();
        for line in unmerged.split(|byte| *byte == 0) {
            let Some(tab) = line.iter().position(|byte| *byte == b'\t') else { continue };
            paths.entry(&line[tab + 1..]).or_default().extend(line[..tab].last());
        }
        // With the marks of the conflict where both sides have the file, else the one side's.
        let list = |wanted: &dyn Fn(&[u8]) -> bool| -> Vec<u8> {
            let wanted = paths.iter().filter(|(_, stages)| wanted(stages.as_slice()));
            wanted.flat_map(|(path, _)| path.iter().copied().chain([0])).collect()
        };
        let both = list(&|stages| stages.contains(&b'2') && stages.contains(&b'3'));
        if !both.is_empty() {
            let args = ["checkout", "--quiet", "--merge", "--pathspec-from-file=-", "--pathspec-file-nul"];
            git().arg("--literal-pathspecs").args(args).input(both).run_ok()?;
        }
        for (stage, other) in [(b'2', b'3'), (b'3', b'2')] {
            let one = list(&|stages| stages.contains(&stage) && !stages.contains(&other));
            if !one.is_empty() {
                let stage = format!("--stage={}", char::from(stage));
                git().args(["checkout-index", "--force", "--quiet", &stage, "-z", "--stdin"]).input(one).run_ok()?;
            }
        }
        Ok(())
    }
}

/// What the `.git` file says: as git's own link the other way does, from the directory or from the top of the system.
fn link_target(worktree: &Worktree) -> PathBuf {
    let link = std::fs::read_to_string(worktree.git_dir.join("gitdir")).unwrap_or_default();
    if Path::new(link.trim_end()).is_absolute() {
        return worktree.git_dir.clone();
    }
    let from: Vec<Component<'_>> = worktree.path.components().collect();
    let to: Vec<Component<'_>> = worktree.git_dir.components().collect();
    let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[same..].iter().map(|_| Component::ParentDir);
    up.chain(to[same..].iter().copied()).collect()
}

/// Whether a worktree may be made again where it was.
///
/// # Errors
/// Refused, with what is in the way.
pub fn require_revivable(worktree: &Worktree) -> Result<()> {
    let place = worktree.path.display();
    if worktree.is_main() {
        return Err(Error::refused(format!("The main worktree '{place}' is gone."))
            .hint("Bring its directory back, or clone the repository again."));
    }
    if let Some(why) = &worktree.locked {
        let why = if why.is_empty() { String::new() } else { format!(" ({})", crate::session::event::one_line(why)) };
        return Err(Error::refused(format!(
            "The worktree '{place}' is locked{why}: it may be on a disk that is not there now."
        ))
        .hint(format!("`git worktree unlock {place}` unlocks it, if it is lost.", place = place.to_string().word())));
    }
    Ok(())
}
