# bash completion for `git session` and `git-session`.
# Made by `git session completions bash`; every candidate comes from the program itself.

# git's own completion calls this for `git session ...`, with the words of the line in `words` and `cword`.
_git_session() {
    local at=${__git_cmd_idx-}
    if [[ -z $at ]]; then
        for ((at = 1; at < cword; at++)); do
            if [[ ${words[at]} == session ]]; then break; fi
        done
    fi
    __git_session_complete "$((cword - at))" "${words[@]:at+1}"
}

# For `git-session ...`.
_git_session_program() {
    local cur prev words cword __git_C_args=()
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n =: cur prev words cword
    else
        words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
    fi
    __git_session_complete "$cword" "${words[@]:1}"
}

# Arguments: the position of the word to complete, and the words after the program.
__git_session_complete() {
    local index=$1 line value typed cut=
    shift
    typed=${*:index:1}
    # bash completes only what follows the last of these in a word.
    if [[ $typed == *[=:]* && $COMP_WORDBREAKS == *[=:]* ]]; then
        cut=${typed%"${typed##*[=:]}"}
    fi
    local program=(git-session)
    if ((${#__git_C_args[@]})); then
        program=(git "${__git_C_args[@]/#\~\//$HOME/}" session)
    fi
    COMPREPLY=()
    while IFS= read -r line; do
        value=${line%%$'\t'*}
        printf -v value %q "${value#"$cut"}"
        # A space ends a word, as git's completion has it; a folder may go on.
        case $value in
            */ | *=) ;;
            *) value+=' ' ;;
        esac
        COMPREPLY+=("$value")
    done < <(command "${program[@]}" __complete "$index" -- git-session "$@" 2>/dev/null)
}

complete -o bashdefault -o default -o nospace -F _git_session_program git-session
