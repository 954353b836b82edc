# SPDX-License-Identifier: ISC
source (status dirname)/letterbox.fish
complete -c msend -f -a '(__letterbox_names channel)'
complete -c msend -s 0 -l null -d 'Send each NUL-ended record'
complete -c msend -s F -l frames -d 'Standard input is frames'
complete -c msend -s H -l header -x -d 'Add a header, key=value'
complete -c msend -s h -l help -d 'Print the options and exit'
complete -c msend -s l -l lines -d 'Send each line'
complete -c msend -s n -l nonblock -d 'Do not wait for room'
complete -c msend -s s -l source -x -d 'Say who sends'
complete -c msend -s t -l tag -x -d 'Say what it is about'
complete -c msend -s V -l version -d 'Print the version and exit'
complete -c msend -s v -l verbose -d 'Print the number of each message'
complete -c msend -s w -l wait -x -a '(__letterbox_durations)' -d 'Wait at most this long'
