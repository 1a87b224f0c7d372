# bash completion for `git session` and `git-session`.
# Made by `git session completions bash`; every candidate comes from the program itself.

# git's own completion calls this for `git session ...`.
_git_session() {
    local index=$((cword - __git_session_at)) i
    for ((i = 1; i < cword; i++)); do
        if [[ ${words[i]} == session ]]; then
            index=$((cword - i))
            __git_session_complete "$index" git-session "${words[@]:i+1}"
            return
        fi
    done
}
__git_session_at=1

# For `git-session ...`.
_git_session_program() {
    local cur words cword
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n := cur words cword
    else
        words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]}
    fi
    __git_session_complete "$cword" git-session "${words[@]:1}"
}

__git_session_complete() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("${line%%$'\t'*}")
    done < <(command git-session __complete "$1" -- "${@:2}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -o bashdefault -o default -F _git_session_program git-session
