# fish completion for `git session` and `git-session`.
# Made by `git session completions fish`; every candidate comes from the program itself.

# The words of the line from the program on, and the directory that git is told to go to, as `<directory>` before them.
function __git_session_words
    set -l words (commandline -opc)
    if test "$words[1]" = git-session
        printf '%s\n' . $words
        return
    end
    set -l directory .
    set -l at 2
    while test $at -le (count $words)
        switch $words[$at]
            case -C
                set at (math $at + 1)
                test $at -le (count $words); or return 1
                set directory (string replace -r '^~(?=/|$)' $HOME -- $words[$at])
            case -c --git-dir --work-tree --namespace --exec-path
                set at (math $at + 1)
            case '-*'
            case session
                printf '%s\n' $directory $words[$at..-1]
                return
            case '*'
                test "$(git config --get alias.$words[$at] 2>/dev/null)" = session; or return 1
                printf '%s\n' $directory $words[$at..-1]
                return
        end
        set at (math $at + 1)
    end
    return 1
end

function __git_session_candidates
    set -l words (__git_session_words)
    or return
    set -l directory $words[1]
    set -e words[1]
    set words[1] git-session
    command git -C $directory session __complete (count $words) -- $words (commandline -ct) 2>/dev/null
end

function __git_session_is_wanted
    __git_session_words >/dev/null
end

complete -c git-session -f -a '(__git_session_candidates)'
complete -c git -n __git_session_is_wanted -f -a '(__git_session_candidates)'
complete -c git -n 'test (count (commandline -opc)) -eq 1' -f -a session -d 'Work in sessions: branch, worktree and record together'
