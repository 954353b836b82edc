# SPDX-License-Identifier: ISC
source (status dirname)/letterbox.fish
complete -c mtee -f -a '(__letterbox_names channel)'
complete -c mtee -s 1 -l one -d 'Send each message to one channel only'
complete -c mtee -s a -l append -d 'Append to plain files'
complete -c mtee -l close -d 'Close the mailboxes at the end'
complete -c mtee -s h -l help -d 'Print the options and exit'
complete -c mtee -s n -l nonblock -d 'Skip channels that are full'
complete -c mtee -s q -l quiet -d 'Write nothing to standard output'
complete -c mtee -s s -l source -x -d 'Only from this source, to the next channel'
complete -c mtee -s t -l tag -x -d 'Only with this tag, to the next channel'
complete -c mtee -s V -l version -d 'Print the version and exit'
complete -c mtee -s v -l verbose -d 'Show how far it is, and the total'
