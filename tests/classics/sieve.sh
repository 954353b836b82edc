#!/bin/sh
# SPDX-License-Identifier: ISC
# sieve.sh -- the primes below 60, by the sieve of Eratosthenes, made of processes.
#
# Each process has a mailbox.  The first number that comes is a prime; it reports it, and starts the next process.
# Of the numbers that follow it lets through to that one what its prime does not divide.
set -eu
MBOX_DIR=$(mktemp -d)
export MBOX_DIR
trap 'rm -rf "$MBOX_DIR"' EXIT

mkmbox primes

# sieve N -- the Nth process.
sieve()
{
	next=$(($1 + 1))
	prime=$(mrecv "box-$1")
	msend primes "$prime"
	if [ "$prime" = end ]; then
		return
	fi
	mkmbox -c 1 "box-$next"
	sieve "$next" &
	while number=$(mrecv "box-$1") && [ "$number" != end ]; do
		if [ $((number % prime)) -ne 0 ]; then
			msend "box-$next" "$number"
		fi
	done
	msend "box-$next" end
	wait
}

mkmbox -c 1 box-1
sieve 1 &
{ seq 2 59; echo end; } | msend -l box-1
while prime=$(mrecv primes) && [ "$prime" != end ]; do
	echo "$prime"
done
wait
