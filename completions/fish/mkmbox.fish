# SPDX-License-Identifier: ISC
complete -c mkmbox -f -a '(__fish_complete_directories)'
complete -c mkmbox -s b -l bytes -x -a 'inf 1M 16M 64M 256M 1G' -d 'Let it hold at most this many bytes'
complete -c mkmbox -s c -l capacity -x -a 'inf 0 1 10 100 1000' -d 'Let it hold at most this many messages'
complete -c mkmbox -s h -l help -d 'Print the options and exit'
complete -c mkmbox -s m -l mode -x -a '0600\towner 0640\t"the group looks" 0644\t"all look" 0660\t"owner and group" 0664\t"owner and group, others look" 0666\teverybody' -d 'Say who may use it'
complete -c mkmbox -s o -l overflow -x -a 'block\t"its sender waits" oldest\t"the oldest messages are dropped" latest\t"it takes the place of the one with its tag"' -d 'Say what becomes of a message that finds no room'
complete -c mkmbox -s p -l present -d 'No error if it is present with the same settings'
complete -c mkmbox -s V -l version -d 'Print the version and exit'
