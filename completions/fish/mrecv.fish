# SPDX-License-Identifier: ISC
source (status dirname)/letterbox.fish

# A command follows --, and is completed as one.
function __letterbox_command
    set -l words (commandline -opc)
    set -l dashes (contains -i -- -- $words)
    complete -C (string join ' ' -- (string escape -- $words[(math $dashes + 1)..]) (commandline -ct))
end

set -l here 'not contains -- -- (commandline -opc)'
complete -c mrecv -n 'contains -- -- (commandline -opc)' -x -a '(__letterbox_command)'
complete -c mrecv -n $here -f -a '(__letterbox_names channel)'
complete -c mrecv -n $here -s 0 -l null -d 'End each payload with a NUL'
complete -c mrecv -n $here -s A -l acks -d 'Frames for one command, which acknowledges each'
complete -c mrecv -n $here -l ack-wait -x -a '(__letterbox_durations)' -d 'Give up where nothing was acknowledged for so long'
complete -c mrecv -n $here -s a -l all -d 'Receive all that are there now'
complete -c mrecv -n $here -s B -l backoff -x -a '100ms:60s 1s:10m 10s 1m:1h' -d 'Keep it back after a failure: first, at most'
complete -c mrecv -n $here -s b -l batch -x -a '10 100 1000 100:1M' -d 'Give a command up to this many'
complete -c mrecv -n $here -s c -l count -x -a '1 2 3 10 100' -d 'Receive this many'
complete -c mrecv -n $here -s d -l dead -x -a '(__letterbox_names mailbox)' -d 'Send dead letters there'
complete -c mrecv -n $here -s e -l env -d 'Write shell assignments'
complete -c mrecv -n $here -s F -l frames -d 'Write frames'
complete -c mrecv -n $here -s f -l follow -d 'Keep receiving'
complete -c mrecv -n $here -s h -l help -d 'Print the options and exit'
complete -c mrecv -n $here -s i -l id -x -a '(__letterbox_waiting %i)' -d 'Receive the message with this number'
complete -c mrecv -n $here -s J -l json -d 'Write JSON lines'
complete -c mrecv -n $here -s j -l jobs -x -a '2 3 10 100' -d 'This many commands at once, or messages unacknowledged'
complete -c mrecv -n $here -s k -l tries -x -a '1 2 3 10 100' -d 'Make it a dead letter after this many failures'
complete -c mrecv -n $here -s l -l lines -d 'End each payload with a newline'
complete -c mrecv -n $here -s n -l nonblock -d 'Do not wait'
complete -c mrecv -n $here -s o -l format -x -a '%t\\\\n %s\\\\n %p\\\\n' -d 'Write in this format'
complete -c mrecv -n $here -s p -l peek -d 'Peek, and leave the messages'
complete -c mrecv -n $here -s r -l reply -d 'Send the output of the command as the answer'
complete -c mrecv -n $here -s S -l not-source -x -a '(__letterbox_waiting %s)' -d 'Exclude messages from this source'
complete -c mrecv -n $here -s s -l source -x -a '(__letterbox_waiting %s)' -d 'Only messages from this source'
complete -c mrecv -n $here -s T -l not-tag -x -a '(__letterbox_waiting %t)' -d 'Exclude messages with this tag'
complete -c mrecv -n $here -s t -l tag -x -a '(__letterbox_waiting %t)' -d 'Only messages with this tag'
complete -c mrecv -n $here -s u -l once -d 'Give frames the headers by which msend -u sends each once'
complete -c mrecv -n $here -s V -l version -d 'Print the version and exit'
complete -c mrecv -n $here -s v -l verbose -d 'Say what became of each message'
complete -c mrecv -n $here -s w -l wait -x -a '(__letterbox_durations)' -d 'Wait at most this long for each'
