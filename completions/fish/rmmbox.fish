# SPDX-License-Identifier: ISC
source (status dirname)/letterbox.fish
complete -c rmmbox -f -a '(__letterbox_names mailbox)'
complete -c rmmbox -s f -l force -d 'Also remove mailboxes that hold messages'
complete -c rmmbox -s h -l help -d 'Print the options and exit'
complete -c rmmbox -s V -l version -d 'Print the version and exit'
