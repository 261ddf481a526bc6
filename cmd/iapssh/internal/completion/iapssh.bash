# For bash: eval "$(iapssh --completion=bash)" in ~/.bashrc
_iapssh() {
	local word=${COMP_WORDS[COMP_CWORD]} user=
	case $word in
	-*) return ;;
	@) word= ;; # readline takes user@ for a word of its own
	*@*) user=${word%%@*}@ word=${word#*@} ;;
	esac
	COMPREPLY=($(compgen -P "$user" -W "$(iapssh --completion=names 2>/dev/null)" -- "$word"))
}
complete -o default -F _iapssh iapssh
