//! `git session shell-init`

use crate::commands::Stage;
use crate::error::{Exit, Result};
use crate::render;

/// Print a shell function `gs` that changes directory
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    /// eval "$(git session shell-init bash)"
    Bash,
    /// eval "$(git session shell-init zsh)"
    Zsh,
    /// git session shell-init fish | source
    Fish,
}

const POSIX: &str = r#"# gs                 go to the main worktree
# gs <session>       go to a session's worktree; - is the one before
# gs create <name>   create a session and go there
# gs <verb> ...      git session <verb> ...; leaves a directory that is gone
gs() {
  local __gs_dir __gs_main __gs_code
  case "${1-}" in
    '')
      __gs_dir=$(git worktree list --porcelain | sed -n '1s/^worktree //p') || return
      cd -- "$__gs_dir"
      ;;
    create|new|start)
      case " $* " in
        *' -h '*|*' --help '*|*' -n '*|*' --dry-run '*|*' --json '*|*' --format'*|*' --stdin '*) git session "$@"; return ;;
      esac
      __gs_dir=$(git session "$@" --format '%(worktree)') || return
      cd -- "$__gs_dir"
      ;;
    -*|adopt|set|ready|block|list|ls|log|show|path|env|rename|move|finish|end|cleanup|clean|restore|undo|doctor|sync|conflicts|test|exec|order|integrate|diff|trust|config|demo|completions|shell-init|help)
      if [ "$1" = - ]; then
        __gs_dir=$(OLDPWD="$OLDPWD" git session path -) || return
        cd -- "$__gs_dir"
        return
      fi
      __gs_main=$(git worktree list --porcelain 2>/dev/null | sed -n '1s/^worktree //p')
      git session "$@"
      __gs_code=$?
      [ -d "$PWD" ] && [ -e . ] && pwd -P >/dev/null 2>&1 || cd -- "${__gs_main:-$HOME}"
      return $__gs_code
      ;;
    *)
      __gs_dir=$(git session path "$1") || return
      cd -- "$__gs_dir"
      ;;
  esac
}
"#;

const FISH: &str = r#"# gs                 go to the main worktree
# gs <session>       go to a session's worktree; - is the one before
# gs create <name>   create a session and go there
# gs <verb> ...      git session <verb> ...; leaves a directory that is gone
function gs
    switch "$argv[1]"
        case ''
            set -l dir (git worktree list --porcelain | sed -n '1s/^worktree //p'); or return
            cd -- $dir
        case create new start
            if string match -qr -- '^(-h|--help|-n|--dry-run|--json|--format.*|--stdin)$' $argv
                git session $argv
                return
            end
            set -l dir (git session $argv --format '%(worktree)'); or return
            cd -- $dir
        case -
            set -l dir (OLDPWD="$dirprev[-1]" git session path -); or return
            cd -- $dir
        case '-*' adopt set ready block list ls log show path env rename move finish end cleanup clean restore undo doctor sync conflicts test exec order integrate diff trust config demo completions shell-init help
            set -l main (git worktree list --porcelain 2>/dev/null | sed -n '1s/^worktree //p')
            git session $argv
            set -l code $status
            if not test -d "$PWD"
                set -q main[1]; or set main $HOME
                cd -- $main
            end
            return $code
        case '*'
            set -l dir (git session path $argv[1]); or return
            cd -- $dir
    end
end
"#;

/// Runs it.
///
/// # Errors
/// As [`render::answer`].
pub fn run(_stage: &Stage, args: &Args) -> Result<Exit> {
    render::answer(match args.shell {
        Shell::Bash | Shell::Zsh => POSIX,
        Shell::Fish => FISH,
    })?;
    Ok(Exit::Done)
}
