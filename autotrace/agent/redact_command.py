"""A command line without the secrets that were given on it.

At a process's start nothing may be imported, so a command is looked at by hand, and in full only if there is a
sign of something secret in it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.agent.redact import Redactor

_SIGNS = ("pass", "pwd", "secret", "token", "key", "auth", "cred", "://", "sk_", "rk_", "eyj", "-p")


def redact_command(arguments: list[str], redactor: Redactor | None = None) -> list[str]:
    """The same arguments, each at most 1,000 characters, at most 100, and with secrets replaced.

    `redactor` says what is secret; by default it is the one of this process's agent.
    """
    result = [argument[:1000] for argument in arguments[:100]]
    joined = " ".join(result[1:]).lower()
    if not any(sign in joined for sign in _SIGNS):
        return result
    if redactor is None:
        from autotrace.agent import switch

        redactor = switch.redactor()
    redact = redactor
    secret_follows = False
    for index, argument in enumerate(result):
        if secret_follows and not argument.startswith("-"):
            result[index] = "[redacted]"
            secret_follows = False
            continue
        secret_follows = False
        option, equals, _ = argument.partition("=")
        if option.startswith("-") and redact.secret_key(option.lstrip("-")):
            if equals:
                result[index] = f"{option}=[redacted]"
            else:
                secret_follows = True
            continue
        if equals and redact.secret_key(option):
            result[index] = f"{option}=[redacted]"
            continue
        result[index] = redact.text(argument)
    return result
