# fish completion for `git session` and `git-session`.
# Made by `git session completions fish`; every candidate comes from the program itself.

function __git_session_candidates
    set -l words (commandline -opc) (commandline -ct)
    # `git [options] session ...` and `git-session ...` alike: what follows the program.
    if test "$words[1]" != git-session
        set -l at (contains -i -- session $words)
        or return
        set words git-session $words[(math $at + 1)..-1]
    end
    command git-session __complete (math (count $words) - 1) -- $words 2>/dev/null
end

function __git_session_is_git_session
    set -l words (commandline -opc)
    test (count $words) -ge 2; and contains -- session $words
end

complete -c git-session -f -a '(__git_session_candidates)'
complete -c git -n __git_session_is_git_session -f -a '(__git_session_candidates)'
complete -c git -n 'test (count (commandline -opc)) -eq 1' -f -a session -d 'Work in sessions: branch, worktree and record together'
