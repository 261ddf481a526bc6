# For zsh: eval "$(iapssh --completion=zsh)" in ~/.zshrc, after compinit
_iapssh() {
	compset -P '*@'
	local -a names
	names=(${(f)"$(iapssh --completion=names 2>/dev/null)"})
	compadd -a names
	_files
}
compdef _iapssh iapssh
