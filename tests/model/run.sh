#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh [MODEL]...: verify the models; see README.  A line a run; exits 0 when every run is as expected.
#   ok     must verify            bad   a mutant, or a budget that the rules do not cover: must give a counterexample
# LONG=1 adds the runs marked +: wider bounds, for when a model has changed, or what it is of.  Needs spin and gcc; with
# tcc it takes half the time.
set -u
here=$(cd "$(dirname "$0")" && pwd)
wanted=" ${*:-change segment rewrite copies spool sync wants room meet stable door close keeper once vouch} "
for need in spin gcc; do
	command -v "$need" >/dev/null || { echo "run.sh: no $need" >&2; exit 2; }
done

# tcc(1) compiles a verifier in a thirtieth of gcc's time
quick='gcc -O0'
! command -v tcc >/dev/null || quick=tcc

failed=0 runs=0
while IFS='|' read -r model expect mode defines what; do
	case $wanted in *" $model "*) ;; *) continue ;; esac
	case $expect in
	+*) [ -n "${LONG:-}" ] || continue ;;
	esac
	# up to a million states or so what an optimizer takes is more than it gives
	case $expect in +ok) compiler='gcc -O1' ;; *) compiler=$quick ;; esac
	out=$(PANCC=$compiler "$here/one.sh" "$model" "$defines" "$mode" | tail -n 1)
	case ${expect#+}:$out in
	ok:errors=0\ * | bad:errors=[1-9]*) verdict=pass ;;
	*) verdict=FAIL failed=$((failed + 1)) ;;
	esac
	runs=$((runs + 1))
	printf '%s %-7s %-4s %-48s %s  # %s\n' "$verdict" "$model" "${expect#+}" "[$defines] $mode" "$out" "$what"
done <<'TABLE'
change|ok||-DFAIL=1|put back, nobody dies
change|ok||-DKILLR=1|receiver killed anywhere
change|ok||-DKILLR=1 -DSELA=1 -DSELB=2|selections: claims above ready messages
change|+ok||-DKILLR=1 -DSELA=1 -DSELB=2 -DFAIL=1|
change|+ok||-DKILLS=1 -DKILLR=1|
change|+ok||-DKILLS=1 -DKILLR=1 -DFAIL=1|
change|+ok||-DNS=3 -DKILLR=1 -DSELA=1|
change|bad||-DNOBUSY -DKILLR=1|begin does not write busy
change|bad||-DNORECOUNT -DKILLR=1|busy cleared, nothing recounted
change|bad||-DNOCOUNT|claims that are not counted
change|bad||-DHALFAPPEND -DKILLS=1|an append commits in two writes
change|bad||-DEARLYDONE -DKILLR=1|done before delivery: lost
change|bad||-DEARLYCLAIM|found and claimed in two sections
change|bad||-DHEADBOUND -DSELA=3 -DTAGA=2 -DKILLR=1|the dead's claims looked for below head only
change|bad||-DNOBACKS -DFAIL=1|cursors do not learn of a put back
change|bad||-DHEADSTAYS -DFAIL=1|
change|bad||-DHEADRUN -DSELA=1|head passes what was not taken
change|bad||-DNOMOVED -DKILLR=1|a claimer's death changes no byte
change|ok||-DFAIL=1 -DDELAY=1 -DSELA=1 -DNR=1|put back, not to be given at once
change|+ok||-DFAIL=1 -DDELAY=1 -DSELA=1|
change|+ok||-DFAIL=1 -DDELAY=1|
change|ok||-DNS=3 -DOLDEST -DCAP=2 -DNR=1 -DKILLS=1|the oldest gives way, its sender is killed
change|+ok||-DNS=3 -DOLDEST -DCAP=2 -DNR=1 -DFAIL=1 -DDELAY=1|
change|ok||-DNS=3 -DLATEST -DNR=1 -DRUN=1 -DFAIL=1 -DTAGA=7|one of each tag, and what was put back beside it
change|ok||-DOLDEST -DCAP=1 -DNR=1 -DKILLS=1 -DPIECES|in pieces
change|+ok||-DNS=3 -DOLDEST -DCAP=2 -DNR=1 -DKILLS=1 -DPIECES|
change|ok||-DNS=3 -DLATEST -DNR=1 -DRUN=1 -DFAIL=1 -DTAGA=7 -DPIECES|
change|ok||-DKILLR=1 -DPIECES -DNS=1|the dead's are given back in pieces
change|+ok||-DKILLR=1 -DPIECES|
change|+ok||-DNS=3 -DLATEST -DNR=1 -DFAIL=1 -DDELAY=1 -DTAGA=3|
change|bad||-DFAIL=1 -DDELAY=1 -DCURSORPAST|cursor passes what is delayed
change|bad||-DFAIL=1 -DDELAY=1 -DNODELAYED|what falls due changes no byte
change|bad||-DNS=3 -DOLDEST -DCAP=2 -DNR=1 -DDROPCLAIMED|drops what somebody has
change|bad||-DNS=3 -DOLDEST -DCAP=1 -DNR=1 -DPIECES -DOLDROOM|room of a piece before
change|bad||-DNS=3 -DLATEST -DNR=1 -DRUN=1 -DFAIL=1 -DTAGA=7 -DONEDROP|only the first of its tag goes
segment|ok||-DKILLS=2|
segment|+ok||-DKILLS=3|
segment|ok||-DSZ=1 -DNM=4|
segment|+ok||-DSZ=1|
segment|bad||-DLOGFIRST -DKILLS=1|log unlinked before the index
segment|bad||-DEARLYSPENT -DKILLS=1|the newest removed while ctl names it
segment|bad||-DNOSEAL -DKILLS=1|
segment|bad||-DNOUNNAMED -DKILLS=1|
rewrite|ok||-DNM=4 -DRUN=2 -DFAIL=1|two rewritings
rewrite|ok||-DKILL=1|killed anywhere, in the rewriting too
rewrite|ok||-DPEEK=1|
rewrite|+ok||-DPEEK=1 -DKILL=1|
rewrite|bad||-DPEEK=1 -DPEEKREWRITES|a peeker rewrites, with no change begun
rewrite|bad||-DNOSHAPE|nobody is told to open it anew
rewrite|bad||-DOLDPLACE|places are those of the old index
rewrite|bad||-DLATEOPEN|log opened after the unlock
rewrite|bad||-DONELOG|the new log has the old one's name
rewrite|bad||-DOLDFIRST -DKILL=1|old log unlinked before the rename
rewrite|bad||-DNOUNNAMED -DKILL=1|
copies|ok||-DTRIES=2 -DCHANGES=3|a look without the lock, and the next
copies|ok||-DNW=2 -DCHANGES=3 -DKILL=1 -DTRIES=0|who has the lock finds what was written last
copies|ok||-DLOOK -DKILL=1|messages looked at without the lock
copies|+ok||-DNW=2 -DKILL=1|
copies|+ok||-DLOOK -DCHANGES=3|
copies|bad||-DONECOPY|one place
copies|bad||-DLOOK -DNOSUM|torn copies are taken
copies|bad||-DLOOK -DHALFBUSY|
copies|bad||-DLOOK -DONCE|ctl is not read again
copies|bad||-DLOOK -DONEVALID|read again while it is written: an old copy
spool|ok||-DKILL=2|sender, receiver, who recounts
spool|ok||-DQUIT=1|
spool|ok||-DSHARE -DNS=1 -DKILL=1|one payload in two mailboxes
spool|+ok||-DSHARE -DKILL=1|
spool|bad||-DKILL=1 -DFILEFIRST|spool made before the want
spool|bad||-DKILL=1 -DNOPLACE|no place for the want, a spool all the same
spool|bad||-DKILL=2 -DFILESFIRST|recount removes files, then takes wants down
spool|bad||-DKILL=1 -DNOBUSY|the rename begins no change
spool|bad||-DKILL=1 -DAPPENDFIRST|named after the commit
spool|bad||-DKILL=1 -DBIGSTAYS|
spool|bad||-DSHARE -DMOVE -DNS=1|renamed twice, not linked
sync|ok||-DSYNC=3 -DQUIT=1 -DTICK|taken back, or received
sync|ok||-DSYNC=3 -DKILLR=1 -DTICK|receiver killed anywhere
sync|+ok||-DSYNC=3 -DQUIT=1 -DKILLR=1 -DTICK|
sync|ok||-DSYNC=3 -DOLDEST -DKILLS=1 -DTICK|dropped by the next sender, who is killed anywhere
sync|ok||-DSYNC=3 -DOLDEST -DKILLS=1 -DTICK -DPIECES|in pieces
sync|ok||-DSYNC=1 -DNS=3 -DOLDEST -DSTILL -DKILLS=1 -DTICK|segments go before the sender has looked
sync|ok||-DSYNC=3 -DWANTS=1|a full table: the second does not send
sync|+ok||-DSYNC=3 -DOLDEST -DKILLR=1 -DKILLS=1 -DQUIT=1 -DTICK|
sync|bad||-DSYNC=3 -DOLDEST -DKILLS=1 -DTICK -DTRUST|dropped, it says, and it is received
sync|bad||-DSYNC=1 -DNS=3 -DOLDEST -DSTILL -DKILLS=1 -DTICK -DSTATEFIRST|received, it says, and it was dropped
sync|bad||-DSYNC=3 -DLATEPOST|want posted after its append's section
sync|bad||-DSYNC=1 -DWANTS=0 -DNOPLACE -DOLDEST -DTICK|sent without a want
sync|bad||-DSYNC=3 -DLATEOPEN -DKILLR=1|rings after the commit
sync|bad||-DSYNC=3 -DUNLOCKED -DQUIT=1|withdraws by what it saw before
sync|bad||-DSYNC=3 -DWITHDRAWCLAIMED -DQUIT=1|
wants|ok||-DINV -DNW=3 -DSELA=1 -DSELB=4|'a', '*', 'b'
wants|ok||-DINV -DLOOP=1 -DSELA=1 -DSELB=2 -DFAIL=1|one -f, put back
wants|ok||-DFINE -DINV|sections step by step
wants|ok||-DIDLE=1 -DTICK -DQUIT=1 -DINV|own looks race with wakes; gives up
wants|ok|np|-DLOOP=1 -DFAIL=1 -DNM=1|nobody spins
wants|ok||-DKILLS=1 -DSELA=2 -DTAGA=0 -DNM=1|sender killed anywhere, no look
wants|+ok||-DKILLS=1 -DSELA=2 -DTAGA=0 -DLOOP=1|
wants|ok||-DKILLW=1 -DNM=1 -DTICK|woken waiter killed
wants|ok||-DSTOPC=1 -DTICK -DTICKS=1 -DNM=3 -DLOOP=1 -DSELA=2 -DTAGA=0|stopped waker: one look in all
wants|+ok||-DINV -DNB=2 -DMULTI=1|one receiver on two mailboxes
wants|ok||-DNB=2 -DMULTI=1 -DSTOPD=1|and its output blocks
wants|+ok||-DINV -DNW=3|
wants|+ok||-DINV -DNW=3 -DBATCH|one append of two
wants|+ok||-DFAIL=1 -DQUIT=1 -DNM=1 -DINV -DNW=3|
wants|+ok||-DKILLS=1|
wants|+ok||-DKILLS=1 -DNM=1 -DNW=3|
wants|+ok||-DKILLW=1 -DTICK|
wants|+ok||-DKILLW=1 -DKILLS=1 -DNM=1 -DTICK|
wants|+ok||-DNB=2 -DMULTI=1 -DKILLW=1 -DTICK|
wants|+ok||-DSTOPW=1 -DNM=1 -DTICK|
wants|+ok||-DSTOPC=1 -DTICK|
wants|+ok||-DSTOPD=1 -DLOOP=1|
wants|bad||-DMARKFIRST -DKILLS=1 -DSELA=2 -DTAGA=0|marked, then opened
wants|bad||-DLATEOPEN -DKILLS=1|committed, then opened
wants|bad||-DPOSTLATE -DFINE -DNM=1|look and post in two sections
wants|+bad||-DARMLATE -DFINE -DLOOP=3|
wants|bad|np|-DNOREARM -DLOOP=1|spins
wants|bad||-DNOCLEAR -DIDLE=1|
wants|bad||-DNOPASS -DNW=3 -DSELA=1 -DSELB=4|takes another, passes nothing on
wants|ok||-DINV -DNM=3 -DBATCH|one append of three, alike
wants|ok||-DINV -DNM=3 -DBATCH -DSELA=2 -DTAGA=5 -DFAIL=1|of two tags, put back
wants|+ok||-DINV -DNM=3 -DNW=3 -DBATCH -DSELA=4 -DTAGA=3 -DQUIT=1|
wants|+ok||-DINV -DNM=3 -DNW=3 -DSELA=5 -DTAGA=5 -DLOOP=1 -DFAIL=1|
wants|bad||-DINV -DBATCH -DNOREST|what came after goes to nobody
wants|bad||-DINV -DSELA=1 -DTAGA=1 -DUNLIKE|who was woken does not want it
wants|bad||-DINV -DNW=3 -DFAIL=1 -DQUIT=1 -DOLDER|put back, below what it was woken for
wants|ok||-DINV -DWIDE=1 -DSELB=1 -DNM=1|woken by a wide want for what it leaves
wants|ok|np|-DWIDE=3 -DSELA=3 -DSELB=2 -DNM=1 -DTAGA=0|what nobody wants goes down the queue once
wants|ok||-DINV -DNW=3 -DWIDE=3 -DSELA=1 -DSELB=2 -DBATCH -DLOOP=1|
wants|ok||-DWIDE=1 -DSELB=1 -DNM=1 -DKILLW=1 -DTICK|killed before it hands on
wants|+ok||-DINV -DNW=3 -DWIDE=3 -DSELA=3 -DSELB=2 -DTAGA=0 -DFAIL=1|
wants|+ok||-DINV -DNW=3 -DWIDE=5 -DSELA=1 -DSELB=4 -DQUIT=1|
wants|bad||-DINV -DWIDE=1 -DSELB=1 -DNM=1 -DNODECLINE|sleeps again on what it leaves
wants|bad|np|-DWIDE=3 -DSELA=3 -DSELB=2 -DNM=1 -DTAGA=0 -DROUND|spins
wants|bad||-DMUTELEAVE -DQUIT=1 -DNM=1|
wants|bad||-DMUTEPUT -DFAIL=1 -DNM=1|
wants|bad||-DSTAYASLEEP -DLOOP=1 -DSTOPD=1|not AWAKE while it delivers
wants|bad||-DNB=2 -DMULTI=1 -DSTOPD=1 -DKEEPOTHER|nor in its other mailbox
wants|bad||-DNOMOVED -DKILLW=1 -DNM=1 -DTICK|
wants|+bad||-DOLDFIFO -DSTOPC=1 -DTICK -DTICKS=1 -DNM=3 -DLOOP=1 -DSELA=2 -DTAGA=0|
wants|+bad||-DKILLW=1 -DNM=1|without the look
wants|+bad||-DSTOPW=1 -DNM=1|
wants|+bad||-DSTOPC=1|
room|ok||-DTAKES=1|the woken one wakes the next
room|ok||-DLOOP=3 -DNS=2 -DORDER -DTICK|who was AWAKE queues anew
room|ok||-DKILLR=1 -DNS=2 -DTICK|
room|+ok||-DKILLS=1 -DNS=2 -DTICK|
room|ok||-DSTILL -DKILLS=1 -DTICK|head killed, nothing else happens
room|ok||-DSTILL -DSTOPH=1 -DTICK|head stopped
room|ok||-DLATE -DKILLS=1 -DBIG=1 -DCAP=1 -DLOOP=2 -DTAKES=1 -DNS=2|the woken one killed: who comes next wakes the heir
room|+ok||-DLATE -DKILLS=1 -DBIG=1 -DCAP=1 -DLOOP=2 -DTAKES=1|
room|+ok|||
room|+ok||-DORDER -DQUIT=1|
room|+ok||-DSTOPH=1 -DTICK -DORDER|
room|+ok||-DSTOPC=1 -DTICK -DNS=2|
room|+ok||-DKILLS=1 -DTICK|
room|bad||-DNONEXT -DTAKES=1|who is admitted does not wake the next
room|bad||-DMUTELEAVE -DQUIT=1|
room|bad||-DBARGE -DORDER|
room|bad||-DMUTEAHEAD -DLATE -DKILLS=1 -DBIG=1 -DCAP=1 -DLOOP=2 -DTAKES=1|
room|bad||-DLATEOPEN -DKILLR=1 -DNS=2|
room|bad||-DNOBUSY -DKILLR=1 -DTICK -DNS=2|
room|bad||-DGENERATION -DSTILL -DKILLS=1 -DTICK|death of the one ahead changes no byte
room|bad||-DGENERATION -DSTOPH=1 -DTICK|nor does a stop
room|+bad||-DKILLR=1|recount frees room and wakes nobody: the look
meet|ok||-DREPLAY -DFAILS=1|put back, offered again in its place
meet|ok||-DREPLAY -DEARLY=1 -DLATE|done before it is read; FIFO closed before it is settled
meet|ok||-DREPLAY -DKILLR=1|a receiver killed anywhere, without the look
meet|ok||-DREPLAY -DKILLS=1 -DTICK|
meet|+ok||-DREPLAY -DKILLS=1 -DKILLR=1 -DTICK|
meet|ok||-DREPLAY -DQUIT=1 -DKILLR=1 -DTICK|withdrawn, or with its receiver
meet|ok||-DREFUSE=1 -DKILLR=1 -DTICK|dropped by its receiver
meet|+ok||-DREPLAY -DFAILS=1 -DKILLS=1|
meet|+ok||-DREPLAY -DFAILS=1 -DKILLR=1 -DTICK -DNG=4|
meet|+ok||-DREPLAY -DKILLR=2 -DTICK -DNG=4|
meet|+ok||-DREPLAY -DKILLR=1 -DQUIT=1 -DFAILS=1 -DTICK -DNG=4|
meet|bad||-DSAMEFIFO -DREPLAY -DFAILS=1|torn, and called whole
meet|bad||-DNOLIVES -DREPLAY -DLATE|a closed FIFO taken for a death: received twice
meet|bad||-DMUTEBACK -DREPLAY -DFAILS=1|
meet|bad||-DSTATEFIRST -DREFUSE=1 -DKILLR=1 -DTICK|dropped, and told to be received
meet|bad||-DWRITTEN -DKILLR=1|
meet|bad||-DUNLOCKED -DQUIT=1 -DREPLAY|both sides win
meet|bad||-DDROPNAMELESS -DREPLAY -DKILLR=1 -DTICK|a receiver's death fails its sender
door|ok|||
door|ok||-DSEL|each wants another
door|ok||-DKILLD=1 -DTICK|a sender killed before it rings
door|ok||-DKILLR=1 -DTICK|a receiver killed anywhere
door|+ok||-DKILLR=1 -DTICK -DSEL|
door|+ok||-DLOOP=2|
door|ok||-DSTOPR=1 -DTICKS=1|the listener stopped: one look in all
door|+ok||-DLOOP=2 -DSTOPR=1 -DTICKS=1|
door|bad||-DLOOP=2 -DSTOPR=1 -DTICKS=1 -DONEKEEPER|it keeps the door for itself
door|bad||-DUNLINKFIRST -DKILLR=1 -DTICK|the file goes before the commit: lost
door|bad||-DNOTAKEN -DKILLR=1 -DTICK|ctl does not name it: received twice
door|bad||-DKEEPOLD -DKILLR=1 -DTICK|the next is named before the last is gone
door|bad||-DRINGFIRST|
door|bad||-DNOLOOK|door kept, and not looked again
door|bad||-DNOHAND -DSEL|
door|bad||-DLATEHEAR|
door|bad||-DKILLD=1|without the look
door|+bad||-DKILLR=1|
close|ok|||closed at any moment
close|ok||-DCAP=1 -DFAIL=1|senders wait for room, one message is put back
close|ok||-DSELA=1 -DSELB=1|beside what nobody selects
close|+ok||-DSELA=1 -DSELB=2 -DFAIL=1|
close|ok||-DKILLE=1|killed as it settles the last: no look is needed
close|ok||-DKILLR=1 -DTICK|a receiver killed with a message in hand
close|+ok||-DKILLR=1 -DFAIL=1 -DSELA=1 -DTICK|
close|ok||-DKILLC=1 -DTICK|who closes is killed anywhere
close|ok||-DDROP|a drop, before or after drop/ was shut
close|ok||-DDROP -DKILLC=1 -DTICK|
close|bad||-DMUTECLOSE|wakes nobody
close|bad||-DMUTELAST|nobody hears of the end
close|bad||-DLASTONLY -DSELA=1 -DSELB=1|the last that one selects is not the last of all
close|bad||-DLATEOPEN -DKILLE=1|
close|bad||-DENDCLAIMED -DFAIL=1|ends, and what another had comes back
close|bad||-DENDEMPTY -DSELA=1 -DSELB=1|
close|bad||-DDROP -DDROPLEFT|
close|bad||-DDROP -DUNSHUT -DKILLC=1 -DTICK|
close|+bad||-DKILLR=1|without the look
keeper|ok|||
keeper|ok||-DSEL|each wants another
keeper|ok||-DLOOP=2|
keeper|ok||-DNR=3 -DND=3 -DSEL|
keeper|+ok||-DNR=3 -DND=3|
keeper|ok||-DKILLR=1 -DTICK|a receiver killed anywhere
keeper|bad||-DNOTELL|due before all others, and nobody told
keeper|bad||-DNOHAND|
keeper|bad||-DNR=3 -DND=3 -DSEL -DNOPASS|woken to be the keeper, and off to work
keeper|bad||-DNOWAKE|
keeper|bad||-DNOHEAD|below the head, and not looked at
keeper|bad||-DKILLR=1|without the look
wants|ok||-DINV -DNW=3 -DBATCH -DEARLYRING|bells rung before the commit, where there are too many
wants|ok||-DINV -DPAUSE=1 -DNM=1 -DFAIL=1|paused and resumed, and put back meanwhile
wants|ok||-DINV -DPAUSE=1 -DSELA=1 -DSELB=2|'a' and the others
wants|+ok||-DINV -DPAUSE=1|
wants|+ok||-DINV -DPAUSE=1 -DNM=1 -DQUIT=1|
wants|+ok||-DINV -DPAUSE=1 -DNM=1 -DWIDE=1 -DSELB=1|
wants|+ok||-DINV -DPAUSE=2 -DNM=1 -DLOOP=1|
wants|bad||-DPAUSE=1 -DNORESUME|nobody woken when it is resumed
wants|bad||-DPAUSE=1 -DSELA=1 -DSELB=2 -DTAGA=1 -DONERESUME|one, whatever its filter
stable|ok||-DFAIL=1|a sync fails: nobody vouches for what it lost
stable|ok||-DFAIL=1 -DKILLS=1|
stable|ok||-DNS=2 -DPER=2 -DFAIL=1|descriptors that stay open vouch for more than one message
stable|+ok||-DNS=4|
stable|+ok||-DNS=2 -DPER=3 -DFAIL=2 -DALONE=1|
stable|+ok||-DFAIL=1 -DALONE=1|one does not wait for the sync lock
stable|bad||-DLATE|vouches for what came during the sync
stable|bad||-DEARLY -DFAIL=1|
stable|bad||-DVOUCH -DFAIL=1|for those before it, whose error it is not told
stable|bad||-DKEEP -DFAIL=1|
stable|bad||-DTORN -DFAIL=1|a word that is read while it is written
stable|bad||-DNS=2 -DPER=2 -DSINCE -DFAIL=1|for what its own sync has lost
once|ok|||killed at any write
once|ok||-DNS=3 -DOPS=5|a window gives way
once|+ok||-DNS=3|
once|+ok||-DKILL=2 -DOPS=7|
once|bad||-DCTLFIRST|the entry after the commit
once|bad||-DAPART|messages and entries committed by two writes
once|bad||-DRINGSHORT|what may never count takes the place of one remembered
once|bad||-DNOHEAD|the window left behind does not get its count
once|bad||-DHEADLATE|it gets that after the commit
vouch|ok||-DNS=1 -DFLUSH=1|a sender killed anywhere, then the power goes
vouch|ok||-DKILL=0 -DFLUSH=0 -DOPS=2|two senders
vouch|+ok||-DNS=1 -DW=1 -DKILL=2 -DNI=3 -DFLUSH=1|a window of 1
vouch|bad||-DALL -DKILL=0 -DFLUSH=1 -DOPS=2|each name on the disk counts
vouch|bad||-DNAMESLAST -DKILL=0 -DFLUSH=0 -DOPS=2|messages are synced before names
vouch|bad||-DKEPTEARLY -DKILL=0 -DNS=1 -DOPS=2|told to be on the disk, and is not
vouch|bad||-DNUMBERLESS -DNS=1 -DW=1 -DKILL=2 -DNI=3|a name written over another counts as that one
TABLE
echo "$runs runs, $failed not as expected"
[ "$failed" -eq 0 ]
