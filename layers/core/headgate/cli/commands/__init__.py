"""The commands, one module a group. Each reads its arguments, makes one or two calls and answers."""
