# bash completion of qxfs. Its words are read from `qxfs --help`, so that there are no others;
# tests/lint/completions.py sees to it. Loaded by bash-completion.

# _qxfs_entries PROGRAM HEADING: the lines below a heading, without their indentation.
_qxfs_entries() {
	local line heading=
	while IFS= read -r line; do
		case $line in
		"  "[!\ ]*) [[ $heading != "$2"* ]] || printf '%s\n' "${line#  }" ;;
		*) heading=$line ;;
		esac
	done < <("$1" --help 2>/dev/null)
}

# _qxfs_words PROGRAM HEADING: of each of these lines its word; of an option that takes a value "NAME=".
_qxfs_words() {
	local line word
	while IFS= read -r line; do
		for word in ${line%%  *}; do
			word=${word%,}
			case $word in
			*=*) printf '%s\n' "${word%%=*}=" ;;
			-o) break ;; # its list is completed behind it
			[a-z-]*) printf '%s\n' "$word" ;;
			esac
			[[ $word == -* ]] || break
		done
	done < <(_qxfs_entries "$1" "$2")
}

_qxfs_flags() { _qxfs_words "$1" Flags; [ "${2:-}" ] || printf '%s\n' -o; }

# _qxfs_flags_of PROGRAM COMMAND: "-w" and "--json" of "status [-w] [--json] [DIR]"
_qxfs_flags_of() {
	local line word
	while IFS= read -r line; do
		[[ ${line%% *} == "$2" ]] || continue
		for word in ${line%%  *}; do
			[[ $word != \[-* ]] || printf '%s\n' "${word:1:-1}"
		done
	done < <(_qxfs_entries "$1" Commands)
}

_qxfs_mounts() {
	local line
	while read -r _ line _; do
		printf '%b\n' "${line//\\/\\0}" # "\040" is a blank
	done < <(grep -s ' fuse\.qxfs ' /proc/self/mounts)
}

# _qxfs_option PROGRAM: the last of a list "fresh=3,ro,CUR"
_qxfs_option() {
	local before= last=$cur
	if [[ $cur == *,* ]]; then
		before=${cur%,*},
		last=${cur##*,}
	fi
	case $last in
	*_dir=* | *_file=*)
		local name=${last%%=*}=
		mapfile -t COMPREPLY < <(compgen -f -P "$before$name" -- "${last#*=}")
		compopt -o filenames ;;
	uid=*) mapfile -t COMPREPLY < <(compgen -u -P "${before}uid=" -- "${last#*=}") ;;
	gid=*) mapfile -t COMPREPLY < <(compgen -g -P "${before}gid=" -- "${last#*=}") ;;
	*=*) COMPREPLY=() ;;
	*) mapfile -t COMPREPLY < <(compgen -P "$before" -W "$(_qxfs_words "$1" 'Mount options')" -- "$last") ;;
	esac
	compopt -o nospace
}

_qxfs() {
	local cur prev words cword
	_init_completion -n =: || return
	local program=${words[0]} command=
	[ "$cword" -eq 1 ] || command=$(_qxfs_words "$program" Commands | grep -x -F -e "${words[1]}")

	if [ "$prev" = -o ]; then
		_qxfs_option "$program"
		__ltrim_colon_completions "$cur"
	elif [[ $cur == -* ]]; then
		case $command in
		'' | demo) mapfile -t COMPREPLY < <(compgen -W "$(_qxfs_flags "$program")" -- "$cur") ;;
		*) mapfile -t COMPREPLY < <(compgen -W "$(_qxfs_flags_of "$program" "$command")" -- "$cur") ;;
		esac
	elif [ "$cword" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_qxfs_words "$program" Commands)" -- "$cur")
		[ ${#COMPREPLY[@]} -gt 0 ] || _filedir -d
	elif [ "$command" = login ]; then
		COMPREPLY=()
	elif [ "$command" = umount ]; then
		local IFS=$'\n'
		mapfile -t COMPREPLY < <(compgen -W "$(_qxfs_mounts)" -- "$cur")
		compopt -o filenames
	elif [ -z "$command" ] || [ "$command" = demo ] || [ "$command" = status ] || [ "$command" = doctor ]; then
		_filedir -d
	else
		_filedir
	fi
} && complete -F _qxfs qxfs
