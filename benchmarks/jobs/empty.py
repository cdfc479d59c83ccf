"""The empty script: what remains is the interpreter's start and whatever is loaded into it."""
