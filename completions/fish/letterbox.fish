# SPDX-License-Identifier: ISC
# What the completions of mkmbox, chmbox, rmmbox, msend, mrecv, mcall, mtee, mstat and mlink share; each of them sources this file.

# __letterbox_base -- the directory of the channels whose names have no slash.
function __letterbox_base
    if set -q MBOX_DIR; and test -n "$MBOX_DIR"
        echo $MBOX_DIR
    else
        echo .
    end
end

# __letterbox_names KIND -- what the word at the cursor may become: mailboxes; where KIND is channel, named pipes too,
# and plain files by their path.
function __letterbox_names
    set -l word (string replace -r -- '^--[a-z-]+=' '' (commandline -ct))
    set -l shown ''
    set -l base (__letterbox_base)/
    if string match -q '*/*' -- $word
        set shown (string replace -r '[^/]*$' '' -- $word)
        set base (string replace -r '^~/' $HOME/ -- $shown)
    end
    for path in $base*
        set -l name $shown(string replace -r '.*/' '' -- $path)
        if test -e $path/ctl
            printf '%s\tmailbox\n' $name
        else if test $argv[1] = channel -a -p $path
            printf '%s\tnamed pipe\n' $name
        else if test -d $path
            test -n "$shown" -o -z "$MBOX_DIR"; and printf '%s/\tdirectory\n' $name
        else if test $argv[1] = channel -a -n "$shown" -a -f $path
            printf '%s\tfile\n' $name
        end
    end
end

# __letterbox_waiting FORMAT -- what waits in the mailboxes on the command line, or in any mailbox, in FORMAT.
function __letterbox_waiting
    set -l base (__letterbox_base)
    set -l boxes
    for word in (commandline -po)[2..]
        string match -q '*/*' -- $word; or set word $base/$word
        test -e $word/ctl; and set -a boxes $word
    end
    if test -z "$boxes"
        for ctl in $base/*/ctl
            set -a boxes (string replace -r '/ctl$' '' -- $ctl)
        end
    end
    # a mailbox that is locked, or large, holds nobody up at the prompt: a second in all, and the messages that come first
    timeout 1 sh -c 'for box; do mrecv -p -a -n -o "$0\n" "$box"; done' $argv[1] $boxes 2>/dev/null </dev/null |
        head -n 10000 | sort -u
end

# __letterbox_durations -- values for a time to wait.
function __letterbox_durations
    printf '%s\n' 0.25 500ms 1s 10s 1m 1h
end
