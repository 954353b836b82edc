# SPDX-License-Identifier: ISC
source (status dirname)/letterbox.fish
complete -c mcall -f -a '(__letterbox_names mailbox)'
complete -c mcall -s F -l frame -d 'The request is a frame, and so is the answer'
complete -c mcall -s H -l header -x -d 'Add a header, key=value'
complete -c mcall -s h -l help -d 'Print the options and exit'
complete -c mcall -s s -l source -x -d 'Set the source of the request'
complete -c mcall -s t -l tag -x -d 'Set the tag'
complete -c mcall -s V -l version -d 'Print the version and exit'
complete -c mcall -s v -l verbose -d 'Show how far it is, and the total'
complete -c mcall -s w -l wait -x -a '(__letterbox_durations)' -d 'Wait at most this long'
