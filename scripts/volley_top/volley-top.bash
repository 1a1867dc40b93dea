# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Completion for volley-top, for bash: its options, and what they may be given.

_volley_top() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words
	# Bash has --sort=COLUMN as three words.
	if [ "$word" = = ]; then
		word=''
	elif [ "$before" = = ]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case $before in
	--sort) words="vm received forwarded merged kicks_per_interrupt mean_volley kicks_held
		mean_held_usecs kicks_saved max_usecs max_irqs" ;;
	--interval) words="0 0.5 1 2 5 10 60" ;;
	*) words="--once --json --prometheus --interval --sort --version --help" ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _volley_top volley-top
