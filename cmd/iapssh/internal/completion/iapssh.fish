# For fish: iapssh --completion=fish | source in ~/.config/fish/config.fish
complete -c iapssh -a '(iapssh --completion=names 2>/dev/null)'
