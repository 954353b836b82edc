# SPDX-License-Identifier: ISC
source (status dirname)/letterbox.fish

# The URLs that the word at the cursor may become: schemes, and for ssh the hosts that it knows.
function __letterbox_far
    printf '%s://\n' amqp amqps nats postgres redis rediss ssh
    __fish_print_hostnames | string match -rv '[*?!/]' | string replace -r '(.+)' 'ssh://$1/'
end

complete -c mlink -f -a '(__letterbox_names mailbox)'
complete -c mlink -f -a '(__letterbox_far)'
complete -c mlink -s b -l batch -x -a '1 10 100 1000:1M' -d 'Give up to this many at once'
complete -c mlink -s d -l dead -x -a '(__letterbox_names mailbox)' -d 'Send refused messages there'
complete -c mlink -s h -l help -d 'Print the options and exit'
complete -c mlink -s j -l window -x -a '1 10 100 1000' -d 'Have up to this many on their way'
complete -c mlink -s k -l tries -x -a '1 2 3 10 100' -d 'Make it a dead letter after this many refusals'
complete -c mlink -s l -l list -d 'List the links that are kept'
complete -c mlink -s n -l name -x -d 'The name of this link'
complete -c mlink -s s -l source -x -a '(__letterbox_waiting %s)' -d 'Only messages from this source'
complete -c mlink -s t -l tag -x -a '(__letterbox_waiting %t)' -d 'Only messages with this tag'
complete -c mlink -s V -l version -d 'Print the version and exit'
