# SPDX-License-Identifier: ISC
source (status dirname)/letterbox.fish
complete -c chmbox -f -a '(__letterbox_names mailbox)'
complete -c chmbox -s b -l bytes -x -a 'inf 1M 16M 64M 256M 1G' -d 'Let it hold at most this many bytes'
complete -c chmbox -s c -l capacity -x -a 'inf 0 1 10 100 1000' -d 'Let it hold at most this many messages'
complete -c chmbox -l close -d 'Let nothing more be sent to it'
complete -c chmbox -s g -l group -x -a '(__fish_complete_groups)' -d 'Set the group'
complete -c chmbox -s h -l help -d 'Print the options and exit'
complete -c chmbox -s m -l mode -x -a '0600\towner 0640\t"the group reads" 0644\t"all read" 0660\t"owner and group" 0664\t"owner and group, others read" 0666\t"all users"' -d 'Set the permissions'
complete -c chmbox -l open -d 'Let messages be sent to it again'
complete -c chmbox -s o -l overflow -x -a 'block\t"its sender waits" oldest\t"the oldest messages are dropped" latest\t"it replaces the one with its tag"' -d 'Set what happens to a message that finds no room'
complete -c chmbox -l pause -d 'Let receivers take nothing'
complete -c chmbox -l resume -d 'Let receivers go on'
complete -c chmbox -s V -l version -d 'Print the version and exit'
