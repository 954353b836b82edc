# SPDX-License-Identifier: ISC
source (status dirname)/letterbox.fish
complete -c mstat -f -a '(__letterbox_names mailbox)'
complete -c mstat -s f -l follow -d 'Show the table again every second'
complete -c mstat -s h -l help -d 'Print the options and exit'
complete -c mstat -s J -l json -d 'Print JSON lines'
complete -c mstat -s m -l messages -d 'Print a row for each message'
complete -c mstat -l source -x -a '(__letterbox_waiting %s)' -d 'With -m: only from these sources'
complete -c mstat -l tag -x -a '(__letterbox_waiting %t)' -d 'With -m: only with these tags'
complete -c mstat -s t -l tags -d 'Print a row for each tag'
complete -c mstat -s V -l version -d 'Print the version and exit'
complete -c mstat -l waiters -d 'Print a row for each process that waits'
