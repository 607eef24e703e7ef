# fish completion of qxfs. Its words are read from `qxfs --help`, so that there are no others;
# tests/lint/completions.py sees to it.

# What stands below a heading: word, tab, description.
function __qxfs_entries --argument-names heading
    set -l here ''
    for line in (qxfs --help 2>/dev/null)
        set -l parts (string match -r '^  (\S.*?)  +(.*)$' -- $line)
        if test -z "$parts[1]"
            set here $line
        else if string match -q -- "$heading*" $here
            for word in (string split ' ' -- $parts[2])
                set word (string replace -r ',$' '' -- $word)
                test $word = -o; and break # its list is completed behind it
                printf '%s\t%s\n' (string replace -r '=.*' '=' -- $word) $parts[3]
                string match -q -- '-*' $word; or break
            end
        end
    end
end

function __qxfs_first
    test (count (commandline -opc)) -eq 1
end

function __qxfs_at_flag
    string match -q -- '-*' (commandline -ct)
end

function __qxfs_command
    set -l given (commandline -opc)
    test (count $given) -gt 1; and contains -- $given[2] $argv
end

function __qxfs_takes_flags
    set -l given (commandline -opc)
    test (count $given) -eq 1; or test $given[2] = demo
    or not contains -- $given[2] (__qxfs_entries Commands | string replace -r '\t.*' '')
end

# The last of a list "fresh=3,ro,".
function __qxfs_options
    set -l before (string match -r '^.*,' -- (commandline -ct))
    for entry in (__qxfs_entries 'Mount options')
        printf '%s%s\n' "$before" $entry
    end
end

function __qxfs_flags_of_command
    set -l given (commandline -opc)
    qxfs --help 2>/dev/null | string match -r "^  $given[2] .*" | string match -r -a '\[--?[a-z]+\]' | string trim -c '[]'
end

function __qxfs_mounts
    string match -r '^\S+ \S+ fuse\.qxfs ' </proc/self/mounts | string replace -r '^\S+ (\S+) .*' '$1'
end

complete -c qxfs -f
complete -c qxfs -n __qxfs_first -k -a '(__qxfs_entries Commands)'
complete -c qxfs -n '__qxfs_takes_flags; and __qxfs_at_flag' -k -a '(__qxfs_entries Flags)'
complete -c qxfs -n __qxfs_takes_flags -s o -x -a '(__qxfs_options)' -d 'mount options'
complete -c qxfs -n 'not __qxfs_takes_flags' -a '(__qxfs_flags_of_command)'
complete -c qxfs -n '__qxfs_takes_flags; or __qxfs_command status doctor' -a '(__fish_complete_directories)'
complete -c qxfs -n '__qxfs_command why fetch refresh forget wait send discard' -F
complete -c qxfs -n '__qxfs_command umount' -a '(__qxfs_mounts)'
